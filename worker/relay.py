"""Lets the counts of entitlements follow what the catalog declares of them."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict
from temporalio.client import Client
from temporalio.service import RPCError

from clients.entitlements import NobodyCounts
from clients.gate import UsageGate
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Entitlement
from domain.errors import MilepostError, Refused
from domain.usage.requests import AccountMails, EntitlementAmended, EntitlementCancelled, EntitlementTerms
from store import Store

PATIENCE = 10.0
"""Seconds for which one count is waited for."""

EVERY = 60.0
"""Seconds after which a worker looks again whether a count is to be told something."""

_LOG = logging.getLogger(__name__)


class Told(BaseModel):
    """What came of telling counts.

    Attributes:
        done: a line for each count that begins now, or was amended or cancelled.
        refused: what counts had to say against it; they go on as they were, and the catalog says otherwise.
        later: why the rest was not told; a worker tells it as soon as it can. None: all of them know.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    done: list[str]
    refused: list[str]
    later: str | None = None


async def tell_counts(store: Store, connect: Callable[[], Awaitable[Client]], task_queue: str) -> Told:
    """Bring the counts of all entitlements up to date that were declared, or changed, and are still untold.

    Temporal is connected to only if there is something to tell. What can't be told stays so.
    """
    if not await asyncio.to_thread(store.unsynchronised.entitlements):
        return Told(done=[], refused=[])
    try:
        return await Counting(await connect(), store, task_queue).tell()
    except MilepostError as error:
        return Told(done=[], refused=[], later=str(error))


@asynccontextmanager
async def telling(client: Client, store: Store, task_queue: str) -> AsyncIterator[None]:
    """Tell counts what they do not know yet, now and then, while the context lasts."""
    task = asyncio.create_task(_tell_again_and_again(Counting(client, store, task_queue)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _tell_again_and_again(counting: Counting) -> None:
    while True:
        try:
            told = await counting.tell()
        except Exception:  # noqa: BLE001  a database or a server that is away comes back
            _LOG.exception("entitlements could not be told what is declared of them; again in a minute")
        else:
            for line in told.done:
                _LOG.info(line)
            for line in told.refused:
                _LOG.warning("the catalog says otherwise, but %s", line)
        await asyncio.sleep(EVERY)


class Counting:
    """Begins counts, and amends those that run."""

    def __init__(self, client: Client, store: Store, task_queue: str) -> None:
        self._gate = UsageGate(client, task_queue, patience=PATIENCE)
        self._store = store

    async def tell(self) -> Told:
        """Bring the counts of all unsynchronised entitlements up to date.

        One whose term's end has consequences (notices, another term, a renewal) begins to be counted; any other begins
        with what is first taken of it. In one that is counted already the cap, the last date, the rules and a
        cancellation become amendments, on record.
        """
        done: list[str] = []
        refused: list[str] = []
        for found in await asyncio.to_thread(self._store.unsynchronised.entitlements):
            declared = await asyncio.to_thread(self._store.catalog.entitlement, found.entitlement)
            try:
                said = await self._follow(declared, found.by, found.reason)
            except Refused as refusal:
                refused.append(f"{declared.id}: {refusal}")
            except (NobodyCounts, RPCError) as error:
                return Told(done=done, refused=refused, later=str(error))
            else:
                done += [f"{declared.id}: {said}"] if said else []
            await asyncio.to_thread(self._store.unsynchronised.cross_out, found)
        return Told(done=done, refused=refused)

    async def _follow(self, declared: Entitlement, by: str, reason: str) -> str | None:
        """Tell one count; None if it has nothing to know."""
        now = datetime.now(UTC)
        terms = await asyncio.to_thread(self._terms, declared, now)
        balance = await self._gate.running(declared.id)
        if balance is None:
            if declared.term_end is None or declared.cancelled_at is not None:
                return None
            await self._gate.begin(terms)
            return "its count has begun"
        if declared.cancelled_at is not None:
            if balance.status in {"cancelled", "expired"}:
                return None
            at = declared.cancelled_at
            cancelled = EntitlementCancelled(event_id=f"declared-{at.isoformat()}", at=at, by=by, reason=reason)
            try:
                return (await self._gate.change(terms, cancelled)).text
            except Refused as refused:
                if refused.code != "already_cancelled":
                    raise
                return None
        cap = terms.allowance.cap
        asked = EntitlementAmended(
            event_id=str(uuid.uuid4()),
            by=by,
            reason=reason,
            cap="unlimited" if cap is None else cap,
            ends_on=declared.ends_on or "never",
            allowance=terms.allowance,
            term_end=terms.term_end,
            mails=AccountMails(manager=terms.manager, renewals_mail=terms.renewals_mail),
            unit=terms.allowance.unit,
            account=declared.account,
            starts_on=declared.starts_on,
        )
        text = (await self._gate.change(terms, asked)).text
        return None if text == "nothing differs" else text

    def _terms(self, declared: Entitlement, now: datetime) -> EntitlementTerms:
        account, organisation = self._store.catalog.account(declared.account), self._store.catalog.organisation()
        return entitlement_terms(declared, account, organisation, now=now)
