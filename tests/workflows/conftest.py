"""A small organisation with a worker, for the tests of the workflows."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from store.store import Store
from tests.workflows.world import CATALOG, World
from worker.clock import VirtualClock
from worker.process import CACHED_WORKFLOWS, working

KEEPS_ITS_WORKFLOWS = pytest.mark.skipif(
    os.environ.get("MILEPOST_HOSTILE") == "1",
    reason="the code that is changed here can't replay what the code before has done; it has to have it in memory",
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store of the test's own, with the organisation's catalog."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as opened:
        opened.catalog.apply(CATALOG, by="test")
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def world(clock: VirtualClock, store: Store, task_queue: str) -> AsyncIterator[World]:
    """The organisation, at work."""
    async with working(clock.client, store, task_queue=task_queue, cached_workflows=CACHED_WORKFLOWS):
        world = World(clock, store, task_queue)
        yield world
        await world.end_entitlements()


Working = Callable[..., AbstractAsyncContextManager[None]]
"""Takes how many workflows the worker keeps in memory."""


@pytest.fixture
def idle_world(clock: VirtualClock, store: Store, task_queue: str) -> World:
    """The organisation, with no worker until the test starts one (`at_work`)."""
    return World(clock, store, task_queue)


@pytest.fixture
def at_work(clock: VirtualClock, store: Store, task_queue: str) -> Working:
    """Starts a worker for as long as the test wants one."""

    @asynccontextmanager
    async def work(cached_workflows: int = CACHED_WORKFLOWS) -> AsyncIterator[None]:
        async with working(clock.client, store, task_queue=task_queue, cached_workflows=cached_workflows):
            yield

    return work
