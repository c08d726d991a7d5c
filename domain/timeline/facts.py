"""What happened to a milestone instance: dated facts, which never change once they are made."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, Field

from domain.model import Value
from domain.wording import stamp

COMPLETED = "completed"
"""What pauses an instance behind its completion, should that be taken back by its rule."""


def _is_none(value: object) -> bool:
    return value is None


class Term(Value):
    """The span that an instance has from `at` on.

    Attributes:
        at: when this span came to count.
        anchor_at: what the start follows: the entry into the process, or the completion it waited for.
        start_at: the start of the instance under it; later than its anchor after a restart.
        base_at: from where `open_seconds` are counted; later than the start where a used fraction was carried over, or
            after a cutoff.
        span: as it was declared (``4h``, ``2bd``, ``by due_at``).
        business_hours: the calendar, by its name in the plan.
        declared: what the process declared when this span came to count; it changes when that does.
        open_seconds: from `base_at` to the target, before pauses and extensions. Negative where a carried fraction is
            over 100%.
        nominal_seconds: the whole span in open seconds, of which percentages are taken.
        fixed_at: the target itself, for spans that follow the calendar's days and for deadlines from a field; after a
            carry also what was missed or used up.
        by: the field of the case whose instant is the deadline; None of a span.
        declared_at: the deadline that its field named when this term came to count, where that is not its target.
        carried_at: when a fraction used up of an earlier span was carried over.
        is_detached: its start follows the entry no more: it was restarted, or a migration kept it.
        is_kept: a migration kept it, whatever the new version declares.
        kept_cutoff: of one that was kept: the cutoff that it had, in seconds since midnight.
        extended_seconds: extensions that `fixed_at` has in it already.
    """

    at: AwareDatetime
    anchor_at: AwareDatetime
    start_at: AwareDatetime
    base_at: AwareDatetime
    span: str
    business_hours: str
    declared: str
    open_seconds: int = 0
    nominal_seconds: int = 0
    fixed_at: AwareDatetime | None = None
    by: str | None = Field(default=None, exclude_if=operator.not_)
    declared_at: AwareDatetime | None = Field(default=None, exclude_if=operator.not_)
    carried_at: AwareDatetime | None = Field(default=None, exclude_if=operator.not_)
    is_detached: bool = Field(default=False, exclude_if=operator.not_)
    is_kept: bool = Field(default=False, exclude_if=operator.not_)
    kept_cutoff: int | None = Field(default=None, exclude_if=_is_none)
    extended_seconds: int = Field(default=0, exclude_if=operator.not_)

    @property
    def deadline_at(self) -> datetime | None:
        """The deadline that its field named when this term came to count."""
        return self.declared_at or (self.fixed_at if self.by else None)


class Pause(Value):
    """A time in which the clock of an instance stood, for whatever reasons, each named once."""

    from_at: AwareDatetime
    to_at: AwareDatetime | None = None
    causes: tuple[str, ...]


class Rested(Value):
    """The oldest pauses of an instance that has very many, as their sum by the calendar that it had then.

    Attributes:
        pauses: how many they are.
        open_seconds: of all of them, from where its span was counted.
    """

    pauses: int
    from_at: AwareDatetime
    to_at: AwareDatetime
    open_seconds: int

    def between(self, since: datetime, until: datetime | None) -> int:
        """What it comes to between two instants: all of it or nothing."""
        return self.open_seconds if since < self.to_at and (until is None or until > self.from_at) else 0


class Extension(Value):
    """Open seconds that somebody added to a target."""

    at: AwareDatetime
    open_seconds: int
    by: str | None = None
    reason: str | None = None


class Cleared(Value):
    """A completion that somebody took back.

    Attributes:
        at: when it was taken back.
        by: who took it back.
        completed_at: when it had been completed; `completed_by` says by whom.
        violated: it had been late.
    """

    at: AwareDatetime
    by: str | None = None
    reason: str | None = None
    completed_at: AwareDatetime
    completed_by: str | None = None
    violated: bool = False


class Violation(Value):
    """A missed target, with when it was missed and when that was noticed.

    Attributes:
        recorded_at: when a change put it on record; None: when it was missed.
        corrected_at: set when the target moved to or past the effective now, or a completion in time became known.
    """

    violated_at: AwareDatetime
    noticed_at: AwareDatetime
    recorded_at: AwareDatetime | None = Field(default=None, exclude_if=_is_none)
    corrected_at: AwareDatetime | None = None
    correction: str | None = None

    @property
    def times(self) -> dict[str, Any]:
        """When it was missed and when that was noticed, as notes have it."""
        return {"violated_at": self.violated_at, "noticed_at": self.noticed_at}

    def stood_at(self, at: datetime) -> bool:
        """Whether it was on record before `at`, or was put there in that very second by a change."""
        is_known = self.violated_at < at and (self.recorded_at or self.violated_at) <= at
        return is_known and (self.corrected_at is None or self.corrected_at > at)


class Firing(Value):
    """A trigger that fired: which, for which time, and at which instant of the timeline."""

    trigger: str
    due_at: AwareDatetime
    at: AwareDatetime


def union(pauses: Iterable[Pause]) -> tuple[Pause, ...]:
    """The same paused time without overlaps, in order.

    An open pause stays open; one that begins as another ends leaves that one ended, so that it has moved the target.
    """
    merged: list[Pause] = []
    for pause in sorted(pauses, key=_from):
        last = merged[-1] if merged else None
        begins_then = last is not None and pause.to_at is None and pause.from_at == last.to_at
        if last and not begins_then and (last.to_at is None or pause.from_at <= last.to_at):
            to_at = None if last.to_at is None or pause.to_at is None else max(last.to_at, pause.to_at)
            causes = last.causes + tuple(c for c in pause.causes if c not in last.causes)
            merged[-1] = Pause(from_at=last.from_at, to_at=to_at, causes=causes)
        else:
            merged.append(pause)
    return tuple(merged)


def _from(pause: Pause) -> datetime:
    return pause.from_at


def clock_text(at: datetime | None) -> str:
    """An instant for a note."""
    return stamp(at) if at else "past the horizon"
