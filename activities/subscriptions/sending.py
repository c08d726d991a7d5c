"""One event on its way to an endpoint: a signed CloudEvents message, and what it means if it does not arrive."""

from __future__ import annotations

from datetime import timedelta

from activities.actions.hooks import Request
from activities.actions.outside import Outside
from activities.delivery.http import LONGEST_BODY
from activities.delivery.outcomes import NotDelivered
from domain.catalog.endpoints import Endpoint
from domain.delivery.circuit import SLOWED
from domain.delivery.schedule import DELAYS
from domain.delivery.tracing import TRACEPARENT
from domain.feed.envelope import FeedEvent
from domain.subscriptions.requests import delivery_key
from domain.subscriptions.state import Failure, Trouble, reason_of

CONTENT_TYPE = "application/cloudevents+json"
"""The structured mode of CloudEvents: the body is the whole envelope."""

UNUSABLE_FOR = timedelta(seconds=60)
"""After which an endpoint is tried again that can't be used as it is declared: a secret that is not there, say."""


async def send(
    outside: Outside, subscription_id: str, endpoint: Endpoint, event: FeedEvent, position: int
) -> Failure | Trouble | None:
    """Make one attempt at an event; None: it has arrived. A failure is the event's, trouble is the endpoint's.

    Args:
        outside: the way out of this process.
        subscription_id: whose.
        endpoint: as it is declared now.
        event: what is sent.
        position: of the event in the feed.
    """
    body = event.model_dump_json().encode("utf-8", "replace")
    failed = Failure(event_id=event.id, position=position, sequence=event.sequence, type=event.type, reason="")
    if len(body) > LONGEST_BODY:
        reason = f"the event has {len(body)} bytes, and a message at most {LONGEST_BODY}"
        return failed.model_copy(update={"reason": reason, "for_good": True})
    # CloudEvents has what goes straight to its receiver carry the same trace in the event as in the request.
    asked = Request(
        "POST",
        endpoint.url,
        {"Content-Type": CONTENT_TYPE, TRACEPARENT: event.traceparent, **endpoint.headers},
        body,
    )
    try:
        await outside.endpoints.post(asked, endpoint, delivery_key(subscription_id, event.id))
    except NotDelivered as error:
        said = reason_of(str(error))
        own = failed.model_copy(update={"reason": said, "at_least": error.at_least})
        return _trouble(error, said, outside.pace) or own
    return None


def _trouble(error: NotDelivered, said: str, pace: float) -> Trouble | None:
    """What it says of the endpoint, whatever the event; None: nothing."""
    if error.is_off or error.is_gone:
        return Trouble(kind="off", said=said)
    if error.is_held:
        return Trouble(kind="held", said=said, wait=error.at_least / pace)
    if error.for_good:
        return Trouble(kind="held", said=said, wait=UNUSABLE_FOR / pace)
    if error.slows_down:
        return Trouble(kind="held", said=said, wait=min(max(SLOWED, error.at_least), DELAYS[-1]) / pace)
    return None
