"""Tells people of endpoints that were switched off, by mail: each once, over all workers, as soon as it can be."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from activities.delivery import smtp
from activities.delivery.handing_in import hand_in
from activities.delivery.outcomes import NotDelivered
from activities.delivery.smtp import MailServer
from domain.catalog.endpoints import Endpoint
from domain.delivery.mailboxes import address_of
from domain.errors import NotFound
from domain.wording import instant
from store import Store
from store.values import EndpointState

EVERY = 60.0
"""Seconds after which a worker looks again whether somebody is to be told."""

_LEASE = timedelta(minutes=2)
_LOG = logging.getLogger(__name__)


@asynccontextmanager
async def watching_endpoints(store: Store, mail: MailServer | None) -> AsyncIterator[None]:
    """Look now and then for endpoints that were switched off, while the context lasts."""
    task = asyncio.create_task(_look_again_and_again(store, mail))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _look_again_and_again(store: Store, mail: MailServer | None) -> None:
    while True:
        try:
            await tell_of_endpoints(store, mail)
        except Exception:  # noqa: BLE001  a database that is away comes back
            _LOG.exception("nobody could be told of endpoints that are switched off; again in a minute")
        await asyncio.sleep(EVERY)


async def tell_of_endpoints(store: Store, mail: MailServer | None) -> None:
    """Tell of every endpoint that is switched off and of which nobody knows yet.

    Without a mail server the mail is in the log of sent mail alone. One that could not be handed in is tried again the
    next time; one that is refused for good is given up, and the worker's log says so.

    Args:
        store: knows the endpoints.
        mail: where mail is handed in.
    """
    holder = str(uuid.uuid4())
    for state in await asyncio.to_thread(store.endpoints.untold):
        lease, now = f"switched-off/{state.endpoint}", datetime.now(UTC)
        if not await asyncio.to_thread(store.leases.acquire, lease, holder, now=now, lasts=_LEASE):
            continue
        try:
            if await _tell(store, state, mail):
                await asyncio.to_thread(store.endpoints.told, state, datetime.now(UTC))
        finally:
            await asyncio.to_thread(store.leases.release, lease, holder)


async def _tell(store: Store, state: EndpointState, mail: MailServer | None) -> bool:
    """Whether nobody is to be told any more."""
    try:
        endpoint = await asyncio.to_thread(store.endpoints.get, state.endpoint)
    except NotFound:
        return True
    _LOG.warning("endpoint %s is switched off: %s", endpoint.id, state.said)
    if not endpoint.told:
        return True
    key, subject, body = _mail(endpoint, state)
    answer = None
    if mail is not None:
        try:
            # One that is stored from before such were refused costs the others nothing.
            told = [one for one in endpoint.told if address_of(one)] or endpoint.told
            made = smtp.message(mail, key, told, subject, body, thread=f"endpoint/{endpoint.id}")
            answer = (await hand_in(store, mail, made, key)).answer
        except NotDelivered as error:
            _LOG.warning("nobody could be told that endpoint %s is switched off: %s", endpoint.id, error)
            return error.for_good
    at = state.off_at or datetime.now(UTC)
    await asyncio.to_thread(
        store.actions.record_mail, key, to=endpoint.told, subject=subject, body=body, at=at, answer=answer
    )
    return True


def _mail(endpoint: Endpoint, state: EndpointState) -> tuple[str, str, str]:
    """Its key, subject and text."""
    at = state.off_at or datetime.now(UTC)
    name = endpoint.name or endpoint.id
    body = (
        f"Nothing is sent to endpoint {name} any more since {instant(at)}: {state.said}\n\n"
        f"What is for it fails meanwhile. When it is well again:\n\n"
        f"    milepost endpoints --on {endpoint.id}\n"
        f"    milepost retry --since {state.failing_since or at:%Y-%m-%dT%H:%MZ}\n"
    )
    return f"endpoint/{endpoint.id}/off/{at:%Y%m%dT%H%M%SZ}", f"Endpoint {name} is switched off", body
