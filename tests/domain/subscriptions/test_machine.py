"""What a subscription does next, and what a failure does: as tables."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.delivery.schedule import DELAYS, MOST_ATTEMPTS, delay_after
from domain.subscriptions.machine import MOST_LANES, Await, Deliver, Rest, Still, moved, next_step, paused, resumed
from domain.subscriptions.outcome import delivered, waited
from domain.subscriptions.requests import delivery_key
from domain.subscriptions.state import (
    DeliveryReport,
    Failure,
    Lane,
    LineReport,
    Pause,
    SubscriptionState,
    Trouble,
    WaitReport,
)
from tests.domain.subscriptions.sending import BEGAN_AT as NOW

SOON = NOW + timedelta(minutes=5)
FAILING = Lane(subject="case/1", done=3, event_id="e4", attempts=1, failing_since=NOW, due_at=SOON, reason="HTTP 500")
WAITING = Lane(subject="case/2", done=5)
HAND = Pause(why="hand", at=NOW)


def standing(*lanes: Lane, **also: Any) -> SubscriptionState:
    return SubscriptionState(cursor="c", lanes=list(lanes), **also)


FULL = [Lane(subject=f"case/{n}", done=n, event_id="e", attempts=1, due_at=SOON) for n in range(MOST_LANES)]


@pytest.mark.parametrize(
    ("state", "is_caught_up", "comes"),
    [
        (standing(), False, Deliver((), reads_on=True)),
        (standing(), True, Await(None)),
        (standing(FAILING), True, Await(SOON)),
        (standing(FAILING), False, Deliver((), reads_on=True)),
        (standing(FAILING, WAITING), True, Deliver(("case/2",), reads_on=True)),
        (standing(WAITING, held_until=SOON), False, Rest(SOON)),
        (standing(WAITING, held_until=NOW), False, Deliver(("case/2",), reads_on=True)),
        (standing(WAITING, paused=HAND), False, Still()),
        (standing(*FULL), False, Rest(SOON)),
        (standing(*FULL[:-1], WAITING), False, Deliver(("case/2",), reads_on=False)),
    ],
)
def test_what_comes_next(state: SubscriptionState, is_caught_up: bool, comes: Any) -> None:  # noqa: FBT001
    """By its lanes, the time and what is there; nothing while it is paused."""
    assert next_step(state, NOW, is_caught_up=is_caught_up) == comes


def failure(number: int = 4, **also: Any) -> Failure:
    told = {"event_id": f"e{number}", "position": number, "sequence": number, "type": "t", "reason": "HTTP 500"}
    return Failure.model_validate({**told, **also})


def after(state: SubscriptionState, failed: Failure, **also: Any) -> SubscriptionState:
    line = LineReport(subject="case/1", done=failed.position - 1, failure=failed)
    return delivered("s", state, DeliveryReport(cursor="d", lines=[line], **also), NOW)


@pytest.mark.parametrize("attempts", range(MOST_ATTEMPTS))
def test_an_event_is_tried_again_by_the_schedule_of_hooks(attempts: int) -> None:
    """With their delays, their jitter and what the receiver asks for; after the last one it is given up."""
    lane = FAILING.model_copy(update={"attempts": attempts})
    state = after(standing(lane), failure(at_least=timedelta(minutes=1)))
    [now] = state.lanes
    delay = delay_after(attempts + 1, delivery_key("s", "e4"), at_least=timedelta(minutes=1))
    if delay is None:
        assert (now.done, now.event_id, now.due_at) == (4, None, None)
        [letter] = state.given_up
        assert (letter.event_id, letter.attempts, letter.reason, state.dead) == ("e4", MOST_ATTEMPTS, "HTTP 500", 1)
    else:
        assert (now.done, now.event_id, now.attempts, now.due_at) == (3, "e4", attempts + 1, NOW + delay)
        assert (state.given_up, state.dead) == ([], 0)


SPENT = FAILING.model_copy(update={"attempts": MOST_ATTEMPTS - 1})


@pytest.mark.parametrize(
    ("also", "lanes", "arrived_at", "is_given_up"),
    [
        ({"sent": 1}, [SPENT, WAITING], None, True),
        ({}, [SPENT, WAITING], NOW + timedelta(hours=1), True),
        ({}, [SPENT, WAITING], NOW - timedelta(hours=1), False),
        ({}, [SPENT, WAITING], None, False),
        ({"is_last": False}, [SPENT], None, False),
        ({}, [SPENT], None, True),
    ],
)
def test_who_is_given_up_while_nothing_arrives(
    also: dict[str, Any],
    lanes: list[Lane],
    arrived_at: Any,
    is_given_up: bool,  # noqa: FBT001
) -> None:
    """An event whose attempts are spent, unless others wait as well and nothing arrived since it began to fail."""
    state = after(standing(*lanes, arrived_at=arrived_at), failure(), **also)
    assert bool(state.given_up) == is_given_up
    if not is_given_up:
        [kept] = [lane for lane in state.lanes if lane.subject == "case/1"]
        assert kept.due_at == NOW + DELAYS[-1]


def test_another_event_in_its_place_begins_anew() -> None:
    """One that was superseded is not the one that failed."""
    [lane] = after(standing(SPENT), failure(5)).lanes
    assert (lane.event_id, lane.attempts) == ("e5", 1)


def test_who_failed_goes_to_the_end_of_the_line() -> None:
    """So that another shows next whether the endpoint takes anything."""
    state = after(standing(FAILING, WAITING), failure())
    assert [lane.subject for lane in state.lanes] == ["case/2", "case/1"]


TROUBLES = [
    (Trouble(kind="held", said="left alone", wait=timedelta(minutes=5)), None, SOON, True),
    (Trouble(kind="busy", said="no room", wait=timedelta(minutes=5)), None, SOON, False),
    (Trouble(kind="off", said="HTTP 410"), "endpoint", None, True),
    (Trouble(kind="cursor", said="from before a restore"), "cursor", None, False),
    (Trouble(kind="ended"), None, None, False),
]


@pytest.mark.parametrize(("trouble", "pause", "until", "is_down"), TROUBLES)
def test_what_trouble_does(trouble: Trouble, pause: str | None, until: Any, is_down: bool) -> None:  # noqa: FBT001
    """An endpoint that is off, or a cursor that is not taken, pauses it with the reason."""
    state = delivered("s", standing(), DeliveryReport(cursor="c", trouble=trouble), NOW)
    assert (state.paused and state.paused.why, state.held_until, state.is_down) == (pause, until, is_down)
    assert state.trouble == trouble.said
    if state.paused is not None:
        assert (state.paused.reason, state.paused.at) == (trouble.said, NOW)


def test_what_waited_for_the_endpoint_goes_when_it_is_back() -> None:
    """At once; what had failed while others arrived keeps its time."""
    lately = FAILING.model_copy(update={"subject": "case/3", "failing_since": NOW - timedelta(days=1)})
    state = standing(FAILING, lately, is_down=True, arrived_at=NOW - timedelta(hours=1))
    woken = delivered("s", state, DeliveryReport(cursor="c", sent=1), NOW)
    assert [lane.due_at for lane in woken.lanes] == [None, SOON]
    assert (woken.is_down, woken.arrived_at) == (False, NOW)


def test_a_pause_by_hand_stays_whatever_comes_of_a_batch() -> None:
    """And a second one changes nothing."""
    state = paused(standing(), NOW, by="ann", reason="release")
    state = paused(state, SOON, by="bob", reason="another")
    state = delivered("s", state, DeliveryReport(cursor="c", trouble=Trouble(kind="off", said="410")), NOW)
    assert state.paused == Pause(why="hand", at=NOW, by="ann", reason="release")


def test_resuming_lets_all_go_at_once() -> None:
    """What waits to be tried again, too."""
    state = resumed(standing(FAILING, paused=HAND, held_until=SOON))
    assert next_step(state, NOW, is_caught_up=False) == Deliver(("case/1",), reads_on=True)


@pytest.mark.parametrize(("pause", "after_it"), [(None, None), (HAND, HAND), (Pause(why="cursor", at=NOW), None)])
def test_moving_forgets_what_waited(pause: Pause | None, after_it: Pause | None) -> None:
    """A pause by hand stays; one because of the cursor is over."""
    state = moved(standing(FAILING, paused=pause, held_until=SOON), "start")
    assert (state.cursor, state.lanes, state.held_until, state.paused) == ("start", [], None, after_it)


def test_waiting_moves_the_cursor() -> None:
    """Past what is not chosen; where there is no room to wait, for a while."""
    state = waited(standing(), WaitReport(found=False, cursor="d", again_after=timedelta(minutes=5)), NOW)
    assert (state.cursor, next_step(state, NOW, is_caught_up=True)) == ("d", Rest(SOON))
