"""A world for each sample: a store, a namespace of one server, and a worker, as `milepost dev` has them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.client import Client

from store import Store
from tests.docs.reader import Reader, a_reader
from worker.connection import connect
from worker.embedded import running_server
from worker.namespace import ensure_namespace_and_search_attributes, register_namespace
from worker.process import working


@dataclass
class Namespaces:
    """Namespaces of one server, of which each is for one reader.

    Attributes:
        ready: one for each name that was told of at the beginning.
        made: how many were made.
    """

    address: str
    ready: dict[str, Client] = field(default_factory=dict)
    made: int = 0

    async def of_its_own(self, name: str) -> Client:
        """A namespace in which nothing has run: who tries a second time finds nothing of the first."""
        if name not in self.ready:
            await self.prepare([name])
        return self.ready.pop(name)

    async def prepare(self, names: Iterable[str]) -> None:
        """Make a namespace for each name."""
        made = {}
        for name in names:
            self.made += 1
            made[name] = await connect(address=self.address, namespace=re.sub(r"\W", "-", f"{name}-{self.made}"))
        # All of them first: a server takes a second or so until it knows a new one.
        for client in made.values():
            await register_namespace(client)
        for client in made.values():
            await ensure_namespace_and_search_attributes(client)
        self.ready |= made


@asynccontextmanager
async def namespaces(names: Iterable[str]) -> AsyncIterator[Namespaces]:
    """A namespace for each name, on a server whose clock is the machine's, as a reader has one."""
    async with running_server() as server:
        made = Namespaces(server.client.service_client.config.target_host)
        await made.prepare(names)
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
