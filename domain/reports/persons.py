"""Who paused the milestones of a case: whose stop, or whose change, a pause began with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.timeline.effects import NoteKind

PAUSING = frozenset(
    {NoteKind.CHANGED, NoteKind.CLOCK_STOPPED, NoteKind.CLOSED, NoteKind.ENTITLEMENT_CHANGED, NoteKind.MIGRATED}
)
"""What begins pauses, in its own name or by a rule."""


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
    """

    perhaps: dict[datetime, set[str]] = field(default_factory=dict)
    surely: dict[tuple[str, int, datetime], str] = field(default_factory=dict)


def named(notes: Iterable[Note]) -> Named:
    """Whose name the pauses of a case may have.

    Args:
        notes: of the case, in order: all that say that something paused, or did what pauses, and those between.
    """
    found = Named()
    last: Note | None = None
    for note in notes:
        if note.kind in PAUSING:
            last = note
            if note.by is not None:
                found.perhaps.setdefault(note.at, set()).add(note.by)
        elif note.kind is not NoteKind.PAUSED:
            last = None
        elif last is not None and last.at == note.at and last.by and note.milestone and note.occurrence:
            found.surely[note.milestone, note.occurrence, note.at] = last.by
    return found
