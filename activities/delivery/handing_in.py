"""Handing a mail in, to those of its recipients who neither have it nor are refused for good."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage

from activities.delivery import smtp
from activities.delivery.outcomes import Delivered, NotDelivered
from store.store import Store
from store.values import MailRecipient

_NAMED = 5
"""Recipients of whom a line tells; of more it says how many."""


async def hand_in(
    store: Store, server: smtp.MailServer, mail: EmailMessage, key: str, *, goes_on: bool = False
) -> Delivered:
    """Make one attempt. Who has the mail by an earlier one gets nothing.

    What became of each recipient is in the store before this ends, if it is not the same for all: whoever makes the
    next attempt, also after a retry by hand, goes on from there.

    Args:
        store: knows what became of whom.
        server: where it is handed in.
        mail: to all its recipients.
        key: under which it is sent, alike for every attempt.
        goes_on: it has other recipients, who get it in a digest. That all of these are refused for good is on record
            then, and no failure yet.

    Raises:
        NotDelivered: somebody is refused for now, or nobody has it, or nobody knows.
    """
    known = await asyncio.to_thread(store.mail_recipients.of, key)
    left = {smtp.known_as(one): one for one in smtp.recipients(mail) if smtp.known_as(one) not in known}
    if not left:
        return _judged(known, {}, goes_on=goes_on)
    try:
        said = await smtp.send(server, mail, list(left.values()))
    except NotDelivered as error:
        has_it = having_it(known)
        if not has_it and not (goes_on and error.for_good):
            raise
        if not error.for_good:
            error.args = (f"{error}; {has_it}",)
            raise
        # The message as a whole is refused, which is no loss to those who have it, or get it otherwise.
        said = {one: smtp.Said(str(error), smtp.Verdict.NEVER) for one in left.values()}
    verdicts = {one.verdict for one in said.values()}
    settled = {name: _settled(address, said[address]) for name, address in left.items()}
    settled = {name: one for name, one in settled.items() if said[one.address].verdict is not smtp.Verdict.LATER}
    if settled and (known or goes_on or len(verdicts) > 1):
        await asyncio.to_thread(store.mail_recipients.record, key, settled, datetime.now(UTC))
    later = {address: one.line for address, one in said.items() if one.verdict is smtp.Verdict.LATER}
    return _judged({**known, **settled}, later, goes_on=goes_on)


def _settled(address: str, said: smtp.Said) -> MailRecipient:
    return MailRecipient(address=address, has_it=said.verdict is smtp.Verdict.TAKEN, answer=said.line)


def _judged(settled: Mapping[str, MailRecipient], later: Mapping[str, str], *, goes_on: bool) -> Delivered:
    """What an attempt ends with.

    Args:
        settled: recipients who have the mail, or are refused for good.
        later: what the server said of those who are refused for now, by address.
        goes_on: there are others.

    Raises:
        NotDelivered: there are any of those, or nobody has it.
    """
    refused = {one.address: one.answer for one in settled.values() if not one.has_it}
    never = named("refused for good for", refused)
    having = [one for one in settled.values() if one.has_it]
    if goes_on and not having and not later:
        return Delivered("; ".join([*never, "the others wait for a digest"]))
    if not having and len(refused) + len(later) == 1:
        [line] = [*refused.values(), *later.values()]
        raise NotDelivered(f"recipient refused: {line}", for_good=not later, concerns="recipients")
    if later:
        lines = [*named("refused for now for", later), *never, *([having_it(settled)] if having else [])]
        still_for = list(later) if having else None
        raise NotDelivered("; ".join(lines), concerns="recipients", still_for=still_for)
    if not having:
        raise NotDelivered("; ".join(never), for_good=True, concerns="recipients")
    # Each attempt had an answer of its own; what they are told is the first one's.
    return Delivered("; ".join([having[0].answer, *never]))


def named(what: str, said: Mapping[str, str]) -> list[str]:
    """What happened to each of some recipients, and how many more there are."""
    lines = [f"{what} {address}{f': {line}' if line else ''}" for address, line in list(said.items())[:_NAMED]]
    return lines + ([f"{what} {len(said) - _NAMED} more"] if len(said) > _NAMED else [])


def having_it(settled: Mapping[str, MailRecipient]) -> str:
    """Who has the mail, in words; empty: nobody."""
    having = [one.address for one in settled.values() if one.has_it]
    if not having:
        return ""
    more = len(having) - _NAMED
    names = ", ".join(having[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{names} {'has' if len(having) == 1 else 'have'} it"
