"""Forgetting what is older than it is to be kept."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from store import Store

EVERY = timedelta(hours=1)
"""How often one of all workers looks for what is to be forgotten."""

DEAD_LETTERS_KEPT_FOR = timedelta(days=30)

_LEASE = "retention"
_LOG = logging.getLogger(__name__)


@asynccontextmanager
async def forgetting(store: Store, feed_days: int | None) -> AsyncIterator[None]:
    """Forget old events of the feed, and old dead letters, now and then, while the context lasts.

    Args:
        store: where they are.
        feed_days: how long events are kept; None: for good.
    """
    kept_for = None if feed_days is None else timedelta(days=feed_days)
    task = asyncio.create_task(_forget_again_and_again(store, kept_for))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _forget_again_and_again(store: Store, kept_for: timedelta | None) -> None:
    holder = str(uuid.uuid4())
    while True:
        try:
            gone = await asyncio.to_thread(forget, store, kept_for, holder, datetime.now(UTC))
        except Exception:  # noqa: BLE001  a database that is away comes back
            _LOG.exception("old events could not be forgotten; again in an hour")
        else:
            if gone and kept_for is not None:
                _LOG.info("%d events were forgotten that are older than %d days", gone, kept_for.days)
        await asyncio.sleep(EVERY.total_seconds())


def forget(store: Store, kept_for: timedelta | None, holder: str, now: datetime) -> int:
    """Forget events and dead letters, unless another worker did so within the hour; says how many events."""
    if not store.leases.acquire(_LEASE, holder, now=now, lasts=EVERY):
        return 0
    store.dead_letters.prune(now - DEAD_LETTERS_KEPT_FOR)
    return 0 if kept_for is None else store.feed.prune(now - kept_for)
