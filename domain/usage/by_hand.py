"""What a change by hand comes to, and the row that it leaves in the ledger, with who and why."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from domain.usage.book import RowDraft, UsageBook, UsageEffect
from domain.usage.requests import UsageChange
from domain.usage.rows import LedgerRow, RowKind


class Made(NamedTuple):
    """What a change came to; see `domain.usage.requests.UsageChanged`.

    Attributes:
        period: whose balance is answered.
    """

    text: str
    period: int
    effects: list[UsageEffect]
    amount: int | None = None
    references: tuple[str, ...] = ()


def write_by_hand(
    book: UsageBook,
    asked: UsageChange,
    text: str,
    kind: RowKind,
    period: int,
    *,
    now: datetime,
    at: datetime | None = None,
    reference: str | None = None,
    amount: int = 0,
    used: int = 0,
    overage: int = 0,
    carried: int = 0,
    price: str | None = None,
) -> LedgerRow:
    """Write the row of a change, with who and why; it counts at `now` unless `at` says otherwise."""
    draft = RowDraft(
        kind=kind,
        period=period,
        at=at or now,
        now=now,
        amount=amount,
        used=used,
        overage=overage,
        carried=carried,
        reference=reference,
        event_id=asked.event_id,
        price=price,
        by=asked.by,
        reason=asked.reason if text == asked.reason else f"{text}: {asked.reason}",
    )
    return book.write(draft)
