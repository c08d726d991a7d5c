"""What leaves this process: an attempt at a time, each on record, and again by the schedule of deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage

from temporalio.exceptions import ApplicationError

from activities.actions.attempts import NOT_DELIVERED, busy, failure, waits
from activities.actions.effect import Effect
from activities.actions.ending import end
from activities.actions.endpoints import AskingEndpoints
from activities.actions.mail import RenderedMail, log
from activities.actions.opening_hours import wait_for_opening
from activities.actions.quiet import QuietMails
from activities.delivery import smtp
from activities.delivery.handing_in import hand_in
from activities.delivery.lanes import Busy, Lanes
from activities.delivery.means import Means
from activities.delivery.outcomes import Delivered, NotDelivered
from activities.rendering.renderer import BadTemplate
from store.cases.deliveries import lane_of
from store.store import Store
from store.values import Delivery


class Outside:
    """Sends, and keeps on record what came of it.

    Args:
        store: where every attempt goes on record.
        means: what there is to send with.

    Attributes:
        lanes: attempts that are under way, by their receivers.
        endpoints: asks those.
    """

    def __init__(self, store: Store, means: Means) -> None:
        self._store = store
        self._means = means
        self.lanes = Lanes()
        self.endpoints = AskingEndpoints(store, means)
        self._quiet = None if means.mail is None else QuietMails(store, means.mail, self._send_digest, means.pace)

    @property
    def pace(self) -> float:
        """By which the delays between attempts are divided."""
        return self._means.pace

    @property
    def mail_server(self) -> smtp.MailServer | None:
        """Where mail is handed in; None: nowhere."""
        return self._means.mail

    @property
    def sends_mail(self) -> bool:
        """Whether mail goes to a server."""
        return self._means.mail is not None

    @property
    def sends_hooks(self) -> bool:
        """Whether outbound messages leave this process."""
        return self._means.hooks is not None

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
        assert quiet is not None  # noqa: S101  `sends_mail` was asked
        status = await asyncio.to_thread(self._store.deliveries.status, effect.key)
        if status == "failed":  # tried again by hand: from the beginning, but for those who have it
            await asyncio.to_thread(self._store.quiet.release, effect.key)
            await asyncio.to_thread(self._store.mail_recipients.forgive, effect.key)
        if status != "sent":
            await wait_for_opening(effect, ", ".join(message.to), self._store)
        settled = await asyncio.to_thread(self._store.mail_recipients.of, effect.key)
        fresh = [one for one in message.to if smtp.known_as(one) not in settled]
        admitted = await quiet.admitted(replace(message, to=fresh), effect, was_sent=status == "sent")
        held = await asyncio.to_thread(self._store.quiet.held_for, effect.key)
        to = [one for one in message.to if smtp.known_as(one) not in held]
        try:
            # Those who wait for no digest may all be settled by an earlier attempt, which is then on record.
            said = (
                [await self._hand_in(replace(message, to=to), effect, goes_on=bool(held))]
                if admitted or not held
                else []
            )
        except ApplicationError as error:
            if not error.non_retryable:  # who is refused for now holds up nobody's digest
                await quiet.send_due(effect)
            raise
        turns = await quiet.digests(message, effect)
        if not turns:
            await self._log(message, effect, "; ".join(said))
            return
        ending = await end(self._store, message, effect, said, turns)
        if ending.having:
            having = [one for one in message.to if smtp.known_as(one) in ending.having]
            await self._log(replace(message, to=having), effect, ending.answer)
        if ending.has_failed:
            raise ApplicationError(ending.answer, type=NOT_DELIVERED, non_retryable=True)

    async def _hand_in(self, message: RenderedMail, effect: Effect, *, goes_on: bool) -> str:
        """Make an attempt at a mail that may go now; one that did not go counts for no limit."""
        server = self._means.mail
        assert server is not None  # noqa: S101  `sends_mail` was asked

        async def attempt(_: int) -> Delivered:
            parts = (message.to, message.subject, message.body, message.html)
            made = smtp.message(server, effect.key, *parts, thread=effect.thread)
            return await hand_in(self._store, server, made, effect.key, goes_on=goes_on)

        try:
            return await self.attempt(effect, "email", f"{server.host}:{server.port}", ", ".join(message.to), attempt)
        except ApplicationError as error:
            having = await asyncio.to_thread(self._having, effect.key)
            undo = self._store.quiet.release if error.non_retryable else self._store.quiet.withdraw
            await asyncio.to_thread(undo, effect.key, having)
            if having:
                to = [one for one in message.to if smtp.known_as(one) in having]
                await self._log(replace(message, to=to), effect, next(iter(having.values())))
            raise

    def _having(self, key: str) -> dict[str, str]:
        """Who has a mail that others have not, by what their addresses are known by, with what the server said."""
        return {name: one.answer for name, one in self._store.mail_recipients.of(key).items() if one.has_it}

    async def _log(self, message: RenderedMail, effect: Effect, answer: str) -> None:
        """Put a mail into the log of sent mail; to those whom it was refused for good it did not go."""
        settled = await asyncio.to_thread(self._store.mail_recipients.of, effect.key)
        refused = {name for name, one in settled.items() if not one.has_it}
        message = replace(message, to=[one for one in message.to if smtp.known_as(one) not in refused])
        is_new = await log(message, effect, self._store.actions, answer)
        if settled and not is_new:
            await asyncio.to_thread(self._store.actions.record_mail_reached, effect.key, message.to, answer)

    async def _send_digest(self, mail: EmailMessage, key: str) -> Delivered:
        server = self._means.mail
        assert server is not None  # noqa: S101  there are digests only where there is a server
        try:
            with self.lanes.taken(f"{server.host}:{server.port}"):
                return await hand_in(self._store, server, mail, key)
        except Busy as error:
            raise NotDelivered(str(error)) from None

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
            ApplicationError: it failed, or waits for what was due earlier; with the delay before the next attempt, or
                for good.
        """
        now, due_at = datetime.now(UTC), effect.due_at or effect.at
        begun, wait = await asyncio.to_thread(
            self._store.deliveries.take_turn, effect.key, channel, to, now, due_at, self._means.pace
        )
        if begun.status == "sent":
            return begun.answer
        if wait is not None:
            raise waits(f"waits for {wait.key}, which was due earlier", wait.until - now, pace=self._means.pace)
        number = begun.attempts + 1
        try:
            with self.lanes.taken(receiver):
                delivered = await send(number)
        except Busy as error:
            raise busy(error, self._means.pace) from None
        except NotDelivered as error:
            raise await self._failure(begun, error) from None
        except BadTemplate as error:  # wrong today is wrong at every retry
            raise await self._failure(begun, NotDelivered(str(error), for_good=True)) from error
        await asyncio.to_thread(
            self._store.deliveries.record_attempt,
            effect.key,
            "sent",
            delivered.answer,
            datetime.now(UTC),
            request=delivered.request,
        )
        return delivered.answer

    async def _failure(self, begun: Delivery, error: NotDelivered) -> ApplicationError:
        """What a failed attempt ends with, once it is on record. What is refused by itself holds up no other."""
        delay, failed = failure(begun.attempts + 1, begun.key, error, self._means.pace)
        to = begun.to if error.still_for is None else ", ".join(error.still_for)
        lane = lane_of(begun.channel, to, recipients_alone=error.concerns == "recipients")
        now = datetime.now(UTC)
        await asyncio.to_thread(
            self._store.deliveries.record_attempt,
            begun.key,
            "failed" if delay is None else "waits",
            str(error),
            now,
            again_at=None if delay is None else now + delay,
            lane=None if error.concerns == "message" else lane,
        )
        return failed
