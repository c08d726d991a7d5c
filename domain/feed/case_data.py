"""What the events of cases say, and which note of a case becomes which event: every note is one, and no other is."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, Field

from domain.feed.envelope import EventData
from domain.model import Value
from domain.timeline.effects import NoteKind


def subject_of(case_id: str) -> str:
    """Whose sequence the events of a case belong to."""
    return f"case/{case_id}"


class CaseData(EventData):
    """What every event of a case says.

    Attributes:
        external_id: the id of another system that the case's was made of; left out where there is none.
        channel: by which the case came in; left out where its intake named none.
        account, entitlement, process, process_version: of the case; left out where it has none.
        text: one line for people.
        by: who caused it.
        occurred_at: when it happened, where it took effect later.
    """

    case_id: str
    external_id: str | None = None
    channel: str | None = None
    account: str | None = None
    entitlement: str | None = None
    process: str | None = None
    process_version: int | None = None
    text: str
    by: str | None = None
    reason: str | None = None
    occurred_at: AwareDatetime | None = None


class FieldsData(CaseData):
    """Fields of the case as they are now, and `before` as they were."""

    fields: dict[str, Any] = Field(default_factory=dict)
    before: dict[str, Any] | None = None


class MilestoneData(CaseData):
    """What every event of a milestone says. `target_at` is left out while it lies past the horizon of its calendar."""

    milestone: str
    occurrence: int
    start_at: AwareDatetime | None = None
    target_at: AwareDatetime | None = None
    span: str | None = None
    business_hours: str | None = None


class ReasonedData(MilestoneData):
    """By which rule it happened, where one says so."""

    why: str | None = None


class CompletedData(MilestoneData):
    """When it was completed, and whether that was by its target."""

    completed_at: AwareDatetime
    in_time: bool


class ViolatedData(MilestoneData):
    """The target that was missed, and when that was noticed."""

    violated_at: AwareDatetime
    noticed_at: AwareDatetime


class CorrectedData(ViolatedData):
    """A violation that does not count any more."""

    why: str


class MovedData(ReasonedData):
    """From where the target has moved."""

    target_before: AwareDatetime | None = None


class ExtendedData(MilestoneData):
    """By how much open time the target was moved."""

    open_seconds: int


class PausedData(MilestoneData):
    """What pauses it."""

    causes: list[str] = Field(default_factory=list)


class OrderedAction(Value):
    """An action that a trigger orders."""

    key: str
    do: str


class TriggerData(MilestoneData):
    """A trigger that fired.

    Attributes:
        due_at: when it was due; `noticed_at` is when the engine got to it, `late_seconds` later.
        actions: that it orders.
    """

    trigger: str
    kind: str
    firing: int
    due_at: AwareDatetime
    noticed_at: AwareDatetime
    late_seconds: int
    actions: list[OrderedAction] = Field(default_factory=list)


class ClockData(CaseData):
    """The clock of the case, or of one milestone, where that is named."""

    milestone: str | None = None
    occurrence: int | None = None


class ActionData(CaseData):
    """An action, by the key under which its receiver takes it once."""

    key: str
    do: str | None = None
    milestone: str | None = None


class FailedActionData(ActionData):
    """Why it failed for good."""

    error: str


class DroppedActionData(ActionData):
    """Why it was worth nothing any more."""

    why: str


class RedeliveredActionData(ActionData):
    """What had arrived or failed, delivered again because `by` asked for it at `asked_at`; after how many attempts."""

    asked_at: AwareDatetime
    attempts: int


class FailedRedeliveryData(RedeliveredActionData):
    """Why it did not arrive again."""

    error: str


class OverageData(CaseData):
    """About an entitlement that had nothing left, or a time entry that it was asked for."""

    entry: str | None = None
    minutes: int | None = None


class StandingMilestone(Value):
    """A milestone instance as it stands."""

    milestone: str
    occurrence: int
    state: str
    start_at: AwareDatetime
    target_at: AwareDatetime | None = None
    completed_at: AwareDatetime | None = None
    violated: bool


class SnapshotData(CaseData):
    """A case as it stands, in place of events that the feed does not have.

    Attributes:
        stands_for_from: the sequence number of the first of them; the last is that of this event.
        milestones: the newest of them; `more_milestones` says how many there are besides.
    """

    opened_at: AwareDatetime
    closed_at: AwareDatetime | None = None
    status: str
    stopped: bool
    fields: dict[str, Any] = Field(default_factory=dict)
    milestones: list[StandingMilestone] = Field(default_factory=list)
    more_milestones: int = 0
    stands_for_from: int | None = None


NOTES: dict[NoteKind, tuple[str, type[CaseData]]] = {
    NoteKind.OPENED: ("case.opened", FieldsData),
    NoteKind.ENTERED: ("case.entered", CaseData),
    NoteKind.EXITED: ("case.left", CaseData),
    NoteKind.REENTERED: ("case.reentered", CaseData),
    NoteKind.STARTED: ("case.milestone.started", MilestoneData),
    NoteKind.REMOVED: ("case.milestone.removed", ReasonedData),
    NoteKind.RETURNED: ("case.milestone.returned", MilestoneData),
    NoteKind.COMPLETED: ("case.milestone.completed", CompletedData),
    NoteKind.CLEARED: ("case.milestone.cleared", ReasonedData),
    NoteKind.PAUSED: ("case.milestone.paused", PausedData),
    NoteKind.RESUMED: ("case.milestone.resumed", MilestoneData),
    NoteKind.MOVED: ("case.milestone.target_moved", MovedData),
    NoteKind.EXTENDED: ("case.milestone.extended", ExtendedData),
    NoteKind.VIOLATED: ("case.milestone.violated", ViolatedData),
    NoteKind.CORRECTED: ("case.milestone.corrected", CorrectedData),
    NoteKind.CHANGED: ("case.fields_changed", FieldsData),
    NoteKind.CLOCK_STOPPED: ("case.clock_stopped", ClockData),
    NoteKind.CLOCK_RESUMED: ("case.clock_resumed", ClockData),
    NoteKind.CLOSED: ("case.closed", CaseData),
    NoteKind.REOPENED: ("case.reopened", CaseData),
    NoteKind.ALREADY: ("case.already_so", ClockData),
    NoteKind.REFUSED: ("case.news_refused", CaseData),
    NoteKind.ACTION_FAILED: ("case.action.failed", FailedActionData),
    NoteKind.ACTION_RETRIED: ("case.action.retried", ActionData),
    NoteKind.COVERED: ("case.covered", CaseData),
    NoteKind.OVERFLOWED: ("case.overflowed", OverageData),
    NoteKind.ENTITLEMENT_CHANGED: ("case.entitlement_changed", CaseData),
    NoteKind.MIGRATED: ("case.migrated", CaseData),
    NoteKind.HORIZON_ENDS: ("case.horizon_ends", CaseData),
    NoteKind.PROMPTED: ("case.overage_asked", OverageData),
    NoteKind.DECIDED: ("case.overage_decided", OverageData),
    NoteKind.TIME_LOGGED: ("case.time_logged", OverageData),
    NoteKind.TIME_REVERSED: ("case.time_reversed", OverageData),
    NoteKind.CRITERIA_FAILED: ("case.criteria_failed", CaseData),
    NoteKind.GUARD: ("case.rules_guarded", CaseData),
}
"""The name and the data of the event that a note is."""

SCHEDULED = ("case.milestone.scheduled", MilestoneData)
WARNED = ("case.milestone.warned", TriggerData)
TRIGGERED = ("case.milestone.trigger_fired", TriggerData)
SENT = ("case.action.sent", ActionData)
DROPPED = ("case.action.expired", DroppedActionData)
SNAPSHOT = ("case.snapshot", SnapshotData)
REDELIVERED = ("case.action.redelivered", RedeliveredActionData)
REDELIVERY_FAILED = ("case.action.redelivery_failed", FailedRedeliveryData)
OTHERS: tuple[tuple[str, type[CaseData]], ...] = (
    SCHEDULED,
    WARNED,
    TRIGGERED,
    SENT,
    DROPPED,
    SNAPSHOT,
    REDELIVERED,
    REDELIVERY_FAILED,
)
