"""What stands between programs of a test: relays that can be cut, and a proxy that asks several in turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from urllib.parse import urlsplit

_AT_ONCE = 64 * 1024


class Relay:
    """Hands on what comes: each connection to the next of its targets, in turn; while it is cut, to nobody.

    Attributes:
        address: where it listens, as host:port.
    """

    def __init__(self, targets: Sequence[tuple[str, int]]) -> None:
        self.address = ""
        self._targets = cycle(targets)
        self._open: set[asyncio.StreamWriter] = set()
        self._is_cut = False

    def cut(self) -> None:
        """End every connection, and take no new one."""
        self._is_cut = True
        for writer in list(self._open):
            writer.transport.abort()

    def mend(self) -> None:
        """Take connections again."""
        self._is_cut = False

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand a connection on until one of its ends is closed."""
        if self._is_cut:
            writer.transport.abort()
            return
        host, port = next(self._targets)
        with suppress(OSError):
            other_reader, other = await asyncio.open_connection(host, port)
            self._open |= {writer, other}
            try:
                await asyncio.gather(_pump(reader, other), _pump(other_reader, writer))
            finally:
                self._open -= {writer, other}
                other.close()
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await reader.read(_AT_ONCE):
            writer.write(part)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def relay_to(*targets: str) -> AsyncIterator[Relay]:
    """A relay on the loopback to targets, each host:port or a URL, for as long as the context lasts."""
    relay = Relay([_address(target) for target in targets])
    server = await asyncio.start_server(relay.take, "127.0.0.1", 0)
    relay.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield relay
    finally:
        server.close()
        relay.cut()
        await asyncio.sleep(0)


def _address(target: str) -> tuple[str, int]:
    parts = urlsplit(target if "://" in target else f"//{target}")
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
