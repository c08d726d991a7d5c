"""Changes of an entitlement by hand: amended, adjusted, reversed, cancelled, renewed; each with who and why, each once.

A change that makes no sense is refused with what would be right, and changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, assert_never

from domain.errors import Refused
from domain.usage.amending import amend
from domain.usage.book import RowDraft, UsageBook, UsageEffect
from domain.usage.carrying import room, settle
from domain.usage.due import advance
from domain.usage.effects import RecordChange
from domain.usage.periods import FrozenPeriods, PeriodUnknown
from domain.usage.renewals import carry_to_renewal, renew
from domain.usage.requests import (
    BalanceCarriedIn,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementCancelled,
    EntitlementRenewed,
    UsageAdjusted,
    UsageChange,
    UsageChanged,
)
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.takings import Taking
from domain.usage.units import amount_text

_NEVER_GIVEN_BACK = "cases"
"""A case takes its part when it is opened and never gives it back."""


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
        return _said(book, "already", "made before", known.period), []
    match asked:
        case EntitlementAmended():
            text, period, effects = amend(book, asked, now, periods)
        case UsageAdjusted():
            text, period, effects = _adjust(book, asked, now)
        case ConsumptionReversed():
            text, period, effects = _reverse(book, asked, now)
        case EntitlementCancelled():
            text, period, effects = _cancel(book, asked, now)
        case EntitlementRenewed():
            text, period, effects = _renew(book, asked, now)
        case BalanceCarriedIn():
            text, period, effects = _carry_in(book, asked, now)
        case _:
            assert_never(asked)
    book.state.changed.add(asked.event_id, Taking(period, 0))
    return _said(book, "done", text, period), effects


def _adjust(book: UsageBook, asked: UsageAdjusted, now: datetime) -> tuple[str, int, list[UsageEffect]]:
    """Count more or less in a period, within nothing and what is left of it."""
    at, unit = asked.occurred_at or now, book.terms.allowance.unit
    try:
        period = book.terms.periods.number(at)
    except PeriodUnknown as unknown:
        raise Refused("period_unknown", str(unknown)) from None
    if period is None:
        raise Refused("outside_term", f"{at.isoformat()} is outside the term of {book.terms.entitlement_id}")
    if book.status(at) == "cancelled":
        raise Refused(
            "cancelled", f"{book.terms.entitlement_id} is cancelled at {at.isoformat()}; give an earlier instant"
        )
    used, there = book.use(period).used, room(book, period)
    if asked.amount == 0:
        raise Refused("no_amount", "an adjustment of 0 changes nothing")
    if used + asked.amount < 0:
        given, wanted = amount_text(used, unit), amount_text(-asked.amount, unit)
        raise Refused("too_much", f"only {given} can be given back, not {wanted}")
    if there is not None and asked.amount > there:
        left, wanted = amount_text(there, unit), amount_text(asked.amount, unit)
        raise Refused("too_much", f"only {left} can be taken, not {wanted}; amend the cap first")
    book.changing_use(period).used += asked.amount
    sign = "+" if asked.amount > 0 else "-"
    text = f"adjusted by {sign}{amount_text(abs(asked.amount), unit)}"
    row = _row(book, asked, text, RowKind.ADJUSTED, period, now=now, at=at, amount=asked.amount, used=asked.amount)
    return text, period, [row, *settle(book, period, now)]


def _reverse(book: UsageBook, asked: ConsumptionReversed, now: datetime) -> tuple[str, int, list[UsageEffect]]:
    """Give back all that a reference took, once. It stays known: taking it again changes nothing."""
    unit, reference = book.terms.allowance.unit, asked.reference
    if unit == _NEVER_GIVEN_BACK:
        raise Refused("never_given_back", "a case never gives back what it took; adjust the book, with a reason")
    taking = book.state.taken.find(reference)
    if taking is not None and taking.is_reversed:
        raise Refused("already_reversed", f"{reference!r} was reversed before")
    if taking is None or not (taking.amount or taking.overage):
        raise Refused("unknown_reference", f"{reference!r} took nothing of {book.terms.entitlement_id}")
    period = taking.period
    book.state.taken.move(reference, Taking(period, 0))
    use = book.changing_use(period)
    back = min(taking.amount, use.used)  # an adjustment may have given back some of it before
    use.used -= back
    use.overage -= taking.overage
    text = f"{reference} gives back {amount_text(taking.amount + taking.overage, unit)}"
    whole = -(taking.amount + taking.overage)
    effects: list[UsageEffect] = [
        _row(
            book,
            asked,
            text,
            RowKind.REVERSED,
            period,
            now=now,
            reference=reference,
            amount=whole,
            used=-back,
            overage=-taking.overage,
        )
    ]
    if book.state.approved.find(reference):
        book.state.approved.forget(reference)
        price = book.terms.allowance.overage_price
        effects.append(
            _row(
                book,
                asked,
                "no longer billed",
                RowKind.OVERRIDE,
                period,
                now=now,
                reference=reference,
                amount=-taking.overage,
                price=price,
            )
        )
    return text, period, [*effects, *settle(book, period, now)]


def _cancel(book: UsageBook, asked: EntitlementCancelled, now: datetime) -> tuple[str, int, list[UsageEffect]]:
    """End it now: its current period is reported, and nothing more falls due."""
    state = book.state
    if state.cancelled_at is not None:
        raise Refused("already_cancelled", f"cancelled already, at {state.cancelled_at.isoformat()}")
    ends_at = book.terms.periods.ends_at
    if state.is_over or (ends_at is not None and ends_at <= now):
        raise Refused("expired", "its term has ended; there is nothing to cancel")
    effects = advance(book, now)
    state.cancelled_at, state.is_over = now, True
    effects.append(_row(book, asked, "cancelled", RowKind.CANCELLED, state.period, now=now))
    effects.append(book.report(state.period, again=False))
    effects.append(RecordChange(entitlement_id=book.terms.entitlement_id, cancelled_at=now, by=asked.by))
    return "cancelled", state.period, effects


def _renew(book: UsageBook, asked: EntitlementRenewed, now: datetime) -> tuple[str, int, list[UsageEffect]]:
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
    return text, book.state.period, effects


def _carry_in(book: UsageBook, asked: BalanceCarriedIn, now: datetime) -> tuple[str, int, list[UsageEffect]]:
    """Add to the first period what was left of the entitlement that this one renews."""
    book.changing_use(0).carried += asked.amount
    text = f"{amount_text(asked.amount, book.terms.allowance.unit)} carried over"
    row = _row(book, asked, asked.reason, RowKind.CARRIED, 0, now=now, amount=asked.amount, carried=asked.amount)
    return text, 0, [row, *settle(book, 0, now)]


def _said(book: UsageBook, outcome: Literal["done", "already"], text: str, period: int) -> UsageChanged:
    renewal = book.state.renewal
    return UsageChanged(
        outcome=outcome,
        text=text,
        balance=book.balance_of(period),
        renewal=renewal.entitlement_id if renewal else None,
    )


def _row(
    book: UsageBook,
    asked: UsageChange,
    text: str,
    kind: RowKind,
    period: int,
    *,
    now: datetime,
    at: datetime | None = None,
    reference: str | None = None,
    amount: int = 0,
    used: int = 0,
    overage: int = 0,
    carried: int = 0,
    price: str | None = None,
) -> LedgerRow:
    """Write the row of a change, with who and why; it counts at `now` unless `at` says otherwise."""
    draft = RowDraft(
        kind=kind,
        period=period,
        at=at or now,
        now=now,
        amount=amount,
        used=used,
        overage=overage,
        carried=carried,
        reference=reference,
        event_id=asked.event_id,
        price=price,
        by=asked.by,
        reason=asked.reason if text == asked.reason else f"{text}: {asked.reason}",
    )
    return book.write(draft)
