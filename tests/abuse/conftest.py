"""Workflows to be besieged, on the session's server, with one worker for all of them."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.client import Client

from store.store import Store
from tests.support import unique
from tests.workflows.world import CATALOG, World
from worker.clock import VirtualClock
from worker.process import working


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def besieged(client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """The small organisation, at work."""
    task_queue, clock = unique("queue"), VirtualClock(client)
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('abuse') / 'milepost.db'}") as store:
        store.catalog.apply(CATALOG, by="test")
        async with working(clock.client, store, task_queue=task_queue):
            world = World(clock, store, task_queue)
            yield world
            await world.end_entitlements()
