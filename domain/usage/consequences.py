"""What a cancellation takes back and what it leaves as it is, as people are told of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from domain.usage.rows import LedgerRow, RowKind

_TAKES = (RowKind.TAKEN, RowKind.OVERAGE, RowKind.OVERRIDE)
_MOST_LISTED = 20


def taken_after(rows: Iterable[LedgerRow], at: datetime, planned: Sequence[str]) -> list[str]:
    """The references of what was taken of an instant from which an entitlement is cancelled: that stays taken.

    Args:
        rows: of its ledger.
        at: the instant.
        planned: what the cancellation has reversed; its rows may be on the way.
    """
    later = [row for row in rows if row.reference and row.at >= at]
    reversed_ = {row.reference for row in later if row.kind is RowKind.REVERSED}.union(planned)
    taken = dict.fromkeys(row.reference for row in later if row.kind in _TAKES and row.reference)
    return [reference for reference in taken if reference not in reversed_]


def lines_of_cancelling(planned: Sequence[str], stays: Sequence[str], renewal: str | None, how: str) -> list[str]:
    """What follows a cancellation, a line each.

    Args:
        planned: what lay after it, and was reversed.
        stays: what was taken after it, and stays taken.
        renewal: what the entitlement was renewed as; None: it was not, or that was cancelled with it.
        how: what cancels the renewal.
    """
    lines = []
    if planned:
        lines.append(f"planned after that, and reversed: {_listed(planned)}")
    if stays:
        lines.append(f"taken after that, and stays taken: {_listed(stays)}")
    if renewal:
        lines.append(f"it was renewed as {renewal}, which goes on; {how} cancels that, too")
    return lines


def _listed(references: Sequence[str]) -> str:
    shown = ", ".join(references[:_MOST_LISTED])
    more = len(references) - _MOST_LISTED
    return f"{shown} and {more} more" if more > 0 else shown
