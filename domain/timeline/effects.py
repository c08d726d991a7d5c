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
    TIME_REVERSED = "time_reversed"
    CRITERIA_FAILED = "criteria_failed"
    GUARD = "guard"


def _is_none(value: object) -> bool:
    return value is None


class NoteFacts(Value):
    """What a note says for programs, as it stood when the note was made. What a note is not about is None.

    Attributes:
        start_at, target_at, span, business_hours: of its milestone.
        target_before: of a target that moved.
        completed_at, in_time: of a completion.
        violated_at, noticed_at: of a violation, or of one that is corrected.
        open_seconds: of an extension.
        causes: of a pause.
        why: the rule by which it happened.
        fields: of the case, that have new values; `before` has the old ones.
        process, process_version: that was entered, left, or gone over to.
        entitlement: that it is about.
        entry, minutes: the time entry that it is about.
        key, error: of an action.
    """

    start_at: AwareDatetime | None = Field(default=None, exclude_if=_is_none)
    target_at: AwareDatetime | None = Field(default=None, exclude_if=_is_none)
    target_before: AwareDatetime | None = Field(default=None, exclude_if=_is_none)
    span: str | None = Field(default=None, exclude_if=_is_none)
    business_hours: str | None = Field(default=None, exclude_if=_is_none)
    completed_at: AwareDatetime | None = Field(default=None, exclude_if=_is_none)
    in_time: bool | None = Field(default=None, exclude_if=_is_none)
    violated_at: AwareDatetime | None = Field(default=None, exclude_if=_is_none)
    noticed_at: AwareDatetime | None = Field(default=None, exclude_if=_is_none)
    open_seconds: int | None = Field(default=None, exclude_if=_is_none)
    causes: tuple[str, ...] | None = Field(default=None, exclude_if=_is_none)
    why: str | None = Field(default=None, exclude_if=_is_none)
    fields: dict[str, Any] | None = Field(default=None, exclude_if=_is_none)
    before: dict[str, Any] | None = Field(default=None, exclude_if=_is_none)
    process: str | None = Field(default=None, exclude_if=_is_none)
    process_version: int | None = Field(default=None, exclude_if=_is_none)
    entitlement: str | None = Field(default=None, exclude_if=_is_none)
    entry: str | None = Field(default=None, exclude_if=_is_none)
    minutes: int | None = Field(default=None, exclude_if=_is_none)
    key: str | None = Field(default=None, exclude_if=_is_none)
    error: str | None = Field(default=None, exclude_if=_is_none)


class Noted(Value):
    """Something happened; it goes on record.

    Attributes:
        number: counts the notes of a case from 1, so that a note is stored once.
        at: the instant at which it took effect.
        occurred_at: the event's own time, where that differs from `at`.
        text: one line for people.
        facts: the same for programs, which the event feed tells.
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
    facts: NoteFacts | None = Field(default=None, exclude_if=_is_none)


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
