"""Whose turn a delivery is: in the order in which it was due, within a case and a receiver."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from domain.delivery.schedule import ATTEMPT, delay_after
from domain.delivery.turns import LONGEST_TURN, Earlier, wait_for_turn

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def earlier(begins_in: timedelta, key: str = "a") -> Earlier:
    """One whose next attempt begins then, or whose last one began before now."""
    return Earlier(key=key, tried_until=NOW + begins_in + ATTEMPT)


@pytest.mark.parametrize(
    ("others", "is_expected", "waits"),
    [
        ([], True, None),
        ([], False, None),
        ([earlier(timedelta(hours=2))], True, timedelta(hours=2) + SECOND),
        ([earlier(timedelta(hours=2))], False, timedelta(hours=2) + SECOND),
        ([earlier(timedelta(hours=2)), earlier(timedelta(hours=5))], True, timedelta(hours=2) + 2 * SECOND),
        ([earlier(timedelta())], True, SECOND),  # its attempt has just begun
        ([earlier(-4 * SECOND)], True, 4 * SECOND),  # and has gone on for four seconds
        ([earlier(-16 * SECOND)], True, 16 * SECOND),
        ([earlier(timedelta()), earlier(timedelta()), earlier(timedelta())], True, 3 * SECOND),  # the fourth in line
        ([earlier(-2 * SECOND)] * 3, True, 6 * SECOND),
        ([earlier(-20 * SECOND)] * 3, True, 20 * SECOND),
        ([earlier(timedelta(hours=-1))], False, 5 * SECOND),  # both come late: all have been away
        ([earlier(timedelta(hours=-1))], True, None),  # it never came back
        ([Earlier(key="a", tried_until=None)], False, 5 * SECOND),
        ([Earlier(key="a", tried_until=None)], True, None),
    ],
)
def test_a_delivery_waits_for_those_before_it(
    others: list[Earlier],
    is_expected: bool,  # noqa: FBT001  a row
    waits: timedelta | None,
) -> None:
    """Until some moments after the next attempt. One that never shows itself holds up nothing."""
    wait = wait_for_turn(NOW, NOW - SECOND, others, is_expected=is_expected)
    assert (None if wait is None else wait.until - NOW) == waits


def test_it_is_said_for_which_it_waits() -> None:
    others = [earlier(timedelta(hours=1), "first"), earlier(timedelta(hours=2), "second")]
    wait = wait_for_turn(NOW, NOW, others, is_expected=True)
    assert wait is not None
    assert wait.key == "first"


@pytest.mark.parametrize("pace", [1, 2_000])
def test_no_delivery_waits_longer_than_one_is_tried(pace: float) -> None:
    """Then it has its own attempts, whatever goes before it."""
    others = [Earlier(key="a", tried_until=NOW + timedelta(days=1))]
    longest = LONGEST_TURN / pace
    for waited, is_held in ((longest - SECOND / pace, True), (longest, False)):
        wait = wait_for_turn(NOW, NOW - waited, others, is_expected=True, pace=pace)
        assert (wait is not None) is is_held


# --- an outage, as a whole ---


@dataclass
class Sent:
    """A delivery of one case as it fares in an outage."""

    key: str
    due_at: datetime
    at: datetime
    first_at: datetime
    attempts: int = 0
    tried_until: datetime | None = None
    is_done: bool = False


def outage(due: list[datetime], back_at: datetime) -> list[Sent]:
    """Send what is due to a receiver that is away until an instant; in the order in which all of it ended."""
    waiting = [Sent(f"case/m/1/t-{number}/1/hook", at, at, at) for number, at in enumerate(due)]
    ended: list[Sent] = []
    while waiting:
        one = min(waiting, key=lambda sent: sent.at)
        now = one.at
        before = [
            Earlier(key=other.key, tried_until=other.tried_until)
            for other in waiting
            if other.due_at < one.due_at and other.first_at <= now
        ]
        is_expected = one.tried_until is not None and one.tried_until >= now
        wait = wait_for_turn(now, one.first_at, before, is_expected=is_expected)
        if wait is not None:
            one.at, one.tried_until = wait.until, wait.until + ATTEMPT
            continue
        one.attempts += 1
        one.is_done = now >= back_at
        delay = delay_after(one.attempts, one.key)
        if one.is_done or delay is None:
            one.at = now
            waiting.remove(one)
            ended.append(one)
        else:
            one.at, one.tried_until = now + delay, now + delay + ATTEMPT
    return ended


@pytest.mark.parametrize("seed", range(40))
def test_an_outage_leaves_the_order_as_it_was_due(seed: int) -> None:
    """Whatever the jitter of each: all arrive, none before one that was due earlier, and within one more delay."""
    chance = random.Random(seed)  # noqa: S311  not a secret
    away = timedelta(hours=chance.choice([1, 8, 20, 60]) * chance.random())
    due = sorted(NOW + away * chance.random() for _ in range(12))
    ended = outage(due, NOW + away)
    assert all(one.is_done for one in ended)
    assert [one.due_at for one in ended] == due
    assert ended[-1].at - (NOW + away) <= timedelta(hours=24 * 1.1) + 60 * SECOND


def test_a_receiver_that_is_dead_holds_each_up_for_a_while() -> None:
    """What waits for one that fails for good is tried itself then; nothing lasts longer than two schedules."""
    due = [NOW + timedelta(hours=number) for number in range(20)]
    ended = outage(due, NOW + timedelta(days=365))
    assert not any(one.is_done for one in ended)
    assert len(ended) == len(due)
    assert max(one.at - one.first_at for one in ended) <= 2 * LONGEST_TURN


LINE = 40
TAKES = 3 * SECOND
"""What the receiver needs for each."""


def test_a_long_line_looks_seldom_whether_it_is_its_turn() -> None:
    """Each goes in its order, and looks a few times only: looking costs an attempt of an activity."""
    at, tried, looks = [NOW] * LINE, [NOW + ATTEMPT] * LINE, [0] * LINE
    done_at: dict[int, datetime] = {}
    order: list[int] = []
    while len(order) < LINE:
        one = min((n for n in range(LINE) if n not in done_at), key=lambda n: (at[n], n))
        now = at[one]
        ahead = [n for n in range(one) if n not in done_at or done_at[n] > now]
        before = [Earlier(key=str(n), tried_until=tried[n]) for n in ahead]
        looks[one] += 1
        wait = wait_for_turn(now, NOW, before, is_expected=True)
        if wait is None:
            done_at[one], tried[one] = now + TAKES, now + ATTEMPT
            order.append(one)
        else:
            at[one], tried[one] = wait.until, wait.until + ATTEMPT
    assert order == list(range(LINE))
    assert max(done_at.values()) - NOW < 3 * LINE * TAKES
    assert sum(looks) / LINE < 10


LINES, SHORT = 60, 20
LOOK = timedelta(milliseconds=30)
"""What the one worker that all lines have needs to look, or to send."""


@pytest.mark.parametrize("seed", range(3))
def test_a_busy_worker_sends_more_than_it_looks(seed: int) -> None:
    """Many lines come back at once, at a pace at which none waits for long: most of its time goes into sending."""
    chance = random.Random(seed)  # noqa: S311  not a secret
    at = {(line, n): NOW + 10 * SECOND * chance.random() for line in range(LINES) for n in range(SHORT)}
    ahead = {line: list(range(SHORT)) for line in range(LINES)}
    now, looks = NOW, 0
    while at:
        line, number = one = min(at, key=lambda key: at[key])
        now, looks = max(now, at[one]) + LOOK, looks + 1
        before = [Earlier(key=str(n), tried_until=at[line, n] + ATTEMPT) for n in ahead[line] if n < number]
        is_expected = at[one] + ATTEMPT >= now
        wait = wait_for_turn(now, NOW, before, is_expected=is_expected, pace=60)
        if wait is None:
            assert number == ahead[line].pop(0)
            del at[one]
        else:
            at[one] = wait.until
    assert looks < 4 * LINES * SHORT
