"""Carrying over: what goes on from a period into the next, and what can still be taken of periods that are over."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from domain.usage.book import RowDraft, UsageBook, UsageEffect
from domain.usage.effects import CarryBackOrder, CarryOverOrder
from domain.usage.grants import Room, lasting, take_back_grants
from domain.usage.prices import price_of
from domain.usage.quantities import most_measured
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.thresholds import pass_thresholds


def room(book: UsageBook, period: int) -> int | None:
    """What can still be taken of the cap of a period and of what was carried into it; None: unlimited.

    Of one that is over, that is what lapsed, and what was carried over and is not used since: whatever is taken
    late shrinks what was carried over, from period to period. What went into a renewal is no longer there.
    """
    return _of_the_cap(book, period, _room(book, period))


def room_for_late_work(book: UsageBook, period: int) -> int | None:
    """What can be taken of the cap of a period, if what went into a renewal may be asked back; None: unlimited.

    The record that was renewed takes late work within its cap. What of it the renewal has used by then becomes overage
    of this record afterwards (`taken_back`), and is not there a second time.
    """
    return _of_the_cap(book, period, room_with_grants(book, period))


def room_with_grants(book: UsageBook, period: int) -> Room | None:
    """As `room_for_late_work`, for what grants may pay as well."""
    use, left = book.use(period), book.left(period)
    if not use.carried_out or left is None:
        return _room(book, period)
    return Room(max(left - use.late, 0), max(lasting(book, period) - max(use.late - left, 0), 0))


def _room(book: UsageBook, period: int) -> Room | None:
    current = book.state.period
    if not book.has(period):
        return Room(0, 0)
    there = _room_ahead(book, max(period, current))
    for number in range(current - 1, period - 1, -1):
        onward, left = _of_the_cap(book, number + 1, there), book.left(number)
        if left is None:
            there = None
            continue
        carried = _onward(book, number)
        free = max(left + lasting(book, number) - carried, 0)
        there = Room(free, carried if onward is None else min(carried, onward))
    return there


def _room_ahead(book: UsageBook, period: int) -> Room | None:
    """Of a period that is not over, or the last one."""
    left, carried_out = book.left(period), book.use(period).carried_out
    if left is None:
        return None
    if carried_out:
        return Room(max(left + lasting(book, period) - carried_out, 0), 0)
    return Room(left, lasting(book, period))


def _of_the_cap(book: UsageBook, period: int, there: Room | None) -> int | None:
    left = book.left(period)
    return None if there is None or left is None else min(left, there.free + there.carried)


def carried_at_most(book: UsageBook, period: int, left: int) -> int:
    """What of a balance of a period is carried over, by the rules of that period."""
    allowance = book.allowance(period)
    most = allowance.carry_over_cap
    return left if most is None else min(left, most_measured(most, book.cap(period) or 0, allowance.unit))


def settle(book: UsageBook, period: int, now: datetime, reference: str | None = None) -> list[UsageEffect]:
    """Do what follows when the use of a period has changed: thresholds, and what later periods have from it.

    Args:
        book: of the entitlement.
        period: whose use has changed.
        now: the entitlement's clock.
        reference: what was taken of it, if something was.
    """
    effects: list[UsageEffect] = [*pass_thresholds(book, period, now)]
    for number in range(period, book.state.period):
        rows = carry(book, number, now)
        if not rows:
            break
        effects += [*rows, *pass_thresholds(book, number + 1, now)]
    if book.state.is_over and period <= book.state.period:
        effects += carry_to_renewal(book, now, now, reference)
    return effects


def carry_to_renewal(book: UsageBook, at: datetime, now: datetime, reference: str | None = None) -> list[UsageEffect]:
    """Carry what was left at the end of the last period into the renewal, if so set and there is one.

    If something changes afterwards, more goes over, or what went over is asked back; of a record that was cancelled all
    of it.
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
            reference=reference,
            number=number,
        )
        # Until the renewal has answered nothing of it is there to be asked back once more.
        return [_carried_out(book, more, at, now, f"asked back from {renewal_id}"), order]
    row = _carried_out(book, more, at, now, f"left over; goes into {renewal_id}")
    return [
        row,
        CarryOverOrder(entitlement_id=entitlement_id, renewal_id=renewal_id, amount=more, at=at, number=number),
    ]


def taken_back(book: UsageBook, order: CarryBackOrder, given: int, now: datetime) -> list[UsageEffect]:
    """Count as overage what was taken late and the renewal could not give back, since it has used it.

    What a grant was to pay is used of the cap first, as far as that has lapsed.

    Args:
        book: of the record that was renewed.
        order: by which the renewal was asked.
        given: what it gave back.
        now: the entitlement's clock.
    """
    period, short = order.period, order.amount - given
    if short <= 0:
        return []
    use = book.changing_use(period)
    use.carried_out += short
    reason = f"{order.renewal_id} has used it"
    if book.state.cancelled_at is not None:
        draft = RowDraft(
            kind=RowKind.CARRIED, period=period, at=order.at, now=now, amount=short, carried_out=short, reason=reason
        )
        return [book.write(draft)]
    share = _late_share(book, order, short)
    use.used += share.used
    use.overage += share.overage
    use.late += share.overage
    draft = RowDraft(
        kind=RowKind.OVERAGE if share.overage else RowKind.TAKEN,
        period=period,
        at=order.at,
        now=now,
        amount=share.overage,
        used=share.used,
        overage=share.overage,
        carried_out=short,
        reference=order.reference,
        by="milepost",
        reason=reason,
    )
    effects: list[UsageEffect] = [book.write(draft)]
    if share.overage and order.reference is not None and book.state.approved.find(order.reference):
        effects.append(_billed_again(book, order, order.reference, share.overage, now))
    return [*effects, *pass_thresholds(book, period, now)]


class _LateShare(NamedTuple):
    """What becomes of late work whose part of the carry the renewal has used.

    Attributes:
        used: how much more of the cap is used; negative: less.
        overage: how much of it is beyond the cap.
    """

    used: int
    overage: int


def _late_share(book: UsageBook, order: CarryBackOrder, short: int) -> _LateShare:
    """Pay anew for what was taken late, when grants and cap have given so much too much; it is noted of the taking.

    What a grant paid and can't pay, since the renewal has used it, is paid by the cap as far as that did not go on.
    """
    use = book.use(order.period)
    taking = None if order.reference is None else book.state.taken.find(order.reference)
    kept, of_grants = ((), 0) if taking is None else take_back_grants(book, taking.grants, order.amount - short, short)
    moved = min(short - of_grants, use.used)
    lapsed = (book.left(order.period) or 0) + moved + lasting(book, order.period) - use.carried_out
    of_the_cap = max(min(of_grants, lapsed), 0)
    share = _LateShare(of_the_cap - moved, moved + of_grants - of_the_cap)
    if order.reference is not None and taking is not None and taking.amount >= moved:
        late = taking._replace(amount=taking.amount + share.used, overage=taking.overage + share.overage, grants=kept)
        book.state.taken.move(order.reference, late)
    return share


def _billed_again(book: UsageBook, order: CarryBackOrder, reference: str, amount: int, now: datetime) -> LedgerRow:
    """The override of overage that was covered from what the renewal has used."""
    draft = RowDraft(
        kind=RowKind.OVERRIDE,
        period=order.period,
        at=order.at,
        now=now,
        amount=amount,
        price=price_of(book, reference, order.period),
        reference=reference,
        by="milepost",
        reason=f"{order.renewal_id} has used what it was covered from",
    )
    return book.write(draft)


def _carried_out(book: UsageBook, more: int, at: datetime, now: datetime, reason: str) -> LedgerRow:
    period = book.state.period
    book.changing_use(period).carried_out += more
    return book.write(
        RowDraft(kind=RowKind.CARRIED, period=period, at=at, now=now, amount=more, carried_out=more, reason=reason)
    )


def carry(book: UsageBook, period: int, now: datetime) -> list[LedgerRow]:
    """Carry over what was left of a period that is over, or put right what was."""
    more = _onward(book, period) - book.use(period + 1).carried
    if more == 0 or _opens_in(book, period + 1):
        return []
    book.changing_use(period + 1).carried += more
    day = book.terms.periods.first_day(period)
    reason = f"{'left over' if more > 0 else 'taken late'} from the period of {day}"
    draft = RowDraft(kind=RowKind.CARRIED, period=period + 1, at=now, now=now, amount=more, carried=more, reason=reason)
    return [book.write(draft)]


def _onward(book: UsageBook, period: int) -> int:
    """What goes on from a period into the next, if it ended now."""
    left, opening = book.left(period), book.terms.opening
    ends_at = book.terms.periods.ends_before(period)
    if left is None or (opening is not None and ends_at is not None and ends_at <= opening.at):
        return 0  # what was left before the opening balance is in that, or lapsed
    of_the_cap = carried_at_most(book, period, left) if book.allowance(period).carry_over == "period" else 0
    return of_the_cap + lasting(book, period)


def _opens_in(book: UsageBook, period: int) -> bool:
    """Whether the opening balance is of that period: it says what was carried over into it."""
    opening, periods = book.terms.opening, book.terms.periods
    starts_at, ends_at = periods.starts_at(period), periods.ends_before(period)
    return (
        opening is not None
        and (starts_at is None or starts_at <= opening.at)
        and (ends_at is None or opening.at < ends_at)
    )
