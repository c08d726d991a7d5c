"""Has what had arrived or failed delivered again: a durable workflow for each, which goes on unwatched."""

from __future__ import annotations

from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError

from clients.sending import PATIENCE, NoAnswer, marked, persist
from domain.errors import Refused
from domain.messages.redelivery import REDELIVERY_WORKFLOW, RedeliveryOrder, workflow_id


class Redeliveries:
    """Starts deliveries by hand.

    Args:
        client: the connection to Temporal.
        task_queue: of the workers.
        patience: seconds for which a request is sent again.
    """

    def __init__(self, client: Client, task_queue: str, *, patience: float = PATIENCE) -> None:
        self._client = client
        self._task_queue = task_queue
        self._patience = patience

    async def start(self, order: RedeliveryOrder) -> None:
        """Start one.

        Raises:
            Refused: it is being delivered again already.
            NoAnswer: the server does not answer.
        """
        details = "Sends again what had arrived, under its key and as it was."
        if order.failed:
            details = "Carries out what had failed for good, under its key: its case has ended, or has forgotten it."

        async def begin() -> None:
            await self._client.start_workflow(
                REDELIVERY_WORKFLOW,
                marked(order),
                id=workflow_id(order.key),
                task_queue=self._task_queue,
                static_summary="Delivery by hand",
                static_details=details,
            )

        try:
            await persist(begin, patience=self._patience, unanswered=_unanswered)
        except WorkflowAlreadyStartedError:
            again = "tried" if order.failed else "delivered"
            raise Refused("under_way", f"{order.key} is being {again} again already") from None


def _unanswered(why: object) -> NoAnswer:
    return NoAnswer(f"the Temporal server does not answer: {why}")
