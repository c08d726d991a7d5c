"""Deliveries by hand: what had arrived is sent again as it was, and what had failed tried again; under its key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from temporalio import activity

from activities.actions import hooks
from activities.actions.attempts import busy, failure, unnamed
from activities.actions.dispatch import Dispatcher
from activities.actions.outside import Outside
from activities.actions.trying_again import TryingAgain
from activities.delivery import smtp
from activities.delivery.handing_in import hand_in
from activities.delivery.lanes import Busy
from activities.delivery.outcomes import Delivered, NotDelivered
from activities.heartbeat import heartbeating
from domain.catalog.endpoints import Endpoint
from domain.messages.redelivery import REDELIVER, RedeliveryOrder
from store.store import Store
from store.values import Delivery, Redelivery

_GONE = "what was sent is not kept any more (MILEPOST_MESSAGE_DAYS), was erased, or was sent before it was kept"


class Redelivering:
    """The activity of a delivery by hand.

    Args:
        store: what was sent, and where every attempt goes on record.
        outside: the way to mail servers and endpoints; None: nothing leaves this process.
        dispatcher: carries out what had failed for good.
    """

    def __init__(self, store: Store, outside: Outside | None, dispatcher: Dispatcher) -> None:
        self._store = store
        self._outside = outside
        self._trying_again = TryingAgain(store, dispatcher)

    @property
    def all(self) -> list[Callable[..., Any]]:
        """For the worker to register."""
        return [self.redeliver]

    @activity.defn(name=REDELIVER)
    async def redeliver(self, order: RedeliveryOrder) -> str:
        """Make one attempt; returns what the receiver said. Neither quiet rules nor hours hold up what had arrived.

        Raises:
            ApplicationError: it failed; with the delay before the next attempt, or for good.
        """
        async with heartbeating():
            return await self.attempt(order, str(activity.info().workflow_run_id))

    async def attempt(self, order: RedeliveryOrder, run_id: str) -> str:
        """Make one attempt, for the workflow of a run id; returns and raises as `redeliver` does."""
        store = self._store
        begun = await asyncio.to_thread(
            store.redeliveries.begin, order.key, run_id, by=order.by, asked_at=order.asked_at
        )
        if begun.status == "sent":
            return begun.answer
        if order.failed:
            return await self._trying_again.attempt(begun)
        try:
            delivered = await self._send(order.key, run_id, begun.attempts + 1)
        except Busy as error:
            raise busy(error, self._pace) from None
        except NotDelivered as error:
            delay, failed = failure(begun.attempts + 1, order.key, error, self._pace)
            await self._record(begun, "failed" if delay is None else "waits", str(error))
            raise unnamed(failed) from None
        await self._record(begun, "sent", delivered.answer)
        return delivered.answer

    async def _record(self, begun: Redelivery, status: Literal["waits", "sent", "failed"], answer: str) -> None:
        record = self._store.redeliveries.record_attempt
        await asyncio.to_thread(record, begun.key, begun.run_id, status, answer, datetime.now(UTC))

    @property
    def _pace(self) -> float:
        return 1 if self._outside is None else self._outside.pace

    async def _send(self, key: str, run_id: str, number: int) -> Delivered:
        known = await asyncio.to_thread(self._store.deliveries.get, key)
        if known is None or known.status != "sent":
            raise NotDelivered("it has not arrived, so it can't be delivered again", for_good=True)
        match known.channel:
            case "email":
                return await self._send_mail(known, run_id)
            case "outbound_message":
                return await self._send_request(known, number)
            case other:
                raise NotDelivered(f"what went by {other} is not delivered again", for_good=True)

    async def _send_mail(self, known: Delivery, run_id: str) -> Delivered:
        store, outside = self._store, self._outside
        if outside is None or outside.mail_server is None:
            raise NotDelivered("this worker has no mail server to hand mail to", for_good=True)
        mail = await asyncio.to_thread(store.actions.mail, known.key)
        if mail is None:
            raise NotDelivered(_GONE, for_good=True)
        ordered = await asyncio.to_thread(store.actions.get, known.key)
        whose = "entitlement" if ordered is None or ordered.milestone is None else "case"
        server = outside.mail_server
        parts = (mail.to, mail.subject, mail.body, mail.html)
        message = smtp.message(server, known.key, *parts, thread=f"{whose}/{known.case_id}")
        with outside.lanes.taken(f"{server.host}:{server.port}"):
            # Everybody had it before: who has it from this run is noted by itself.
            return await hand_in(store, server, message, f"redelivery/{run_id}/{known.key}")

    async def _send_request(self, known: Delivery, number: int) -> Delivered:
        outside = self._outside
        if outside is None:
            raise NotDelivered("this worker sends no outbound messages", for_good=True)
        sent = await asyncio.to_thread(self._store.deliveries.request, known.key)
        if sent is None:
            raise NotDelivered(_GONE, for_good=True)

        async def made(endpoint: Endpoint) -> hooks.Request:
            return hooks.request_again(sent, endpoint)

        with outside.lanes.taken(f"endpoint {sent.endpoint}"):
            return await outside.endpoints.send(sent.endpoint, known.key, number, made)
