"""The book of an entitlement: its terms, its state, and what can be read off them. It knows no rule.

The rules (`taking`, `hours`, `decisions`, `changes`, `amending`, `carrying`, `thresholds`, `renewals`, `due`) take the
book and change its state; `domain.usage.machine` puts them together.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple

from domain.errors import Refused
from domain.usage.allowance import Allowance
from domain.usage.effects import CarryBackOrder, CarryOverOrder, RecordChange, RenewalOrder, UsageActionOrder
from domain.usage.periods import FrozenPeriods, PeriodUnknown
from domain.usage.proration import prorated
from domain.usage.quantities import measured, quantity_text
from domain.usage.requests import (
    Balance,
    EntitlementOverflowed,
    EntitlementStatus,
    EntitlementTerms,
    PeriodBalance,
)
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.state import PeriodRecord, PeriodUse, UsageState
from domain.usage.units import in_units
from domain.wording import instant

UsageEffect = (
    LedgerRow
    | EntitlementOverflowed
    | UsageActionOrder
    | PeriodRecord
    | RecordChange
    | RenewalOrder
    | CarryOverOrder
    | CarryBackOrder
)

_OF_TIME = frozenset({RowKind.RESET, RowKind.CARRIED, RowKind.THRESHOLD, RowKind.EXPIRED})
"""Rows that nobody has asked for."""

MOST_PAST_SHOWN = 24
"""Past periods that a balance lists; the store has all of them."""


class RowDraft(NamedTuple):
    """A row of the ledger before it is written: what changed, when, by whom and why. See `LedgerRow`."""

    kind: RowKind
    period: int
    at: datetime
    now: datetime
    amount: int = 0
    used: int = 0
    overage: int = 0
    carried: int = 0
    carried_out: int = 0
    reference: str | None = None
    event_id: str | None = None
    case_id: str | None = None
    price: str | None = None
    by: str | None = None
    reason: str | None = None


class Standing(NamedTuple):
    """How a period stands.

    Attributes:
        use: what was taken in it.
        limit: what may be taken, with what was carried over; None: unlimited.
        left: what was not; None: unlimited.
    """

    use: PeriodUse
    limit: int | None
    left: int | None


class UsageBook:
    """What was taken of one entitlement, and what is left.

    Attributes:
        terms: what it runs by.
        state: what happened so far.
    """

    def __init__(self, terms: EntitlementTerms, state: UsageState) -> None:
        self.terms = terms
        self.state = state

    # --- periods ---

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
                f"entitlement {terms.entitlement_id} is {status} at {instant(at)}; its term is "
                f"{terms.periods.term.starts_on or 'always'} to {terms.periods.term.ends_on or 'no end'}, "
                f"{terms.periods.term.time_zone}",
            )
        return period

    def status(self, at: datetime) -> EntitlementStatus:
        """Where it stands at an instant."""
        cancelled_at = self.state.cancelled_at
        return "cancelled" if cancelled_at is not None and at >= cancelled_at else _status(self.terms.periods, at)

    def has(self, period: int) -> bool:
        """Whether a period is there: not beyond an amended end, and not begun by a cancellation."""
        return self.terms.periods.has(period) and (self.state.cancelled_at is None or period <= self.last_period)

    @property
    def last_period(self) -> int:
        """The last period that is known and was not cancelled."""
        cancelled_at, periods = self.state.cancelled_at, self.terms.periods
        if cancelled_at is None:
            return periods.count - 1
        begun = (number for number, start in enumerate(periods.starts) if start.at < cancelled_at)
        return max(begun, default=0)

    def ends_before(self, period: int) -> datetime | None:
        """The first instant after a period, or at which it was cancelled; None if it does not end."""
        ends = self.terms.periods.ends_before(period), self.state.cancelled_at
        return min((at for at in ends if at is not None), default=None)

    def opens_in(self, period: int) -> bool:
        """Whether the opening balance is of that period: it says what was carried over into it."""
        opening, periods = self.terms.opening, self.terms.periods
        starts_at, ends_at = periods.starts_at(period), periods.ends_before(period)
        return (
            opening is not None
            and (starts_at is None or starts_at <= opening.at)
            and (ends_at is None or opening.at < ends_at)
        )

    # --- rules, caps and what is left ---

    def allowance(self, period: int) -> Allowance:
        """The rules by which a period is counted: changed ones count from the period on in which they were changed."""
        for former in self.state.former:
            if period < former.before_period:
                return former.allowance
        return self.terms.allowance

    def cap(self, period: int) -> int | None:
        """The cap of a period as declared or amended, in the smallest measure; None: unlimited. A first one's share."""
        cap = self.declared_cap(period)
        if cap is None:
            return None
        allowance = self.allowance(period)
        return prorated(measured(cap, allowance.unit), allowance, self.terms.periods, period)

    def declared_cap(self, period: int) -> int | Fraction | None:
        """The cap of a period as declared or amended, in the unit."""
        for change in reversed(self.state.caps):
            if change.from_period <= period:
                return change.cap
        return self.terms.allowance.cap

    def standing(self, period: int) -> Standing:
        """How much of a period was used, and what is left of it."""
        use, cap = self.use(period), self.cap(period)
        if cap is None:
            return Standing(use, None, None)
        limit = cap + use.carried
        return Standing(use, limit, max(limit - use.used, 0))

    def limit(self, period: int) -> int | None:
        """What may be taken in a period, with what was carried over; None: unlimited."""
        return self.standing(period).limit

    def left(self, period: int) -> int | None:
        """What was not taken of a period; None: unlimited."""
        return self.standing(period).left

    def grant_left(self, period: int, at: datetime | None) -> int:
        """What grants of a period still pay at an instant; None: whenever it is."""
        return sum(
            grant.rest
            for grant in self.state.grants
            if grant.period == period and (at is None or grant.until is None or at <= grant.until)
        )

    def use(self, period: int) -> PeriodUse:
        """What was taken in a period."""
        return self.state.uses.get(period) or PeriodUse()

    def changing_use(self, period: int) -> PeriodUse:
        """The use of a period that is about to change; one that is over will be reported again."""
        is_over = period < self.state.period or self.state.is_over
        if is_over and self.has(period) and period not in self.state.again:
            self.state.again.append(period)
        use = self.state.uses.get(period)
        if use is None:
            use = self.state.uses[period] = PeriodUse()
        return use

    # --- rows of the ledger ---

    def write(self, draft: RowDraft) -> LedgerRow:
        """Write the next row of the ledger, for what has just changed."""
        self.state.rows += 1
        use, limit, left = self.standing(draft.period)
        by_time = draft.by is None and draft.kind in _OF_TIME
        return LedgerRow(
            number=self.state.rows,
            kind=draft.kind,
            reference=draft.reference,
            event_id=draft.event_id,
            period=draft.period,
            first_day=self.terms.periods.first_day(draft.period),
            amount=draft.amount,
            used=draft.used,
            overage=draft.overage,
            carried=draft.carried,
            carried_out=draft.carried_out,
            used_after=use.used,
            overage_after=use.overage,
            cap_after=limit,
            balance_after=left,
            price=draft.price,
            at=draft.at,
            recorded_at=draft.now,
            case_id=draft.case_id,
            by="milepost" if by_time else draft.by,
            reason=draft.reason,
        )

    # --- what it says ---

    def balance(self, now: datetime) -> Balance:
        """The entitlement as it stands at `now`, which changes nothing."""
        periods = self.terms.periods
        current = self.period_near(now)
        status = self.status(now)
        return Balance(
            entitlement_id=self.terms.entitlement_id,
            account=self.terms.account,
            name=self.terms.name,
            unit=self.terms.allowance.unit,
            at=now,
            status=status,
            current=self.balance_of(current, now),
            past=[self.balance_of(n) for n in sorted(self.state.uses, reverse=True) if n < current][:MOST_PAST_SHOWN],
            changes_at=None if status == "cancelled" else periods.ends_before(current),
            rows=self.state.rows,
            renewal=self.state.renewal.entitlement_id if self.state.renewal else None,
            terms=self.terms_at(now),
        )

    def terms_at(self, now: datetime) -> str:
        """What people amend, as it stands: the cap that is declared for the period of an instant, and the last date."""
        cap, ends_on = self.declared_cap(self.period_near(now)), self.terms.periods.term.ends_on
        return f"{'unlimited' if cap is None else quantity_text(cap)}/{ends_on or 'never'}"

    def period_near(self, at: datetime) -> int:
        """The period of an instant; before the term its first, after it (or past the horizon) its last."""
        return min(period_near(self.terms.periods, at), self.last_period)

    def balance_of(self, period: int, at: datetime | None = None) -> PeriodBalance:
        """One period as it stands.

        Args:
            period: its number.
            at: grants that have lapsed by then have nothing left; None: all have what is left of them.
        """
        use, limit, left = self.standing(period)
        grants = [grant for grant in self.state.grants if grant.period == period]
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
            carried_over=self._carried_on(period) if over and self.has(period + 1) else use.carried_out,
            remaining=left,
            usage_percent=round(100 * use.used / limit, 1) if limit else None,
            overflows=use.overflows,
            thresholds_passed=list(use.passed),
            granted=sum(grant.amount for grant in grants),
            grant_used=sum(grant.used for grant in grants),
            grant_left=self.grant_left(period, at),
        )

    def _carried_on(self, period: int) -> int:
        """What of a period that is over went into the next; what an opening balance says came from elsewhere."""
        return 0 if self.opens_in(period + 1) else self.use(period + 1).carried

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

    def report(self, period: int, *, again: bool) -> PeriodRecord:
        """Report a period that has ended, by time or because the entitlement was cancelled."""
        state, periods = self.state, self.terms.periods
        ends_at = self.ends_before(period)
        assert ends_at is not None  # noqa: S101  it has ended
        state.reports += 1
        balance = self.balance_of(period)
        return PeriodRecord(
            number=state.reports,
            period=period,
            first_day=balance.first_day,
            ended_at=ends_at,
            used=balance.used,
            overage=balance.overage,
            cap=balance.cap,
            carried=balance.carried,
            unused=balance.remaining,
            carried_over=balance.carried_over,
            overflows=balance.overflows,
            again=again,
            ends_term=periods.ends_term(period) or ends_at == state.cancelled_at,
        )

    def report_taken_back(self, period: int) -> PeriodRecord:
        """Report a period once more that a cancellation behind it has taken away: what was taken of it stays taken."""
        ends_at = self.terms.periods.ends_before(period)
        assert ends_at is not None  # noqa: S101  it has ended
        use = self.use(period)
        self.state.reports += 1
        return PeriodRecord(
            number=self.state.reports,
            period=period,
            first_day=self.terms.periods.first_day(period),
            ended_at=ends_at,
            used=use.used,
            overage=use.overage,
            cap=0,
            carried=0,
            unused=0,
            carried_over=0,
            overflows=use.overflows,
            again=True,
            ends_term=False,
        )


def period_near(periods: FrozenPeriods, at: datetime) -> int:
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
