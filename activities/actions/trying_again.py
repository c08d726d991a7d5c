"""Actions of cases that failed for good, tried again by hand when their cases have ended or do not know them any more.

Each is carried out as it was ordered, under its key, as the dispatcher does it: a rehearsal stays one, and what its
receiver has is not sent again.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Literal

from temporalio.exceptions import ApplicationError

from activities.actions.attempts import NOT_DELIVERED
from activities.actions.dispatch import Dispatcher
from activities.actions.effect import Effect
from domain.bounds import cut
from store.store import Store
from store.values import Redelivery


class TryingAgain:
    """Makes attempts at what failed for good.

    Args:
        store: what was ordered, and where every attempt goes on record.
        dispatcher: carries it out.
    """

    def __init__(self, store: Store, dispatcher: Dispatcher) -> None:
        self._store = store
        self._dispatcher = dispatcher

    async def attempt(self, begun: Redelivery) -> str:
        """Make one attempt; returns what came of it. An action that is done at last is on record as done.

        Args:
            begun: how the delivery by hand stands before it.

        Raises:
            ApplicationError: it was not done; with the delay before the next attempt, or for good.
        """
        order = await asyncio.to_thread(self._store.actions.kept_order, begun.key)
        if order is None:
            return await self._without_order(begun)
        try:
            dropped = await self._dispatcher.perform(Effect.ordered_before(order))
        except ApplicationError as error:
            await self._record_failure(begun, error)
            raise
        if dropped is not None:
            await self._record(begun, "failed", dropped)
            raise ApplicationError(dropped, type=NOT_DELIVERED, non_retryable=True)
        return await self._arrived(begun)

    async def _without_order(self, begun: Redelivery) -> str:
        """Of one that is done nothing is kept: the worker of an earlier attempt may have died behind that."""
        known = await asyncio.to_thread(self._store.actions.get, begun.key)
        if known is not None and known.status == "done":
            return await self._arrived(begun)
        why = "what it said is not kept any more (MILEPOST_MESSAGE_DAYS), or was erased"
        await self._record(begun, "failed", why)
        raise ApplicationError(why, type=NOT_DELIVERED, non_retryable=True)

    async def _arrived(self, begun: Redelivery) -> str:
        sent = await asyncio.to_thread(self._store.deliveries.get, begun.key)
        answer = "done" if sent is None else sent.answer
        await self._record(begun, "sent", answer)
        return answer

    async def _record_failure(self, begun: Redelivery, error: ApplicationError) -> None:
        """Put an attempt on record. What waits for its turn or its time was none."""
        if error.non_retryable:
            failed = self._store.actions.record_action_failed
            await asyncio.to_thread(failed, begun.key, cut(str(error)))
            await self._record(begun, "failed", error.message)
        elif error.type == NOT_DELIVERED:
            await self._record(begun, "waits", error.message)

    async def _record(self, begun: Redelivery, status: Literal["waits", "sent", "failed"], answer: str) -> None:
        record = self._store.redeliveries.record_attempt
        await asyncio.to_thread(record, begun.key, begun.run_id, status, answer, datetime.now(UTC))
