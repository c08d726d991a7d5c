"""Changes of an entitlement by hand: amended, adjusted, reversed, cancelled, renewed; each with who and why, each once.

A change that makes no sense is refused with what would be right, and changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, assert_never

from domain.errors import Refused
from domain.usage.amending import amend
from domain.usage.book import UsageBook, UsageEffect
from domain.usage.by_hand import Made, write_by_hand
from domain.usage.cancelling import cancel
from domain.usage.carrying import carry_to_renewal, room, room_for_late_work, room_that_is_there, settle
from domain.usage.grants import note_grant, take_back_unused
from domain.usage.overage import cover, void
from domain.usage.periods import FrozenPeriods, PeriodUnknown
from domain.usage.renewals import renew
from domain.usage.requests import (
    BalanceCarriedIn,
    BalanceTakenBack,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementCancelled,
    EntitlementRenewed,
    OverageCovered,
    OverageVoided,
    UsageAdjusted,
    UsageChange,
    UsageChanged,
    UsageGranted,
)
from domain.usage.reversing import reverse
from domain.usage.rows import RowKind
from domain.usage.takings import Taking
from domain.usage.units import amount_text
from domain.wording import instant


def change(
    book: UsageBook, asked: UsageChange, now: datetime, periods: FrozenPeriods | None = None
) -> tuple[UsageChanged, list[UsageEffect]]:
    """Make a change; nothing if one with its `event_id` was made before.

    Args:
        book: of the entitlement.
        asked: what is to be changed.
        now: the entitlement's clock.
        periods: of an amended last date: frozen by `amended_term`.

    Raises:
        Refused: it makes no sense here. The usage is as it was.
    """
    if known := book.state.changed.find(asked.event_id):
        return _said(book, "already", Made("made before", known.period, [], known.amount or None, known.overage)), []
    made = _made(book, asked, now, periods)
    book.state.changed.add(asked.event_id, Taking(made.period, made.amount or 0, made.further))
    return _said(book, "done", made), made.effects


def _made(book: UsageBook, asked: UsageChange, now: datetime, periods: FrozenPeriods | None) -> Made:
    match asked:
        case EntitlementAmended():
            return amend(book, asked, now, periods)
        case UsageAdjusted():
            return _adjust(book, asked, now)
        case ConsumptionReversed():
            return reverse(book, asked, now)
        case EntitlementCancelled():
            return cancel(book, asked, now)
        case EntitlementRenewed():
            return _renew(book, asked, now)
        case BalanceCarriedIn():
            return _carry_in(book, asked, now)
        case BalanceTakenBack():
            return _give_back(book, asked, now)
        case OverageCovered():
            return cover(book, asked, now)
        case OverageVoided():
            return void(book, asked, now)
        case UsageGranted():
            return _grant(book, asked, now)
        case _:
            assert_never(asked)


def _period_of(book: UsageBook, at: datetime) -> int:
    """The period in which a change by hand is to count.

    Raises:
        Refused: there is none.
    """
    try:
        period = book.terms.periods.number(at)
    except PeriodUnknown as unknown:
        raise Refused("period_unknown", str(unknown)) from None
    if period is None:
        raise Refused("outside_term", f"{instant(at)} is outside the term of {book.terms.entitlement_id}")
    if book.status(at) == "cancelled":
        raise Refused(
            "cancelled", f"{book.terms.entitlement_id} is cancelled at {instant(at)}; give an earlier instant"
        )
    return period


def _grant(book: UsageBook, asked: UsageGranted, now: datetime) -> Made:
    """Give a credit for one period, or take back what is left of one. What was taken before stays as it was."""
    at, unit = asked.occurred_at or now, book.terms.allowance.unit
    period = _period_of(book, at)
    if asked.amount == 0:
        raise Refused("no_amount", "a grant of 0 gives nothing")
    if asked.amount < 0:
        if asked.until is not None or asked.carries_over:
            raise Refused(
                "bad_dates", "a grant that is taken back neither ends (until) nor carries over; leave both out"
            )
        take_back_unused(book, period, -asked.amount, room_that_is_there(book, period))
        text = f"{amount_text(-asked.amount, unit)} of what was granted taken back"
    else:
        note_grant(book, period, asked.amount, until=asked.until, carries_over=asked.carries_over)
        text = f"{amount_text(asked.amount, unit)} granted"
        if asked.until is not None:
            text += f" until {instant(asked.until)}"
    book.changing_use(period)
    row = write_by_hand(book, asked, text, RowKind.GRANTED, period, now=now, at=at, amount=asked.amount)
    return Made(text, period, [row, *settle(book, period, now)])


def _adjust(book: UsageBook, asked: UsageAdjusted, now: datetime) -> Made:
    """Count more or less in a period, within nothing and what is left of it."""
    at, unit = asked.occurred_at or now, book.terms.allowance.unit
    period = _period_of(book, at)
    used, there = book.use(period).used, room_for_late_work(book, period)
    if asked.amount == 0:
        raise Refused("no_amount", "an adjustment of 0 changes nothing")
    if used + asked.amount < 0:
        given, wanted = amount_text(used, unit), amount_text(-asked.amount, unit)
        more = "to give more than was used, grant it for this period or amend the cap"
        raise Refused("too_much", f"only {given} can be given back, not {wanted}; {more}")
    if there is not None and asked.amount > there:
        left, wanted = amount_text(there, unit), amount_text(asked.amount, unit)
        raise Refused("too_much", f"only {left} can be taken, not {wanted}; amend the cap first")
    book.changing_use(period).used += asked.amount
    sign = "+" if asked.amount > 0 else "-"
    text = f"adjusted by {sign}{amount_text(abs(asked.amount), unit)}"
    row = write_by_hand(
        book, asked, text, RowKind.ADJUSTED, period, now=now, at=at, amount=asked.amount, used=asked.amount
    )
    return Made(text, period, [row, *settle(book, period, now)])


def _renew(book: UsageBook, asked: EntitlementRenewed, now: datetime) -> Made:
    """Have the next record made, early or late. What is left goes over at the end of this one's term."""
    effects = renew(
        book,
        now,
        by=asked.by,
        reason=asked.reason,
        clocked_at=now,
        ends_on=asked.ends_on,
        event_id=asked.event_id,
    )
    if book.state.is_over:
        effects += carry_to_renewal(book, now, now)
    renewal = book.state.renewal
    text = f"goes on as {renewal.entitlement_id}, {renewal.starts_on} to {renewal.ends_on}" if renewal else ""
    return Made(text, book.state.period, effects)


def _carry_in(book: UsageBook, asked: BalanceCarriedIn, now: datetime) -> Made:
    """Add to the first period what was left of the entitlement that this one renews."""
    book.changing_use(0).carried += asked.amount
    text = f"{amount_text(asked.amount, book.terms.allowance.unit)} carried over"
    row = write_by_hand(
        book, asked, asked.reason, RowKind.CARRIED, 0, now=now, amount=asked.amount, carried=asked.amount
    )
    return Made(text, 0, [row, *settle(book, 0, now)])


def _give_back(book: UsageBook, asked: BalanceTakenBack, now: datetime) -> Made:
    """Give back, of what was carried over from the entitlement that this one renews, what is not used."""
    use, unit = book.use(0), book.terms.allowance.unit
    came_back = min(asked.from_renewal, use.carried_out)
    there = room(book, 0)
    given = min(asked.amount, use.carried, asked.amount if there is None else there + came_back)
    # What went on unused into the next renewal may come back from there.
    further = 0 if asked.from_renewal else max(min(asked.amount, use.carried) - given, 0)
    further = min(further, use.carried_out)
    if given == 0:
        return Made("all of it is used, or went on", 0, [], 0, further)
    use = book.changing_use(0)
    use.carried -= given
    use.carried_out -= came_back
    text = f"{amount_text(given, unit)} given back"
    row = write_by_hand(
        book, asked, text, RowKind.CARRIED, 0, now=now, amount=-given, carried=-given, carried_out=-came_back
    )
    return Made(text, 0, [row, *settle(book, 0, now)], given, further)


def _said(book: UsageBook, outcome: Literal["done", "already"], made: Made) -> UsageChanged:
    renewal = book.state.renewal
    return UsageChanged(
        outcome=outcome,
        text=made.text,
        balance=book.balance_of(made.period),
        renewal=renewal.entitlement_id if renewal else None,
        amount=made.amount,
        further=made.further,
        references=list(made.references),
    )
