"""How a command runs: to its end, with an exit code that says what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(command: Coroutine[Any, Any, T]) -> T:
    """Run a command to its end, and let the SDK's threads come to theirs."""
    from worker.connection import settle

    async def settled() -> T:
        try:
            return await command
        finally:
            await settle()

    return asyncio.run(settled())


@contextlib.asynccontextmanager
async def until_stopped() -> AsyncIterator[asyncio.Event]:
    """An event that is set by Ctrl-C or SIGTERM. The second one ends the program there and then."""
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
