"""Trying actions that failed for good again, whether a case ordered them or an entitlement."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from temporalio.client import Client

from clients.cases import MilepostClient
from clients.entitlements import Entitlements, NobodyCounts
from clients.redeliveries import Redeliveries
from clients.sending import PATIENCE, NoAnswer
from domain.errors import NotFound, Refused
from domain.messages.redelivery import RedeliveryOrder
from store import Store

_CASE_DOES_NOT = frozenset({"closed", "failed", "unknown_action"})
"""What a case says whose workflow has ended, or does not know (any more) what failed."""

_STANDING = {"ordered": "it is being tried", "done": "it is done", "dropped": "it had expired and was dropped"}


class Retrying:
    """Has actions tried again, one at a time: by their case or entitlement or, where the case has ended, by themselves.

    Args:
        client: the connection to Temporal.
        task_queue: of the workers.
        store: what became of actions, and how those were ordered that failed.
        patience: seconds for which a case or an entitlement is waited for.
    """

    def __init__(self, client: Client, task_queue: str, store: Store, *, patience: float = PATIENCE) -> None:
        self._cases = MilepostClient(client, task_queue=task_queue, patience=patience)
        self._entitlements = Entitlements(client, task_queue, patience=patience)
        self._redeliveries = Redeliveries(client, task_queue, patience=patience)
        self._store = store

    async def __call__(self, whose: str, key: str, by: str | None, *, is_entitlement: bool) -> str:
        """Have one tried again, under the key that it has; says so.

        Args:
            whose: the id of its case or entitlement.
            key: of the action.
            by: who wants it.
            is_entitlement: whether it is an entitlement's.

        Raises:
            Refused: it has not failed, is being tried already, or is not kept any more.
            NotFound, NoAnswer: nobody is there to ask, or nobody answers.
        """
        if is_entitlement:
            try:
                return await self._entitlements.retry_action(whose, key, by)
            except NobodyCounts as error:
                raise NoAnswer(str(error)) from error
        try:
            return str(await self._cases.ask(whose, "retry_action", {"key": key, "by": by}))
        except (NotFound, Refused) as refused:
            if isinstance(refused, Refused) and refused.code not in _CASE_DOES_NOT:
                raise
            return await self._without_its_case(whose, key, by, refused)

    async def _without_its_case(self, whose: str, key: str, by: str | None, refused: NotFound | Refused) -> str:
        """Have one tried again that its case does not try.

        Raises:
            NotFound, Refused: nothing has failed under this key, or what it said is not kept any more.
        """
        found = await asyncio.to_thread(self._store.actions.get, key)
        if found is None or found.case_id != whose:
            raise refused
        if found.status != "failed":
            raise Refused("unknown_action", f"no failed action {key!r}: {_STANDING[found.status]}") from None
        if await asyncio.to_thread(self._store.actions.kept_order, key) is None:
            why = f"{refused}; and what {key} said is not kept any more (MILEPOST_MESSAGE_DAYS), or was erased"
            raise Refused("not_kept", why) from None
        again = RedeliveryOrder(key=key, by=by or "somebody", asked_at=datetime.now(UTC), failed=True)
        await self._redeliveries.start(again)
        return f"{key} is tried again"
