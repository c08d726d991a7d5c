"""What a worker does besides walking cases: it tells, begins, watches, supervises and forgets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.client import Client

from store import Store
from worker.beginning import beginning
from worker.means import means_of
from worker.relay import telling
from worker.retention import Kept, forgetting
from worker.scheduling import scheduling
from worker.settings import Settings
from worker.subscribing import subscribing
from worker.supervision import supervising
from worker.switched_off import watching_endpoints


@asynccontextmanager
async def besides(client: Client, store: Store, settings: Settings, *, task_queue: str) -> AsyncIterator[None]:
    """Do all of that while the context lasts; any number of workers may.

    Args:
        client: the connection to Temporal.
        store: of everything.
        settings: how long what is kept, and with what somebody is told.
        task_queue: of the workers.
    """
    async with (
        telling(client, store, task_queue),
        beginning(client, store, task_queue),
        subscribing(client, store, task_queue),
        scheduling(client, store, task_queue),
        watching_endpoints(store, means_of(settings).mail),
        supervising(client, store),
        forgetting(store, Kept.of_days(events=settings.feed_days, texts=settings.message_days)),
    ):
        yield
