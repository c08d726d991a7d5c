"""The answers to whoever takes something, and what others are told when there is not enough."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from domain.errors import Refused
from domain.usage.allowance import Overflow
from domain.usage.book import UsageBook, UsageEffect
from domain.usage.requests import Consumed, EntitlementOverflowed, Outcome
from domain.usage.rows import LedgerRow
from domain.usage.takings import Taking

_BY_POLICY: dict[Overflow, Outcome] = {
    Overflow.FALLBACK: "overflow",
    Overflow.BLOCK: "blocked",
    Overflow.PROMPT: "prompt",
}
_NOTHING = Taking(0, 0)

WRITES_UNCOUNTED = 5
"""The version of the rules since which what was taken before the opening balance has a row of the ledger."""


class Taken(NamedTuple):
    """What a request comes to: for who asked, and for everybody else."""

    answer: Consumed
    effects: list[UsageEffect]


def by_policy(book: UsageBook, period: int) -> Outcome:
    """The answer when there is not enough, by the rules of a period."""
    return _BY_POLICY[book.allowance(period).overflow]


def answer(book: UsageBook, reference: str, outcome: Outcome, taking: Taking, at: datetime) -> Consumed:
    """The answer to a request, with the balance of its period; of one that is not there any more, with nothing left.

    Args:
        book: of the entitlement.
        reference: what was asked for.
        outcome: what it comes to.
        taking: what it took.
        at: its own instant, which decides what grants it meets.
    """
    period, allowance = taking.period, book.allowance(taking.period)
    if not book.has(period):
        return Consumed(
            reference=reference,
            outcome=outcome,
            unit=allowance.unit,
            cap=0,
            remaining=0,
            taken=taking.amount + taking.granted,
            granted=taking.granted,
            worked=taking.worked,
            overage=taking.overage,
            left_over=taking.left_over,
            is_reversed=outcome == "already" and taking.is_reversed,
        )
    use, limit, left = book.standing(period)
    return Consumed(
        reference=reference,
        outcome=outcome,
        unit=allowance.unit,
        period=period,
        first_day=book.terms.periods.first_day(period),
        used=use.used,
        cap=limit,
        remaining=left,
        taken=taking.amount + taking.granted,
        granted=taking.granted,
        worked=taking.worked,
        overage=taking.overage,
        left_over=taking.left_over,
        overage_price=allowance.overage_price if outcome == "prompt" else None,
        prompt_within=allowance.prompt_within if outcome == "prompt" else None,
        grant_left=book.grant_left(period, at),
        is_reversed=outcome == "already" and taking.is_reversed,
    )


def exhausted(book: UsageBook, reference: str, period: int, at: datetime) -> Taken:
    """The answer to a request that yields to another entitlement: nothing of it goes on record."""
    return Taken(answer(book, reference, "exhausted", Taking(period, 0), at), [])


def before_opening(
    book: UsageBook, reference: str, at: datetime, write: Callable[[int, str], LedgerRow]
) -> Taken | None:
    """The answer to what was taken before the opening balance, which counts it already; None if it was not.

    Args:
        book: of the entitlement.
        reference: what is taken.
        at: its own instant.
        write: puts it on record in a period, with a reason; it takes nothing.
    """
    opening, uncounted = book.terms.opening, book.state.uncounted
    known = uncounted.find(reference)
    if known is None and (opening is None or at >= opening.at):
        return None
    effects: list[UsageEffect] = []
    if known is None:
        period = book.period_of(at)
        uncounted.add(reference, _NOTHING)
        if book.terms.rules >= WRITES_UNCOUNTED:
            book.changing_use(period)
            effects.append(write(period, "the opening balance counts it already"))
    period = book.period_near(at)
    said = answer(book, reference, "already" if known else "granted", Taking(period, 0), at)
    return Taken(said.model_copy(update={"is_reversed": False}), effects)


def refusal(book: UsageBook, reference: str, refused: Refused) -> Taken:
    """The answer to what can't be taken from this entitlement at all."""
    unit = book.terms.allowance.unit
    return Taken(Consumed(reference=reference, outcome="refused", reason=str(refused), unit=unit), [])


def overflowed(
    book: UsageBook, reference: str, event_id: str, period: int, *, amount: int, at: datetime, case_id: str | None
) -> EntitlementOverflowed:
    """Count an overflow; the case and the manager are told of it."""
    use, allowance = book.changing_use(period), book.allowance(period)
    use.overflows += 1
    book.state.overflows += 1
    return EntitlementOverflowed(
        event_id=event_id,
        entitlement_id=book.terms.entitlement_id,
        reference=reference,
        case_id=case_id,
        number=book.state.overflows,
        occurred_at=at,
        unit=allowance.unit,
        amount=amount,
        used=use.used,
        cap=book.limit(period) or 0,
        period=period,
        first_day=book.terms.periods.first_day(period),
        policy=allowance.overflow,
        overage_price=allowance.overage_price,
        prompt_within=allowance.prompt_within if allowance.overflow is Overflow.PROMPT else None,
    )
