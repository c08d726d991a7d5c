"""What leaves this process: an attempt at a time, each on record, and again by the schedule of deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.actions import hooks, signals
from activities.actions.effect import Effect
from activities.actions.mail import RenderedMail, log
from activities.actions.opening_hours import wait_for_opening
from activities.actions.quiet import QuietMails
from activities.actions.signals import RenderedSignal
from activities.delivery import smtp
from activities.delivery.lanes import Busy, Lanes
from activities.delivery.means import Means
from activities.delivery.outcomes import Delivered, NotDelivered
from activities.rendering.renderer import BadTemplate, Renderer
from domain.catalog.endpoints import Endpoint
from domain.delivery.circuit import SHORTEST, SLOWED
from domain.delivery.schedule import DELAYS, MOST_ATTEMPTS, delay_after
from domain.errors import NotFound
from domain.process.actions import OutboundMessage
from domain.wording import instant
from store.store import Store

NOT_DELIVERED = "NotDelivered"
"""The type of the error of an attempt that failed."""

_COMES_BACK_AFTER = timedelta(seconds=5)
"""What finds its receiver's lane taken. It counts as no attempt."""


class Outside:
    """Sends, and keeps on record what came of it.

    Args:
        store: where every attempt goes on record.
        means: what there is to send with.
    """

    def __init__(self, store: Store, means: Means) -> None:
        self._store = store
        self._means = means
        self._lanes = Lanes()
        self._quiet = None if means.mail is None else QuietMails(store, means.mail, self._send_digest, means.pace)

    @property
    def pace(self) -> float:
        """By which the delays between attempts are divided."""
        return self._means.pace

    async def sends_mail_for(self, effect: Effect) -> bool:
        """Whether a mail goes to a server."""
        return self._means.mail is not None and not await self.is_rehearsal(effect)

    async def is_rehearsal(self, effect: Effect) -> bool:
        """Whether an action belongs to a replayed log, whose people must hear nothing of it.

        A case says so itself: it has a clock of its own. Of an entitlement the instant does, far from now.
        """
        if self._means.sends_rehearsals:
            return False
        if effect.case_id is not None:
            return await asyncio.to_thread(self._store.cases.has_own_clock, effect.case_id)
        return not effect.is_of_now(datetime.now(UTC))

    async def send_mail(self, message: RenderedMail, effect: Effect) -> None:
        """Hand a mail in, and put it into the log of sent mail with what the server said.

        Raises:
            ApplicationError: the attempt failed.
        """
        quiet = self._quiet
        assert quiet is not None  # noqa: S101  `sends_mail_for` was asked
        status = await asyncio.to_thread(self._store.deliveries.status, effect.key)
        if status == "failed":  # tried again by hand: from the beginning
            await asyncio.to_thread(self._store.quiet.release, effect.key)
        if status != "sent":
            await wait_for_opening(effect, ", ".join(message.to), self._store)
        to = await quiet.admitted(message, effect, was_sent=status == "sent")
        said = [await self._hand_in(replace(message, to=to), effect)] if to else []
        digests = await quiet.digests(message, effect)
        if digests and not to:
            await asyncio.to_thread(
                self._store.deliveries.record_attempt, effect.key, "sent", "; ".join(digests), datetime.now(UTC)
            )
        await log(message, effect, self._store.actions, "; ".join([*said, *digests]))

    async def _hand_in(self, message: RenderedMail, effect: Effect) -> str:
        """Make an attempt at a mail that may go now; one that did not go counts for no limit."""
        server = self._means.mail
        assert server is not None  # noqa: S101  `sends_mail_for` was asked

        async def attempt(_: int) -> Delivered:
            parts = (message.to, message.subject, message.body, message.html)
            return await smtp.send(server, smtp.message(server, effect.key, *parts, thread=effect.thread))

        try:
            return await self.attempt(effect, "email", f"{server.host}:{server.port}", ", ".join(message.to), attempt)
        except ApplicationError as error:
            undo = self._store.quiet.release if error.non_retryable else self._store.quiet.withdraw
            await asyncio.to_thread(undo, effect.key)
            raise

    async def _send_digest(self, mail: EmailMessage) -> Delivered:
        server = self._means.mail
        assert server is not None  # noqa: S101  there are digests only where there is a server
        try:
            with self._lanes.taken(f"{server.host}:{server.port}"):
                return await smtp.send(server, mail)
        except Busy as busy:
            raise NotDelivered(str(busy)) from None

    async def sends_hooks_for(self, effect: Effect) -> bool:
        """Whether an outbound message leaves this process."""
        return self._means.hooks is not None and not await self.is_rehearsal(effect)

    async def send_hook(self, action: OutboundMessage, effect: Effect, renderer: Renderer) -> None:
        """Send an outbound message to its endpoint, as that is declared now.

        Raises:
            ApplicationError: the attempt failed.
        """
        name = action.endpoint

        async def attempt(number: int) -> Delivered:
            try:
                endpoint = await asyncio.to_thread(self._store.endpoints.get, name)
            except NotFound as error:
                raise NotDelivered(str(error), for_good=True) from None
            asked = await hooks.request(action, endpoint, effect, renderer)
            return await self.post(asked, endpoint, effect.key, is_last=number >= MOST_ATTEMPTS)

        await self.attempt(effect, action.do, f"endpoint {name}", name, attempt)

    @property
    def posts(self) -> bool:
        """Whether there is something to send web hooks with."""
        return self._means.hooks is not None

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

    async def send_signal(self, asked: RenderedSignal, effect: Effect) -> None:
        """Send a signal to another workflow.

        Raises:
            ApplicationError: the attempt failed.
        """

        async def attempt(_: int) -> Delivered:
            return await signals.send(activity.client(), asked, effect.key)

        await self.attempt(effect, "signal", asked.receiver, asked.receiver, attempt)

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
        assert sender is not None  # noqa: S101  `sends_hooks_for` was asked
        headers = await hooks.sendable_headers(asked, endpoint, key)
        try:
            delivered = await sender.send(asked.method, asked.url, headers, asked.body)
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
        return delivered

    async def attempt(
        self, effect: Effect, channel: str, receiver: str, to: str, send: Callable[[int], Awaitable[Delivered]]
    ) -> str:
        """Make one attempt, and put it on record with what the receiver said. What has arrived is not sent again.

        Args:
            effect: what is sent.
            channel: how: the kind of action.
            receiver: whose lane it takes.
            to: whom it is for, as people are told.
            send: makes the attempt of that number.

        Returns:
            The receiver's answer.

        Raises:
            ApplicationError: it failed; with the delay before the next one, or for good.
        """
        begun = await asyncio.to_thread(
            self._store.deliveries.begin_delivery, effect.key, channel, to, datetime.now(UTC)
        )
        if begun.status == "sent":
            return begun.answer
        number = begun.attempts + 1
        try:
            with self._lanes.taken(receiver):
                delivered = await send(number)
        except Busy as busy:
            raise ApplicationError(
                str(busy),
                type="Busy",
                next_retry_delay=_COMES_BACK_AFTER / self._means.pace,
                category=ApplicationErrorCategory.BENIGN,
            ) from None
        except NotDelivered as error:
            raise await self._failure(effect, number, error) from None
        except BadTemplate as error:  # wrong today is wrong at every retry
            raise await self._failure(effect, number, NotDelivered(str(error), for_good=True)) from error
        await asyncio.to_thread(
            self._store.deliveries.record_attempt, effect.key, "sent", delivered.answer, datetime.now(UTC)
        )
        return delivered.answer

    async def _failure(self, effect: Effect, number: int, error: NotDelivered) -> ApplicationError:
        """What a failed attempt ends with, once it is on record."""
        delay = None
        if not error.for_good:
            delay = delay_after(number, effect.key, at_least=error.at_least, pace=self._means.pace)
        line, waits = str(error), delay is not None
        await asyncio.to_thread(
            self._store.deliveries.record_attempt, effect.key, "waits" if waits else "failed", line, datetime.now(UTC)
        )
        if delay is not None:
            return ApplicationError(
                f"attempt {number}: {line}",
                type=NOT_DELIVERED,
                next_retry_delay=delay,
                category=ApplicationErrorCategory.BENIGN,  # expected: no stack trace in the worker's log
            )
        reason = line if error.for_good else f"{line}; that was attempt {number}, the last"
        return ApplicationError(reason, type=NOT_DELIVERED, non_retryable=True)
