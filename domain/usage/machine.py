"""What an entitlement still has: a pure state machine over consumptions and time.

A usage is fed what is taken (`take`; time entries by `domain.usage.hours`, decisions by `domain.usage.decisions`,
changes by hand by `domain.usage.changes`) and the time (`advance`), and returns what is to be done, in order, as
effects. It reads no clock and does no I/O.

    usage = Usage.begin(terms, at)
    taken = usage.take(consumption, now)   # .answer for who asked, .effects for everybody else
    effects = usage.advance(now)           # notices and the ends of periods and terms, up to and including now
    usage.next_due                         # when to call `advance` next; None: only a request can change anything

Its state (`usage.state`) is data: ``Usage(terms, state)`` continues where the state was taken. Whoever takes something
advances first: what is left of a period that has ended is known only then.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from domain.errors import Refused
from domain.usage.allowance import Overflow
from domain.usage.due import advance, next_due
from domain.usage.effects import CarryOverOrder, RecordChange, RenewalOrder, UsageActionOrder
from domain.usage.periods import FrozenPeriods, PeriodUnknown
from domain.usage.requests import (
    Balance,
    Consumed,
    Consumption,
    EntitlementOverflowed,
    EntitlementStatus,
    EntitlementTerms,
    Outcome,
    PeriodBalance,
)
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.state import PeriodRecord, PeriodUse, UsageState
from domain.usage.takings import Taking
from domain.usage.thresholds import pass_thresholds
from domain.usage.units import HOURS, in_units, measures_per_unit

UsageEffect = (
    LedgerRow | EntitlementOverflowed | UsageActionOrder | PeriodRecord | RecordChange | RenewalOrder | CarryOverOrder
)

MOST_PAST_SHOWN = 24
"""Past periods that a balance lists; the store has all of them."""

_HORIZON_LEFT = timedelta(days=2 * 366)

_BY_POLICY: dict[Overflow, Outcome] = {
    Overflow.FALLBACK: "overflow",
    Overflow.BLOCK: "blocked",
    Overflow.PROMPT: "prompt",
}


class Taken(NamedTuple):
    """What a request comes to: for who asked, and for everybody else."""

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
        """Begin to count at `at`.

        Periods that were over by then are reported only if something of them is taken, or if what was left of them was
        carried over. Nobody is told of terms that were over by then.
        """
        # What a period has depends on all before it, if they are carried over.
        period = 0 if terms.allowance.carry_over == "period" else _period_near(terms.periods, at)
        ends_at = terms.periods.ends_at
        is_over = ends_at is not None and at >= ends_at
        return cls(terms, UsageState(begun_at=at, period=_last(terms.periods) if is_over else period, is_over=is_over))

    def fork(self) -> Usage:
        """A copy, to try something on."""
        return Usage(self.terms, self.state.model_copy(deep=True))

    # --- taking ---

    def take(self, consumption: Consumption, now: datetime) -> Taken:
        """Take something, whole or not at all; a reference that took its part before takes nothing more.

        It belongs to the period of its own instant, also when that period is over, which is then reported again.

        Args:
            consumption: what is taken.
            now: when it arrives; goes on record, and decides nothing.
        """
        reference = consumption.reference
        if known := self.state.taken.find(reference):
            return Taken(self.answer(reference, "already", known), [])
        if known := self.state.overflowed.find(consumption.event_id):
            declined = self.state.declined.find(reference) is not None
            return Taken(self.answer(reference, "overflow" if declined else self.by_policy, known), [])
        try:
            self._check_unit(consumption.unit)
            if self.terms.allowance.unit == HOURS:
                raise Refused("hours_are_logged", f"hours of {self.terms.entitlement_id} are taken by time entries")
            period = self.period_of(consumption.occurred_at)
        except Refused as refused:
            return self.refusal(reference, refused)
        room = self.room(period)
        if room is not None and consumption.amount > room:
            return self._overflow(consumption, period, now)
        return self.grant(consumption, period, now)

    def grant(self, consumption: Consumption, period: int, now: datetime) -> Taken:
        """Take something for which there is room."""
        self.changing_use(period).used += consumption.amount
        taking = Taking(period, consumption.amount)
        self.state.taken.add(consumption.reference, taking)
        amount = consumption.amount
        effects = [self._row_of(consumption, RowKind.TAKEN, period, now, amount=amount, used=amount)]
        effects += self.settle(period, now)
        return Taken(self.answer(consumption.reference, "granted", taking), effects)

    def _overflow(self, consumption: Consumption, period: int, now: datetime) -> Taken:
        taking = Taking(period, 0)
        self.state.overflowed.add(consumption.event_id, taking)
        self.state.declined.forget(consumption.reference)
        row = self._row_of(consumption, RowKind.OVERFLOW, period, now, amount=consumption.amount)
        told = self.overflowed(
            consumption.reference,
            consumption.event_id,
            period,
            amount=consumption.amount,
            at=consumption.occurred_at,
            case_id=consumption.case_id,
        )
        return Taken(self.answer(consumption.reference, self.by_policy, taking), [row, told])

    def overflowed(
        self, reference: str, event_id: str, period: int, *, amount: int, at: datetime, case_id: str | None
    ) -> EntitlementOverflowed:
        """Count an overflow; the case and the manager are told of it."""
        use, allowance = self.changing_use(period), self.terms.allowance
        use.overflows += 1
        self.state.overflows += 1
        return EntitlementOverflowed(
            event_id=event_id,
            entitlement_id=self.terms.entitlement_id,
            reference=reference,
            case_id=case_id,
            number=self.state.overflows,
            occurred_at=at,
            unit=allowance.unit,
            amount=amount,
            used=use.used,
            cap=self.limit(period) or 0,
            period=period,
            first_day=self.terms.periods.first_day(period),
            policy=allowance.overflow,
            overage_price=allowance.overage_price,
            prompt_within=allowance.prompt_within if allowance.overflow is Overflow.PROMPT else None,
        )

    @property
    def by_policy(self) -> Outcome:
        """The answer when there is not enough."""
        return _BY_POLICY[self.terms.allowance.overflow]

    def period_of(self, at: datetime) -> int:
        """The period that an instant belongs to.

        Raises:
            Refused: it is outside the term, after a cancellation, or further ahead than the periods are known.
        """
        terms = self.terms
        try:
            period = terms.periods.number(at)
        except PeriodUnknown as unknown:
            raise Refused("period_unknown", str(unknown)) from None
        status = self.status(at)
        if period is None or status == "cancelled":
            raise Refused(
                "outside_term",
                f"entitlement {terms.entitlement_id} is {status} at {at.isoformat()}; its term is "
                f"{terms.periods.term.starts_on or 'always'} to {terms.periods.term.ends_on or 'no end'}, "
                f"{terms.periods.term.time_zone}",
            )
        return period

    def _check_unit(self, unit: str | None) -> None:
        if unit not in {None, self.terms.allowance.unit}:
            counted = self.terms.allowance.unit
            raise Refused("unit", f"entitlement {self.terms.entitlement_id} is counted in {counted}, not in {unit}")

    def refusal(self, reference: str, refused: Refused) -> Taken:
        """The answer to what can't be taken from this entitlement at all."""
        unit = self.terms.allowance.unit
        return Taken(Consumed(reference=reference, outcome="refused", reason=str(refused), unit=unit), [])

    def answer(self, reference: str, outcome: Outcome, taking: Taking) -> Consumed:
        """The answer to a request, with the balance of its period."""
        period, allowance = taking.period, self.terms.allowance
        return Consumed(
            reference=reference,
            outcome=outcome,
            unit=allowance.unit,
            period=period,
            first_day=self.terms.periods.first_day(period),
            used=self.use(period).used,
            cap=self.limit(period),
            remaining=self.left(period),
            taken=taking.amount,
            overage=taking.overage,
            left_over=taking.left_over,
            overage_price=allowance.overage_price if outcome == "prompt" else None,
            prompt_within=allowance.prompt_within if outcome == "prompt" else None,
            is_reversed=outcome == "already" and taking.is_reversed,
        )

    # --- caps and what is left ---

    def cap(self, period: int) -> int | None:
        """The cap of a period as declared or amended, in the smallest measure of the unit; None: unlimited."""
        cap = self.declared_cap(period)
        return None if cap is None else cap * measures_per_unit(self.terms.allowance.unit)

    def declared_cap(self, period: int) -> int | None:
        """The cap of a period as declared or amended, in the unit."""
        for change in reversed(self.state.caps):
            if change.from_period <= period:
                return change.cap
        return self.terms.allowance.cap

    def limit(self, period: int) -> int | None:
        """What may be taken in a period, with what was carried over; None: unlimited."""
        cap = self.cap(period)
        return None if cap is None else cap + self.use(period).carried

    def left(self, period: int) -> int | None:
        """What was not taken of a period; None: unlimited."""
        limit = self.limit(period)
        return None if limit is None else max(limit - self.use(period).used, 0)

    def room(self, period: int) -> int | None:
        """What can still be taken in a period.

        Of one that is over, that is what lapsed, and what was carried over and is not used since: whatever is taken
        late shrinks what was carried over, from period to period. What went into a renewal is no longer there.
        """
        room = self.left(self.state.period)
        if room is not None:
            room = max(room - self.use(self.state.period).carried_out, 0)
        if period >= self.state.period:
            return room if period == self.state.period else self.left(period)
        for number in range(self.state.period - 1, period - 1, -1):
            left = self.left(number)
            if left is None:
                room = None
                continue
            carried = self._onward(number)
            room = left - carried + (carried if room is None else min(carried, room))
        return room

    def _onward(self, period: int) -> int:
        """What goes on from a period into the next, if it ended now."""
        allowance, left = self.terms.allowance, self.left(period)
        if allowance.carry_over != "period" or left is None:
            return 0
        return self.carried_at_most(left)

    def carried_at_most(self, left: int) -> int:
        """What of a balance is carried over."""
        most = self.terms.allowance.carry_over_cap
        return left if most is None else min(left, most * measures_per_unit(self.terms.allowance.unit))

    def settle(self, period: int, now: datetime) -> list[UsageEffect]:
        """What follows when the use of a period has changed: thresholds, and what later periods have from it."""
        effects: list[UsageEffect] = [*pass_thresholds(self, period, now)]
        for number in range(period, self.state.period):
            rows = self.carry(number, now)
            if not rows:
                break
            effects += [*rows, *pass_thresholds(self, number + 1, now)]
        return effects

    def carry(self, period: int, now: datetime) -> list[LedgerRow]:
        """Carry over what was left of a period that is over, or put right what was."""
        more = self._onward(period) - self.use(period + 1).carried
        if more == 0:
            return []
        self.changing_use(period + 1).carried += more
        day = self.terms.periods.first_day(period)
        reason = f"{'left over' if more > 0 else 'taken late'} from the period of {day}"
        return [self.row(RowKind.CARRIED, period + 1, at=now, now=now, amount=more, carried=more, reason=reason)]

    def changing_use(self, period: int) -> PeriodUse:
        """The use of a period that is about to change; one that is over will be reported again."""
        if (period < self.state.period or self.state.is_over) and period not in self.state.again:
            self.state.again.append(period)
        return self.state.uses.setdefault(period, PeriodUse())

    def use(self, period: int) -> PeriodUse:
        """What was taken in a period."""
        return self.state.uses.get(period) or PeriodUse()

    # --- rows of the ledger ---

    def row(self, kind: RowKind, period: int, *, at: datetime, now: datetime, **fields: Any) -> LedgerRow:
        """The next row of the ledger, for what has just changed."""
        self.state.rows += 1
        use = self.use(period)
        who = {"by": "milepost"} if kind in {RowKind.RESET, RowKind.CARRIED} else {}
        return LedgerRow.model_validate(
            {
                "number": self.state.rows,
                "kind": kind,
                "period": period,
                "first_day": self.terms.periods.first_day(period),
                "used_after": use.used,
                "overage_after": use.overage,
                "cap_after": self.limit(period),
                "balance_after": self.left(period),
                "at": at,
                "recorded_at": now,
                **who,
                **fields,
            }
        )

    def _row_of(
        self, consumption: Consumption, kind: RowKind, period: int, now: datetime, **fields: Any
    ) -> UsageEffect:
        who = {name: getattr(consumption, name) for name in ("reference", "event_id", "case_id", "by")}
        return self.row(kind, period, at=consumption.occurred_at, now=now, **who, **fields)

    # --- time ---

    def advance(self, now: datetime) -> list[UsageEffect]:
        """Do all that time brings up to and including `now`, in order: notices, renewal, the ends of periods and terms.

        A period ends at the first instant after it. One of which something changed after its end is reported once more.
        """
        return advance(self, now)

    @property
    def next_due(self) -> datetime | None:
        """When time brings something next; in the past if it is overdue. None if it brings nothing more."""
        return next_due(self)

    # --- what it says ---

    def balance(self, now: datetime) -> Balance:
        """The entitlement as it stands at `now`, which changes nothing."""
        periods = self.terms.periods
        current = _period_near(periods, now)
        status = self.status(now)
        return Balance(
            entitlement_id=self.terms.entitlement_id,
            account=self.terms.account,
            name=self.terms.name,
            unit=self.terms.allowance.unit,
            at=now,
            status=status,
            current=self.balance_of(current),
            past=[self.balance_of(n) for n in sorted(self.state.uses, reverse=True) if n < current][:MOST_PAST_SHOWN],
            changes_at=None if status == "cancelled" else periods.ends_before(current),
            rows=self.state.rows,
            renewal=self.state.renewal.entitlement_id if self.state.renewal else None,
        )

    def balance_of(self, period: int) -> PeriodBalance:
        """One period as it stands."""
        use, limit = self.use(period), self.limit(period)
        over = period < self.state.period
        return PeriodBalance(
            period=period,
            first_day=self.terms.periods.first_day(period),
            starts_at=self.terms.periods.starts_at(period),
            ends_before=self.terms.periods.ends_before(period),
            used=use.used,
            overage=use.overage,
            cap=limit,
            carried=use.carried,
            carried_over=self.use(period + 1).carried if over else use.carried_out,
            remaining=self.left(period),
            usage_percent=round(100 * use.used / limit, 1) if limit else None,
            overflows=use.overflows,
            thresholds_passed=list(use.passed),
        )

    def status(self, at: datetime) -> EntitlementStatus:
        """Where it stands at an instant."""
        cancelled_at = self.state.cancelled_at
        return "cancelled" if cancelled_at is not None and at >= cancelled_at else _status(self.terms.periods, at)

    def context(self, period: int) -> dict[str, Any]:
        """What the templates of actions see (`domain.process.templates`). Amounts are in the unit, as people count."""
        terms, balance = self.terms, self.balance_of(period)
        unit, term = terms.allowance.unit, terms.periods.term
        return {
            "entitlement": {
                "id": terms.entitlement_id,
                "name": terms.name,
                "unit": unit,
                "starts_on": None if term.starts_on is None else term.starts_on.isoformat(),
                "ends_on": None if term.ends_on is None else term.ends_on.isoformat(),
            },
            "account": {"id": terms.account},
            "usage": {
                "period": None if balance.first_day is None else balance.first_day.isoformat(),
                "used": in_units(balance.used, unit),
                "overage": in_units(balance.overage, unit),
                "cap": None if balance.cap is None else in_units(balance.cap, unit),
                "remaining": None if balance.remaining is None else in_units(balance.remaining, unit),
                "percent": balance.usage_percent,
            },
        }

    # --- horizon ---

    def covers(self, now: datetime) -> bool:
        """Whether the periods are known far enough past `now`. If not, freeze them again."""
        known_until = self.terms.periods.known_until
        return known_until is None or known_until - now > _HORIZON_LEFT

    def extend_horizon(self, longer: FrozenPeriods) -> None:
        """Take over the same periods over a longer horizon. None that was known moves."""
        self.terms = self.terms.model_copy(update={"periods": self.terms.periods.extended(longer)})


def _period_near(periods: FrozenPeriods, at: datetime) -> int:
    """The period of an instant; before the term its first, after it (or past the horizon) its last."""
    try:
        number = periods.number(at)
    except PeriodUnknown:
        return _last(periods)
    if number is not None:
        return number
    return _last(periods) if _status(periods, at) == "expired" else 0


def _last(periods: FrozenPeriods) -> int:
    return periods.count - 1


def _status(periods: FrozenPeriods, at: datetime) -> EntitlementStatus:
    if periods.ends_at is not None and at >= periods.ends_at:
        return "expired"
    starts_at = periods.starts_at(0)
    return "inactive" if starts_at is not None and at < starts_at else "active"
