"""Delivering again by hand what had arrived: one mail or message, or all that an endpoint has got since an instant."""

from __future__ import annotations

from datetime import UTC, datetime

from temporalio.client import Client

from clients.redeliveries import Redeliveries
from domain.errors import NotFound, Refused
from domain.messages.redelivery import RedeliveryOrder
from domain.process.actions import KINDS
from store import Store

_NOT_AGAIN = {
    "digest": "a digest lists mails; each of them is delivered again by its own key",
    **{name: kind.not_again for name, kind in KINDS.items() if kind.not_again},
}
"""Why what goes out in a way is not delivered again."""


def check_arrived(store: Store, key: str) -> None:
    """Refuse to deliver again what is no mail and no message, or has not arrived.

    Raises:
        NotFound: nothing is known of such an action.
        Refused: it can't be delivered again, and why.
    """
    known, ordered = store.deliveries.get(key), store.actions.get(key)
    if known is None and ordered is None:
        raise NotFound(f"unknown action {key!r}; milepost actions CASE lists those of a case with their keys")
    kind = known.channel if known is not None else ordered.action.do if ordered and ordered.action else ""
    if kind in _NOT_AGAIN:
        raise Refused("not_delivered_again", f"{key} is not delivered again: {_NOT_AGAIN[kind]}")
    if known is None:
        raise Refused("not_sent", f"{key} has never left this system: nothing is there to deliver again")
    if known.status != "sent":
        hint = "; milepost retry tries it again" if known.status == "failed" else ""
        raise Refused("not_sent", f"{key} has not arrived, it {_standing(known.status)}{hint}")
    is_kept = store.actions.mail(key) if kind == "email" else store.deliveries.request(key)
    if is_kept is None:
        raise Refused("not_kept", f"what {key} said is not kept any more (MILEPOST_MESSAGE_DAYS), or was erased")


class Redelivering:
    """Has deliveries made again, one at a time.

    Args:
        client: the connection to Temporal.
        task_queue: of the workers.
    """

    def __init__(self, client: Client, task_queue: str) -> None:
        self._redeliveries = Redeliveries(client, task_queue)

    async def __call__(self, key: str, by: str) -> str:
        """Have one delivered again, under the key that it has; says so.

        Raises:
            Refused: it is being delivered again already.
            NoAnswer: the server does not answer.
        """
        await self._redeliveries.start(RedeliveryOrder(key=key, by=by, asked_at=datetime.now(UTC)))
        return f"{key} is delivered again"


def _standing(status: str) -> str:
    return {"waits": "waits for an attempt", "failed": "failed", "dropped": "had expired and was dropped"}[status]
