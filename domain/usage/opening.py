"""The opening balance: what was used of an entitlement before it was counted here."""

from __future__ import annotations

from datetime import datetime

from domain.usage.book import RowDraft, UsageBook, UsageEffect
from domain.usage.rows import RowKind
from domain.usage.thresholds import pass_thresholds


def open_balance(book: UsageBook, now: datetime) -> list[UsageEffect]:
    """Count what the opening balance says, once. What is above the cap is overage, and nobody is asked to pay for it.

    Thresholds that it passes are passed in silence: whoever moved in knows of them.
    """
    opening, state = book.terms.opening, book.state
    if opening is None or state.opened:
        return []
    state.opened = True
    period = book.period_near(opening.at)
    use = book.changing_use(period)
    use.carried += opening.carried
    limit = book.limit(period)
    within = opening.used if limit is None else min(opening.used, limit)
    use.used += within
    use.overage += opening.used - within
    row = book.write(
        RowDraft(
            kind=RowKind.OPENING,
            period=period,
            at=opening.at,
            now=now,
            amount=opening.used,
            used=within,
            overage=opening.used - within,
            carried=opening.carried,
            by="milepost",
            reason="the opening balance",
        )
    )
    pass_thresholds(book, period, now, in_silence=True)
    return [row]
