"""Thresholds: marks on the way to a cap, each passed once a period, with what is to be done then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, Literal

from domain.process import ActionCall
from domain.process.actions import Action
from domain.usage.allowance import Threshold
from domain.usage.book import RowDraft, UsageBook, UsageEffect
from domain.usage.effects import UsageActionOrder
from domain.usage.rows import RowKind
from domain.usage.units import measures_per_unit

WRITES_THRESHOLDS = 4
"""The version of the rules since which the ledger has a row for a threshold that is passed, and for an expiry."""

OF_THE_PERIOD = 6
"""The version of the rules since which a changed threshold counts from the current period on, as other rules do."""


def pass_thresholds(book: UsageBook, period: int, now: datetime, *, in_silence: bool = False) -> list[UsageEffect]:
    """Order what is to be done for the thresholds that a period has come to, the lowest first; each is passed once.

    Percentages are of all that may be taken in the period, with what was carried over.

    Args:
        book: of the entitlement.
        period: its number.
        now: the entitlement's.
        in_silence: nothing is ordered, and the ledger does not tell of it.
    """
    effects: list[UsageEffect] = []
    for threshold in _passed_just_now(book, period):
        book.changing_use(period).passed.append(threshold.id)
        if in_silence:
            continue
        if book.terms.rules >= WRITES_THRESHOLDS:
            reason = f"threshold {threshold.at} is passed"
            kind = RowKind.THRESHOLD
            draft = RowDraft(kind=kind, period=period, at=now, now=now, reference=threshold.id, reason=reason)
            effects.append(book.write(draft))
        effects += action_orders(
            book,
            threshold.actions,
            cause="threshold",
            key=f"{period}/threshold/{threshold.id}/1",
            at=now,
            context=book.context(period) | {"threshold": threshold.at},
        )
    return effects


def action_orders(
    book: UsageBook,
    actions: Sequence[Action],
    *,
    cause: Literal["threshold", "notice", "term_end"],
    key: str,
    at: datetime,
    context: dict[str, Any],
) -> list[UsageActionOrder]:
    """Order actions, each with the key under which its receiver takes it once."""
    return [
        UsageActionOrder(
            entitlement_id=book.terms.entitlement_id,
            cause=cause,
            at=at,
            call=ActionCall(
                key=f"{book.terms.entitlement_id}/{key}/{action.id or f'{action.do}-{number}'}", action=action
            ),
            context=context,
        )
        for number, action in enumerate(actions, 1)
    ]


def _passed_just_now(book: UsageBook, period: int) -> list[Threshold]:
    allowance = book.allowance(period) if book.terms.rules >= OF_THE_PERIOD else book.terms.allowance
    if not allowance.thresholds:
        return []
    use, limit = book.use(period), book.limit(period)
    if limit is None or not book.has(period):
        return []
    ahead = [threshold for threshold in allowance.thresholds if threshold.id not in use.passed]
    marks = [(_mark(book, threshold, limit), threshold) for threshold in ahead]
    due = [(mark, threshold) for mark, threshold in marks if _is_passed(book, period, threshold, mark)]
    return [threshold for _, threshold in sorted(due, key=lambda pair: pair[0])]


def _is_passed(book: UsageBook, period: int, threshold: Threshold, mark: Fraction) -> bool:
    """Whether what was used comes to a mark; a percentage over 100 counts overage, and one of a cap of 0 is no mark."""
    use = book.use(period)
    if threshold.is_percentage and book.cap(period) == 0:
        return False
    beyond = threshold.counts_overage or mark > (book.limit(period) or 0)
    return use.used + (use.overage if beyond else 0) >= mark


def _mark(book: UsageBook, threshold: Threshold, limit: int) -> Fraction:
    """The amount at which a threshold is passed, in the smallest measure: an amount is declared in the unit."""
    if threshold.is_percentage:
        return threshold.of(limit)
    return threshold.of(0) * measures_per_unit(book.terms.allowance.unit)
