"""Trying actions that failed for good again, whether a case ordered them or an entitlement."""

from __future__ import annotations

from temporalio.client import Client

from clients.cases import MilepostClient
from clients.entitlements import Entitlements, NobodyCounts
from clients.sending import PATIENCE, NoAnswer


class Retrying:
    """Has actions tried again, one at a time.

    Args:
        client: the connection to Temporal.
        task_queue: of the workers.
        patience: seconds for which a case or an entitlement is waited for.
    """

    def __init__(self, client: Client, task_queue: str, *, patience: float = PATIENCE) -> None:
        self._cases = MilepostClient(client, task_queue=task_queue, patience=patience)
        self._entitlements = Entitlements(client, task_queue, patience=patience)

    async def __call__(self, whose: str, key: str, by: str | None, *, is_entitlement: bool) -> str:
        """Have one tried again, under the key that it has; returns what its case or entitlement says.

        Args:
            whose: the id of that.
            key: of the action.
            by: who wants it.
            is_entitlement: whether it is an entitlement's.

        Raises:
            Refused: it has not failed.
            NotFound, NoAnswer: nobody is there to ask, or nobody answers.
        """
        if not is_entitlement:
            return str(await self._cases.ask(whose, "retry_action", {"key": key, "by": by}))
        try:
            return await self._entitlements.retry_action(whose, key, by)
        except NobodyCounts as error:
            raise NoAnswer(str(error)) from error
