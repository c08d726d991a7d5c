"""How a mail ends of which some went in digests: as one does that its server took for some recipients only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from activities.actions.effect import Effect
from activities.actions.mail import RenderedMail
from activities.delivery import smtp
from activities.delivery.handing_in import having_it, named
from store.quiet import DigestTurn, arrived_in, failed_in
from store.store import Store
from store.values import MailRecipient


class Ending(NamedTuple):
    """What became of a mail.

    Attributes:
        answer: in one line.
        having: who has it, by what the addresses are known by.
        has_failed: nobody has it, or somebody was never reached; a retry by hand is for those who have it not.
    """

    answer: str
    having: dict[str, MailRecipient]
    has_failed: bool


async def end(
    store: Store, message: RenderedMail, effect: Effect, said: Sequence[str], turns: Mapping[str, DigestTurn]
) -> Ending:
    """End a mail whose digests have all ended, and put on record who has it.

    Args:
        store: where that goes on record.
        message: to all its recipients.
        effect: the action.
        said: what the mail server said to those to whom it went by itself; nothing: to nobody, or it is on record.
        turns: how each digest has ended, by what its recipient is known by.
    """
    key, now = effect.key, datetime.now(UTC)
    known = await asyncio.to_thread(store.mail_recipients.of, key)
    settled = {**_settled(message, said, turns), **known}
    missed = {
        turn.to: failed_in(turn.key, turn.answer)
        for name, turn in turns.items()
        if turn.what == "failed" and name not in settled
    }
    having = {name: one for name, one in settled.items() if one.has_it}
    refused = {one.address: one.answer for one in settled.values() if not one.has_it}
    if refused or (missed and having):
        await asyncio.to_thread(store.mail_recipients.record, key, settled, now)
    has_failed = bool(missed) or not having
    by_itself = [one.answer for name, one in having.items() if name not in turns]
    in_digests = [one.answer for name, one in having.items() if name in turns]
    lines = [] if has_failed else [*(said if by_itself else []), *by_itself, *in_digests]
    lines += list(missed.values()) if len(message.to) == 1 else named("not reached:", missed)
    lines += named("refused for good for", refused)
    if has_failed and having:
        lines.append(having_it(settled))
    answer = _together(lines)
    status: Literal["sent", "failed"] = "failed" if has_failed else "sent"
    to = ", ".join(message.to)
    await asyncio.to_thread(store.deliveries.begin_delivery, key, "email", to, now)
    await asyncio.to_thread(store.deliveries.record_end, key, status, to, answer, now)
    return Ending(answer, having, has_failed)


def _settled(message: RenderedMail, said: Sequence[str], turns: Mapping[str, DigestTurn]) -> dict[str, MailRecipient]:
    """Who has a mail, if nothing else is on record of them."""
    having = {
        name: MailRecipient(address=turn.to or name, has_it=True, answer=arrived_in(turn.key, turn.answer))
        for name, turn in turns.items()
        if turn.what == "sent"
    }
    for one in message.to if said else ():
        name = smtp.known_as(one)
        if name not in turns:
            having[name] = MailRecipient(address=name, has_it=True, answer=said[0])
    return having


def _together(lines: Sequence[str]) -> str:
    """Some lines as one, each once: what was said first may tell of the rest already."""
    answer = ""
    for line in lines:
        if line and line not in answer:
            answer = f"{answer}; {line}" if answer else line
    return answer
