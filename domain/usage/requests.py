"""What travels to and from an entitlement: its terms, what is asked of it, and its answers.

All of it is JSON on the wire, so that a client in any language can speak it. What an entitlement wants done by others
is in `domain.usage.effects`.

Amounts are whole numbers in the smallest measure of the unit: minutes for ``hours``, one by one for everything else
(`domain.usage.units`). Only an `Allowance`, as the catalog declares it, and a cap that is amended count in hours:
`8`, or `7h30m` (`domain.usage.quantities`).
"""

from __future__ import annotations

import operator
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from domain.bounds import MOST_AMOUNT, MOST_ENTRY_MINUTES, Format, Instant, Words, clean
from domain.ids import CaseId, EntitlementId, EventId, Reference
from domain.model import Value
from domain.open_time.spans import Span
from domain.usage.allowance import Allowance, Overflow
from domain.usage.effects import CatalogChange, FailedUsageAction, UsageActionFailure, UsageActionOrder
from domain.usage.periods import FrozenPeriods
from domain.usage.quantities import Quantity
from domain.usage.rates import EntryRates, RateRow
from domain.usage.rows import LedgerRow
from domain.usage.state import PeriodRecord, UsageState
from domain.usage.term_end import TermEnd
from domain.usage.units import MINUTES_PER_HOUR

ENTITLEMENT_WORKFLOW = "EntitlementWorkflow"
CONSUME = "consume"
CONSUME_MANY = "consume_many"
LOG_HOURS = "log_hours"
APPROVE_OVERAGE = "approve_overage"
REVERSE = "reverse"
ADJUST = "adjust"
AMEND = "amend"
CANCEL = "cancel"
RENEW = "renew"
CARRY_IN = "carry_in"
CARRY_BACK = "carry_back"
COVER_OVERAGE = "cover_overage"
VOID_OVERAGE = "void_overage"
GRANT = "grant"
RETRY_ACTION = "retry_action"
BALANCE = "balance"
HAS_TAKEN = "has_taken"
ENTITLEMENT_OVERFLOWED = "entitlement_overflowed"
"""The signal by which a case learns that an entitlement had nothing left for it."""

TERMS_ARE_READ = "its terms are being read; ask again in a moment"
"""What an entitlement says to a question that comes before its terms."""

MOST_AT_ONCE = 1000
"""Consumptions that one `consume_many` takes."""

MOST_UPDATES_A_RUN = 1_800
"""Updates after which a run goes on in the next. The server ends a run's updates at 2,000."""

MOST_TOLD = 10**15
"""Of a number that a count tells others. Every client's JSON holds it."""


def workflow_id(entitlement_id: str) -> str:
    """The id of the workflow of an entitlement."""
    return f"entitlement/{entitlement_id}"


# --- the terms ---


class Outbox(BaseModel):
    """What is still to be told, and what could not be; whatever is not confirmed when a run ends, the next does again.

    Attributes:
        rows: of the ledger, for the store; it knows them by their numbers.
        periods: likewise.
        signals: overflows that their cases have not been told of.
        mails: overflows that the account's manager has not been told of.
        orders: actions not carried out yet; their receivers know them by their keys.
        deeds: what is still to be done, in this order.
        failures: what failed for good.
        failed: the orders of those that can be tried again by hand.
        untold: actions that failed for good, of which the store does not know.
        unknown: signals that an entitlement does not understand: how many, by name.
    """

    model_config = ConfigDict(extra="forbid")

    rows: list[LedgerRow] = Field(default_factory=list)
    periods: list[PeriodRecord] = Field(default_factory=list)
    signals: list[EntitlementOverflowed] = Field(default_factory=list)
    mails: list[EntitlementOverflowed] = Field(default_factory=list)
    orders: list[UsageActionOrder] = Field(default_factory=list)
    deeds: list[CatalogChange] = Field(default_factory=list)
    failures: list[UsageActionFailure] = Field(default_factory=list)
    failed: list[UsageActionOrder] = Field(default_factory=list, exclude_if=operator.not_)
    untold: list[FailedUsageAction] = Field(default_factory=list, exclude_if=operator.not_)
    unknown: dict[str, int] = Field(default_factory=dict)


class CarriedUsage(Value):
    """An entitlement that goes on in another run.

    Attributes:
        ahead: how far its own clock is ahead of the workflow's.
        faults: how many requests and steps of time failed in a way that nobody expected; not written where it is 0.
    """

    state: UsageState
    outbox: Outbox
    ahead: timedelta = timedelta()
    faults: int = Field(default=0, exclude_if=operator.not_)


RULES = 7
"""Of counts that begin now. Since 2 nobody hears of a term that was over before the count began, also if what was left
of its periods is carried over. Since 3 the renewals contact hears what was unused of what is cancelled. Since 5 what
was taken before the opening balance has a row. Since 6 what a new end left out gives back what grants have paid of it,
and its override is withdrawn after its day, too; a yes after several no's is billed as it was asked; a changed
threshold counts from the current period on; and what is renewed, or told of, at its end is not amended to end on
9999-12-31, which is no end. Since 7 lists of what it remembers are bounded in bytes, too
(`domain.usage.weighing`)."""


Measured = Annotated[NonNegativeInt, Field(le=MOST_AMOUNT * MINUTES_PER_HOUR)]
"""What another count had, in the smallest measure of its unit: as much as a cap may come to."""

Mail = Annotated[str, Field(max_length=254), AfterValidator(clean)]
"""The address of somebody to write to."""


class OpeningBalance(Value):
    """What was used of an entitlement before it was counted here.

    Attributes:
        at: the first instant that is counted; of what was taken before, this says all.
        used: of the period of `at`, in the smallest measure of the unit.
        carried: from the period before.
    """

    at: Instant
    used: Measured = 0
    carried: Measured = 0


class EntitlementTerms(Value):
    """What an entitlement is counted by, as the catalog declares it when the count begins.

    Attributes:
        account: its account's id.
        name: for people.
        allowance: unit, cap, overflow policy and thresholds.
        term_end: what becomes of it when its term ends.
        periods: over which the cap is counted, frozen (`domain.usage.freezing.freeze`).
        manager: mail address of the one who is told of every overflow; None: nobody is.
        renewals_mail: of the one who is told what was left when a term ends; None: the manager.
        opening: what was used of it elsewhere; None: nothing.
        clock: see `EntitlementStart`.
        rules: the version of the rules by which it is counted, over all its runs; not written where it is 1.
        carried: of a run that began before `EntitlementStart` was the argument.
    """

    entitlement_id: EntitlementId
    account: Reference
    name: Words = ""
    allowance: Allowance
    term_end: TermEnd = TermEnd()
    periods: FrozenPeriods
    manager: Mail | None = None
    renewals_mail: Mail | None = None
    opening: OpeningBalance | None = Field(default=None, exclude_if=lambda opening: opening is None)
    clock: Instant | None = None
    rules: int = Field(default=1, ge=1, exclude_if=lambda version: version == 1)
    carried: CarriedUsage | None = None


FORMAT = 2
"""Of `EntitlementStart`: a run that is handed a higher one waits for a newer build. Before, terms were the argument."""

PUTS_AWAY = 3
"""The format of what is carried by a run that has put references away into the store (`domain.usage.keeping`)."""


class EntitlementStart(Value):
    """The one argument with which the workflow of an entitlement is started: its id, which the workflow's id repeats.

    Its terms are read from the store. What Milepost sets when the entitlement goes on in another run counts in such a
    run only, whoever sends it.

    Attributes:
        clock: gives the entitlement a clock of its own that starts at this instant; for replays and simulations.
        format: of what is carried.
        terms: set by Milepost itself when the entitlement goes on in another run.
        carried: likewise.
    """

    entitlement_id: EntitlementId
    clock: Instant | None = None
    format: Format = FORMAT
    terms: EntitlementTerms | None = None
    carried: CarriedUsage | None = None


# --- what is taken ---

WhoWhy = Annotated[Words, Field(min_length=1)]
"""A name or a reason that has to be given."""


class Consumption(Value):
    """Something is taken: a case is opened, a visit dispatched.

    Attributes:
        reference: what it is taken for: the id of the case or visit. It counts once, over the whole term.
        event_id: of this request: sent again under the same id it gets the same answer, and nobody is told twice. A new
            attempt for the same reference has a new one.
        amount: in the smallest measure of the unit.
        unit: a mistake if it is not the entitlement's.
        occurred_at: when the case was opened, the visit dispatched: decides the period. Now, if omitted.
        case_id: the case that hears of it, by a signal, if not enough is left.
        by: who takes it.
        yields: if not enough is left, nothing of it goes on record and the answer is `exhausted`: another that has
            something left is asked first.
    """

    reference: Reference
    event_id: EventId
    amount: PositiveInt = Field(default=1, le=MOST_AMOUNT)
    unit: Reference | None = None
    occurred_at: Instant
    case_id: CaseId | None = None
    by: Words | None = None
    yields: bool = Field(default=False, exclude_if=operator.not_)


class TimeEntry(Value):
    """Work was done.

    Attributes:
        id: it counts once, over the whole term.
        minutes: as they were worked; grace, minimum and rounding of the allowance come before anything else.
        worked_at: decides the period.
        case_id: of which it was worked.
        by: who worked.
        note: goes on record.
        has_fallback: another entitlement follows that takes what is over the cap here (if the policy is to fall back).
        is_rest: what another entitlement left over: it is not rounded again.
        yields: as of `consume`: if nothing is left at all, nothing goes on record and the answer is `exhausted`.
        paid: of a rest: so many minutes of the entry, its first ones, others have taken.
        rates: set by Milepost, which works out what its minutes count; leave it out where the allowance has no rates.
            `by` names the table of rates, `parts` say in order from when on which rate counts.
        event_id: of the request by which it was logged, for the ledger: so a request that asks again knows itself.
    """

    id: Reference
    minutes: int = Field(ge=1, le=MOST_ENTRY_MINUTES)
    worked_at: Instant
    case_id: CaseId | None = None
    by: Words | None = None
    note: Words | None = None
    has_fallback: bool = False
    is_rest: bool = False
    yields: bool = Field(default=False, exclude_if=operator.not_)
    paid: int = Field(default=0, ge=0, le=2 * MOST_ENTRY_MINUTES, exclude_if=operator.not_)
    rates: EntryRates | None = Field(default=None, exclude_if=lambda rates: rates is None)
    event_id: EventId | None = Field(default=None, exclude_if=lambda event_id: event_id is None)


class OverageDecision(Value):
    """What somebody decided about an overflow that was asked about: yes takes it at the overage price, no does not.

    Attributes:
        reference: the case, visit or time entry.
        approved: yes or no.
        by: who decides.
        reason: why; both go on record.
        amount: of a case or visit, as it was asked for. A time entry's overage is known.
        occurred_at: of a case or visit, as it was asked for: when it was opened or dispatched.
        case_id: of which it is.
    """

    reference: Reference
    event_id: EventId
    approved: bool
    by: WhoWhy
    reason: WhoWhy
    amount: PositiveInt = Field(default=1, le=MOST_AMOUNT)
    occurred_at: Instant
    case_id: CaseId | None = None


Outcome = Literal["granted", "already", "overflow", "blocked", "prompt", "refused", "exhausted"]


class Consumed(Value):
    """What a request comes to.

    Attributes:
        outcome: `granted`; `already` if this reference took its part before; `overflow`, `blocked` or `prompt` if not
            enough is left, by the policy (of a case or visit nothing was taken then; case and manager are told);
            `refused` if it cannot be taken from this entitlement at all; `exhausted` if not enough is left and the
            request yields to another.
        reason: why it was refused.
        period: the number of the period it belongs to, from 0, and that period's first date; None if an amended end
            or a cancellation has taken that period away.
        used: of that period, after it.
        cap: of that period, with what was carried over; None: unlimited.
        remaining: never below 0; None: unlimited.
        taken: of this request, within the cap or paid by a grant.
        granted: of that, what a grant has paid.
        grant_left: what grants still pay of its instant.
        worked: of a time entry: its minutes as they were worked, where they are not what it took and left over.
        overage: of this request, beyond it.
        left_over: of a time entry: what the next entitlement is to take.
        overage_price: of one unit beyond the cap, with `prompt`.
        prompt_within: how long a decision may take, at most two years; with `prompt`. In the hours of the entitlement,
            else of its process, else of the organisation.
        rates: with `refused`: the entry was not rated by these, which are those of its period; rate it, and ask again.
        is_reversed: with `already`: what it took was given back, and it takes nothing more. Left out where it is not.
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
    taken: NonNegativeInt = 0
    overage: NonNegativeInt = 0
    left_over: NonNegativeInt = 0
    overage_price: str | None = None
    prompt_within: Span | None = None
    granted: NonNegativeInt = Field(default=0, exclude_if=operator.not_)
    grant_left: NonNegativeInt = Field(default=0, exclude_if=operator.not_)
    worked: NonNegativeInt = Field(default=0, exclude_if=operator.not_)
    rates: list[RateRow] | None = Field(default=None, exclude_if=lambda rates: rates is None)
    is_reversed: bool = Field(default=False, exclude_if=operator.not_)

    @property
    def minutes(self) -> int:
        """How many minutes of work a time entry came to, with what was left over."""
        return self.worked or self.taken + self.overage + self.left_over

    @property
    def is_taken(self) -> bool:
        """Whether the entitlement covers the reference."""
        return self.outcome in {"granted", "already"} and not self.is_reversed


Told = Annotated[int, Field(ge=-MOST_TOLD, le=MOST_TOLD)]
"""A number that a count tells others: a sum, which may be more than any one message may ask for."""


class EntitlementOverflowed(Value):
    """Tells a case (and the account's manager) that an entitlement had not enough left for it.

    Attributes:
        amount: how much there was not enough for; of a time entry the part over the cap.
        cap: with what was carried over.
        policy: what follows.
    """

    event_id: EventId
    entitlement_id: EntitlementId
    reference: Reference
    case_id: CaseId | None
    number: Told
    occurred_at: Instant
    unit: Reference
    amount: Told
    used: Told
    cap: Told
    period: Told
    first_day: date | None
    policy: Overflow = Overflow.FALLBACK
    overage_price: Words | None = None
    prompt_within: Span | None = None


# --- changes by hand ---


class _Change(Value):
    """Who changes it, and why; under one `event_id` it is changed once.

    Attributes:
        by: who changes it.
        reason: why; both go on record.
    """

    event_id: EventId
    by: WhoWhy
    reason: WhoWhy


class AccountMails(Value):
    """Whom of an account to write to, as the account is declared now: see `EntitlementTerms`."""

    manager: Mail | None = None
    renewals_mail: Mail | None = None


class EntitlementAmended(_Change):
    """The cap changes, from the current period on, the last date, or the rules. What is left out stays as it is.

    Attributes:
        cap: in the unit, as a catalog declares it.
        ends_on: of the term, in the account's zone: today or later.
        allowance: policy, prices, thresholds and so on as a catalog declares them now (its cap is not looked at); unit,
            periods and whether anything is carried over stay as they are.
        term_end: what becomes of it at its term's end, and the notices before, likewise.
        mails: whom of the account to write to from now on.
        unit, account, starts_on: stay as they are; one that differs is refused.
        amends: the terms that it is a change of, as `Balance.terms` has them; others are refused. None: whichever.
    """

    cap: Literal["unlimited"] | Quantity | None = None
    ends_on: date | Literal["never"] | None = None
    allowance: Allowance | None = None
    term_end: TermEnd | None = None
    mails: AccountMails | None = None
    unit: Reference | None = None
    account: Reference | None = None
    starts_on: date | None = None
    amends: Reference | None = Field(default=None, exclude_if=operator.not_)


class UsageAdjusted(_Change):
    """More was taken than is counted (or, if negative, less).

    Attributes:
        amount: how much more, in the smallest measure of the unit.
        occurred_at: an instant of the period; None: now.
    """

    amount: int = Field(ge=-MOST_AMOUNT, le=MOST_AMOUNT)
    occurred_at: Instant | None = None


class ConsumptionReversed(_Change):
    """All that a reference took is given back, its overage too, in the period in which it was taken.

    Attributes:
        reference: the visit or time entry.
    """

    reference: Reference


class EntitlementCancelled(_Change):
    """From an instant on nothing is taken.

    Attributes:
        at: ahead or behind; None: now.
    """

    at: Instant | None = Field(default=None, exclude_if=lambda at: at is None)


class EntitlementRenewed(_Change):
    """It goes on in a new, linked record that starts the day after its last.

    Attributes:
        ends_on: of the new record; None: its term is as long as `term_end` says, or as this one's.
    """

    ends_on: date | None = None


class BalanceCarriedIn(_Change):
    """What was left of the entitlement that this one renews goes over into its first period."""

    amount: Annotated[Measured, Field(gt=0)]


class BalanceTakenBack(_Change):
    """Less was left of the entitlement that this one renews: what is not used of that is given back.

    Attributes:
        from_renewal: so much of it went on into what this one was renewed as, and came back from there.
    """

    amount: Annotated[Measured, Field(gt=0)]
    from_renewal: Annotated[Measured, Field(ge=0)] = 0


class OverageCovered(_Change):
    """Overage is paid for afterwards, from what is left of its own period or of a later one; in part if less is left.

    Attributes:
        reference: the case, visit or time entry that it belongs to.
        occurred_at: an instant of the period that pays; None: its own.
        amount: at most so much of it; None: all.
    """

    reference: Reference
    occurred_at: Instant | None = None
    amount: Annotated[PositiveInt, Field(le=MOST_AMOUNT)] | None = None


class OverageVoided(_Change):
    """Overage is let go: it is not billed, and no longer counted as overage.

    Attributes:
        reference: the case, visit or time entry that it belongs to.
        amount: at most so much of it; None: all.
    """

    reference: Reference
    amount: Annotated[PositiveInt, Field(le=MOST_AMOUNT)] | None = None


class UsageGranted(_Change):
    """A credit for one period: it is used first, and what it pays is not used of the cap.

    Attributes:
        amount: if it is negative, so much is taken back of what grants of the period have left.
        occurred_at: an instant of the period; None: now.
        until: the last instant whose takings it pays, whenever they arrive; None: as long as the period.
        carries_over: what is left of it at the end of the period goes on, beside what is carried over of the cap.
    """

    amount: int = Field(ge=-MOST_AMOUNT, le=MOST_AMOUNT)
    occurred_at: Instant | None = None
    until: Instant | None = None
    carries_over: bool = False


UsageChange = (
    EntitlementAmended
    | UsageAdjusted
    | ConsumptionReversed
    | EntitlementCancelled
    | EntitlementRenewed
    | BalanceCarriedIn
    | BalanceTakenBack
    | OverageCovered
    | OverageVoided
    | UsageGranted
)


class UsageChanged(Value):
    """What a change came to.

    Attributes:
        outcome: `already` if it was made before under this event id.
        text: one line for people.
        renewal: the id of the record that goes on where this one ends, if there is one.
        amount: of what was taken back, covered or voided: how much it was.
        further: of what was to be taken back: so much went on into the next renewal, which may be asked for it.
        references: of planned visits that a cancellation reversed.
    """

    outcome: Literal["done", "already"]
    text: str
    balance: PeriodBalance
    renewal: EntitlementId | None = None
    amount: int | None = Field(default=None, exclude_if=lambda amount: amount is None)
    further: int = Field(default=0, exclude_if=operator.not_)
    references: list[str] = Field(default_factory=list, exclude_if=operator.not_)


# --- the balance ---

EntitlementStatus = Literal["inactive", "active", "expired", "cancelled"]


class PeriodBalance(Value):
    """What was taken in one period. `usage_percent` is None without a cap, or with one of 0.

    Attributes:
        cap: with what was carried over; None: unlimited.
        overage: beyond the cap, kept apart from `used`.
        carried: over from the period before, or from the entitlement that this one renews; part of the cap.
        carried_over: what goes on of it into the next period, or into a renewal.
        granted: by hand for this period, beside the cap and in no percentage.
        grant_used: what grants have paid.
        grant_left: what they still pay, at the instant of the balance if it is of one.
    """

    period: int
    first_day: date | None
    starts_at: AwareDatetime | None
    ends_before: AwareDatetime | None
    used: NonNegativeInt
    overage: NonNegativeInt
    cap: NonNegativeInt | None
    carried: NonNegativeInt
    carried_over: NonNegativeInt
    remaining: NonNegativeInt | None
    usage_percent: Annotated[float, Field(ge=0)] | None
    overflows: NonNegativeInt
    thresholds_passed: list[str]
    granted: NonNegativeInt = Field(default=0, exclude_if=operator.not_)
    grant_used: NonNegativeInt = Field(default=0, exclude_if=operator.not_)
    grant_left: NonNegativeInt = Field(default=0, exclude_if=operator.not_)

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing can be taken any more, of a grant neither."""
        return self.remaining == 0 and self.grant_left == 0


class UsageActionRetry(Value):
    """Asks for an action that failed for good to be tried again, under the key that it has.

    Attributes:
        key: of the action.
    """

    key: Annotated[Words, Field(min_length=1)]
    by: Words | None = None


class Balance(Value):
    """An entitlement as it stands at one instant.

    Attributes:
        current: the period of that instant; before the term its first, after it its last.
        past: the periods before it in which something was taken or asked for, the latest first.
        changes_at: when the count starts anew, or the term ends.
        rows: how many rows its ledger has.
        count: which count says so: the id of its workflow's first run, which another begun after a termination does not
            have; empty if none has begun.
        renewal: the id of the record that goes on where this one ends, if there is one.
        terms: the cap that is declared now and the last date, such as ``6/2026-12-31``: what an amendment is one of.
        stuck: why what time brings can't be done at present; it is tried again, and requests are answered meanwhile.
        faults: how many requests and steps of time failed in a way that nobody expected.
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
    rows: NonNegativeInt
    count: str = ""
    renewal: EntitlementId | None = None
    terms: str = ""
    failures: list[UsageActionFailure] = Field(default_factory=list)
    stuck: str | None = Field(default=None, exclude_if=operator.not_)
    faults: NonNegativeInt = Field(default=0, exclude_if=operator.not_)


Outbox.model_rebuild()
CarriedUsage.model_rebuild()
EntitlementTerms.model_rebuild()
EntitlementStart.model_rebuild()
UsageChanged.model_rebuild()
