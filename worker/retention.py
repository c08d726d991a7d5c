"""Forgetting what is older than it is to be kept."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from store import Store

EVERY = timedelta(hours=1)
"""How often one of all workers looks for what is to be forgotten."""

_LEASE = "retention"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """For how long things are kept.

    Attributes:
        events: of the feed; None: for good.
        texts: of mails, requests and answers, and dead letters of subscriptions.
    """

    events: timedelta | None
    texts: timedelta

    @classmethod
    def of_days(cls, *, events: int | None, texts: int) -> Kept:
        """For so many days; events for good where that is None."""
        return cls(None if events is None else timedelta(days=events), timedelta(days=texts))


@asynccontextmanager
async def forgetting(store: Store, kept: Kept) -> AsyncIterator[None]:
    """Forget what is older than it is to be kept, now and then, while the context lasts.

    Args:
        store: where it is.
        kept: how long.
    """
    task = asyncio.create_task(_forget_again_and_again(store, kept))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _forget_again_and_again(store: Store, kept: Kept) -> None:
    holder = str(uuid.uuid4())
    while True:
        try:
            gone = await asyncio.to_thread(forget, store, kept, holder, datetime.now(UTC))
        except Exception:  # noqa: BLE001  a database that is away comes back
            _LOG.exception("what is old could not be forgotten; again in an hour")
        else:
            if any(gone):
                _LOG.info("%d events and %d texts were forgotten, as old as is set", *gone)
        await asyncio.sleep(EVERY.total_seconds())


def forget(store: Store, kept: Kept, holder: str, now: datetime) -> tuple[int, int]:
    """Forget what is old, unless another worker did so within the hour; says how many events and texts that were.

    Answers of the HTTP API go after the days for which they are promised.
    """
    if not store.leases.acquire(_LEASE, holder, now=now, lasts=EVERY):
        return 0, 0
    store.answers.prune(now)
    store.dead_letters.prune(now - kept.texts)
    store.intake.prune(now - kept.texts)
    events = 0
    if kept.events is not None:
        events = store.feed.prune(now - kept.events, store.subscriptions.still_to_send())
    return events, store.texts.erase(now - kept.texts)
