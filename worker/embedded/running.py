"""A running server, wherever it comes from: the one that the environment names, else one of our own."""

import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from temporalio.client import Client

from worker.clock import has_virtual_clock
from worker.connection import connect
from worker.embedded.server import EmbeddedServer
from worker.namespace import ensure_namespace_and_search_attributes


@dataclass(frozen=True)
class RunningServer:
    """A Temporal server with a namespace that is ready for cases.

    Attributes:
        client: connected to its namespace.
        embedded: the server, if it is our own; None if `TEMPORAL_ADDRESS` names it.
    """

    client: Client
    embedded: EmbeddedServer | None

    @property
    def address(self) -> str:
        """Host and port for clients."""
        return self.client.service_client.config.target_host

    @property
    def ui_url(self) -> str | None:
        """The address of the Temporal UI, where it is known."""
        return self.embedded.ui_url if self.embedded else None


@contextlib.asynccontextmanager
async def running_server(
    directory: Path | None = None,
    *,
    virtual_clock: bool = True,
    ui: bool = False,
    port: int | None = None,
    ui_port: int | None = None,
    console: Console | None = None,
) -> AsyncIterator[RunningServer]:
    """The server that ``TEMPORAL_ADDRESS`` names, else an embedded one for as long as the context lasts.

    A named server that cannot skip time is named as such and passed over where the virtual clock is needed.

    Args:
        directory: where an embedded server keeps its state; None keeps nothing.
        virtual_clock: whether the server must be able to skip time.
        ui: whether an embedded server brings its UI.
        port: of an embedded server; None takes a free one.
        ui_port: of an embedded server's UI; None takes a free one.
        console: where progress and what is passed over are told; stderr by default.

    Raises:
        TemporalUnreachable: the named server does not answer.
        ServerUnavailable: no server can run here.
    """
    console = console or Console(stderr=True)
    if address := os.environ.get("TEMPORAL_ADDRESS"):
        client = await connect()
        await ensure_namespace_and_search_attributes(client)
        if not virtual_clock or await has_virtual_clock(client):
            yield RunningServer(client, None)
            return
        console.print(
            f"Passed over: the server at {address} (TEMPORAL_ADDRESS) has no virtual clock: it is older than 1.32.0, "
            "or frontend.WorkflowTimeSkippingEnabled is off there.",
            soft_wrap=True,
            highlight=False,
        )
    server = EmbeddedServer(directory, virtual_clock=virtual_clock, ui=ui, port=port, ui_port=ui_port, console=console)
    async with server:
        yield RunningServer(await server.connect(), server)
