"""What happens to a case: the requests and news that a timeline takes in.

Every event says when it happened (`occurred_at`, an aware instant), who caused it (`by`) and carries an `event_id`: the
same id twice is taken once, over the whole life of the case.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from domain.bounds import MOST_SPAN_SECONDS, Instant, Words
from domain.ids import EventId
from domain.timeline.plan import Plan


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: EventId
    occurred_at: Instant
    by: Words | None = None
    reason: Words | None = None


class MilestoneCompleted(_Event):
    """A milestone was reached; `occurred_at` is when, and decides whether it was in time."""

    type: Literal["milestone_completed"] = "milestone_completed"
    milestone: Words


class FieldsChanged(_Event):
    """Fields of the case have new values; a null clears one.

    Attributes:
        fields: the new values by their names.
    """

    type: Literal["fields_changed"] = "fields_changed"
    fields: dict[str, Any]


class ClockStopped(_Event):
    """The clock of the case stops, or of one milestone only.

    Attributes:
        milestone: only that one; None: the case.
    """

    type: Literal["clock_stopped"] = "clock_stopped"
    milestone: Words | None = None


class ClockResumed(_Event):
    """The clock of the case, or of one milestone, goes on.

    Attributes:
        milestone: only that one; None: the case.
    """

    type: Literal["clock_resumed"] = "clock_resumed"
    milestone: Words | None = None


class CaseClosed(_Event):
    """The case is closed: it leaves its process, and what is open stays open at exit."""

    type: Literal["case_closed"] = "case_closed"


class CaseReopened(_Event):
    """A closed case is taken up again; the time between was a pause.

    Attributes:
        fields: that have new values from then on, such as its state: they are judged together with the reopening.
    """

    type: Literal["case_reopened"] = "case_reopened"
    fields: dict[str, Any] = Field(default_factory=dict, exclude_if=operator.not_)


class CompletionCleared(_Event):
    """A completion is taken back, as if it had never been."""

    type: Literal["completion_cleared"] = "completion_cleared"
    milestone: Words


class MilestoneExtended(_Event):
    """A target moves later, by open seconds or to an instant.

    Attributes:
        open_seconds: so much later, in open time; this or `until`.
        until: the instant that it moves to; this or `open_seconds`.
    """

    type: Literal["milestone_extended"] = "milestone_extended"
    milestone: Words
    open_seconds: Annotated[int, Field(gt=0, le=MOST_SPAN_SECONDS)] | None = None
    until: Instant | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> MilestoneExtended:
        if (self.open_seconds is None) == (self.until is None):
            raise ValueError("an extension says either open_seconds or until")
        return self


class EntitlementChanged(_Event):
    """The case goes over to another entitlement, and to that one's process.

    Attributes:
        entitlement: its id; None: the case goes on without one.
        plan: what the case runs by from now on.
        from_opening: the choice before was wrong: the new process is entered at the opening, not at the change.
    """

    type: Literal["entitlement_changed"] = "entitlement_changed"
    entitlement: str | None = None
    plan: Plan
    from_opening: bool = False


class PlanReplaced(_Event):
    """A migration: the same process in another version, or the same calendars after an edit."""

    type: Literal["plan_replaced"] = "plan_replaced"
    plan: Plan


Event = Annotated[
    MilestoneCompleted
    | FieldsChanged
    | ClockStopped
    | ClockResumed
    | CaseClosed
    | CaseReopened
    | CompletionCleared
    | MilestoneExtended
    | EntitlementChanged
    | PlanReplaced,
    Field(discriminator="type"),
]
