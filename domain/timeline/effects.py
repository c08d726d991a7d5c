"""What a timeline wants done, as values: its shell does it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, Field

from domain.model import Value
from domain.process import TriggerKind
from domain.process.actions import ActionCall


class NoteKind(StrEnum):
    """What can be read on a timeline."""

    OPENED = "opened"
    ENTERED = "entered"
    EXITED = "exited"
    REENTERED = "reentered"
    STARTED = "started"
    REMOVED = "removed"
    RETURNED = "returned"
    COMPLETED = "completed"
    CLEARED = "cleared"
    PAUSED = "paused"
    RESUMED = "resumed"
    MOVED = "moved"
    EXTENDED = "extended"
    VIOLATED = "violated"
    CORRECTED = "corrected"
    CHANGED = "changed"
    CLOCK_STOPPED = "clock_stopped"
    CLOCK_RESUMED = "clock_resumed"
    CLOSED = "closed"
    REOPENED = "reopened"
    ALREADY = "already"
    REFUSED = "refused"
    ACTION_FAILED = "action_failed"
    ACTION_RETRIED = "action_retried"
    COVERED = "covered"
    OVERFLOWED = "overflowed"
    ENTITLEMENT_CHANGED = "entitlement_changed"
    MIGRATED = "migrated"
    HORIZON_ENDS = "horizon_ends"
    PROMPTED = "prompted"
    DECIDED = "decided"
    TIME_LOGGED = "time_logged"
    CRITERIA_FAILED = "criteria_failed"
    GUARD = "guard"


class Noted(Value):
    """Something happened; it goes on record.

    Attributes:
        number: counts the notes of a case from 1, so that a note is stored once.
        at: the instant at which it took effect.
        occurred_at: the event's own time, where that differs from `at`.
        text: one line for people.
    """

    number: int
    at: AwareDatetime
    kind: NoteKind
    text: str
    milestone: str | None = None
    occurrence: int | None = None
    occurred_at: AwareDatetime | None = None
    by: str | None = None
    reason: str | None = None


class TriggerFired(Value):
    """A trigger came due.

    Attributes:
        due_at: when it was due.
        at: the instant of the timeline at which it fired: later than `due_at` after a pause or a change.
        noticed_at: when the engine got to it: later than `at` after an outage.
        context: what the templates of its actions see: `case`, `milestone`, `entitlement`, `account`.
    """

    milestone: str
    occurrence: int
    trigger: str
    kind: TriggerKind
    firing: int
    due_at: AwareDatetime
    at: AwareDatetime
    noticed_at: AwareDatetime
    calls: list[ActionCall]
    context: dict[str, Any] = Field(default_factory=dict)

    @property
    def late_seconds(self) -> int:
        """How long after it was due the engine got to it."""
        return int((self.noticed_at - self.due_at).total_seconds())


Effect = Noted | TriggerFired
