"""What tests of several packages share."""

import asyncio
import os
import time
import uuid
from collections.abc import Awaitable, Callable

_POLL_EVERY = 0.02

_SLOWNESS = float(os.environ.get("MILEPOST_TEST_SLOWNESS", "3"))
"""How many times slower than it was thought of a machine may be. It costs only what fails."""


PATIENT = 120.0
"""Seconds for which a client of a test waits for an answer that comes on any machine."""


async def assert_eventually(check: Callable[[], Awaitable[object]], *, within: float = 20.0) -> None:
    """Repeat a check until it raises no error; the last one stands when `within` seconds are long over.

    An error is an assertion that fails, or something that is not there yet: `[mail] = store.actions.mails()`.
    """
    deadline = time.monotonic() + within * _SLOWNESS
    while True:
        try:
            await check()
        except (AssertionError, LookupError, ValueError):
            if time.monotonic() > deadline:
                raise
        else:
            return
        await asyncio.sleep(_POLL_EVERY)


def unique(name: str) -> str:
    """An id that no other test and no other run uses."""
    return f"{name}-{uuid.uuid4().hex[:12]}"
