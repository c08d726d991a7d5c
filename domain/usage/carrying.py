"""Carrying over: what goes on from a period into the next, and what can still be taken of periods that are over."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from domain.usage.book import RowDraft, UsageBook, UsageEffect
from domain.usage.effects import CarryBackOrder, CarryOverOrder
from domain.usage.grants import Room, lasting
from domain.usage.quantities import most_measured
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.thresholds import pass_thresholds


def room(book: UsageBook, period: int) -> int | None:
    """What can still be taken of the cap of a period and of what was carried into it; None: unlimited.

    Of one that is over, that is what lapsed, and what was carried over and is not used since: whatever is taken
    late shrinks what was carried over, from period to period. What went into a renewal is no longer there.
    """
    there = room_that_is_there(book, period)
    return None if there is None else there.of_the_cap


def room_that_is_there(book: UsageBook, period: int) -> Room | None:
    """As `room`, for what is left of grants as well."""
    return _room(book, period, asks_back=False)


def room_for_late_work(book: UsageBook, period: int) -> int | None:
    """What can be taken of the cap of a period, if what went into a renewal may be asked back; None: unlimited.

    The record that was renewed takes late work within its cap. What of it the renewal has used by then becomes overage
    of this record afterwards (`domain.usage.carrying_back`), and is not there a second time.
    """
    there = room_with_grants(book, period)
    return None if there is None else there.of_the_cap


def room_with_grants(book: UsageBook, period: int) -> Room | None:
    """As `room_for_late_work`, for what grants may pay as well."""
    return _room(book, period, asks_back=True)


def may_ask_back(book: UsageBook) -> bool:
    """Whether something went into a renewal, which is asked for it when late work is taken."""
    return book.use(book.state.period).carried_out > 0


def _room(book: UsageBook, period: int, *, asks_back: bool) -> Room | None:
    current = book.state.period
    if not book.has(period):
        return Room(0, 0, 0)
    there = _room_ahead(book, max(period, current), asks_back=asks_back)
    for number in range(current - 1, period - 1, -1):
        left = book.left(number)
        if left is None:
            there = None
            continue
        goes_on = _onward(book, number)
        lapsed_by_then = max(left + lasting(book, number) - goes_on, 0)
        carried = max(goes_on - book.use(number).late, 0)
        there = Room(left, lapsed_by_then, carried if there is None else min(carried, there.of_the_cap))
    return there


def _room_ahead(book: UsageBook, period: int, *, asks_back: bool) -> Room | None:
    """Of a period that is not over, or the last one."""
    use, _, left = book.standing(period)
    if left is None:
        return None
    granted = lasting(book, period)
    if use.carried_out and asks_back:
        late = sum(one.late for one in book.state.uses.values())
        return Room(left, max(left - late, 0), max(granted - max(late - left, 0), 0))
    if use.carried_out:
        return Room(left, max(left + granted - use.carried_out, 0), 0)
    return Room(left, left, granted)


def carried_at_most(book: UsageBook, period: int, left: int) -> int:
    """What of a balance of a period is carried over, by the rules of that period."""
    allowance = book.allowance(period)
    most = allowance.carry_over_cap
    return left if most is None else min(left, most_measured(most, book.cap(period) or 0, allowance.unit))


class Cause(NamedTuple):
    """What has changed the use of a period.

    Attributes:
        reference: what it was taken for.
        occurred_at: its own instant, which decides what grants it meets.
        is_cover: its overage is covered by it; what grants have paid of it before is not changed.
    """

    reference: str
    occurred_at: datetime
    is_cover: bool = False


def settle(book: UsageBook, period: int, now: datetime, cause: Cause | None = None) -> list[UsageEffect]:
    """Do what follows when the use of a period has changed: thresholds, and what later periods have from it.

    Args:
        book: of the entitlement.
        period: whose use has changed.
        now: the entitlement's clock.
        cause: what was taken of it, if something was.
    """
    effects = carry_on(book, period, now)
    if book.state.is_over and period <= book.state.period:
        effects += carry_to_renewal(book, now, now, period, cause)
    return effects


def carry_on(book: UsageBook, period: int, now: datetime) -> list[UsageEffect]:
    """Pass thresholds of a period whose use has changed, and put right what later periods have from it."""
    effects: list[UsageEffect] = [*pass_thresholds(book, period, now)]
    for number in range(period, book.state.period):
        rows = carry(book, number, now)
        if not rows:
            break
        effects += [*rows, *pass_thresholds(book, number + 1, now)]
    return effects


def carry_to_renewal(
    book: UsageBook, at: datetime, now: datetime, changed: int | None = None, cause: Cause | None = None
) -> list[UsageEffect]:
    """Carry what was left at the end of the last period into the renewal, if so set and there is one.

    If something changes afterwards, more goes over, or what went over is asked back; of a record that was cancelled all
    of it.

    Args:
        book: of the record that is renewed.
        at: when it goes over.
        now: the entitlement's clock.
        changed: the period whose use has changed; None: the last.
        cause: what was taken of that, if something was.
    """
    renewal, period = book.state.renewal, book.state.period
    use, left = book.use(period), book.left(period)
    if renewal is None or left is None:
        return []
    goes_on = 0
    if book.state.cancelled_at is None:
        of_the_cap = carried_at_most(book, period, left) if book.allowance(period).carry_over == "renewal" else 0
        goes_on = of_the_cap + lasting(book, period)
    more = goes_on - use.carried_out
    if more == 0:
        return []
    number, book.state.carries = book.state.carries, book.state.carries + 1
    entitlement_id, renewal_id = book.terms.entitlement_id, renewal.entitlement_id
    if more < 0:
        order = CarryBackOrder(
            entitlement_id=entitlement_id,
            renewal_id=renewal_id,
            amount=-more,
            at=at,
            period=period,
            taken_in=None if changed == period else changed,
            reference=cause.reference if cause else None,
            occurred_at=cause.occurred_at if cause else None,
            is_cover=cause is not None and cause.is_cover,
            number=number,
        )
        # Until the renewal has answered nothing of it is there to be asked back once more.
        return [_carried_out(book, more, at, now, f"asked back from {renewal_id}"), order]
    row = _carried_out(book, more, at, now, f"left over; goes into {renewal_id}")
    return [
        row,
        CarryOverOrder(entitlement_id=entitlement_id, renewal_id=renewal_id, amount=more, at=at, number=number),
    ]


def _carried_out(book: UsageBook, more: int, at: datetime, now: datetime, reason: str) -> LedgerRow:
    period = book.state.period
    book.changing_use(period).carried_out += more
    return book.write(
        RowDraft(kind=RowKind.CARRIED, period=period, at=at, now=now, amount=more, carried_out=more, reason=reason)
    )


def carry(book: UsageBook, period: int, now: datetime) -> list[LedgerRow]:
    """Carry over what was left of a period that is over, or put right what was."""
    more = _onward(book, period) - book.use(period + 1).carried
    if more == 0 or book.opens_in(period + 1):
        return []
    book.changing_use(period + 1).carried += more
    day = book.terms.periods.first_day(period)
    reason = f"{'left over' if more > 0 else 'taken late'} from the period of {day}"
    draft = RowDraft(kind=RowKind.CARRIED, period=period + 1, at=now, now=now, amount=more, carried=more, reason=reason)
    return [book.write(draft)]


def lapsed(book: UsageBook, period: int) -> int:
    """What was left of a period that is over and did not go on."""
    goes_on = book.use(period).carried_out if period == book.state.period else _onward(book, period)
    return max((book.left(period) or 0) + lasting(book, period) - goes_on, 0)


def _onward(book: UsageBook, period: int) -> int:
    """What goes on from a period into the next, if it ended now."""
    left, opening = book.left(period), book.terms.opening
    ends_at = book.terms.periods.ends_before(period)
    if left is None or (opening is not None and ends_at is not None and ends_at <= opening.at):
        return 0  # what was left before the opening balance is in that, or lapsed
    of_the_cap = carried_at_most(book, period, left) if book.allowance(period).carry_over == "period" else 0
    return of_the_cap + lasting(book, period)
