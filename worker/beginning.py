"""Lets the counts of entitlements begin that nobody used, before a period or the term of theirs ends.

Any other count begins when something is taken, or with its declaration. At an end what was unused is reported: nobody
would hear it of those of which nothing was used.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import OperationalError
from temporalio.client import Client
from temporalio.service import RPCError

from clients.entitlements import Entitlements, NobodyCounts
from domain.catalog.count_beginning import begins_unused
from domain.catalog.declarations import Entitlement
from store import Store
from store.catalog.unused import UnusedEntitlement
from worker.relay import declared_terms

EVERY = timedelta(hours=1)
TRIES_EVERY = 300.0
"""Seconds after which a worker looks whether it is its turn."""

PATIENCE = 10.0
"""Seconds for which one count is waited for."""

_LEASE = "begin unused counts"
_LOG = logging.getLogger(__name__)


@asynccontextmanager
async def beginning(client: Client, store: Store, task_queue: str) -> AsyncIterator[None]:
    """Let counts begin that are due, once an hour while the context lasts; of several workers one does."""
    task = asyncio.create_task(_look_again_and_again(UnusedCounts(client, store, task_queue)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _look_again_and_again(counts: UnusedCounts) -> None:
    while True:
        try:
            begun = await counts.begin_if_it_is_our_turn(datetime.now(UTC))
        except Exception:  # noqa: BLE001  a database or a server that is away comes back
            _LOG.exception("counts of what nobody used could not begin; tried again in %g s", TRIES_EVERY)
        else:
            if begun:
                _LOG.info("%d entitlements that nobody used are counted: a period ends soon", len(begun))
        await asyncio.sleep(TRIES_EVERY)


class UnusedCounts:
    """Begins the counts of unused entitlements that are due."""

    def __init__(self, client: Client, store: Store, task_queue: str) -> None:
        self._entitlements = Entitlements(client, task_queue, patience=PATIENCE)
        self._store = store
        self._holder = str(uuid.uuid4())
        self._begun: set[str] = set()

    async def begin_if_it_is_our_turn(self, now: datetime) -> list[str]:
        """As `begin`, unless somebody has done so within the hour."""
        leases = self._store.leases
        if not await asyncio.to_thread(leases.acquire, _LEASE, self._holder, now=now, lasts=EVERY):
            return []
        try:
            return await self.begin(now)
        except BaseException:
            await asyncio.to_thread(leases.release, _LEASE, self._holder)
            raise

    async def begin(self, now: datetime) -> list[str]:
        """Begin what is due, page by page, and say which began. What one of them raises keeps no other from it.

        One that has begun leaves no trace in the store until its period ends; it is remembered here until then.

        Raises:
            NobodyCounts: Temporal does not answer. The next look goes on with those that are left.
        """
        due: set[str] = set()
        begun: list[str] = []
        after = ""
        while page := await asyncio.to_thread(self._store.unused.page, now, after=after):
            after = page[-1].declared.id
            found = await asyncio.to_thread(_due, page, now)
            due.update(one.id for one in found)
            begun += [one.id for one in found if one.id not in self._begun and await self._begin(one, now)]
        self._begun &= due
        return begun

    async def _begin(self, declared: Entitlement, now: datetime) -> bool:
        try:
            await self._entitlements.begin(await asyncio.to_thread(declared_terms, self._store, declared, now))
            await asyncio.to_thread(self._follow, declared)
        except (NobodyCounts, RPCError, OperationalError):  # it is away, for all of them
            raise
        except Exception:  # noqa: BLE001  whatever it is, it is no fault of the others
            _LOG.exception("the count of %s could not begin; tried again in an hour", declared.id)
            return False
        self._begun.add(declared.id)
        return True

    def _follow(self, declared: Entitlement) -> None:
        """Have a count told what was declared before it had begun: whoever tells counts may have found none to tell."""
        if self._store.catalog.entitlement(declared.id) != declared:
            reason = "it was declared anew while its count began"
            self._store.unsynchronised.note(declared.id, by="milepost", reason=reason)


def _due(page: list[UnusedEntitlement], now: datetime) -> list[Entitlement]:
    return [one.declared for one in page if begins_unused(one.declared, now, one.zone)]
