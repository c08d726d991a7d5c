"""Mails within their limits: what may go by itself, and what goes in a digest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import partial

from temporalio.exceptions import ApplicationError

from activities.actions import digest
from activities.actions.attempts import waits
from activities.actions.effect import Effect
from activities.actions.expiry import expires_at
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
        in_hand = await self._in_hand(message, effect)
        free = await asyncio.to_thread(self._store.quiet.admit, in_hand, limits, datetime.now(UTC))
        return [known[one] for one in free]

    async def digests(self, message: RenderedMail, effect: Effect) -> dict[str, DigestTurn]:
        """How the digests have ended that a mail is in, by what their recipients are known by.

        One that fails keeps nobody else from theirs.

        Raises:
            ApplicationError: one is still ahead.
        """
        held = await asyncio.to_thread(self._store.quiet.held_for, effect.key)
        turns = {recipient: await self._taken(recipient, effect) for recipient in held}
        ahead = {recipient: turn for recipient, turn in turns.items() if turn.what == "wait"}
        if ahead:
            raise await self._waits(ahead, message, effect)
        return turns

    async def send_due(self, effect: Effect) -> None:
        """Send the digests of a mail whose time has come, while somebody else of its recipients is refused for now."""
        for recipient in await asyncio.to_thread(self._store.quiet.held_for, effect.key):
            await self._taken(recipient, effect)

    async def _taken(self, recipient: str, effect: Effect) -> DigestTurn:
        """How a digest stands, once it was sent if it is time for that."""
        turn = await self._turn(recipient, effect)
        return await self._handed_in(turn) if turn.what == "send" else turn

    async def _turn(self, recipient: str, effect: Effect) -> DigestTurn:
        take, window = self._store.quiet.take_digest, WINDOW / self._pace
        return await asyncio.to_thread(take, effect.key, recipient, datetime.now(UTC), window=window, lease=LEASE)

    async def _waits(self, ahead: Mapping[str, DigestTurn], message: RenderedMail, effect: Effect) -> ApplicationError:
        """What an attempt ends with while digests are ahead: it looks again when the first of them may be sent."""
        now = datetime.now(UTC)
        soon = now + _LOOKS_AGAIN_AFTER / self._pace
        instants = {one: turn.at or now for one, turn in ahead.items()}
        instants |= {one: min(instants[one], soon) for one, turn in ahead.items() if turn.is_being_sent}
        recipient = min(instants, key=lambda one: instants[one])
        until, line = instants[recipient], ahead[recipient].answer
        if not line:
            line = f"held for a digest to {recipient}, at {instant(until)}"
            to = ", ".join(message.to)
            await asyncio.to_thread(self._store.deliveries.hold_delivery, effect.key, "email", to, line, now)
        return waits(line, until - now, pace=self._pace)

    async def _handed_in(self, turn: DigestTurn) -> DigestTurn:
        """How a digest stands after an attempt at it."""
        store = self._store
        begun = await asyncio.to_thread(store.deliveries.begin_delivery, turn.key, "digest", turn.to, datetime.now(UTC))
        organisation = await asyncio.to_thread(store.catalog.organisation)
        zone = organisation.time_zone
        subject, text, html = digest.subject(turn.mails), digest.text(turn.mails, zone), digest.html(turn.mails, zone)
        try:
            mail = smtp.message(self._server, turn.key, [turn.to], subject, text, html)
            delivered = await self._send(mail, turn.key)
        except NotDelivered as error:
            return await self._not_handed_in(turn, begun.attempts + 1, error)
        now = datetime.now(UTC)
        record = partial(
            store.actions.record_mail, turn.key, [turn.to], subject, text, now, answer=delivered.answer, html=html
        )
        await asyncio.to_thread(record)
        await asyncio.to_thread(store.quiet.digest_sent, turn.key, delivered.answer, now)
        # Last: one that is on record as sent is taken up by nobody any more.
        await asyncio.to_thread(store.deliveries.record_attempt, turn.key, "sent", delivered.answer, now)
        return turn.model_copy(update={"what": "sent", "answer": delivered.answer})

    async def _not_handed_in(self, turn: DigestTurn, number: int, error: NotDelivered) -> DigestTurn:
        now, line, store = datetime.now(UTC), str(error), self._store
        delay = None if error.for_good else delay_after(number, turn.key, at_least=error.at_least, pace=self._pace)
        if delay is None:
            if error.for_good:
                await asyncio.to_thread(store.quiet.digest_refused, turn.key, line, now)
            await asyncio.to_thread(store.deliveries.record_attempt, turn.key, "failed", line, now)
            return turn.model_copy(update={"what": "failed", "answer": line})
        await asyncio.to_thread(store.deliveries.record_attempt, turn.key, "waits", line, now)
        await asyncio.to_thread(store.quiet.postpone, turn.key, now + delay)
        said = f"the digest {turn.key}, attempt {number}: {line}"
        return turn.model_copy(update={"what": "wait", "at": now + delay, "answer": said})

    def _limits(self) -> Limits | None:
        quiet = self._store.catalog.organisation().quiet
        if quiet is None or (quiet.mails_per_case is None and quiet.mails_per_recipient is None):
            return None
        return Limits(
            per_case=quiet.mails_per_case, per_recipient=quiet.mails_per_recipient, window=WINDOW / self._pace
        )

    async def _in_hand(self, message: RenderedMail, effect: Effect) -> MailInHand:
        action = effect.call.action
        return MailInHand(
            key=effect.key,
            to=_known(message),
            subject=" ".join(message.subject.split()),
            due_at=effect.due_at or effect.at,
            expires_at=await expires_at(effect, self._store.actions, pace=self._pace, is_rehearsal=False),
            expires_completed=isinstance(action, Email) and action.expires == COMPLETED,
        )


def _known(message: RenderedMail) -> dict[str, str]:
    """The addresses of a mail by what they are known by: without names, in lower case."""
    return {smtp.known_as(one): one for one in message.to}
