"""The state of a case: what one run leaves to the next, what the store keeps, and what a reopening goes on from."""

from __future__ import annotations

import operator
from datetime import timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.bounds import Instant, Words
from domain.ids import CaseId, EventId, Reference
from domain.messages.coverage import CaseCoverage
from domain.model import Value
from domain.process import ActionCall, TriggerKind
from domain.timeline.effects import Noted, TriggerFired
from domain.timeline.plan import Plan
from domain.timeline.state import TimelineState
from domain.usage.units import HOURS, amount_text

FORMAT = 2
"""The shape of a `CaseState`; grows when an older build could misread what this one writes.

Since 2 the occurrences that can no longer change are folded.
"""


class EntitlementChange(Value):
    """Asks a case to go over to another entitlement.

    Attributes:
        entitlement: its id; None: the case goes on without one.
        from_opening: the choice before was wrong: the new process is entered at the opening, not at the change.
    """

    event_id: EventId
    occurred_at: Instant
    by: Words | None = None
    reason: Words | None = None
    entitlement: Reference | None = None
    from_opening: bool = False


class OveragePrompt(Value):
    """A decision that a case waits for.

    Attributes:
        entitlement: that had nothing left: `used` of `cap`.
        overage_price: of one more.
        occurred_at: when the case was opened, or was to go over to the entitlement: decides the period.
        until: without a decision by then it counts as no.
        change: that was asked for. The case has what it had meanwhile, and after a no as well. None: it was opened so,
            and falls back.
        coverage: what was said of the case when this was asked: a yes says it again. Not written by older builds.
    """

    entitlement: str
    overage_price: str | None
    used: int
    cap: int
    occurred_at: AwareDatetime
    until: AwareDatetime
    change: EntitlementChange | None = Field(default=None, exclude_if=operator.not_)
    coverage: CaseCoverage | None = Field(default=None, exclude_if=operator.not_)

    @property
    def text(self) -> str:
        """One line for people."""
        price = f" at {self.overage_price}" if self.overage_price else ""
        return (
            f"entitlement {self.entitlement} has nothing left ({self.used} of {self.cap}): one more{price}? "
            f"Decide until {self.until:%Y-%m-%d %H:%M}Z; after that it counts as no"
        )


class HoursQuestion(Value):
    """A decision on what a time entry took beyond a cap. The work is on record; the question is whether it is billed.

    Attributes:
        entry: the time entry.
        entitlement: whose cap it is.
        minutes: beyond it.
        overage_price: of one hour.
        worked_at: when the work was done.
        until: without a decision by then it counts as no.
    """

    entry: str
    entitlement: str
    minutes: int
    overage_price: str | None
    worked_at: AwareDatetime
    until: AwareDatetime

    @property
    def overage(self) -> str:
        """What it is about, for people."""
        price = f", at {self.overage_price} an hour" if self.overage_price else ""
        amount = amount_text(self.minutes, HOURS)
        return f"{amount} of time entry {self.entry} beyond the cap of entitlement {self.entitlement}{price}"

    @property
    def text(self) -> str:
        """One line for people."""
        return f"bill {self.overage}? Decide until {self.until:%Y-%m-%d %H:%M}Z; after that it counts as no"


class ActionOrder(Value):
    """One action to be carried out once, whatever happens: its receiver knows it by `call.key`.

    Attributes:
        context: what templates see: `case`, `milestone`, `entitlement`, `account`.
        error: why it failed for good; None while it is to be done.
    """

    case_id: CaseId
    milestone: str
    trigger: str
    kind: TriggerKind
    due_at: AwareDatetime
    at: AwareDatetime
    call: ActionCall
    context: dict[str, Any]
    error: str | None = Field(default=None, exclude_if=lambda value: value is None)


class ActionFailure(Value):
    """An action that failed for good."""

    key: str
    error: str


class ActionOutcome(Value):
    """An action that was done, or dropped because it had expired.

    Attributes:
        key: the effect's.
        do: its kind.
        at: when it was ordered, by the case's clock.
        dropped: why it was worth nothing any more; None: it was done.
    """

    key: str
    do: str
    milestone: str
    at: AwareDatetime
    dropped: str | None = Field(default=None, exclude_if=operator.not_)


class Stuck(Value):
    """A step of time that failed unexpectedly: what was due stays due and is tried again.

    Attributes:
        since: when it first failed.
        tries: how often it has failed.
        again_at: when it is tried next, by the case's clock.
    """

    since: AwareDatetime
    tries: int
    again_at: AwareDatetime


class CaseState(BaseModel):
    """A case in full: after continue-as-new it goes on from this, and the store keeps it for a reopening.

    Attributes:
        format: which shape this is. A build that does not know a key ignores it.
        prompt: a decision that the case waits for.
        questions: decisions on the overage of its time entries that are still open.
        runs: how many runs the case has had.
        records: how many records of the case there are so far.
        recorded_notes: how many of its notes are among them.
        ahead: how far the case's own clock is ahead of the workflow's.
        orders: actions that are not known to be done, in the order in which they are sent.
        failed: actions that failed for good, by key; they can be retried by hand.
        unrecorded: effects that the store has not confirmed.
        failures: actions that failed for good, of which the store does not know.
        stuck: the step of time that fails; None: time passes as it should.
        events: how many events of the feed it has so far; 0: it began before the feed, and writes none yet.
        outcomes: of its actions, of which the feed does not know; they go with the next record.
    """

    model_config = ConfigDict(extra="ignore")

    format: int = FORMAT
    plan: Plan
    state: TimelineState
    account: str | None = None
    entitlement: str | None = None
    prompt: OveragePrompt | None = None
    questions: list[HoursQuestion] = Field(default_factory=list, exclude_if=operator.not_)
    runs: int = 1
    records: int = 1
    recorded_notes: int = 0
    ahead: timedelta = timedelta()
    orders: list[ActionOrder] = Field(default_factory=list, exclude_if=operator.not_)
    failed: dict[str, ActionOrder] = Field(default_factory=dict)
    unrecorded: list[Noted | TriggerFired] = Field(default_factory=list, exclude_if=operator.not_)
    failures: list[ActionFailure] = Field(default_factory=list, exclude_if=operator.not_)
    stuck: Stuck | None = Field(default=None, exclude_if=operator.not_)
    events: int = Field(default=0, exclude_if=operator.not_)
    outcomes: list[ActionOutcome] = Field(default_factory=list, exclude_if=operator.not_)
