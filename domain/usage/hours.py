"""Time entries: hours are taken by the work that was done, which is always recorded, also beyond the cap."""

from __future__ import annotations

from datetime import datetime

from domain.bounds import cut
from domain.errors import Refused
from domain.usage.allowance import Overflow
from domain.usage.answers import Taken, answer, before_opening, by_policy, exhausted, overflowed, refusal
from domain.usage.book import RowDraft, UsageBook, UsageEffect
from domain.usage.carrying import settle, together_for_late_work
from domain.usage.grants import available, pay
from domain.usage.requests import Outcome, TimeEntry
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.state import Asked
from domain.usage.taking import note_asked
from domain.usage.takings import Taking
from domain.usage.units import HOURS


def log_hours(book: UsageBook, entry: TimeEntry, now: datetime) -> Taken:
    """Take the time of an entry, up to the cap; what is over it is overage, or left for the next entitlement.

    Grace, minimum and rounding come before it is split. An entry that was taken before takes nothing more, and gets the
    same answer.

    Args:
        book: of an entitlement counted in hours.
        entry: what was worked.
        now: when it arrives; goes on record, and decides nothing.
    """
    if known := book.state.taken.find(entry.id):
        return Taken(answer(book, entry.id, _outcome_of(book, entry.id, known), known), [])
    try:
        if book.terms.allowance.unit != HOURS:
            counted = book.terms.allowance.unit
            raise Refused("unit", f"entitlement {book.terms.entitlement_id} is counted in {counted}, not in hours")
        if said := before_opening(book, entry.id, entry.worked_at):
            return said
        period = book.period_of(entry.worked_at)
    except Refused as refused:
        return refusal(book, entry.id, refused)
    return _split(book, entry, period, now)


def _split(book: UsageBook, entry: TimeEntry, period: int, now: datetime) -> Taken:
    """Take what fits into what is left of the period; the rest is overage, unless another entitlement takes it."""
    allowance = book.allowance(period)
    minutes = entry.minutes if entry.is_rest else allowance.minutes_counted(entry.minutes)
    if minutes == 0:
        return _within_grace(book, entry, period, now)
    together = together_for_late_work(book, period)
    there = available(book, period, entry.worked_at, together)
    if there == 0 and entry.yields:
        return exhausted(book, entry.id, period)
    fits = minutes if there is None else min(minutes, there)
    over = minutes - fits
    falls_back = entry.has_fallback and allowance.overflow is Overflow.FALLBACK
    paid = pay(book, period, entry.worked_at, fits, together)
    taking = Taking(period, paid.cap, 0 if falls_back else over, over if falls_back else 0, grants=paid.grants)
    book.state.taken.add(entry.id, taking)
    effects: list[UsageEffect] = []
    if fits:
        book.changing_use(period).used += paid.cap
        effects.append(_row(book, entry, RowKind.TAKEN, period, now=now, amount=fits, used=paid.cap))
    if taking.overage:
        book.changing_use(period).overage += over
        if allowance.overflow is Overflow.PROMPT:
            note_asked(book, entry.id, Asked(amount=over, price=allowance.overage_price))
        effects.append(_row(book, entry, RowKind.OVERAGE, period, now=now, amount=over, overage=over))
    if taking.left_over:
        effects.append(_row(book, entry, RowKind.OVERFLOW, period, now=now, amount=over))
    if over:
        effects.append(
            overflowed(
                book, entry.id, f"hours-{entry.id}", period, amount=over, at=entry.worked_at, case_id=entry.case_id
            )
        )
    effects += settle(book, period, now, entry.id)
    return Taken(answer(book, entry.id, by_policy(book, period) if over else "granted", taking), effects)


def _within_grace(book: UsageBook, entry: TimeEntry, period: int, now: datetime) -> Taken:
    """Put an entry on record that is too short to take anything."""
    taking = Taking(period, 0, worked=entry.minutes)
    book.state.taken.add(entry.id, taking)
    book.changing_use(period)
    said = f"{entry.minutes} min of work count as none"
    row = _row(book, entry, RowKind.TAKEN, period, now=now, amount=0, said=said)
    return Taken(answer(book, entry.id, "granted", taking), [row])


def _row(
    book: UsageBook,
    entry: TimeEntry,
    kind: RowKind,
    period: int,
    *,
    now: datetime,
    amount: int,
    used: int = 0,
    overage: int = 0,
    said: str = "",
) -> LedgerRow:
    draft = RowDraft(
        kind=kind,
        period=period,
        at=entry.worked_at,
        now=now,
        amount=amount,
        used=used,
        overage=overage,
        reference=entry.id,
        case_id=entry.case_id,
        by=entry.by,
        reason=cut(": ".join(part for part in (said, entry.note) if part)) or None,
    )
    return book.write(draft)


def _outcome_of(book: UsageBook, entry_id: str, known: Taking) -> Outcome:
    """What an entry was answered that comes again: what is over the cap may still wait for somebody."""
    decided = book.state.approved.find(entry_id) or book.state.declined.find(entry_id)
    if entry_id in book.state.asked:
        return "prompt"
    return by_policy(book, known.period) if (known.overage or known.left_over) and not decided else "already"
