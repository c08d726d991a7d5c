"""The order in which events of a batch go: those of one subject one after another, subjects side by side."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from domain.subscriptions.state import Failure, Lane, LineReport


class Placed(NamedTuple):
    """An event by its place in the feed."""

    position: int
    subject: str


class Line(NamedTuple):
    """The events of one subject in a batch, which go one after another.

    Attributes:
        done: the position before the first of them.
        events: in order.
        is_whole: nothing of the subject comes after them, up to the new cursor.
        is_behind: the subject has a lane.
    """

    subject: str
    done: int
    events: Sequence[Placed]
    is_whole: bool = True
    is_behind: bool = False


def lines_of_page(page: Sequence[Placed], behind: Collection[str]) -> list[Line]:
    """The lines of the next events of the feed, without subjects that are behind: their lanes have these, too.

    Args:
        page: the events, in the order of the feed.
        behind: the subjects that have a lane.
    """
    skipped = set(behind)
    by_subject: dict[str, list[Placed]] = {}
    for placed in page:
        if placed.subject not in skipped:
            by_subject.setdefault(placed.subject, []).append(placed)
    return [Line(subject, events[0].position - 1, events) for subject, events in by_subject.items()]


def line_of_lane(lane: Lane, events: Sequence[Placed], limit: int) -> Line:
    """The line of a subject that is behind.

    Args:
        lane: of the subject.
        events: the first of its events that are to be sent, up to the new cursor.
        limit: as many were asked for; with fewer there are no more.
    """
    return Line(lane.subject, lane.done, events, is_whole=len(events) < limit, is_behind=True)


def report_of(line: Line, arrived: int, failure: Failure | None) -> LineReport:
    """What a line came to.

    Args:
        line: which.
        arrived: the position of the last event that arrived; the line's `done` if none did.
        failure: of the event after it, if it was tried.
    """
    last = line.events[-1].position if line.events else line.done
    return LineReport(
        subject=line.subject,
        done=max(arrived, line.done),
        failure=failure,
        is_through=failure is None and arrived >= last and line.is_whole,
    )
