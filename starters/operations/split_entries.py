"""Finds all that a time entry was split over, from any of the entitlements that took a part of it.

An entry takes what one entitlement has left and goes on to the next that covers its case, which may be another
account's. The ledgers know them all, the counts whether a part is still theirs.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from clients.gate import UsageGate
from domain.catalog.declarations import Entitlement
from domain.usage.rows import RowKind
from domain.usage.units import HOURS
from store import Store

ARRIVES_WITHIN = 5.0
"""Seconds in which the ledger has what was taken just before: it is written in the background."""

_LOOK_EVERY = 0.1


class Parts(NamedTuple):
    """What an entry was split over.

    Attributes:
        entitlements: their ids, the one that was asked about first.
        missing: minutes that were left over for another entitlement, and that none has taken.
    """

    entitlements: list[str]
    missing: int = 0


class SplitEntries:
    """Looks into the ledgers."""

    def __init__(self, store: Store, gate: UsageGate) -> None:
        self._store = store
        self._gate = gate

    async def parts(self, entitlement: Entitlement, reference: str) -> Parts:
        """What has a part of the entry that an entitlement took under a reference.

        Only hours are split. Counts that no longer run have no part that could be undone.

        Raises:
            NobodyCounts: an entitlement that took a part does not answer.
        """
        alone = Parts([entitlement.id])
        if entitlement.allowance is None or entitlement.allowance.unit != HOURS:
            return alone
        if not await self._gate.has_taken(entitlement.id, reference):
            return alone
        clock = asyncio.get_running_loop().time
        deadline = clock() + ARRIVES_WITHIN
        while True:
            found = await self._look(entitlement.id, reference)
            if found is not None and (not found.missing or clock() > deadline):
                return found
            if clock() > deadline:
                return alone
            await asyncio.sleep(_LOOK_EVERY)

    async def _look(self, entitlement: str, reference: str) -> Parts | None:
        """The parts as far as they are in the ledgers; None if the entry itself is not there yet."""
        rows = await asyncio.to_thread(self._store.ledgers.entry_rows, entitlement, reference)
        if not rows:
            return None
        others = [one for one in rows if one != entitlement]
        counted = await asyncio.gather(*(self._gate.has_taken(one, reference) for one in others))
        parts = [entitlement, *(one for one, is_counted in zip(others, counted, strict=True) if is_counted)]
        # Each was left what was over in the one before; what is over in the last is in no ledger yet.
        left_over = [sum(row.amount for row in rows[part] if row.kind is RowKind.OVERFLOW) for part in parts]
        return Parts(parts, missing=min(left_over))
