"""Lets the workflows of subscriptions follow the catalog: one runs for each that is declared, and ends with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from pydantic import BaseModel, ConfigDict
from temporalio.client import Client
from temporalio.service import RPCError

from clients.sending import NoAnswer
from clients.subscriptions import SubscriptionClient
from domain.errors import MilepostError
from store import Store

PATIENCE = 10.0
"""Seconds for which one workflow is waited for."""

EVERY = 60.0
"""Seconds after which a worker looks again whether one is to be begun or ended."""

ALL_EVERY = 60
"""After so many looks, and with the first, every subscription is begun that does not run: somebody may have ended its
workflow from outside."""

_LOG = logging.getLogger(__name__)


class Followed(BaseModel):
    """What came of having the workflows follow the catalog.

    Attributes:
        done: a line for each that was begun, ended or resumed.
        later: why the rest does not know yet; a worker tells it as soon as it can. None: all of them know.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    done: list[str]
    later: str | None = None


async def follow_subscriptions(store: Store, connect: Callable[[], Awaitable[Client]], task_queue: str) -> Followed:
    """Begin the subscriptions that are declared and do not run, and end those that are retired.

    Temporal is connected to only if there is something to tell. What can't be told, a worker tells.
    """
    try:
        if not await asyncio.to_thread(store.subscriptions.unsynchronised):
            return Followed(done=[])
        return await Subscribing(await connect(), store, task_queue).follow()
    except MilepostError as error:
        return Followed(done=[], later=str(error))


@asynccontextmanager
async def subscribing(client: Client, store: Store, task_queue: str) -> AsyncIterator[None]:
    """Have the workflows follow the catalog, now and then, while the context lasts."""
    task = asyncio.create_task(_follow_again_and_again(Subscribing(client, store, task_queue)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _follow_again_and_again(subscriptions: Subscribing) -> None:
    look = 0
    while True:
        try:
            followed = await subscriptions.follow(everyone=look % ALL_EVERY == 0)
        except Exception:  # noqa: BLE001  a database or a server that is away comes back
            _LOG.exception("subscriptions could not be begun or ended; again in a minute")
        else:
            look += followed.later is None
            for line in followed.done:
                _LOG.info(line)
        await asyncio.sleep(EVERY)


class Subscribing:
    """Begins, ends and resumes the workflows of subscriptions."""

    def __init__(self, client: Client, store: Store, task_queue: str) -> None:
        self._client = SubscriptionClient(client, task_queue=task_queue, patience=PATIENCE)
        self._store = store

    async def follow(self, *, everyone: bool = False) -> Followed:
        """Tell the workflows what they do not know.

        Args:
            everyone: begin those too that run as far as the store knows; of one that does, nothing comes.
        """
        untold = await asyncio.to_thread(self._store.subscriptions.unsynchronised)
        done: list[str] = []
        try:
            if everyone:
                for name in await asyncio.to_thread(self._store.subscriptions.active):
                    await self._client.begin(name)
            for name in untold.to_begin:
                await self._client.begin(name)
                done.append(f"subscription {name} has begun")
            for name in untold.to_end:
                done += await self._end(name)
            for name in untold.to_resume:
                await self._client.resume(name, by=None)
                done.append(f"subscription {name} goes on: its endpoint is on again")
        except (NoAnswer, RPCError) as error:
            return Followed(done=done, later=str(error))
        return Followed(done=done)

    async def _end(self, name: str) -> list[str]:
        if await self._client.standing(name) is None:  # ended from outside, or it never ran
            await asyncio.to_thread(self._store.subscriptions.has_ended, name)
            return []
        await self._client.end(name, by=None)
        return [f"subscription {name} has ended"]
