"""What an entitlement still has: a pure state machine over consumptions and time.

A usage is fed consumptions (`take`) and the time (`advance`), and returns what is to be done, in order, as effects. It
reads no clock and does no I/O.

    usage = Usage.begin(terms, at)
    taken = usage.take(consumption, now)   # .answer for who asked, .effects for everybody else
    effects = usage.advance(now)           # the ends of periods up to and including now
    usage.next_due                         # when to call `advance` next; None: only a consumption can change anything

Its state (`usage.state`) is data: ``Usage(terms, state)`` continues where the state was taken.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from domain.catalog_allowance import Threshold
from domain.effects import ActionCall
from domain.entitlement_messages import (
    Balance,
    Consumed,
    Consumption,
    EntitlementOverflowed,
    EntitlementStatus,
    EntitlementTerms,
    PeriodBalance,
    UsageActionOrder,
)
from domain.frozen_periods import FrozenPeriods, PeriodUnknown
from domain.ledger import Taking
from domain.units import in_units, measures_per_unit
from domain.usage_state import ConsumptionRecord, PeriodRecord, PeriodUse, UsageState

UsageEffect = ConsumptionRecord | EntitlementOverflowed | UsageActionOrder | PeriodRecord

MOST_PAST_SHOWN = 24
"""Past periods that a balance lists; the store has all of them."""

_HORIZON_LEFT = timedelta(days=2 * 366)


class Taken(NamedTuple):
    """What a consumption comes to: for who asked, and for everybody else."""

    answer: Consumed
    effects: list[UsageEffect]


class Usage:
    """What was taken of one entitlement.

    Attributes:
        terms: what it runs by.
        state: what happened so far; serialisable.
    """

    def __init__(self, terms: EntitlementTerms, state: UsageState) -> None:
        self.terms = terms
        self.state = state

    @classmethod
    def begin(cls, terms: EntitlementTerms, at: datetime) -> Usage:
        """Begin to count at `at`. Periods that were over by then are reported only if something of them is taken."""
        return cls(terms, UsageState(period=_period_near(terms.periods, at)))

    def take(self, consumption: Consumption, now: datetime) -> Taken:
        """Take something, whole or not at all; a reference that took its part before takes nothing more.

        It belongs to the period of its own instant, also when that period is over, which is then reported again.

        Args:
            consumption: what is taken.
            now: when it arrives; goes on record, and decides nothing.
        """
        if known := self.state.taken.find(consumption.reference):
            return Taken(self._answer(consumption, "already", known.period), [])
        if known := self.state.overflowed.find(consumption.event_id):
            return Taken(self._answer(consumption, "overflow", known.period), [])
        try:
            period = self._period_of(consumption)
        except _CannotTake as refusal:
            answer = Consumed(
                reference=consumption.reference,
                outcome="refused",
                reason=str(refusal),
                unit=self.terms.allowance.unit,
            )
            return Taken(answer, [])
        cap = self.cap(period)
        if cap is not None and self.use(period).used + consumption.amount > cap:
            return self._overflow(consumption, period, cap, now)
        return self._grant(consumption, period, now)

    def advance(self, now: datetime) -> list[UsageEffect]:
        """Report every period that has ended by `now`: that is, at the first instant after it.

        A period of which something was taken after its end is reported once more.
        """
        again, self.state.again = sorted(self.state.again), []
        effects: list[UsageEffect] = [self.report(period, again=True) for period in again]
        while not self.state.is_over:
            ends_at = self.terms.periods.ends_before(self.state.period)
            if ends_at is None or ends_at > now:
                break
            effects.append(self.report(self.state.period, again=False))
            if self.terms.periods.is_last(self.state.period):
                self.state.is_over = True
            elif self.state.period + 1 < self.terms.periods.count:
                self.state.period += 1
            else:
                raise PeriodUnknown(f"the period after {ends_at.isoformat()} is not known; extend the periods first")
        return effects

    @property
    def next_due(self) -> datetime | None:
        """When a period ends next; in the past if it is overdue. None once the term is over, or if it never ends."""
        if self.state.again:
            return self.terms.periods.ends_before(self.state.again[0]) or self.state.cancelled_at
        return None if self.state.is_over else self.terms.periods.ends_before(self.state.period)

    def balance(self, now: datetime) -> Balance:
        """The entitlement as it stands at `now`, which changes nothing."""
        periods = self.terms.periods
        current = _period_near(periods, now)
        return Balance(
            entitlement_id=self.terms.entitlement_id,
            account=self.terms.account,
            name=self.terms.name,
            unit=self.terms.allowance.unit,
            at=now,
            status=self._status(now),
            current=self._balance_of(current),
            past=[self._balance_of(n) for n in sorted(self.state.uses, reverse=True) if n < current][:MOST_PAST_SHOWN],
            changes_at=None if self._status(now) == "cancelled" else periods.ends_before(current),
        )

    def _status(self, at: datetime) -> EntitlementStatus:
        cancelled_at = self.state.cancelled_at
        return "cancelled" if cancelled_at is not None and at >= cancelled_at else _status(self.terms.periods, at)

    def cap(self, period: int) -> int | None:
        """What may be taken in a period, in the smallest measure of the unit; None: unlimited."""
        allowance = self.terms.allowance
        amended = next((change for change in reversed(self.state.caps) if change.from_period <= period), None)
        cap = amended.cap if amended else allowance.cap
        return None if cap is None else cap * measures_per_unit(allowance.unit)

    # --- horizon ---

    def covers(self, now: datetime) -> bool:
        """Whether the periods are known far enough past `now`. If not, freeze them again."""
        known_until = self.terms.periods.known_until
        return known_until is None or known_until - now > _HORIZON_LEFT

    def extend_horizon(self, longer: FrozenPeriods) -> None:
        """Take over the same periods over a longer horizon. None that was known moves."""
        self.terms = self.terms.model_copy(update={"periods": self.terms.periods.extended(longer)})

    # --- taking ---

    def _period_of(self, consumption: Consumption) -> int:
        terms = self.terms
        if consumption.unit not in {None, terms.allowance.unit}:
            raise _CannotTake(
                f"entitlement {terms.entitlement_id} is counted in {terms.allowance.unit}, not in {consumption.unit}"
            )
        try:
            period = terms.periods.number(consumption.occurred_at)
        except PeriodUnknown as unknown:
            raise _CannotTake(str(unknown)) from None
        status = self._status(consumption.occurred_at)
        if period is None or status == "cancelled":
            raise _CannotTake(
                f"entitlement {terms.entitlement_id} is {status} at {consumption.occurred_at.isoformat()}; its term is "
                f"{terms.periods.term.starts_on or 'always'} to {terms.periods.term.ends_on or 'no end'}, "
                f"{terms.periods.term.time_zone}"
            )
        return period

    def _grant(self, consumption: Consumption, period: int, now: datetime) -> Taken:
        use = self.changing_use(period)
        use.used += consumption.amount
        self.state.taken.add(consumption.reference, Taking(period, consumption.amount))
        effects: list[UsageEffect] = [self._record(consumption, "granted", period, now)]
        effects += self.pass_thresholds(period, now)
        return Taken(self._answer(consumption, "granted", period), effects)

    def _overflow(self, consumption: Consumption, period: int, cap: int, now: datetime) -> Taken:
        use = self.changing_use(period)
        use.overflows += 1
        self.state.overflows += 1
        self.state.overflowed.add(consumption.event_id, Taking(period, consumption.amount))
        overflowed = EntitlementOverflowed(
            event_id=consumption.event_id,
            entitlement_id=self.terms.entitlement_id,
            reference=consumption.reference,
            case_id=consumption.case_id,
            number=self.state.overflows,
            occurred_at=consumption.occurred_at,
            unit=self.terms.allowance.unit,
            amount=consumption.amount,
            used=use.used,
            cap=cap,
            period=period,
            first_day=self.terms.periods.first_day(period),
        )
        record = self._record(consumption, "overflow", period, now)
        return Taken(self._answer(consumption, "overflow", period), [record, overflowed])

    def changing_use(self, period: int) -> PeriodUse:
        """The use of a period that is about to change; one that is over will be reported again."""
        if (period < self.state.period or self.state.is_over) and period not in self.state.again:
            self.state.again.append(period)
        return self.state.uses.setdefault(period, PeriodUse())

    def use(self, period: int) -> PeriodUse:
        """What was taken in a period."""
        return self.state.uses.get(period) or PeriodUse()

    def _answer(self, consumption: Consumption, outcome: Any, period: int) -> Consumed:
        balance = self._balance_of(period)
        return Consumed(
            reference=consumption.reference,
            outcome=outcome,
            unit=self.terms.allowance.unit,
            period=period,
            first_day=balance.first_day,
            used=balance.used,
            cap=balance.cap,
            remaining=balance.remaining,
        )

    def _record(self, consumption: Consumption, outcome: Any, period: int, now: datetime) -> ConsumptionRecord:
        self.state.consumptions += 1
        return ConsumptionRecord(
            number=self.state.consumptions,
            reference=consumption.reference,
            event_id=consumption.event_id,
            outcome=outcome,
            amount=consumption.amount,
            period=period,
            first_day=self.terms.periods.first_day(period),
            occurred_at=consumption.occurred_at,
            taken_at=now,
            case_id=consumption.case_id,
            by=consumption.by,
            used=self.use(period).used,
            cap=self.cap(period),
        )

    # --- thresholds ---

    def pass_thresholds(self, period: int, now: datetime) -> list[UsageActionOrder]:
        """What is to be done for the thresholds that a period has come to; each is passed once."""
        orders: list[UsageActionOrder] = []
        for threshold in self._passed_just_now(period):
            self.changing_use(period).passed.append(threshold.id)
            orders += self._orders(threshold, period, now)
        return orders

    def _passed_just_now(self, period: int) -> list[Threshold]:
        """The thresholds that a period has come to and had not passed before, the lowest first."""
        use, cap = self.use(period), self.cap(period)
        if cap is None:
            return []
        marks = [(self._mark(threshold, cap), threshold) for threshold in self.terms.allowance.thresholds]
        due = [(mark, threshold) for mark, threshold in marks if use.used >= mark and threshold.id not in use.passed]
        return [threshold for _, threshold in sorted(due, key=lambda pair: pair[0])]

    def _mark(self, threshold: Threshold, cap: int) -> Fraction:
        """The amount at which a threshold is passed, in the smallest measure: an amount is declared in the unit."""
        if threshold.at.endswith("%"):
            return threshold.of(cap)
        return threshold.of(0) * measures_per_unit(self.terms.allowance.unit)

    def _orders(self, threshold: Threshold, period: int, now: datetime) -> list[UsageActionOrder]:
        prefix = f"{self.terms.entitlement_id}/{period}/threshold/{threshold.id}/1"
        return [
            UsageActionOrder(
                entitlement_id=self.terms.entitlement_id,
                cause="threshold",
                at=now,
                call=ActionCall(key=f"{prefix}/{action.id or f'{action.do}-{number}'}", action=action),
                context=self.context(period) | {"threshold": threshold.at},
            )
            for number, action in enumerate(threshold.actions, 1)
        ]

    def context(self, period: int) -> dict[str, Any]:
        """What the templates of actions see. Amounts are in the unit, as people count."""
        terms, balance = self.terms, self._balance_of(period)
        unit = terms.allowance.unit
        return {
            "entitlement": {"id": terms.entitlement_id, "name": terms.name, "unit": unit},
            "account": {"id": terms.account},
            "usage": {
                "period": None if balance.first_day is None else balance.first_day.isoformat(),
                "used": in_units(balance.used, unit),
                "cap": None if balance.cap is None else in_units(balance.cap, unit),
                "remaining": None if balance.remaining is None else in_units(balance.remaining, unit),
                "percent": balance.usage_percent,
            },
        }

    # --- reports ---

    def report(self, period: int, *, again: bool) -> PeriodRecord:
        """A period that has ended, by time or because the entitlement was cancelled."""
        ends_at = min(at for at in (self.terms.periods.ends_before(period), self.state.cancelled_at) if at is not None)
        self.state.reports += 1
        balance = self._balance_of(period)
        return PeriodRecord(
            number=self.state.reports,
            period=period,
            first_day=balance.first_day,
            ended_at=ends_at,
            used=balance.used,
            cap=balance.cap,
            unused=balance.remaining,
            overflows=balance.overflows,
            again=again,
            ends_term=self.terms.periods.is_last(period) or ends_at == self.state.cancelled_at,
        )

    def _balance_of(self, period: int) -> PeriodBalance:
        use, cap = self.use(period), self.cap(period)
        return PeriodBalance(
            period=period,
            first_day=self.terms.periods.first_day(period),
            starts_at=self.terms.periods.starts_at(period),
            ends_before=self.terms.periods.ends_before(period),
            used=use.used,
            cap=cap,
            remaining=None if cap is None else max(cap - use.used, 0),
            usage_percent=round(100 * use.used / cap, 1) if cap else None,
            overflows=use.overflows,
            thresholds_passed=list(use.passed),
        )


class _CannotTake(Exception):
    """A consumption that this entitlement can never take."""


def _period_near(periods: FrozenPeriods, at: datetime) -> int:
    """The period of an instant; before the term its first, after it (or past the horizon) its last."""
    try:
        number = periods.number(at)
    except PeriodUnknown:
        return periods.count - 1
    if number is not None:
        return number
    return periods.count - 1 if _status(periods, at) == "expired" else 0


def _status(periods: FrozenPeriods, at: datetime) -> EntitlementStatus:
    if periods.ends_at is not None and at >= periods.ends_at:
        return "expired"
    starts_at = periods.starts_at(0)
    return "inactive" if starts_at is not None and at < starts_at else "active"
