"""What travels between the parts: the intake of a case, its answers, its records and the orders for its actions.

All of it is JSON on the wire, so that a client in any language can speak it. The requests to a running case are the
events of `domain.timeline.events` without their `type`, which the name of the update or signal says.
"""

from __future__ import annotations

import operator
from datetime import timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from domain.frozen import FrozenCalendar
from domain.ids import CaseId, Reference
from domain.messages.coverage import CaseCoverage
from domain.model import Value
from domain.process import ActionCall, TriggerKind
from domain.timeline.effects import Noted, TriggerFired
from domain.timeline.events import CaseReopened
from domain.timeline.plan import Plan
from domain.timeline.state import TimelineState
from domain.timeline.views import CaseView


class CarriedCase(Value):
    """A case that goes on in another run: after continue-as-new, or reopened with what the store kept.

    Attributes:
        prompt: a decision that the case waits for.
        questions: decisions on the overage of its time entries that are still open; not written where there are none.
        runs: how many runs the case has had.
        records: how many records of the case there are so far.
        recorded_notes: how many of its notes are among them.
        ahead: how far the case's own clock is ahead of the workflow's.
        failed: actions that failed for good, by key; they can be retried by hand.
    """

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
    failed: dict[str, ActionOrder] = Field(default_factory=dict)


class CaseIntake(Value):
    """The one argument with which a case is opened.

    Attributes:
        entitlement: the case is opened *from* this entitlement instead of looking for one.
        business_hours: a calendar of the case's own, by its name in the catalog.
        fields: values of the declared fields.
        opened_at: when the case was opened; now, if left out.
        clock: gives the case a clock of its own that starts at this instant; for replays and simulations.
        carried: set by Milepost itself when the case goes on in another run.
        reopened: with what was carried from a closed case: it is taken up again.
    """

    case_id: CaseId
    account: Reference | None = None
    contact: Reference | None = None
    asset: Reference | None = None
    service_contract: Reference | None = None
    contract_line_item: Reference | None = None
    entitlement: Reference | None = None
    product: Reference | None = None
    channel: Reference | None = None
    business_hours: Reference | None = None
    fields: dict[str, Any] = Field(default_factory=dict)
    opened_at: AwareDatetime | None = None
    by: str | None = None
    clock: AwareDatetime | None = None
    carried: CarriedCase | None = None
    reopened: CaseReopened | None = None


class EntitlementChange(Value):
    """Asks a case to go over to another entitlement.

    Attributes:
        entitlement: its id; None: the case goes on without one.
        from_opening: the choice before was wrong: the new process is entered at the opening, not at the change.
    """

    event_id: str = Field(min_length=1, max_length=200)
    occurred_at: AwareDatetime
    by: str | None = None
    reason: str | None = None
    entitlement: Reference | None = None
    from_opening: bool = False


class Migration(Value):
    """Asks a case to go on under another version of its process, and under its calendars as they are now.

    Attributes:
        process_version: None: the latest.
    """

    event_id: str = Field(min_length=1, max_length=200)
    occurred_at: AwareDatetime
    by: str | None = None
    reason: str | None = None
    process_version: int | None = Field(default=None, ge=1)


class OverageChoice(Value):
    """Decides about an entitlement that had nothing left for the case: yes takes one more at the overage price.

    Attributes:
        entry: decides about what this time entry took beyond a cap instead: yes bills it, no leaves it uncovered.
    """

    event_id: str = Field(min_length=1, max_length=200)
    occurred_at: AwareDatetime
    by: str = Field(min_length=1, max_length=200)
    reason: str | None = Field(default=None, max_length=1000)
    approved: bool
    entry: Reference | None = None


class OveragePrompt(Value):
    """A decision that a case waits for.

    Attributes:
        entitlement: that had nothing left: `used` of `cap`.
        overage_price: of one more.
        occurred_at: when the case was opened, or was to go over to the entitlement: decides the period.
        until: without a decision by then it counts as no.
        change: that was asked for. The case has what it had meanwhile, and after a no as well. None: it was opened so,
            and falls back.
    """

    entitlement: str
    overage_price: str | None
    used: int
    cap: int
    occurred_at: AwareDatetime
    until: AwareDatetime
    change: EntitlementChange | None = Field(default=None, exclude_if=operator.not_)

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
        return f"{self.minutes} min of time entry {self.entry} beyond the cap of entitlement {self.entitlement}{price}"

    @property
    def text(self) -> str:
        """One line for people."""
        return f"bill {self.overage}? Decide until {self.until:%Y-%m-%d %H:%M}Z; after that it counts as no"


class TimeLogged(Value):
    """Work was done on the case.

    Attributes:
        id: of the time entry; it counts once.
        minutes: as they were worked.
        worked_at: decides the period; `occurred_at`, if left out.
    """

    event_id: str = Field(min_length=1, max_length=200)
    occurred_at: AwareDatetime
    by: str | None = None
    id: Reference
    minutes: int = Field(ge=1, le=31 * 24 * 60)
    worked_at: AwareDatetime | None = None
    note: str | None = Field(default=None, max_length=1000)


class TimeTaken(Value):
    """What a time entry took.

    Attributes:
        lines: one for each entitlement that it went to.
        question: somebody has to decide about the part beyond the cap.
    """

    lines: list[str]
    question: HoursQuestion | None = None


class Answer(Value):
    """What a request to a case comes to.

    Attributes:
        outcome: `taken`; `already` if it changed nothing because things stood so; `repeated` if its event_id was taken
            before.
        notes: what followed from it, one line each.
        coverage: of an opening: how the case came by its entitlement, and why not by any other; not written of another
            request, nor while somebody has to decide.
    """

    outcome: Literal["taken", "already", "repeated"]
    notes: list[str]
    case: CaseView
    coverage: CaseCoverage | None = Field(default=None, exclude_if=operator.not_)


# --- activities: what a workflow asks to be done ---

CASE_WORKFLOW = "CaseWorkflow"

OPEN_CASE = "open_case"
RECORD_CASE = "record_case"
FREEZE_CALENDARS = "freeze_calendars"
PLAN_ENTITLEMENT_CHANGE = "plan_entitlement_change"
PLAN_MIGRATION = "plan_migration"
DECIDE_OVERAGE = "decide_overage"
LOG_TIME = "log_time"


class CaseOpening(Value):
    """Asks for the plan of a new case: coverage, usage and calendars, frozen; writes its opening record.

    Attributes:
        opened_at: by the case's own clock.
        now: the case's clock when it asks.
        ahead: how far that clock is ahead of the workflow's.
    """

    intake: CaseIntake
    opened_at: AwareDatetime
    now: AwareDatetime
    ahead: timedelta = timedelta()


class EntitlementChangePlan(Value):
    """Asks for the plan of a case under another entitlement, of which it takes one.

    Attributes:
        event_id: of the request: asked once more under another, the entitlement looks again at what it has left.
    """

    intake: CaseIntake
    event_id: str = ""
    entitlement: Reference | None
    opened_at: AwareDatetime
    now: AwareDatetime


class OverageDecided(Value):
    """Asks for what follows from a decision, and for the plan that it leads to."""

    intake: CaseIntake
    prompt: OveragePrompt
    choice: OverageChoice
    opened_at: AwareDatetime
    now: AwareDatetime


class HoursDecided(Value):
    """Asks an entitlement to write down what was decided on a time entry."""

    intake: CaseIntake
    question: HoursQuestion
    choice: OverageChoice
    now: AwareDatetime


class TimeToTake(Value):
    """Asks to take work done from the entitlements of hours that match."""

    intake: CaseIntake
    entry: TimeLogged
    now: AwareDatetime


class MigrationPlan(Value):
    """Asks for the plan of a running case under another version of its process and its calendars as they are now.

    Attributes:
        earliest: the calendars have to reach back to here.
        process_version: None: the latest.
    """

    plan: Plan
    earliest: AwareDatetime
    now: AwareDatetime
    process_version: int | None = None


class MigratedPlan(Value):
    """The plan that a migration leads to."""

    plan: Plan


class OpenedCase(Value):
    """The plan of a new case, or of one that goes over to another entitlement, and how it came by that.

    Attributes:
        fields: of the intake, checked against the declared ones and normalised.
        coverage: how a new case came by its entitlement; None while somebody has to decide first.
        prompt: somebody has to decide first; until then a new case runs without an entitlement and without a process,
            and any other as before.
    """

    plan: Plan
    fields: dict[str, Any] = Field(default_factory=dict)
    account: str | None = None
    entitlement: str | None = None
    coverage: CaseCoverage | None = Field(default=None, exclude_if=operator.not_)
    prompt: OveragePrompt | None = None


class CaseRecord(Value):
    """The case as it stands, for the store. The newest counts, by `run`, then `history`, then `number`.

    A record may come of an attempt at a step that the server never took: a worker that was killed, a step done again
    because news came in between. What the case says after that has a longer history, and takes the place of all that
    the attempt has written.

    Attributes:
        run: which run of the case it comes from.
        history: events in the history of that run when it was written.
        number: grows with every record of a case, over all its runs.
        notes: what was noted since the last record, from `notes_from` on.
        actions: the triggers fired since then, with their actions; field updates among them have taken effect.
        carried: what another run goes on from: a reopening of the case, when it is closed.
    """

    run: int = 1
    history: int
    number: int
    notes_from: int
    run_id: str
    account: str | None
    entitlement: str | None
    view: CaseView
    notes: list[Noted] = Field(default_factory=list)
    fired: list[TriggerFired] = Field(default_factory=list)
    failures: list[ActionFailure] = Field(default_factory=list)
    carried: CarriedCase


class ActionOrder(Value):
    """One action to be carried out once, whatever happens: its receiver knows it by `call.key`.

    Attributes:
        context: what templates see: `case`, `milestone`, `entitlement`, `account`.
    """

    case_id: CaseId
    milestone: str
    trigger: str
    kind: TriggerKind
    due_at: AwareDatetime
    at: AwareDatetime
    call: ActionCall
    context: dict[str, Any]


class ActionFailure(Value):
    """An action that failed for good."""

    key: str
    error: str


class ActionRetry(Value):
    """Asks for a failed action to be tried again, under the key that it has."""

    key: str
    by: str | None = None


class HorizonRequest(Value):
    """Asks for the calendars of a plan again, over a longer horizon."""

    plan: Plan
    now: AwareDatetime


class Horizon(Value):
    """The same calendars over a longer horizon."""

    calendars: dict[str, FrozenCalendar]


CarriedCase.model_rebuild()
CaseIntake.model_rebuild()
CaseRecord.model_rebuild()
