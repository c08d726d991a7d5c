"""Finds all that a time entry was split over, from any of the entitlements that took a part of it.

An entry takes what one entitlement has left and goes on to the next. Its id alone does not say what belongs together:
two cases of an account may each have an entry T-1. Case and time of the work do.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import NamedTuple

from temporalio.client import Client

from activities.usage import UsageGate
from domain.catalog import Entitlement
from domain.entitlement_messages import ENTITLEMENT_WORKFLOW, workflow_id
from domain.errors import NotFound
from domain.ledger_rows import LedgerRow, RowKind
from domain.units import HOURS
from store import Store

ARRIVES_WITHIN = 5.0
"""Seconds in which the ledger has what was taken just before: it is written in the background."""

_LOOK_EVERY = 0.1
_ASKED_AT_ONCE = 20
_TAKING = frozenset({RowKind.TAKEN, RowKind.OVERAGE})


class Parts(NamedTuple):
    """What an entry was split over.

    Attributes:
        entitlements: their ids, the one that was asked about first.
        missing: minutes that were left over for another entitlement, and that none has taken.
    """

    entitlements: list[str]
    missing: int = 0


class SplitEntries:
    """Looks into the ledgers of an account's entitlements."""

    def __init__(self, client: Client, store: Store, gate: UsageGate) -> None:
        self._client = client
        self._store = store
        self._gate = gate

    async def parts(self, entitlement: Entitlement, reference: str) -> Parts:
        """What has a part of the entry that an entitlement took under a reference.

        Only hours are split. Counts that no longer run have no part that could be undone.

        Raises:
            NobodyCounts: an entitlement of the account does not answer.
        """
        alone = Parts([entitlement.id])
        if entitlement.allowance is None or entitlement.allowance.unit != HOURS:
            return alone
        if not await self._gate.has_taken(entitlement.id, reference):
            return alone
        clock = asyncio.get_running_loop().time
        deadline = clock() + ARRIVES_WITHIN
        while True:
            found = await self._look(entitlement, reference)
            if found is not None and (not found.missing or clock() > deadline):
                return found
            if clock() > deadline:
                return alone
            await asyncio.sleep(_LOOK_EVERY)

    async def _look(self, entitlement: Entitlement, reference: str) -> Parts | None:
        """The parts as far as they are in the ledgers; None if the entry itself is not there yet."""
        own = _entry_rows(await self._ledger(entitlement.id), reference)
        if not own:
            return None
        case_and_time = _case_and_time(own[0])
        parts = {entitlement.id: own}
        for other in await self._others(entitlement):
            if await self._gate.has_taken(other, reference):
                rows = _entry_rows(await self._ledger(other), reference)
                same = [row for row in rows if _case_and_time(row) == case_and_time]
                parts |= {other: same} if same else {}
        # The first that was asked had all of it before it: what it took, and what it left to others.
        whole = max(sum(row.amount for row in rows) for rows in parts.values())
        taken = sum(row.amount for rows in parts.values() for row in rows if row.kind in _TAKING)
        return Parts(list(parts), missing=whole - taken)

    async def _others(self, entitlement: Entitlement) -> list[str]:
        """The other entitlements of the account that are counted in hours, expired and retired ones too."""
        running = self._client.list_workflows(
            f"WorkflowType = '{ENTITLEMENT_WORKFLOW}' AND MilepostAccount = '{entitlement.account}' "
            "AND ExecutionStatus = 'Running'"
        )
        ids = [found.id.removeprefix(workflow_id("")) async for found in running]
        others: list[str] = []
        for begin in range(0, len(ids), _ASKED_AT_ONCE):
            batch = ids[begin : begin + _ASKED_AT_ONCE]
            units = await asyncio.gather(*(asyncio.to_thread(self._unit, one) for one in batch))
            others += [one for one, unit in zip(batch, units, strict=True) if unit == HOURS and one != entitlement.id]
        return sorted(others)

    def _unit(self, entitlement: str) -> str | None:
        try:
            allowance = self._store.entitlement(entitlement).allowance
        except NotFound:
            return None
        return allowance.unit if allowance else None

    async def _ledger(self, entitlement: str) -> list[LedgerRow]:
        return await asyncio.to_thread(self._store.ledger, entitlement)


def _entry_rows(rows: list[LedgerRow], reference: str) -> list[LedgerRow]:
    kinds = _TAKING | {RowKind.OVERFLOW}
    return [row for row in rows if row.reference == reference and row.kind in kinds]


def _case_and_time(row: LedgerRow) -> tuple[str | None, datetime]:
    return row.case_id, row.at
