"""Mails within their limits: what may go by itself, and what goes in a digest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import partial

from temporalio.exceptions import ApplicationError

from activities.actions import digest
from activities.actions.attempts import NOT_DELIVERED, waits
from activities.actions.effect import Effect
from activities.actions.mail import RenderedMail
from activities.delivery import smtp
from activities.delivery.outcomes import Delivered, NotDelivered
from domain.delivery.schedule import delay_after
from domain.process import Email
from domain.process.actions import COMPLETED
from domain.wording import instant
from store.quiet import DigestTurn, Limits, MailInHand
from store.store import Store

WINDOW = timedelta(hours=1)
"""Within which mails are counted."""

LEASE = timedelta(minutes=2)
"""For one attempt at a digest: longer than a mail server is waited for."""

_LOOKS_AGAIN_AFTER = timedelta(seconds=5)
"""Whether a digest has arrived that another worker is sending."""


class QuietMails:
    """Keeps mails within the limits that the organisation has set, over all workers.

    Args:
        store: where they are counted.
        server: in whose name digests are sent.
        send: makes one attempt.
        pace: divides all spans, for tests on a real wire.
    """

    def __init__(
        self,
        store: Store,
        server: smtp.MailServer,
        send: Callable[[EmailMessage, str], Awaitable[Delivered]],
        pace: float = 1,
    ) -> None:
        self._store = store
        self._server = server
        self._send = send
        self._pace = pace

    async def admitted(self, message: RenderedMail, effect: Effect, *, was_sent: bool) -> list[str]:
        """The addresses to which a mail may go by itself now; for the others it is held.

        Args:
            message: the mail.
            effect: the action.
            was_sent: it went to these addresses before, and nothing more is held.
        """
        known = _known(message)
        limits = None if was_sent else await asyncio.to_thread(self._limits)
        if limits is None:
            held = await asyncio.to_thread(self._store.quiet.held_for, effect.key)
            return [address for one, address in known.items() if one not in held]
        free = await asyncio.to_thread(
            self._store.quiet.admit, self._in_hand(message, effect), limits, datetime.now(UTC)
        )
        return [known[one] for one in free]

    async def digests(self, message: RenderedMail, effect: Effect) -> list[str]:
        """What the mail server said to the digests that a mail is in; nothing of one that is in none.

        Raises:
            ApplicationError: a digest is still ahead, or has failed.
        """
        held = await asyncio.to_thread(self._store.quiet.held_for, effect.key)
        return [await self._digest(recipient, message, effect) for recipient in held]

    async def send_due(self, effect: Effect) -> None:
        """Send the digests of a mail whose time has come, while somebody else of its recipients is refused for now.

        Raises:
            ApplicationError: one has failed for good.
        """
        for recipient in await asyncio.to_thread(self._store.quiet.held_for, effect.key):
            turn = await self._turn(recipient, effect)
            if turn.what != "send":
                continue
            try:
                await self._handed_in(turn, effect)
            except ApplicationError as error:
                if error.non_retryable:
                    raise

    async def _turn(self, recipient: str, effect: Effect) -> DigestTurn:
        take, window = self._store.quiet.take_digest, WINDOW / self._pace
        return await asyncio.to_thread(take, effect.key, recipient, datetime.now(UTC), window=window, lease=LEASE)

    async def _digest(self, recipient: str, message: RenderedMail, effect: Effect) -> str:
        now = datetime.now(UTC)
        turn = await self._turn(recipient, effect)
        match turn.what:
            case "sent":
                return f"in the digest {turn.key}: {turn.answer}"
            case "failed":
                raise await self._failed(turn, effect)
            case "wait":
                until = turn.at or now
                if turn.is_being_sent:
                    until = min(until, now + _LOOKS_AGAIN_AFTER / self._pace)
                line = f"held for a digest to {recipient}, at {instant(until)}"
                await asyncio.to_thread(
                    self._store.deliveries.hold_delivery, effect.key, "email", ", ".join(message.to), line, now
                )
                raise waits(line, until - now, pace=self._pace)
            case "send":
                return await self._handed_in(turn, effect)

    async def _handed_in(self, turn: DigestTurn, effect: Effect) -> str:
        store = self._store
        begun = await asyncio.to_thread(store.deliveries.begin_delivery, turn.key, "digest", turn.to, datetime.now(UTC))
        organisation = await asyncio.to_thread(store.catalog.organisation)
        zone = organisation.time_zone
        subject, text, html = digest.subject(turn.mails), digest.text(turn.mails, zone), digest.html(turn.mails, zone)
        try:
            mail = smtp.message(self._server, turn.key, [turn.to], subject, text, html)
            delivered = await self._send(mail, turn.key)
        except NotDelivered as error:
            raise await self._not_handed_in(turn, effect, begun.attempts + 1, error) from None
        now = datetime.now(UTC)
        record = partial(
            store.actions.record_mail, turn.key, [turn.to], subject, text, now, answer=delivered.answer, html=html
        )
        await asyncio.to_thread(record)
        await asyncio.to_thread(store.quiet.digest_sent, turn.key, delivered.answer, now)
        # Last: one that is on record as sent is taken up by nobody any more.
        await asyncio.to_thread(store.deliveries.record_attempt, turn.key, "sent", delivered.answer, now)
        return f"in the digest {turn.key}: {delivered.answer}"

    async def _not_handed_in(
        self, turn: DigestTurn, effect: Effect, number: int, error: NotDelivered
    ) -> ApplicationError:
        now, line = datetime.now(UTC), str(error)
        delay = None if error.for_good else delay_after(number, turn.key, at_least=error.at_least, pace=self._pace)
        if delay is None:
            await asyncio.to_thread(self._store.deliveries.record_attempt, turn.key, "failed", line, now)
            return await self._failed(turn.model_copy(update={"answer": line}), effect)
        await asyncio.to_thread(self._store.deliveries.record_attempt, turn.key, "waits", line, now)
        await asyncio.to_thread(self._store.quiet.postpone, turn.key, now + delay)
        return waits(f"the digest {turn.key}, attempt {number}: {line}", delay, pace=self._pace)

    async def _failed(self, turn: DigestTurn, effect: Effect) -> ApplicationError:
        line = f"the digest {turn.key} failed: {turn.answer}"
        await asyncio.to_thread(self._store.deliveries.record_attempt, effect.key, "failed", line, datetime.now(UTC))
        return ApplicationError(line, type=NOT_DELIVERED, non_retryable=True)

    def _limits(self) -> Limits | None:
        quiet = self._store.catalog.organisation().quiet
        if quiet is None or (quiet.mails_per_case is None and quiet.mails_per_recipient is None):
            return None
        return Limits(
            per_case=quiet.mails_per_case, per_recipient=quiet.mails_per_recipient, window=WINDOW / self._pace
        )

    def _in_hand(self, message: RenderedMail, effect: Effect) -> MailInHand:
        action = effect.call.action
        expires_at = None
        if isinstance(action, Email) and action.expires_after is not None:
            late = timedelta() if effect.due_at is None else effect.at - effect.due_at
            expires_at = datetime.now(UTC) + (action.expires_after - late) / self._pace
        return MailInHand(
            key=effect.key,
            to=_known(message),
            subject=" ".join(message.subject.split()),
            due_at=effect.due_at or effect.at,
            expires_at=expires_at,
            expires_completed=isinstance(action, Email) and action.expires == COMPLETED,
        )


def _known(message: RenderedMail) -> dict[str, str]:
    """The addresses of a mail by what they are known by: without names, in lower case."""
    return {smtp.known_as(one): one for one in message.to}
