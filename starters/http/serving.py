"""Serving an app: on one address, for as long as a context lasts, without taking the signals of the program."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from fastapi import FastAPI

from domain.errors import MilepostError

_ENDS_WITHIN = 5
_IDLE = 75
_LOOKS_EVERY = 0.01


class AddressTaken(MilepostError):
    """Nothing can be served at an address."""


class _Server(uvicorn.Server):
    """Leaves the signals to the program, which ends it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


@contextlib.asynccontextmanager
async def serving(app: FastAPI, *, host: str, port: int) -> AsyncIterator[str]:
    """Serve an app for as long as the context lasts. Requests that are under way then are given some seconds.

    What a proxy says of who asks (``X-Forwarded-*``) is not believed: it counts for nothing here.

    Args:
        app: what is served.
        host: of the address; 127.0.0.1 is this machine alone.
        port: of the address; 0: one that is free.

    Yields:
        The URL of the root.

    Raises:
        AddressTaken: nothing can be served there.
    """
    listening = _listen(host, port)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=_ENDS_WITHIN,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([listening]))
    try:
        while not server.started and not task.done():  # noqa: ASYNC110  it has no event to be waited for
            await asyncio.sleep(_LOOKS_EVERY)
        if task.done():
            await task
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await asyncio.wait({task})
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only of a socket that says TCP asyncio lets small writes go at once. Else the body of an answer, written after its
    # head, waits until the client has acknowledged that: 40 ms of a connection that is used again.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise AddressTaken(f"nothing can be served at {host}:{port}: {error}") from None
    return listening
