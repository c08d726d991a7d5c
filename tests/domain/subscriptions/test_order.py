"""Whatever fails, and whenever a worker is lost: nothing is lost, and each subject's events come in order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.delivery.schedule import MOST_ATTEMPTS
from domain.subscriptions.state import SubscriptionState
from tests.domain.subscriptions.sending import PAGE, World

SUBJECTS = ["a", "b", "c", "d"]
NEVER = 99


def run(world: World, steps: int = 3000) -> None:
    for _ in range(steps):
        if world.is_caught_up and not world.state.lanes and not world.state.given_up:
            return
        world.step()
    raise AssertionError(f"it does not come to an end: {world.state}")


@settings(max_examples=200, deadline=None)
@given(
    feed=st.lists(st.sampled_from(SUBJECTS), max_size=40),
    fails=st.dictionaries(st.integers(1, 40), st.sampled_from([1, 2, 5, NEVER]), max_size=12),
    script=st.lists(st.sampled_from(["step", "lose", "down", "up"]), max_size=60),
)
def test_all_arrive_in_order_or_are_on_record(feed: list[str], fails: dict[int, int], script: list[str]) -> None:
    """Of each subject; what comes twice comes after it came once.

    Only what fails for ever is given up, or what is alone while the receiver is away.
    """
    world = World(feed, lambda at, number: "HTTP 500" if number <= fails.get(at, 0) else None)
    for what in script:
        world.is_down = {"down": True, "up": False}.get(what, world.is_down)
        world.step(loses_the_answer=what == "lose")
        assert SubscriptionState.model_validate_json(world.state.model_dump_json()) == world.state
    world.is_down = False
    run(world)
    assert world.out_of_order == []
    assert set(world.arrived) | world.dead == set(range(1, len(feed) + 1))
    if "down" not in script:
        assert world.dead <= {at for at, number in fails.items() if number == NEVER}
    assert world.state.dead == len(world.dead)


@given(feed=st.lists(st.sampled_from(SUBJECTS), min_size=1, max_size=30), failing=st.sampled_from(SUBJECTS))
@settings(max_examples=100, deadline=None)
def test_a_failing_subject_holds_up_no_other(feed: list[str], failing: str) -> None:
    """All of the others arrive before its event is tried for a second time."""
    world = World(feed, lambda at, _: "HTTP 500" if feed[at - 1] == failing else None)
    others = {at for at, subject in enumerate(feed, 1) if subject != failing}
    while any(number < 2 for number in [max(world.attempts.values(), default=0)]):
        if not others - set(world.arrived) and failing not in feed:
            break
        world.step()
    assert others <= set(world.arrived)


def test_a_receiver_that_is_away_costs_no_event() -> None:
    """For four days it takes nothing: all wait, and arrive in order as soon as it is back."""
    world = World([f"case/{number % 30}" for number in range(90)], lambda *_: None, is_down=True)
    begun = world.now
    while (world.now - begun).days < 4:
        world.step()
    assert world.dead == set()
    world.is_down = False
    back_at = world.now
    run(world)
    assert (world.out_of_order, world.dead, len(set(world.arrived))) == ([], set(), 90)
    assert (world.now - back_at).total_seconds() < 400  # the circuit lets one try within five minutes


def test_an_event_alone_is_given_up_after_its_last_attempt() -> None:
    """As an action's message is: after ten, 75 hours after the first."""
    world = World(["a"], lambda *_: "HTTP 500")
    begun = world.now
    run(world)
    assert (world.dead, world.attempts) == ({1}, {1: MOST_ATTEMPTS})
    assert 75 < (world.now - begun).total_seconds() / 3600 < 84


def test_what_is_behind_is_bounded() -> None:
    """With 200 subjects that fail nothing new is read; when they arrive it goes on."""
    is_well = False
    feed = [f"case/{number}" for number in range(230)]
    world = World(feed, lambda *_: None if is_well else "HTTP 400")
    for _ in range(70):
        world.step()
    assert 200 <= world.most_lanes < 200 + PAGE
    assert int(world.state.cursor) < 230
    assert len(world.state.model_dump_json()) < 200 * 1024
    is_well = True
    run(world)
    assert set(world.arrived) == set(range(1, 231))
