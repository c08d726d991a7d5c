"""Lets the counts of entitlements follow what the catalog declares of them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

from temporalio.client import Client

from activities.asking import NobodyCounts
from activities.usage import UsageGate
from domain.catalog import Entitlement
from domain.entitlement_messages import EntitlementAmended, EntitlementCancelled, EntitlementTerms
from domain.entitlement_terms import entitlement_terms
from domain.errors import MilepostError
from store import Store

_PATIENCE = 10.0


class Counting:
    """Begins counts, and amends those that run."""

    def __init__(self, client: Client, store: Store, task_queue: str) -> None:
        self._gate = UsageGate(client, task_queue, patience=_PATIENCE)
        self._store = store

    async def follow(self, entitlements: Iterable[str], *, by: str, reason: str) -> list[str]:
        """Bring the counts of entitlements that were declared, or changed, up to date.

        One whose term's end has consequences (notices, another term, a renewal) begins to be counted; any other begins
        with what is first taken of it. In one that is counted already the cap, the last date, the rules and a
        cancellation become amendments, on record. Doing it again changes nothing.

        Args:
            entitlements: their ids.
            by: who declared it so; goes on record.
            reason: why; goes on record.

        Returns:
            What was done, a line each.

        Raises:
            Refused: a running count does not take the change; those before it in the list are done.
            MilepostError: a count does not answer.
        """
        done: list[str] = []
        for name in entitlements:
            declared = await asyncio.to_thread(self._store.entitlement, name)
            if declared.allowance is None:
                continue
            try:
                done += await self._follow(declared, by, reason)
            except NobodyCounts as error:
                raise MilepostError(str(error)) from error
        return done

    async def _follow(self, declared: Entitlement, by: str, reason: str) -> list[str]:
        now = datetime.now(UTC)
        terms = await asyncio.to_thread(self._terms, declared, now)
        balance = await self._gate.running(declared.id)
        if balance is None:
            if declared.term_end is None or declared.cancelled_at is not None:
                return []
            await self._gate.begin(terms)
            return [f"{declared.id}: its count has begun"]
        if balance.status in {"cancelled", "expired"}:
            return []
        if declared.cancelled_at is not None and declared.cancelled_at <= now:
            cancelled = EntitlementCancelled(event_id=str(uuid.uuid4()), by=by, reason=reason)
            return [f"{declared.id}: {(await self._gate.change(terms, cancelled)).text}"]
        cap = terms.allowance.cap
        asked = EntitlementAmended(
            event_id=str(uuid.uuid4()),
            by=by,
            reason=reason,
            cap="unlimited" if cap is None else cap,
            ends_on=declared.ends_on or "never",
            allowance=terms.allowance,
            term_end=terms.term_end,
            unit=terms.allowance.unit,
            account=declared.account,
            starts_on=declared.starts_on,
        )
        changed = await self._gate.change(terms, asked)
        return [] if changed.text == "nothing differs" else [f"{declared.id}: {changed.text}"]

    def _terms(self, declared: Entitlement, now: datetime) -> EntitlementTerms:
        account, organisation = self._store.account(declared.account), self._store.organisation()
        return entitlement_terms(declared, account, organisation, now=now)
