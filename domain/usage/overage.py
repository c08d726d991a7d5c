"""Overage afterwards: it is covered from what is left of a period, or voided; each with who and why."""

from __future__ import annotations

from datetime import datetime

from domain.errors import Refused
from domain.usage.book import UsageBook, UsageEffect
from domain.usage.by_hand import Made, write_by_hand
from domain.usage.carrying import Cause, may_ask_back, room_for_late_work, settle
from domain.usage.planned import change_planned, find_planned
from domain.usage.requests import OverageCovered, OverageVoided
from domain.usage.reversing import withdraw_override
from domain.usage.rows import RowKind
from domain.usage.state import Cover
from domain.usage.takings import Taking
from domain.usage.units import amount_text
from domain.usage.weighing import BOUNDS_BYTES

MOST_COVERS = 1_000
"""Parts of overage that are paid for from another period."""


def cover(book: UsageBook, asked: OverageCovered, now: datetime) -> Made:
    """Pay for overage from what is left of its own period or of a later one, in part if less is left.

    What is covered is used of the period that pays, is no overage any more and is not billed. What has gone over into a
    renewal is still there for it, as it is for late work, and is asked back.

    Raises:
        Refused: the reference has no overage, nothing is left, or the period lies before its own.
    """
    taking = _with_overage(book, asked.reference)
    pays = taking.period if asked.occurred_at is None else book.period_of(asked.occurred_at)
    unit = book.terms.allowance.unit
    if pays < taking.period:
        raise Refused("earlier_period", "overage is covered from its own period or from a later one")
    there, found_used = room_for_late_work(book, pays), book.use(pays).late if pays == taking.period else 0
    # What late work found used by the renewal may have become free since; it is asked once more.
    most = taking.overage if there is None else min(there + found_used, book.left(pays) or 0)
    amount = min(taking.overage, asked.amount or taking.overage, most)
    if amount == 0:
        raise Refused("nothing_left", "nothing is left of that period; amend the cap first, or void the overage")
    if pays != taking.period:
        _check_room(book, asked.reference)
    is_billed = book.state.approved.find(asked.reference) is not None
    effects = _let_go(book, asked, taking, amount, now=now, text=f"covered from {_named(book, pays)}")
    _pay(book, asked.reference, taking, pays, amount, is_billed=is_billed)
    use = book.changing_use(pays)
    use.used += amount
    if there is not None and amount > there:
        use.late = min(use.late, found_used - (amount - there))
    text = f"{amount_text(amount, unit)} of the overage of {asked.reference} covered"
    effects.append(
        write_by_hand(
            book,
            asked,
            text,
            RowKind.COVERED,
            pays,
            now=now,
            reference=asked.reference,
            amount=amount,
            used=amount,
        )
    )
    effects += settle(book, pays, now, Cause(asked.reference, asked.occurred_at or now, is_cover=True))
    return Made(text, pays, effects, amount)


def _check_room(book: UsageBook, reference: str) -> None:
    """Check that one more part can be paid from another period."""
    covers = book.state.covers
    if book.terms.rules >= BOUNDS_BYTES:  # one reference may be covered in many parts
        is_full = sum(map(len, covers.values())) >= MOST_COVERS
    else:
        is_full = reference not in covers and len(covers) >= MOST_COVERS
    if is_full:
        raise Refused("too_many_covers", f"overage is covered from other periods already {MOST_COVERS} times")


def _pay(book: UsageBook, reference: str, taking: Taking, pays: int, amount: int, *, is_billed: bool) -> None:
    """Note of a consumption that a period pays for so much of its overage."""
    left = taking._replace(overage=taking.overage - amount)
    if is_billed and may_ask_back(book):  # what the renewal has used turns out to be overage, and is billed
        book.state.approved.add(reference, Taking(taking.period, 0, amount))
    if pays == taking.period:
        _remember(book, reference, left._replace(amount=taking.amount + amount))
        return
    _remember(book, reference, left._replace(let_go=taking.let_go + amount))
    book.state.covers.setdefault(reference, []).append(Cover(period=pays, amount=amount))


def void(book: UsageBook, asked: OverageVoided, now: datetime) -> Made:
    """Let overage go: it is counted no longer, and its override is withdrawn, or countered where it was billed.

    Raises:
        Refused: the reference has no overage.
    """
    taking = _with_overage(book, asked.reference)
    amount = min(taking.overage, asked.amount or taking.overage)
    text = f"{amount_text(amount, book.terms.allowance.unit)} of the overage of {asked.reference} voided"
    effects = _let_go(book, asked, taking, amount, now=now, text=text)
    moved = taking._replace(overage=taking.overage - amount, let_go=taking.let_go + amount)
    _remember(book, asked.reference, moved)
    return Made(text, taking.period, [*effects, *settle(book, taking.period, now)], amount)


def _with_overage(book: UsageBook, reference: str) -> Taking:
    taking = book.state.taken.find(reference)
    if taking is None or not taking.overage:
        raise Refused("no_overage", f"{reference!r} has no overage in {book.terms.entitlement_id}")
    planned = find_planned(book, reference)
    if planned is not None and not planned.counts:
        raise Refused("no_overage", f"{reference!r} is dated after the end, so its overage does not count; reverse it")
    return taking


def _let_go(
    book: UsageBook, asked: OverageCovered | OverageVoided, taking: Taking, amount: int, *, now: datetime, text: str
) -> list[UsageEffect]:
    """Take overage out of its period, and out of what is billed."""
    reference = asked.reference
    use = book.changing_use(taking.period)
    use.overage -= amount
    use.late = min(use.late, use.overage)
    row = write_by_hand(
        book,
        asked,
        text,
        RowKind.VOIDED,
        taking.period,
        now=now,
        reference=reference,
        amount=amount,
        overage=-amount,
    )
    effects: list[UsageEffect] = [row]
    if book.state.approved.find(reference):
        effects += withdraw_override(book, asked, reference, taking.period, amount, now=now)
        if amount == taking.overage:
            book.state.approved.forget(reference)
    if amount == taking.overage:
        book.state.asked.pop(reference, None)
    return effects


def _remember(book: UsageBook, reference: str, taking: Taking) -> None:
    book.state.taken.move(reference, taking)
    change_planned(book, reference, amount=taking.amount, overage=taking.overage)


def _named(book: UsageBook, period: int) -> str:
    day = book.terms.periods.first_day(period)
    return f"the period from {day}" if day else "what is left"
