"""Reversing: all that a visit or a time entry took is given back, once, in the period in which it was taken."""

from __future__ import annotations

from datetime import datetime

from domain.errors import Refused
from domain.usage.book import UsageBook, UsageEffect
from domain.usage.by_hand import Made, write_by_hand
from domain.usage.carrying import settle
from domain.usage.grants import give_back_grants
from domain.usage.planned import drop_planned, find_planned, holds_grants
from domain.usage.prices import price_of
from domain.usage.requests import ConsumptionReversed, UsageChange
from domain.usage.rows import RowKind
from domain.usage.takings import Taking
from domain.usage.units import amount_text

NEVER_GIVEN_BACK = "cases"
"""A case takes its part when it is opened and never gives it back."""


def reverse(book: UsageBook, asked: ConsumptionReversed, now: datetime) -> Made:
    """Give back all that a reference took, once. It stays known: taking it again changes nothing.

    Raises:
        Refused: it took nothing, was reversed before, or is a case.
    """
    reference, taking = asked.reference, book.state.taken.find(asked.reference)
    if book.terms.allowance.unit == NEVER_GIVEN_BACK:
        raise Refused("never_given_back", "a case never gives back what it took; adjust the usage, with a reason")
    if taking is not None and taking.is_reversed:
        raise Refused("already_reversed", f"{reference!r} was reversed before")
    if taking is None or taking._replace(left_over=0).is_reversed:
        raise Refused("unknown_reference", f"{reference!r} took nothing of {book.terms.entitlement_id}")
    return give_back(book, asked, reference, taking, now)


def give_back(book: UsageBook, asked: UsageChange, reference: str, taking: Taking, now: datetime) -> Made:
    """Give back what a reference took, also what it took of later periods to pay for its overage.

    Args:
        book: of the entitlement.
        asked: the change by which it is given back.
        reference: of the visit or time entry.
        taking: what it took.
        now: the entitlement's clock.
    """
    state, period, unit = book.state, taking.period, book.terms.allowance.unit
    planned, covers = find_planned(book, reference), state.covers.pop(reference, [])
    drop_planned(book, reference)
    state.taken.move(reference, Taking(period, 0))
    if holds_grants(book, planned):
        give_back_grants(book, taking.grants)
    back = overage = 0
    if planned is None or planned.counts:  # what lies beyond an amended end counts nowhere
        use = book.changing_use(period)
        back = min(taking.amount, use.used)  # an adjustment may have given back some of it before
        overage = taking.overage
        use.used -= back
        use.overage -= overage
        use.late = min(use.late, use.overage)
    whole = taking.amount + taking.granted + taking.overage + sum(cover.amount for cover in covers)
    text = f"{reference} gives back {amount_text(whole, unit)}"
    effects: list[UsageEffect] = [
        write_by_hand(
            book,
            asked,
            text,
            RowKind.REVERSED,
            period,
            now=now,
            reference=reference,
            amount=-(taking.amount + taking.granted + taking.overage),
            used=-back,
            overage=-overage,
        )
    ]
    if state.approved.find(reference):
        effects += withdraw_override(book, asked, reference, taking.period, taking.overage, now=now)
        state.approved.forget(reference)
    state.asked.pop(reference, None)
    effects += settle(book, period, now)
    for cover in covers:
        used = min(cover.amount, book.use(cover.period).used)
        book.changing_use(cover.period).used -= used
        effects.append(
            write_by_hand(
                book,
                asked,
                f"no longer pays for {reference}",
                RowKind.COVERED,
                cover.period,
                now=now,
                reference=reference,
                amount=-cover.amount,
                used=-used,
            )
        )
        effects += settle(book, cover.period, now)
    return Made(text, period, effects)


def withdraw_override(
    book: UsageBook, asked: UsageChange, reference: str, period: int, amount: int, *, now: datetime
) -> list[UsageEffect]:
    """Write that so much of an override is not billed, or is paid back if it was billed before."""
    if amount == 0:
        return []
    row = write_by_hand(
        book,
        asked,
        "no longer billed",
        RowKind.OVERRIDE,
        period,
        now=now,
        reference=reference,
        amount=-amount,
        price=price_of(book, reference, period),
    )
    return [row]
