"""Cancelling: from an instant on an entitlement takes nothing; now, ahead, or behind."""

from __future__ import annotations

from datetime import date, datetime

from domain.errors import Refused
from domain.usage.book import UsageBook, UsageEffect
from domain.usage.by_hand import Made, write_by_hand
from domain.usage.due import advance, end_by_cancelling
from domain.usage.effects import RecordChange
from domain.usage.requests import EntitlementCancelled
from domain.usage.reversing import NEVER_GIVEN_BACK, give_back
from domain.usage.rows import RowKind
from domain.wording import instant


def cancel(book: UsageBook, asked: EntitlementCancelled, now: datetime) -> Made:
    """End it at an instant. What was taken after that stays taken; what is planned for after it is reversed.

    Behind, resets and carries that came after the instant are taken back. What is not used is reported when it ends.

    Raises:
        Refused: it is cancelled already, or its term ends before.
    """
    state, at = book.state, asked.at or now
    if state.cancelled_at is not None:
        raise Refused("already_cancelled", f"cancelled already, at {instant(state.cancelled_at)}")
    ends_at = book.terms.periods.ends_at
    if ends_at is not None and ends_at <= at:
        raise nothing_to_cancel(book.terms.periods.term.ends_on, has_ended=ends_at <= now)
    effects = advance(book, now)
    state.cancelled_at = at
    text = "cancelled" if at == now else f"cancelled from {instant(at)} on"
    period = book.last_period
    effects.append(write_by_hand(book, asked, text, RowKind.CANCELLED, period, now=now, at=at))
    references = [planned.reference for planned in state.planned if planned.at >= at]
    if book.terms.allowance.unit != NEVER_GIVEN_BACK:
        effects += _reverse_planned(book, asked, references, now)
    if at <= now:
        effects += end_by_cancelling(book, now)
    effects.append(RecordChange(entitlement_id=book.terms.entitlement_id, cancelled_at=at, by=asked.by))
    return Made(text, period, effects, references=tuple(references))


def nothing_to_cancel(ends_on: date | None, *, has_ended: bool) -> Refused:
    """The refusal of a cancellation at an instant by which the term is over.

    Args:
        ends_on: the term's last date.
        has_ended: it is over now; if not, it will be by then.
    """
    if has_ended:
        return Refused("expired", "its term has ended; there is nothing to cancel")
    return Refused("expired", f"its term ends on {ends_on}, before that; cancel it earlier, or let it end")


def _reverse_planned(
    book: UsageBook, asked: EntitlementCancelled, references: list[str], now: datetime
) -> list[UsageEffect]:
    effects: list[UsageEffect] = []
    for reference in references:
        taking = book.state.taken.find(reference)
        if taking is not None and not taking.is_reversed:
            effects += give_back(book, asked, reference, taking, now).effects
    return effects
