"""Asking endpoints: an attempt at a time, unless one is left alone; what came of it is held against it, or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from activities.actions import hooks
from activities.delivery.means import Means
from activities.delivery.outcomes import Delivered, NotDelivered
from domain.catalog.endpoints import Endpoint
from domain.delivery.circuit import SHORTEST, SLOWED
from domain.delivery.schedule import DELAYS, MOST_ATTEMPTS
from domain.errors import NotFound
from domain.wording import instant
from store.store import Store

Making = Callable[[Endpoint], Awaitable[hooks.Request]]
"""Makes the request for an endpoint as it is declared now."""


class AskingEndpoints:
    """Sends requests to endpoints.

    Args:
        store: what is declared of them, and how they do.
        means: what there is to send with.
    """

    def __init__(self, store: Store, means: Means) -> None:
        self._store = store
        self._means = means

    @property
    def can_send(self) -> bool:
        """Whether there is something to send with."""
        return self._means.hooks is not None

    async def send(self, name: str, key: str, number: int, made: Making) -> Delivered:
        """Make one attempt.

        Args:
            name: the endpoint's id.
            key: of what is sent.
            number: of the attempt.
            made: what is sent.

        Raises:
            NotDelivered: it has not arrived, or nobody knows.
            BadTemplate: a text of it can't be rendered.
        """
        try:
            endpoint = await asyncio.to_thread(self._store.endpoints.get, name)
        except NotFound as error:
            raise NotDelivered(str(error), for_good=True) from None
        return await self.post(await made(endpoint), endpoint, key, is_last=number >= MOST_ATTEMPTS)

    async def post(self, asked: hooks.Request, endpoint: Endpoint, key: str, *, is_last: bool = False) -> Delivered:
        """Make one attempt at an endpoint, if it is its turn, and note how the endpoint does.

        Args:
            asked: what is sent.
            endpoint: where to.
            key: under which the receiver takes it once.
            is_last: there is no other attempt after it, so that it does not wait for a turn.

        Raises:
            NotDelivered: it was not taken, or not tried.
        """
        await self._wait_for_its_turn(endpoint.id, is_last=is_last)
        return await self._ask(asked, endpoint, key)

    async def _wait_for_its_turn(self, name: str, *, is_last: bool) -> None:
        """Let an endpoint alone that is off, or has failed too often; one attempt now and then looks how it does.

        Raises:
            NotDelivered: it is not tried now.
        """
        state, now = await asyncio.to_thread(self._store.endpoints.state, name), datetime.now(UTC)
        if state.off_at is not None:
            since = instant(state.off_at)
            line = f"endpoint {name!r} is switched off since {since}: {state.said}"
            raise NotDelivered(f"{line}; milepost endpoints --on {name} switches it on", for_good=True, is_off=True)
        if state.open_until is None or is_last:
            return
        until = now + SHORTEST / self._means.pace
        if not await asyncio.to_thread(self._store.endpoints.try_again, name, now, until):
            times = "failed once" if state.failures == 1 else f"failed {state.failures} times in a row"
            line = f"not tried: endpoint {name!r} has {times}: {state.said}"
            at_least = max(state.open_until - now, timedelta()) * self._means.pace
            raise NotDelivered(line, at_least=at_least, is_held=True)

    async def _ask(self, asked: hooks.Request, endpoint: Endpoint, key: str) -> Delivered:
        sender = self._means.hooks
        if sender is None:
            raise NotDelivered("this worker has nothing to send outbound messages with", for_good=True)
        headers = await hooks.sendable_headers(asked, endpoint, key)
        try:
            delivered = await sender.send(asked.method, asked.url, headers.values, asked.body, headers.secrets)
        except NotDelivered as error:
            now = datetime.now(UTC)
            if error.is_gone:
                await asyncio.to_thread(self._store.endpoints.switch, endpoint.id, off_at=now, said=str(error))
            elif not error.for_good:
                alone_for = min(max(SLOWED, error.at_least), DELAYS[-1]) if error.slows_down else timedelta()
                await asyncio.to_thread(
                    self._store.endpoints.failed,
                    endpoint.id,
                    str(error),
                    now,
                    alone_for=alone_for,
                    pace=self._means.pace,
                )
            raise
        await asyncio.to_thread(self._store.endpoints.answered, endpoint.id)
        return Delivered(delivered.answer, hooks.as_sent(asked, endpoint))
