"""A world for each sample: a store, a namespace of one server, and a worker, as `milepost dev` has them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.client import Client

from store import Store
from tests.docs.reader import Reader, a_reader
from worker.connection import connect
from worker.embedded import running_server
from worker.namespace import ensure_namespace_and_search_attributes, register_namespace
from worker.process import working


@asynccontextmanager
async def namespaces(names: Iterable[str]) -> AsyncIterator[dict[str, Client]]:
    """A namespace for each name, on a server whose clock is the machine's, as a reader has one."""
    async with running_server() as server:
        address = server.client.service_client.config.target_host
        made = {name: await connect(address=address, namespace=re.sub(r"\W", "-", name)) for name in names}
        # All of them first: a server takes a second or so until it knows a new one.
        for client in made.values():
            await register_namespace(client)
        for client in made.values():
            await ensure_namespace_and_search_attributes(client)
        yield made


@asynccontextmanager
async def world(client: Client, folder: Path) -> AsyncIterator[Reader]:
    """Someone to whom nothing but this folder, and a namespace with its worker, is known."""
    reader = a_reader(folder)
    address = client.service_client.config.target_host
    data = Path(reader.environment["MILEPOST_DATA"])
    data.mkdir()
    with Store.open(f"sqlite:///{data / 'milepost.db'}") as store:
        async with working(client, store, task_queue="milepost"):
            reader.environment |= {"TEMPORAL_ADDRESS": address, "TEMPORAL_NAMESPACE": client.namespace}
            yield reader
