"""Signs of life of an activity that waits: a worker that was killed is noticed in seconds, not at the time-out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from temporalio import activity

EVERY = 3.0
"""Seconds until the first sign, and between two; the workflow's heartbeat time-out is a few times as long. What is done
by then, as nearly everything is, asks the server for nothing more."""


@asynccontextmanager
async def heartbeating() -> AsyncIterator[None]:
    """Give signs of life while the block runs."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(EVERY)
            activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
