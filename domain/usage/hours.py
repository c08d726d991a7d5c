"""Time entries: hours are taken by the work that was done, which is always recorded, also beyond the cap."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import NamedTuple

from domain.bounds import cut
from domain.errors import Refused
from domain.usage.allowance import Overflow
from domain.usage.answers import Taken, answer, before_opening, by_policy, exhausted, overflowed, refusal
from domain.usage.book import RowDraft, UsageBook, UsageEffect
from domain.usage.carrying import Cause, room_with_grants, settle
from domain.usage.grants import available, pay
from domain.usage.rates import Rating, table_key
from domain.usage.requests import Outcome, TimeEntry
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.state import Asked
from domain.usage.taking import note_asked
from domain.usage.takings import Taking
from domain.usage.units import HOURS, amount_text, worked_text


def log_hours(book: UsageBook, entry: TimeEntry, now: datetime) -> Taken:
    """Take the time of an entry, up to the cap; what is over it is overage, or left for the next entitlement.

    Grace, minimum and rounding come before it is rated and split. An entry that was taken before takes nothing more,
    and gets the same answer.

    Args:
        book: of an entitlement counted in hours.
        entry: what was worked.
        now: when it arrives; goes on record, and decides nothing.
    """
    if known := book.state.taken.find(entry.id):
        return Taken(answer(book, entry.id, _outcome_of(book, entry.id, known), known, entry.worked_at), [])
    try:
        if book.terms.allowance.unit != HOURS:
            counted = book.terms.allowance.unit
            raise Refused("unit", f"entitlement {book.terms.entitlement_id} is counted in {counted}, not in hours")
        if said := before_opening(book, entry.id, entry.worked_at, partial(_uncounted, book, entry, now)):
            return said
        period = book.period_of(entry.worked_at)
    except Refused as refused:
        return refusal(book, entry.id, refused)
    if entry.yields and available(book, period, entry.worked_at, room_with_grants(book, period)) == 0:
        return exhausted(
            book, entry.id, period, entry.worked_at
        )  # before its grace, which is that of the one asked first
    allowance = book.allowance(period)
    minutes = entry.minutes if entry.is_rest else allowance.minutes_counted(entry.minutes)
    if minutes == 0:
        return _within_grace(book, entry, period, now)
    if allowance.rates and (entry.rates is None or entry.rates.by != table_key(allowance.rates)):
        why = f"the period has rates; rate the entry by those of {book.terms.entitlement_id}, and ask again"
        said = refusal(book, entry.id, Refused("not_rated", why))
        return said._replace(answer=said.answer.model_copy(update={"rates": allowance.rates}))
    return _split(book, entry, period, minutes, now)


class _Share(NamedTuple):
    """What an entitlement has of an entry.

    Attributes:
        fits: of what is there.
        work: minutes of work that this stands for.
        over: rated minutes if somebody is asked to pay for them, else minutes of work.
        work_over: minutes of work that are over.
    """

    fits: int
    work: int
    over: int
    work_over: int


def _share(rating: Rating, minutes: int, there: int | None, *, asks: bool) -> _Share:
    """Split minutes of work: the first ones are paid as far as there is something, and are whole minutes of work."""
    rated = rating.rated(minutes)
    if there is None or rated <= there:
        return _Share(rated, minutes, 0, 0)
    work = rating.fitting(minutes, there)
    fits = rating.rated(work)
    return _Share(fits, work, rated - fits if asks else minutes - work, minutes - work)


def _split(book: UsageBook, entry: TimeEntry, period: int, minutes: int, now: datetime) -> Taken:
    """Take what fits into what is left of the period; the rest is overage, unless another entitlement takes it."""
    allowance = book.allowance(period)
    room = room_with_grants(book, period)
    there = available(book, period, entry.worked_at, room)
    is_rated = bool(allowance.rates) and entry.rates is not None
    rating = Rating(entry.rates.parts, entry.paid) if is_rated and entry.rates else Rating()
    asks = allowance.overflow is Overflow.PROMPT
    share = _share(rating, minutes, there, asks=asks)
    fits, over = share.fits, share.over
    falls_back = entry.has_fallback and allowance.overflow is Overflow.FALLBACK
    paid = pay(book, period, entry.worked_at, fits, room)
    worked = minutes if is_rated else 0
    taking = Taking(
        period, paid.cap, 0 if falls_back else over, over if falls_back else 0, grants=paid.grants, worked=worked
    )
    book.state.taken.add(entry.id, taking)
    effects: list[UsageEffect] = []
    if fits or (is_rated and share.work):
        book.changing_use(period).used += paid.cap
        said = f"{worked_text(share.work)} of work count {amount_text(fits, HOURS)}" if is_rated else ""
        effects.append(_row(book, entry, RowKind.TAKEN, period, now=now, amount=fits, used=paid.cap, said=said))
    if taking.overage:
        book.changing_use(period).overage += over
        if asks:
            work_over = share.work_over if is_rated else None
            note_asked(book, entry.id, Asked(amount=over, price=allowance.overage_price, worked=work_over))
        said = f"{worked_text(share.work_over)} of work count {amount_text(over, HOURS)}" if is_rated and asks else ""
        effects.append(_row(book, entry, RowKind.OVERAGE, period, now=now, amount=over, overage=over, said=said))
    if taking.left_over:
        effects.append(_row(book, entry, RowKind.OVERFLOW, period, now=now, amount=over))
    if over:
        effects.append(
            overflowed(
                book, entry.id, f"hours-{entry.id}", period, amount=over, at=entry.worked_at, case_id=entry.case_id
            )
        )
    effects += settle(book, period, now, Cause(entry.id, entry.worked_at))
    return Taken(
        answer(book, entry.id, by_policy(book, period) if over else "granted", taking, entry.worked_at), effects
    )


def _uncounted(book: UsageBook, entry: TimeEntry, now: datetime, period: int, why: str) -> LedgerRow:
    return _row(book, entry, RowKind.TAKEN, period, now=now, amount=0, said=why)


def _within_grace(book: UsageBook, entry: TimeEntry, period: int, now: datetime) -> Taken:
    """Put an entry on record that is too short to take anything."""
    taking = Taking(period, 0, worked=entry.minutes)
    book.state.taken.add(entry.id, taking)
    book.changing_use(period)
    said = f"{worked_text(entry.minutes)} of work count as none"
    row = _row(book, entry, RowKind.TAKEN, period, now=now, amount=0, said=said)
    return Taken(answer(book, entry.id, "granted", taking, entry.worked_at), [row])


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
        event_id=entry.event_id,
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
