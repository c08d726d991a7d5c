"""What an entitlement still has: a pure state machine over consumptions and time.

A usage is fed what is asked of it (`take`, `log_hours`, `decide`, `change`) and the time (`advance`), and returns what
is to be done, in order, as effects. It reads no clock and does no I/O.

    usage = Usage.begin(terms, at)
    taken = usage.take(consumption, now)   # .answer for who asked, .effects for everybody else
    effects = usage.advance(now)           # notices and the ends of periods and terms, up to and including now
    usage.next_due                         # when to call `advance` next; None: only a request can change anything

Its state (`usage.state`) is data: ``Usage(terms, state)`` continues where the state was taken. Whoever takes something
advances first: what is left of a period that has ended is known only then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from domain.usage import amending, carrying_back, changes, decisions, due, hours, mails, renewals, taking
from domain.usage.answers import Taken
from domain.usage.book import UsageBook, UsageEffect, period_near
from domain.usage.effects import CarryBackOrder, UsageActionOrder
from domain.usage.periods import FrozenPeriods, Term
from domain.usage.requests import (
    Balance,
    Consumption,
    EntitlementAmended,
    EntitlementOverflowed,
    EntitlementStatus,
    EntitlementTerms,
    OverageDecision,
    PeriodBalance,
    TimeEntry,
    UsageChange,
    UsageChanged,
)
from domain.usage.state import UsageState

__all__ = ["Taken", "Usage", "UsageEffect"]

_HORIZON_LEFT = timedelta(days=2 * 366)


class Usage:
    """What was taken of one entitlement: its book, and the rules by which it is kept."""

    def __init__(self, terms: EntitlementTerms, state: UsageState) -> None:
        self._book = UsageBook(terms, state)

    @classmethod
    def begin(cls, terms: EntitlementTerms, at: datetime) -> Usage:
        """Begin to count at `at`.

        Periods that were over by then are reported only if something of them is taken, or if what was left of them was
        carried over. Nobody is told of terms that were over by then.
        """
        # What a period has depends on all before it, if they are carried over; an opening balance says what that is.
        period = period_near(terms.periods, at)
        if terms.allowance.carry_over == "period":
            period = 0 if terms.opening is None else min(period, period_near(terms.periods, terms.opening.at))
        ends_at = terms.periods.ends_at
        is_over = ends_at is not None and at >= ends_at and terms.allowance.carry_over != "period"
        return cls(terms, UsageState(begun_at=at, period=period, is_over=is_over))

    @property
    def terms(self) -> EntitlementTerms:
        """What it runs by."""
        return self._book.terms

    @property
    def state(self) -> UsageState:
        """What happened so far; serialisable."""
        return self._book.state

    def fork(self) -> Usage:
        """A copy, to try something on. It costs the same however much was taken."""
        return Usage(self.terms, self.state.fork())

    # --- what is asked ---

    def take(self, consumption: Consumption, now: datetime) -> Taken:
        """Take a case or a visit: see `domain.usage.taking`."""
        return taking.take(self._book, consumption, now)

    def log_hours(self, entry: TimeEntry, now: datetime) -> Taken:
        """Take the time of an entry: see `domain.usage.hours`."""
        return hours.log_hours(self._book, entry, now)

    def decide(self, decision: OverageDecision, now: datetime) -> Taken:
        """Take what somebody decided about an overflow: see `domain.usage.decisions`.

        Raises:
            Refused: there is nothing to decide. The usage is as it was.
        """
        return decisions.decide(self._book, decision, now)

    def change(
        self, asked: UsageChange, now: datetime, periods: FrozenPeriods | None = None
    ) -> tuple[UsageChanged, list[UsageEffect]]:
        """Make a change by hand: see `domain.usage.changes`.

        Args:
            asked: what is to be changed.
            now: the entitlement's clock.
            periods: of an amended last date: those of `amended_term`, frozen.

        Raises:
            Refused: it makes no sense here. The usage is as it was.
        """
        return changes.change(self._book, asked, now, periods)

    def amended_term(self, asked: EntitlementAmended) -> Term | None:
        """The term whose periods an amendment needs; None if these stay as they are.

        Raises:
            Refused: it can't be amended.
        """
        return amending.amended_term(self._book, asked)

    def check_amendment(self, asked: EntitlementAmended) -> None:
        """Check an amendment as far as can be told before its periods are frozen.

        Raises:
            Refused: it makes no sense.
        """
        amending.check_amendment(self._book, asked)

    # --- what came of what was wanted ---

    def renewed_as(self, planned_id: str, made_id: str, now: datetime) -> list[UsageEffect]:
        """Note under which id the new record was made, where the planned one is another's."""
        return renewals.renewed_as(self._book, planned_id, made_id, now)

    def taken_back(self, order: CarryBackOrder, given: int, now: datetime) -> list[UsageEffect]:
        """Count as overage what was taken late and the renewal has used: see `domain.usage.carrying_back`."""
        return carrying_back.taken_back(self._book, order, given, now)

    # --- time ---

    def advance(self, now: datetime) -> list[UsageEffect]:
        """Do all that time brings up to and including `now`, in order: notices, renewal, the ends of periods and terms.

        A period ends at the first instant after it. One of which something changed after its end is reported once more.
        """
        return due.advance(self._book, now)

    @property
    def next_due(self) -> datetime | None:
        """When time brings something next; in the past if it is overdue. None if it brings nothing more."""
        return due.next_due(self._book)

    # --- what it says ---

    def balance(self, now: datetime) -> Balance:
        """The entitlement as it stands at `now`, which changes nothing."""
        return self._book.balance(now)

    def balance_of(self, period: int) -> PeriodBalance:
        """One period as it stands."""
        return self._book.balance_of(period)

    def status(self, at: datetime) -> EntitlementStatus:
        """Where it stands at an instant."""
        return self._book.status(at)

    def overflow_mail(self, manager: str, overflows: Sequence[EntitlementOverflowed], at: datetime) -> UsageActionOrder:
        """One mail about overflows that follow one another."""
        return mails.overflow_mail(self._book, manager, overflows, at)

    # --- horizon ---

    def covers(self, now: datetime) -> bool:
        """Whether the periods are known far enough past `now`. If not, freeze them again."""
        known_until = self.terms.periods.known_until
        return known_until is None or known_until - now > _HORIZON_LEFT

    def extend_horizon(self, longer: FrozenPeriods) -> None:
        """Take over the same periods over a longer horizon. None that was known moves."""
        extended = self.terms.periods.extended(longer)
        self._book.terms = self.terms.model_copy(update={"periods": extended})
