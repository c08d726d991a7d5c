"""The activities of subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from temporalio import activity

from activities.actions.outside import Outside
from activities.heartbeat import heartbeating
from activities.refusals import refusals
from activities.subscriptions.delivering import Sending
from activities.subscriptions.reading import Batch, read_batch
from activities.subscriptions.sending import UNUSABLE_FOR, send
from activities.subscriptions.waiting import Waiting
from domain.catalog.endpoints import Endpoint
from domain.catalog.subscriptions import Subscription, unfit
from domain.errors import NotFound, Refused
from domain.subscriptions import requests
from domain.subscriptions.requests import BeginRequest, DeliveryRequest, KeepRequest, WaitRequest
from domain.subscriptions.state import NOW, DeliveryReport, Failure, SubscriptionState, Trouble, WaitReport
from store.store import Store

MOST_AT_ONCE = 20
"""Batches that a worker sends at one time: it does a hundred activities, and others are to have their places."""

BUSY = timedelta(seconds=1)
AGAIN_AT_ONCE = 50
"""Dead letters that are sent again with one batch."""

_ENDED = Trouble(kind="ended")


class SubscriptionWork:
    """What is done for subscriptions.

    Args:
        store: with the feed, and what is declared.
        outside: the way out of this process; None: there is none, and events wait for a worker that has one.
    """

    def __init__(self, store: Store, outside: Outside | None) -> None:
        self._store = store
        self._outside = outside
        self._under_way = 0
        self._waiting = Waiting(store)

    @property
    def all(self) -> list[Callable[..., Any]]:
        """For the worker."""
        return [self.begin_subscription, self.deliver_events, self.await_events, self.keep_subscription]

    @activity.defn(name=requests.BEGIN_SUBSCRIPTION)
    async def begin_subscription(self, request: BeginRequest) -> SubscriptionState:
        """Where a subscription begins: where it stood when it last told so, or where it is declared to begin."""
        async with heartbeating():
            with refusals():
                return await asyncio.to_thread(self._begin, request.subscription_id)

    def _begin(self, name: str) -> SubscriptionState:
        declared = self._store.subscriptions.declared(name)
        if declared is None:
            raise NotFound(f"there is no subscription {name!r}, or it is retired")
        state = self._store.subscriptions.state(name)
        if state is None:
            begins = declared.begins
            state = SubscriptionState(cursor=self._store.feed.end() if begins == NOW else begins)
        self._store.subscriptions.keep(name, state, datetime.now(UTC))
        return state

    @activity.defn(name=requests.KEEP_SUBSCRIPTION)
    async def keep_subscription(self, request: KeepRequest) -> None:
        """Have the store keep how a subscription stands."""
        self._waiting.leave(request.subscription_id)
        async with heartbeating():
            await asyncio.to_thread(
                self._store.subscriptions.keep,
                request.subscription_id,
                request.state,
                datetime.now(UTC),
                is_ended=request.is_ended,
            )

    @activity.defn(name=requests.AWAIT_EVENTS)
    async def await_events(self, request: WaitRequest) -> WaitReport:
        """Wait until there is something to send."""
        return await self._waiting.wait(request)

    @activity.defn(name=requests.DELIVER_EVENTS)
    async def deliver_events(self, request: DeliveryRequest) -> DeliveryReport:
        """Send the next batch. A try of it that a worker did not finish is gone on with where it last told."""
        progress: dict[str, int] = {}
        tries = activity.info().heartbeat_details
        if tries and isinstance(tries[0], Mapping):
            progress |= {str(subject): int(done) for subject, done in tries[0].items()}
        self._waiting.leave(request.subscription_id)
        if self._under_way >= MOST_AT_ONCE:
            return _early(request, Trouble(kind="busy", said="this worker sends many at once already", wait=BUSY))
        self._under_way += 1
        try:
            async with heartbeating(told=lambda: [dict(progress)]):
                with refusals():
                    return await self._deliver(request, progress)
        finally:
            self._under_way -= 1

    async def _deliver(self, request: DeliveryRequest, progress: dict[str, int]) -> DeliveryReport:
        name, subscriptions = request.subscription_id, self._store.subscriptions
        await asyncio.to_thread(subscriptions.keep, name, request.state, datetime.now(UTC))
        declared = await asyncio.to_thread(subscriptions.declared, name)
        if declared is None:
            return _early(request, _ENDED)
        found = await asyncio.to_thread(self._endpoint, declared)
        if isinstance(found, Trouble):
            return _early(request, found)
        endpoint, looks_first = found
        try:
            batch = await asyncio.to_thread(read_batch, self._store, declared, request)
        except Refused as refused:
            return _early(request, Trouble(kind="cursor", said=str(refused)))
        return await self._send(name, endpoint, batch, progress, looks_first=looks_first)

    async def _send(
        self, name: str, endpoint: Endpoint, batch: Batch, progress: dict[str, int], *, looks_first: bool
    ) -> DeliveryReport:
        outside = self._outside
        assert outside is not None  # noqa: S101  else there is trouble

        async def attempt(position: int) -> Failure | Trouble | None:
            return await send(outside, name, endpoint, batch.events[position], position)

        sending = Sending(batch.lines, attempt, progress)
        lines = await sending.run(looks_first=looks_first)
        behind = {line.subject for line in batch.lines if line.is_behind}
        again = 0
        if sending.trouble is None:
            again, sending.trouble = await self._send_again(name, endpoint, outside)
        return DeliveryReport(
            cursor=batch.cursor,
            lines=[line for line in lines if not line.is_through or line.subject in behind],
            sent=sending.sent + again,
            behind=batch.behind,
            is_last=batch.is_last,
            trouble=sending.trouble,
            pace=outside.pace,
        )

    async def _send_again(self, name: str, endpoint: Endpoint, outside: Outside) -> tuple[int, Trouble | None]:
        """Send the dead letters that somebody wants sent again, each in one attempt; says how many arrived.

        Those that an earlier try of this batch has sent, whose worker did not say so any more, are among them.
        """
        letters, info = self._store.dead_letters, activity.info()
        batch, trouble = f"{info.workflow_run_id}/{info.activity_id}", None
        for letter in await asyncio.to_thread(letters.waiting, name, AGAIN_AT_ONCE):
            event = await asyncio.to_thread(self._store.feed.at, letter.position)
            if event is None or event.id != letter.event_id:
                said: Failure | Trouble | None = None
                line = "the feed does not keep it any more"
            else:
                said = await send(outside, name, endpoint, event, letter.position)
                line = "arrived" if said is None else "" if isinstance(said, Trouble) else said.reason
            if isinstance(said, Trouble):
                trouble = said
                break
            has_arrived = event is not None and line == "arrived"
            settle = partial(letters.settle, arrived=has_arrived, said=line, at=datetime.now(UTC), batch=batch)
            await asyncio.to_thread(settle, name, letter.event_id)
        return await asyncio.to_thread(letters.arrived_with, name, batch), trouble

    def _endpoint(self, declared: Subscription) -> tuple[Endpoint, bool] | Trouble:
        """The endpoint of a subscription, and whether it was left alone lately; or why nothing can be sent to it."""
        outside, name = self._outside, declared.endpoint
        if outside is None or not outside.endpoints.can_send:
            return Trouble(kind="busy", said="this worker has no way out: its outbound messages are off", wait=BUSY)
        try:
            endpoint = self._store.endpoints.get(name)
        except NotFound as error:
            return Trouble(kind="held", said=str(error), wait=UNUSABLE_FOR / outside.pace)
        why = f"endpoint {name!r} is retired" if endpoint.retired else unfit(endpoint)
        if why is not None:
            return Trouble(kind="held", said=why, wait=UNUSABLE_FOR / outside.pace)
        return endpoint, self._store.endpoints.state(name).open_until is not None


def _early(request: DeliveryRequest, trouble: Trouble) -> DeliveryReport:
    """A batch of which nothing was sent."""
    state = request.state
    return DeliveryReport(cursor=state.cursor, behind=state.behind, is_last=False, trouble=trouble)
