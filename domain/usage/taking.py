"""Taking a case or a visit: whole or not at all, once, in the period of its own instant."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from domain.errors import Refused
from domain.usage.allowance import Overflow
from domain.usage.answers import Taken, answer, before_opening, by_policy, exhausted, overflowed, refusal
from domain.usage.book import RowDraft, UsageBook
from domain.usage.carrying import Cause, room_with_grants, settle
from domain.usage.grants import Room, available, pay
from domain.usage.planned import check_room_ahead, note_planned
from domain.usage.requests import Consumption, Outcome
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.state import Asked
from domain.usage.takings import Taking
from domain.usage.units import HOURS
from domain.usage.weighing import BOUNDS_BYTES, are_too_long

MOST_ASKED = 1_000
"""Questions that wait for a decision at once."""


def take(book: UsageBook, consumption: Consumption, now: datetime) -> Taken:
    """Take something, whole or not at all; a reference that took its part before takes nothing more.

    It belongs to the period of its own instant, also when that period is over, which is then reported again.

    Args:
        book: of the entitlement.
        consumption: what is taken.
        now: when it arrives; goes on record, and decides nothing.
    """
    reference, at = consumption.reference, consumption.occurred_at
    if known := book.state.taken.find(reference):
        return Taken(answer(book, reference, "already", known, at), [])
    if known := book.state.overflowed.find(consumption.event_id):
        declined = book.state.declined.find(reference) is not None
        outcome = "overflow" if declined else _told(book, reference, known)
        return Taken(answer(book, reference, outcome, known, at), [])
    try:
        _check_unit(book, consumption.unit)
        if book.terms.allowance.unit == HOURS:
            raise Refused("hours_are_logged", f"hours of {book.terms.entitlement_id} are taken by time entries")
        if said := before_opening(book, reference, at, partial(_uncounted, book, consumption, now)):
            return said
        period = book.period_of(at)
        check_room_ahead(book, at, now)
    except Refused as refused:
        return refusal(book, reference, refused)
    room = room_with_grants(book, period)
    there = available(book, period, at, room)
    if there is not None and consumption.amount > there:
        if consumption.yields:
            return exhausted(book, reference, period, at)
        return _overflow(book, consumption, period, now)
    return grant(book, consumption, period, room, now)


def grant(book: UsageBook, consumption: Consumption, period: int, room: Room | None, now: datetime) -> Taken:
    """Take something for which there is room.

    Args:
        book: of the entitlement.
        consumption: what is taken.
        period: of its own instant.
        room: of that period (`domain.usage.carrying.room_with_grants`).
        now: when it arrives.
    """
    paid = pay(book, period, consumption.occurred_at, consumption.amount, room)
    book.changing_use(period).used += paid.cap
    taking = Taking(period, paid.cap, grants=paid.grants)
    book.state.taken.add(consumption.reference, taking)
    note_planned(book, consumption.reference, taking, consumption.occurred_at, now)
    row = book.write(_draft(consumption, RowKind.TAKEN, period, now, used=paid.cap))
    return Taken(
        answer(book, consumption.reference, "granted", taking, consumption.occurred_at),
        [row, *settle(book, period, now, Cause(consumption.reference, consumption.occurred_at))],
    )


def _overflow(book: UsageBook, consumption: Consumption, period: int, now: datetime) -> Taken:
    taking = Taking(period, 0)
    book.state.overflowed.add(consumption.event_id, taking)
    book.state.declined.forget(consumption.reference)
    allowance = book.allowance(period)
    if allowance.overflow is Overflow.PROMPT:
        note_asked(book, consumption.reference, Asked(amount=consumption.amount, price=allowance.overage_price))
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
    return Taken(
        answer(book, consumption.reference, by_policy(book, period), taking, consumption.occurred_at), [row, told]
    )


def note_asked(book: UsageBook, reference: str, asked: Asked) -> None:
    """Remember what somebody was asked, until it is decided: of very many the oldest is forgotten."""
    book.state.asked.pop(reference, None)
    book.state.asked[reference] = asked
    bounds_bytes = book.terms.rules >= BOUNDS_BYTES
    while len(book.state.asked) > MOST_ASKED or (bounds_bytes and are_too_long(book.state.asked)):
        del book.state.asked[next(iter(book.state.asked))]


def _told(book: UsageBook, reference: str, known: Taking) -> Outcome:
    """What was answered to a request that comes again: who was asked then is asked now, whatever the rules are."""
    return "prompt" if reference in book.state.asked else by_policy(book, known.period)


def _uncounted(book: UsageBook, consumption: Consumption, now: datetime, period: int, why: str) -> LedgerRow:
    draft = _draft(consumption, RowKind.TAKEN, period, now, used=0)
    return book.write(draft._replace(amount=0, reason=why))


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
