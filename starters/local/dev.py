"""Everything together on one machine: a Temporal server with its UI, the store and a worker."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from temporalio.client import Client

from activities.delivery.means import Means
from starters.local.whereabouts import Whereabouts, announced, anything_runs, connect_to_temporal, effective_settings
from store import Store
from worker.claim import NamespaceTaken, claim_namespace
from worker.clock import has_virtual_clock
from worker.embedded import RunningServer, running_server
from worker.embedded.configuration import is_free
from worker.errors import ServerUnavailable
from worker.namespace import ensure_namespace_and_search_attributes
from worker.private import private_folder
from worker.process import working
from worker.settings import Settings, get_settings

USUAL_PORT, USUAL_UI_PORT = 7233, 8233
"""Where Temporal's own tools look for a server and its UI."""


@dataclass(frozen=True)
class Running:
    """What runs.

    Attributes:
        store: the worker's.
        kept_in: the folder in which server and store keep their state; None: they keep nothing.
    """

    server: RunningServer
    store: Store
    whereabouts: Whereabouts
    kept_in: Path | None

    @property
    def client(self) -> Client:
        """Connected to the server."""
        return self.server.client


@contextlib.asynccontextmanager
async def everything(
    *,
    ephemeral: bool = False,
    task_queue: str | None = None,
    virtual_clock: bool = False,
    ui: bool = True,
    port: int | None = None,
    ui_port: int | None = None,
    console: Console | None = None,
    means: Means | None = None,
) -> AsyncIterator[Running]:
    """Server, UI, store and worker, for as long as the context lasts.

    A server that ``TEMPORAL_ADDRESS`` names is used instead of one of our own, with the UI that it has.

    Args:
        ephemeral: nothing is kept, and what the environment says of the database is left alone.
        task_queue: of the worker; by default as the environment says.
        virtual_clock: whether the server must be able to skip time.
        ui: whether the UI is started too.
        port: of the server; by default the usual one if it is free, else one that is.
        ui_port: of the UI; the same.
        console: where progress is told; stderr by default.
        means: what actions are sent with; None: nothing leaves the store.

    Raises:
        ServerUnavailable: no server can run here.
        StoreError: the database cannot be opened.
    """
    settings = get_settings()
    task_queue = task_queue or settings.task_queue
    async with contextlib.AsyncExitStack() as stack:
        database = stack.enter_context(_database(settings, ephemeral=ephemeral))
        kept = None if ephemeral else settings.data
        state = kept and kept / "server"
        ports = {"port": port or _if_free(USUAL_PORT), "ui_port": ui_port or _if_free(USUAL_UI_PORT)}
        server = await stack.enter_async_context(
            running_server(state, virtual_clock=virtual_clock, ui=ui, console=console, **ports)
        )
        store = await _store(server, database, ephemeral=ephemeral)
        stack.callback(store.close)
        if means is not None and means.temporal_ui is None:
            means = replace(means, temporal_ui=server.ui_url)
        worker = working(
            server.client, store, task_queue=task_queue, cached_workflows=settings.cached_workflows, means=means
        )
        await stack.enter_async_context(worker)
        whereabouts = _whereabouts(server, task_queue, database)
        stack.enter_context(announced(whereabouts, settings))
        yield Running(server, store, whereabouts, kept)


@contextlib.asynccontextmanager
async def at_hand(*, virtual_clock: bool = False, console: Console | None = None) -> AsyncIterator[Running]:
    """What runs already: the server that the environment names, or `milepost dev`, with their workers. Else everything.

    Raises:
        TemporalUnreachable: the server that is named does not answer.
        ServerUnavailable: none can run here; or the one that runs has no virtual clock, and it is needed.
        StoreError: the database cannot be opened.
    """
    if not anything_runs():
        async with everything(virtual_clock=virtual_clock, ui=False, console=console) as running:
            yield running
        return
    settings = effective_settings()
    client = await connect_to_temporal(makes_namespace=True)
    address = client.service_client.config.target_host
    await ensure_namespace_and_search_attributes(client)
    if virtual_clock and not await has_virtual_clock(client):
        raise ServerUnavailable(
            f"the server at {address} has no virtual clock: it is older than 1.32.0, or "
            "frontend.WorkflowTimeSkippingEnabled is off there. Without TEMPORAL_ADDRESS one of our own is started"
        )
    private_folder(settings.data)
    store = await asyncio.to_thread(Store.open, settings.database, "made")
    try:
        whereabouts = Whereabouts(
            address=address, namespace=client.namespace, task_queue=settings.task_queue, database=settings.database
        )
        yield Running(RunningServer(client, None), store, whereabouts, None)
    finally:
        store.close()


async def _store(server: RunningServer, database: str, *, ephemeral: bool) -> Store:
    """The store, whose namespace is its own from then on; one of which nothing is kept claims none."""
    store = await asyncio.to_thread(Store.open, database)
    if not ephemeral:
        try:
            await claim_namespace(server.client, await asyncio.to_thread(store.feed.source))
        except NamespaceTaken:
            store.close()
            raise
    return store


def _whereabouts(server: RunningServer, task_queue: str, database: str) -> Whereabouts:
    return Whereabouts(
        address=server.address,
        namespace=server.client.namespace,
        task_queue=task_queue,
        database=database,
        ui=server.ui_url,
    )


@contextlib.contextmanager
def _database(settings: Settings, *, ephemeral: bool) -> Iterator[str]:
    """Where the store is: as the settings say, or in a folder that goes with the context."""
    if not ephemeral:
        private_folder(settings.data)
        yield settings.database
        return
    with tempfile.TemporaryDirectory(prefix="milepost-", ignore_cleanup_errors=True) as folder:
        yield f"sqlite:///{Path(folder) / 'milepost.db'}"


def usual_or_free(port: int) -> int:
    """A port where something is looked for, if it is free; else 0, for one that is."""
    return _if_free(port) or 0


def _if_free(port: int) -> int | None:
    return port if is_free(port) else None
