"""Taking a case or a visit: whole or not at all, once, in the period of its own instant."""

from __future__ import annotations

from datetime import datetime

from domain.errors import Refused
from domain.usage.answers import Taken, answer, by_policy, overflowed, refusal
from domain.usage.book import RowDraft, UsageBook
from domain.usage.carrying import room, settle
from domain.usage.requests import Consumption
from domain.usage.rows import RowKind
from domain.usage.takings import Taking
from domain.usage.units import HOURS


def take(book: UsageBook, consumption: Consumption, now: datetime) -> Taken:
    """Take something, whole or not at all; a reference that took its part before takes nothing more.

    It belongs to the period of its own instant, also when that period is over, which is then reported again.

    Args:
        book: of the entitlement.
        consumption: what is taken.
        now: when it arrives; goes on record, and decides nothing.
    """
    reference = consumption.reference
    if known := book.state.taken.find(reference):
        return Taken(answer(book, reference, "already", known), [])
    if known := book.state.overflowed.find(consumption.event_id):
        declined = book.state.declined.find(reference) is not None
        return Taken(answer(book, reference, "overflow" if declined else by_policy(book), known), [])
    try:
        _check_unit(book, consumption.unit)
        if book.terms.allowance.unit == HOURS:
            raise Refused("hours_are_logged", f"hours of {book.terms.entitlement_id} are taken by time entries")
        period = book.period_of(consumption.occurred_at)
    except Refused as refused:
        return refusal(book, reference, refused)
    there = room(book, period)
    if there is not None and consumption.amount > there:
        return _overflow(book, consumption, period, now)
    return grant(book, consumption, period, now)


def grant(book: UsageBook, consumption: Consumption, period: int, now: datetime) -> Taken:
    """Take something for which there is room."""
    amount = consumption.amount
    book.changing_use(period).used += amount
    taking = Taking(period, amount)
    book.state.taken.add(consumption.reference, taking)
    row = book.write(_draft(consumption, RowKind.TAKEN, period, now, used=amount))
    return Taken(answer(book, consumption.reference, "granted", taking), [row, *settle(book, period, now)])


def _overflow(book: UsageBook, consumption: Consumption, period: int, now: datetime) -> Taken:
    taking = Taking(period, 0)
    book.state.overflowed.add(consumption.event_id, taking)
    book.state.declined.forget(consumption.reference)
    row = book.write(_draft(consumption, RowKind.OVERFLOW, period, now, used=0))
    told = overflowed(
        book,
        consumption.reference,
        consumption.event_id,
        period,
        amount=consumption.amount,
        at=consumption.occurred_at,
        case_id=consumption.case_id,
    )
    return Taken(answer(book, consumption.reference, by_policy(book), taking), [row, told])


def _check_unit(book: UsageBook, unit: str | None) -> None:
    counted = book.terms.allowance.unit
    if unit not in {None, counted}:
        raise Refused("unit", f"entitlement {book.terms.entitlement_id} is counted in {counted}, not in {unit}")


def _draft(consumption: Consumption, kind: RowKind, period: int, now: datetime, *, used: int) -> RowDraft:
    return RowDraft(
        kind=kind,
        period=period,
        at=consumption.occurred_at,
        now=now,
        amount=consumption.amount,
        used=used,
        reference=consumption.reference,
        event_id=consumption.event_id,
        case_id=consumption.case_id,
        by=consumption.by,
    )
