"""Signs of life of an activity that waits: a worker that was killed is noticed in seconds, not at the time-out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from temporalio import activity

EVERY = 3.0
"""Seconds until the first sign, and between two; the workflow's heartbeat time-out is a few times as long. What is done
by then, as nearly everything is, asks the server for nothing more."""


@asynccontextmanager
async def heartbeating(every: float = EVERY, told: Callable[[], Sequence[Any]] = tuple) -> AsyncIterator[None]:
    """Give signs of life while the block runs.

    Args:
        every: seconds until the first, and between two.
        told: what goes with each, for the next attempt to go on from.
    """

    async def beat() -> None:
        while True:
            await asyncio.sleep(every)
            activity.heartbeat(*told())

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
