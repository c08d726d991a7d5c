"""How a command runs: to its end, with an exit code that says what came of it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio

    from temporalio.client import Client

    from store import Store

T = TypeVar("T")


def run(command: Coroutine[Any, Any, T], *, logs: bool = False) -> T:
    """Run a command to its end, and let the SDK's threads come to theirs.

    Args:
        command: what it does.
        logs: whether the SDK's log is part of the output; it goes to stdout, where programs read answers.
    """
    import asyncio

    from worker.connection import settle

    if not logs:
        _silence()

    async def settled() -> T:
        try:
            return await command
        finally:
            await settle()

    return asyncio.run(settled())


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[Client, Store, str]]:
    """The connection to Temporal, the store, and the task queue of the workers, for what needs all three.

    Raises:
        TemporalUnreachable, StoreError: one of them is not there.
    """
    from starters.local.whereabouts import connect_to_temporal, effective_settings
    from store import Store

    settings = effective_settings()
    client = await connect_to_temporal()
    with Store.open(settings.database, "there") as store:
        yield client, store, settings.task_queue


@contextlib.contextmanager
def stored() -> Iterator[Store]:
    """The store of the settings in force, for as long as a command looks at it."""
    from starters.local.whereabouts import effective_settings
    from store import Store

    with Store.open(effective_settings().database, "there") as store:
        yield store


@functools.cache
def _silence() -> None:
    """Keep the SDK's log out of the output. What it has to say reaches the command as an error too."""
    from temporalio.runtime import Runtime, TelemetryConfig

    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=None)), error_if_already_set=False)


@contextlib.asynccontextmanager
async def until_stopped() -> AsyncIterator[asyncio.Event]:
    """An event that is set by Ctrl-C or SIGTERM. The second one ends the program there and then."""
    import asyncio
    import signal

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def stop() -> None:
        stopped.set()
        for one in signals:
            loop.remove_signal_handler(one)

    try:
        for one in signals:
            loop.add_signal_handler(one, stop)
    except NotImplementedError:  # Windows: there Ctrl-C interrupts the loop itself
        pass
    try:
        yield stopped
    finally:
        stop()
