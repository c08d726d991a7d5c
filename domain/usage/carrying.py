"""Carrying over: what goes on from a period into the next, and what can still be taken of periods that are over."""

from __future__ import annotations

from datetime import datetime

from domain.usage.book import RowDraft, UsageBook, UsageEffect
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.thresholds import pass_thresholds
from domain.usage.units import measures_per_unit


def room(book: UsageBook, period: int) -> int | None:
    """What can still be taken in a period; None: unlimited.

    Of one that is over, that is what lapsed, and what was carried over and is not used since: whatever is taken
    late shrinks what was carried over, from period to period. What went into a renewal is no longer there.
    """
    state = book.state
    there = book.left(state.period)
    if there is not None:
        there = max(there - book.use(state.period).carried_out, 0)
    if period >= state.period:
        return there if period == state.period else book.left(period)
    for number in range(state.period - 1, period - 1, -1):
        left = book.left(number)
        if left is None:
            there = None
            continue
        carried = _onward(book, number)
        there = left - carried + (carried if there is None else min(carried, there))
    return there


def carried_at_most(book: UsageBook, left: int) -> int:
    """What of a balance is carried over."""
    most = book.terms.allowance.carry_over_cap
    return left if most is None else min(left, most * measures_per_unit(book.terms.allowance.unit))


def settle(book: UsageBook, period: int, now: datetime) -> list[UsageEffect]:
    """Do what follows when the use of a period has changed: thresholds, and what later periods have from it."""
    effects: list[UsageEffect] = [*pass_thresholds(book, period, now)]
    for number in range(period, book.state.period):
        rows = carry(book, number, now)
        if not rows:
            break
        effects += [*rows, *pass_thresholds(book, number + 1, now)]
    return effects


def carry(book: UsageBook, period: int, now: datetime) -> list[LedgerRow]:
    """Carry over what was left of a period that is over, or put right what was."""
    more = _onward(book, period) - book.use(period + 1).carried
    if more == 0:
        return []
    book.changing_use(period + 1).carried += more
    day = book.terms.periods.first_day(period)
    reason = f"{'left over' if more > 0 else 'taken late'} from the period of {day}"
    draft = RowDraft(kind=RowKind.CARRIED, period=period + 1, at=now, now=now, amount=more, carried=more, reason=reason)
    return [book.write(draft)]


def _onward(book: UsageBook, period: int) -> int:
    """What goes on from a period into the next, if it ended now."""
    left = book.left(period)
    if book.terms.allowance.carry_over != "period" or left is None:
        return 0
    return carried_at_most(book, left)
