"""What travels to and from an entitlement: its terms, what is taken of it, its answers, its records and its orders.

All of it is JSON on the wire, so that a client in any language can speak it.

Amounts are whole numbers in the smallest measure of the unit: minutes for ``hours``, one by one for everything else
(`domain.units`). Only an `Allowance`, as the catalog declares it, counts in hours.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from domain.catalog_allowance import Allowance
from domain.effects import ActionCall
from domain.frozen_periods import FrozenPeriods, Term
from domain.messages import CaseId, Reference
from domain.usage_state import ConsumptionRecord, PeriodRecord, UsageState

ENTITLEMENT_WORKFLOW = "EntitlementWorkflow"
CONSUME = "consume"
CONSUME_MANY = "consume_many"
BALANCE = "balance"
ENTITLEMENT_OVERFLOWED = "entitlement_overflowed"
"""The signal by which a case learns that an entitlement had nothing left for it."""

RECORD_CONSUMPTIONS = "record_consumptions"
FREEZE_PERIODS = "freeze_periods"
PERFORM_USAGE_ACTION = "perform_usage_action"

MOST_AT_ONCE = 500
"""Consumptions that one `consume_many` takes."""

MOST_UPDATES_A_RUN = 1_800
"""Updates after which a run goes on in the next. The server ends a run's updates at 2,000."""

EntitlementId = CaseId


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def workflow_id(entitlement_id: str) -> str:
    """The id of the workflow of an entitlement."""
    return f"entitlement/{entitlement_id}"


# --- the terms ---


class Outbox(BaseModel):
    """What is still to be told, and what could not be; whatever is not confirmed when a run ends, the next does again.

    Attributes:
        records: of consumptions, for the store; it knows them by their numbers.
        periods: likewise.
        signals: overflows that their cases have not been told of.
        mails: overflows that the account's manager has not been told of.
        orders: actions not carried out yet; their receivers know them by their keys.
        failures: actions that failed for good.
        unknown: signals that an entitlement does not understand: how many, by name.
    """

    model_config = ConfigDict(extra="forbid")

    records: list[ConsumptionRecord] = Field(default_factory=list)
    periods: list[PeriodRecord] = Field(default_factory=list)
    signals: list[EntitlementOverflowed] = Field(default_factory=list)
    mails: list[EntitlementOverflowed] = Field(default_factory=list)
    orders: list[UsageActionOrder] = Field(default_factory=list)
    failures: list[UsageActionFailure] = Field(default_factory=list)
    unknown: dict[str, int] = Field(default_factory=dict)


class CarriedUsage(_Message):
    """An entitlement that goes on in another run.

    Attributes:
        ahead: how far its own clock is ahead of the workflow's.
    """

    state: UsageState
    outbox: Outbox
    ahead: timedelta = timedelta()


class EntitlementTerms(_Message):
    """The one argument with which the workflow of an entitlement is started.

    Attributes:
        account: its account's id.
        name: for people.
        allowance: unit, cap, overflow policy and thresholds.
        periods: over which the cap is counted, frozen (`domain.periods.freeze`).
        manager: mail address of the one who is told of every overflow; None: nobody is.
        clock: gives the entitlement a clock of its own that starts at this instant; for replays and simulations.
        carried: set by Milepost itself when the entitlement goes on in another run.
    """

    entitlement_id: EntitlementId
    account: Reference
    name: str = Field(default="", max_length=200)
    allowance: Allowance
    periods: FrozenPeriods
    manager: str | None = Field(default=None, max_length=254)
    clock: AwareDatetime | None = None
    carried: CarriedUsage | None = None


# --- what is taken ---


class Consumption(_Message):
    """Something is taken.

    Attributes:
        reference: what it is taken for: the id of the case, time entry or visit. It counts once, over the whole term.
        event_id: of this request: sent again under the same id it gets the same answer, and nobody is told twice. A new
            attempt for the same reference has a new one.
        amount: in the smallest measure of the unit.
        unit: a mistake if it is not the entitlement's.
        occurred_at: when the case was opened, the work done, the visit dispatched: decides the period. Now, if omitted.
        case_id: who is told if there is not enough.
        by: who takes it.
    """

    reference: Reference
    event_id: str = Field(min_length=1, max_length=200)
    amount: PositiveInt = 1
    unit: str | None = None
    occurred_at: AwareDatetime
    case_id: CaseId | None = None
    by: str | None = Field(default=None, max_length=200)


Outcome = Literal["granted", "already", "overflow", "refused"]


class Consumed(_Message):
    """What a consumption comes to.

    Attributes:
        outcome: `granted`; `already` if this reference took its part before; `overflow` if not enough is left (nothing
            was taken; the case and the manager are told); `refused` if it cannot be taken from this entitlement at all.
        reason: why it was refused.
        period: the number of the period it belongs to, from 0, and that period's first date.
        used: of that period, after it.
        cap: of that period; None: unlimited.
        remaining: never below 0; None: unlimited.
    """

    reference: str
    outcome: Outcome
    reason: str | None = None
    unit: str
    period: int | None = None
    first_day: date | None = None
    used: NonNegativeInt = 0
    cap: NonNegativeInt | None = None
    remaining: NonNegativeInt | None = None

    @property
    def is_taken(self) -> bool:
        """Whether the entitlement covers the reference."""
        return self.outcome in {"granted", "already"}


class EntitlementOverflowed(_Message):
    """Tells a case (and the account's manager) that an entitlement had not enough left for it."""

    event_id: str
    entitlement_id: EntitlementId
    reference: str
    case_id: CaseId | None
    number: int
    occurred_at: AwareDatetime
    unit: str
    amount: int
    used: int
    cap: int
    period: int
    first_day: date | None


# --- changes by hand ---


class _Change(_Message):
    """Who changes it, and why; under one `event_id` it is changed once."""

    event_id: str = Field(min_length=1, max_length=200)
    by: str = Field(min_length=1, max_length=200)
    reason: str = Field(min_length=1, max_length=1000)


class CapAmended(_Change):
    """The cap changes, from the current period on; in the unit, as a catalog declares it. None: unlimited."""

    cap: NonNegativeInt | None


class UsageAdjusted(_Change):
    """More was taken than is counted (or, if negative, less), in the period of an instant: now, if omitted."""

    amount: int
    occurred_at: AwareDatetime | None = None


class ConsumptionReversed(_Change):
    """All that a reference took is given back, in the period in which it was taken."""

    reference: Reference


class EntitlementCancelled(_Change):
    """From now on nothing is taken."""


UsageChange = CapAmended | UsageAdjusted | ConsumptionReversed | EntitlementCancelled

# --- the balance ---

EntitlementStatus = Literal["inactive", "active", "expired", "cancelled"]


class PeriodBalance(_Message):
    """What was taken in one period. `usage_percent` is None without a cap, or with one of 0."""

    period: int
    first_day: date | None
    starts_at: AwareDatetime | None
    ends_before: AwareDatetime | None
    used: NonNegativeInt
    cap: NonNegativeInt | None
    remaining: NonNegativeInt | None
    usage_percent: Annotated[float, Field(ge=0)] | None
    overflows: NonNegativeInt
    thresholds_passed: list[str]


class Balance(_Message):
    """An entitlement as it stands at one instant.

    Attributes:
        current: the period of that instant; before the term its first, after it its last.
        past: the periods before it in which something was taken or asked for, the latest first.
        changes_at: when the count starts anew, or the term ends.
    """

    entitlement_id: EntitlementId
    account: str
    name: str
    unit: str
    at: AwareDatetime
    status: EntitlementStatus
    current: PeriodBalance
    past: list[PeriodBalance]
    changes_at: AwareDatetime | None
    failures: list[UsageActionFailure] = Field(default_factory=list)


# --- activities ---


class UsageRecords(_Message):
    """News for the store. Each may come more than once: a consumption is known by its number, a period by its own."""

    entitlement_id: EntitlementId
    account: str
    unit: str
    consumptions: list[ConsumptionRecord]
    periods: list[PeriodRecord]


class UsageActionOrder(_Message):
    """One action to be carried out once, whatever happens: its receiver knows it by `call.key`.

    Attributes:
        cause: ``threshold`` or ``overflow``.
        context: what templates see: `entitlement`, `account`, `usage`.
    """

    entitlement_id: EntitlementId
    cause: Literal["threshold", "overflow"]
    at: AwareDatetime
    call: ActionCall
    context: dict[str, Any]


class UsageActionFailure(_Message):
    """An action that failed for good."""

    key: str
    error: str


class PeriodsRequest(_Message):
    """Asks for the periods of a term again, over the horizon that it has now."""

    allowance: Allowance
    term: Term
    now: AwareDatetime


Outbox.model_rebuild()
CarriedUsage.model_rebuild()
EntitlementTerms.model_rebuild()
Balance.model_rebuild()
