"""Who held a milestone instance for how long: its open time, divided among the values that a field had meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from domain.bounds import cut_for_search
from domain.reports.grouping import text_of
from domain.reports.measures import pauses_of
from domain.reports.ruling import Elapsed
from domain.timeline.views import MilestoneView

_SECOND = timedelta(seconds=1)


class FieldChange(NamedTuple):
    """When fields of a case changed: their new values, and those before."""

    at: datetime
    fields: Mapping[str, Any]
    before: Mapping[str, Any]


class Held(NamedTuple):
    """For how long one value of a field held while an instance ran.

    Attributes:
        value: as the name of a group, cut to what the store finds rows by.
        open_seconds: of the instance, less pauses.
        is_last: it held at the end, or holds now.
    """

    field: str
    value: str
    open_seconds: int
    is_last: bool


def held(milestone: MilestoneView, changes: Sequence[FieldChange], elapsed: Elapsed, now: datetime) -> list[Held]:
    """The values that each field which ever changed had while an instance ran, in order of names.

    A change at the very end of an instance came after it; one at its start, before.

    Args:
        milestone: the instance.
        changes: of its case's fields, in order; before the first one a field has the value that it says was before.
        elapsed: how the open time of the instance is counted.
        now: of its view.

    Raises:
        HorizonExceeded: it ran past the horizon of its calendar.
    """
    ended = milestone.completed_at or milestone.removed_at or milestone.exited_at
    end = max(ended or now, milestone.start_at)  # one that was scheduled may end before its start
    pauses = [(begins, ends) for begins, ends, _ in pauses_of(milestone, end)]
    # Whoever got one that is open at this very instant has it last.
    life = _Life(milestone.start_at, end, ended or end + _SECOND)
    found: list[Held] = []
    for name in sorted({name for change in changes for name in change.fields}):
        sums: dict[str, int] = {}
        last = ""
        for begins, ends, value in _stays([change for change in changes if name in change.fields], name, life):
            last = held_value(value)
            paused = sum(elapsed(max(a, begins), min(b, ends)) for a, b in pauses if max(a, begins) < min(b, ends))
            sums[last] = sums.get(last, 0) + elapsed(begins, ends) - paused
        held_for = [(value, seconds) for value, seconds in sums.items() if seconds or value == last]
        found += [Held(name, value, seconds, value == last) for value, seconds in held_for]
    return found


def held_value(value: Any) -> str:
    """A field's value as the name of a group, cut to what the store finds rows by."""
    return cut_for_search(text_of(value))


class _Life(NamedTuple):
    """When an instance ran; changes from `deaf_at` on came after it."""

    start: datetime
    end: datetime
    deaf_at: datetime


def _stays(changes: Sequence[FieldChange], name: str, life: _Life) -> Iterator[tuple[datetime, datetime, Any]]:
    """The stretches of a life in which a field had one value each; the last one may have no length.

    Args:
        changes: of the field, at least one.
        name: of the field.
        life: of an instance.
    """
    value, since = changes[0].before.get(name), life.start
    for change in changes:
        if change.at >= life.deaf_at:
            break
        if change.at > since:
            yield since, change.at, value
            since = change.at
        value = change.fields[name]
    yield since, life.end, value


@dataclass
class HoldingTally:
    """For how long somebody held instances.

    Attributes:
        held: how many instances they held, for however long.
        ended: how many of them they held last.
        seconds: of open time, together.
        of_span: those of them of instances that have a span, whose `spans` come to so much together.
    """

    held: int = 0
    ended: int = 0
    seconds: int = 0
    of_span: int = 0
    spans: int = 0

    def add(self, *, held: int = 0, ended: int = 0, seconds: int = 0, of_span: int = 0, spans: int = 0) -> None:
        """Count some more."""
        self.held += held
        self.ended += ended
        self.seconds += seconds
        self.of_span += of_span
        self.spans += spans
