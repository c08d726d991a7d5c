"""One batch on its way: subjects side by side, each in order; and what a lost try of it had sent is not sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from activities.subscriptions import delivering
from activities.subscriptions.delivering import AT_ONCE, Sending
from domain.subscriptions.lines import Line, Placed
from domain.subscriptions.state import Failure, LineReport, Trouble

HELD = Trouble(kind="held", said="left alone", wait=timedelta(minutes=5))


def lines(*subjects: str) -> list[Line]:
    """A line for each subject that is named, in the order of the feed."""
    places = [Placed(at, subject) for at, subject in enumerate(subjects, 1)]
    of = {subject: [one for one in places if one.subject == subject] for subject in dict.fromkeys(subjects)}
    return [Line(subject, events[0].position - 1, events) for subject, events in of.items()]


class Receiver:
    """Takes what it is sent, unless it is told otherwise.

    Attributes:
        sent: positions, in the order in which attempts began.
        most: attempts that were under way at one time.
    """

    def __init__(self, says: Callable[[int], Failure | Trouble | None] = lambda _: None) -> None:
        self.sent: list[int] = []
        self.most = 0
        self._under_way = 0
        self._says = says

    async def __call__(self, position: int) -> Failure | Trouble | None:
        self.sent.append(position)
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        await asyncio.sleep(0)
        self._under_way -= 1
        return self._says(position)


def refused(position: int) -> Failure:
    return Failure(event_id=f"e{position}", position=position, sequence=position, type="t", reason="HTTP 500")


async def run(receiver: Receiver, found: list[Line], *, first: bool = False) -> tuple[Sending, dict[str, LineReport]]:
    sending = Sending(found, receiver, {})
    reports = await sending.run(looks_first=first)
    return sending, {report.subject: report for report in reports}


async def test_subjects_go_side_by_side_and_each_in_order() -> None:
    """So many at one time; a subject has one attempt under way."""
    names = [f"case/{number % 20}" for number in range(100)]
    receiver = Receiver()
    sending, reports = await run(receiver, lines(*names))
    assert sending.sent == 100
    assert receiver.most == AT_ONCE
    assert all(report.is_through for report in reports.values())
    for number in range(20):
        mine = [at for at in receiver.sent if (at - 1) % 20 == number]
        assert mine == sorted(mine)


async def test_what_fails_holds_back_its_own_subject_alone() -> None:
    """Nothing of it is tried after that; the others go on."""
    receiver = Receiver(lambda at: refused(at) if at == 3 else None)
    sending, reports = await run(receiver, lines("a", "b", "a", "b", "a"))
    assert (sorted(receiver.sent), sending.sent, sending.trouble) == ([1, 2, 3, 4], 3, None)
    assert (reports["a"].done, reports["a"].failure, reports["a"].is_through) == (1, refused(3), False)
    assert reports["b"].is_through


async def test_an_endpoint_in_trouble_ends_the_batch() -> None:
    """What was not tried is said to be where it was, and no failure of its own."""
    receiver = Receiver(lambda at: HELD if at == 1 else None)
    sending, reports = await run(receiver, lines("a", *(f"b{number}" for number in range(50))))
    assert sending.trouble == HELD
    assert len(receiver.sent) <= AT_ONCE
    assert (reports["a"].done, reports["a"].failure, reports["a"].is_through) == (0, None, False)
    assert not reports["b49"].is_through


@pytest.mark.parametrize(("trouble", "tried"), [(HELD, [1]), (None, [1, 2, 3])])
async def test_one_attempt_shows_how_an_endpoint_does(trouble: Trouble | None, tried: list[int]) -> None:
    """That was left alone: the others go if it takes that one."""
    receiver = Receiver(lambda at: trouble if at == 1 else None)
    empty = Line("case/behind", 9, [], is_behind=True)
    _, reports = await run(receiver, [empty, *lines("a", "b", "c")], first=True)
    assert receiver.sent == tried
    assert reports["case/behind"].is_through


async def test_what_a_lost_try_has_sent_is_not_sent_again() -> None:
    """It is counted, and the batch goes on after it."""
    receiver = Receiver()
    sending = Sending(lines("a", "b", "a"), receiver, {"a": 1})
    reports = await sending.run(looks_first=False)
    assert (sorted(receiver.sent), sending.sent) == ([2, 3], 3)
    assert all(report.is_through for report in reports)


async def test_a_batch_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has no time for is left to the next one."""
    monkeypatch.setattr(delivering, "BEGINS_NO_MORE_AFTER", -1.0)
    receiver = Receiver()
    sending, reports = await run(receiver, lines("a", "b"))
    assert (receiver.sent, sending.sent, sending.trouble) == ([], 0, None)
    assert (reports["a"].done, reports["a"].is_through) == (0, False)
