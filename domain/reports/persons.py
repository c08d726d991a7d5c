"""Who paused the milestones of a case: whose stop, or whose change, a pause began with."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from domain.timeline.effects import NoteKind
from domain.timeline.state import Hold

PAUSING = frozenset(
    {NoteKind.CHANGED, NoteKind.CLOCK_STOPPED, NoteKind.CLOSED, NoteKind.ENTITLEMENT_CHANGED, NoteKind.MIGRATED}
)
"""What begins pauses, in its own name or by a rule."""


CASE_STOPPED = "case stopped"
"""The cause of a pause that began because the clock of its case stood."""


class Stop(NamedTuple):
    """When the clock of a case was stopped, and by whom."""

    at: datetime
    by: str | None


class Note(Protocol):
    """What has to be known of a note."""

    @property
    def at(self) -> datetime:
        """The instant at which it took effect."""

    @property
    def kind(self) -> NoteKind:
        """What it is about."""

    @property
    def by(self) -> str | None:
        """Who caused it."""

    @property
    def milestone(self) -> str | None:
        """The milestone that it is about."""

    @property
    def occurrence(self) -> int | None:
        """And its occurrence."""


def begins_by_stop(cause: str) -> bool:
    """Whether a pause of these causes, one after the other, began because the clock of its case stood."""
    return cause.startswith(CASE_STOPPED)


def stops_of(holds: Iterable[Hold], notes: Iterable[Note]) -> list[Stop]:
    """The stops of a case's clock, in order, as its newest holds and its newest notes have them; some twice."""
    held = [Stop(hold.from_at, hold.by) for hold in holds if hold.cause == CASE_STOPPED]
    noted = [Stop(note.at, note.by) for note in notes if _stops_case(note)]
    return sorted([*held, *noted], key=_at)


def last_stop(stops: Sequence[Stop], at: datetime) -> Stop | None:
    """The last stop of a case's clock at an instant or before it.

    A milestone that starts while the clock stands is paused from its start on, whoever's change let it start.
    """
    place = bisect_right(stops, at, key=_at)
    return stops[place - 1] if place else None


def _at(stop: Stop) -> datetime:
    return stop.at


def _stops_case(note: Note) -> bool:
    return note.kind is NoteKind.CLOCK_STOPPED and note.milestone is None


def who_paused(notes: Iterable[Note]) -> dict[datetime, str | None]:
    """Who did what was noted at each instant: the last who is named before something paused there."""
    found: dict[datetime, str | None] = {}
    paused: set[datetime] = set()
    for note in notes:
        if note.kind is NoteKind.PAUSED:
            paused.add(note.at)
        elif note.kind in PAUSING and note.by is not None and note.at not in paused:
            found[note.at] = note.by
    return found


@dataclass
class Named:
    """Whose name the pauses of a case may have.

    A pause has the name that its record gave it, and nobody can say afterwards which notes were of one record. So what
    is known is who did anything at an instant; and who paused an instance, where that is noted right before its pause.

    Attributes:
        perhaps: at each instant, who did something that pauses.
        surely: by milestone, occurrence and instant, who paused it.
        stops: of the case's clock, in order.
    """

    perhaps: dict[datetime, set[str]] = field(default_factory=dict)
    surely: dict[tuple[str, int, datetime], str] = field(default_factory=dict)
    stops: list[Stop] = field(default_factory=list)


def named(notes: Iterable[Note]) -> Named:
    """Whose name the pauses of a case may have.

    Args:
        notes: of the case, in order: all that say that something paused, or did what pauses, and those between.
    """
    found = Named()
    last: Note | None = None
    for note in notes:
        if _stops_case(note):
            found.stops.append(Stop(note.at, note.by))
        if note.kind in PAUSING:
            last = note
            if note.by is not None:
                found.perhaps.setdefault(note.at, set()).add(note.by)
        elif note.kind is not NoteKind.PAUSED:
            last = None
        elif last is not None and last.at == note.at and last.by and note.milestone and note.occurrence:
            found.surely[note.milestone, note.occurrence, note.at] = last.by
    return found
