"""Asking the workflows of subscriptions: they are begun, paused, resumed, moved and ended here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import QueryRejectCondition, WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from clients.sending import PATIENCE, NoAnswer, attempt_update, marked, persist, persist_asking
from domain.subscriptions.requests import (
    END,
    PAUSE,
    REPLAY,
    RESUME,
    STANDING,
    SUBSCRIPTION_WORKFLOW,
    SubscriptionEnd,
    SubscriptionPause,
    SubscriptionReplay,
    SubscriptionResume,
    SubscriptionStanding,
    SubscriptionStart,
    workflow_id,
)


class SubscriptionClient:
    """Asks the workflows of subscriptions. What is asked twice comes to the same.

    Args:
        client: the connection to Temporal.
        task_queue: of their workers.
        patience: seconds for which a request is sent again before its caller is told that nobody answers.
    """

    def __init__(self, client: Client, *, task_queue: str, patience: float = PATIENCE) -> None:
        self._client = client
        self._task_queue = task_queue
        self._patience = patience

    async def begin(self, subscription_id: str) -> None:
        """Let a subscription run, if it does not: where it begins is in the store.

        Raises:
            NoAnswer: the server does not answer.
        """

        async def start() -> None:
            await self._client.start_workflow(
                SUBSCRIPTION_WORKFLOW,
                marked(SubscriptionStart(subscription_id=subscription_id)),
                id=workflow_id(subscription_id),
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                static_summary=f"Subscription {subscription_id}",
                static_details="Sends events of the feed to an endpoint. Its cursor, how far it is behind and its last "
                "error stand under *current details*; the query `standing` has it all.",
            )

        await persist(start, patience=self._patience, unanswered=self._unanswered(subscription_id))

    async def pause(self, subscription_id: str, *, by: str | None, reason: str = "") -> SubscriptionStanding:
        """Have it send nothing until it is resumed.

        Raises:
            Refused: it does not take it.
            NoAnswer: no worker answers.
        """
        return await self._update(subscription_id, PAUSE, SubscriptionPause(by=by, reason=reason))

    async def resume(self, subscription_id: str, *, by: str | None) -> SubscriptionStanding:
        """Have it go on; what is raised, as of `pause`."""
        return await self._update(subscription_id, RESUME, SubscriptionResume(by=by))

    async def replay(self, subscription_id: str, cursor: str, *, by: str | None) -> SubscriptionStanding:
        """Move it to a place in the feed, from which it sends everything; what is raised, as of `pause`."""
        return await self._update(subscription_id, REPLAY, SubscriptionReplay(cursor=cursor, by=by))

    async def end(self, subscription_id: str, *, by: str | None) -> SubscriptionStanding:
        """End it; what is raised, as of `pause`."""
        return await self._update(subscription_id, END, SubscriptionEnd(by=by))

    async def standing(self, subscription_id: str) -> SubscriptionStanding | None:
        """How it stands; None if it does not run.

        Raises:
            NoAnswer: no worker answers.
        """
        handle = self._client.get_workflow_handle(workflow_id(subscription_id))
        return await persist_asking(
            lambda: handle.query(
                STANDING,
                result_type=SubscriptionStanding,
                reject_condition=QueryRejectCondition.NOT_OPEN,
                rpc_timeout=timedelta(seconds=self._patience),
            ),
            patience=self._patience,
            unanswered=self._unanswered(subscription_id),
            again=lambda _said: False,
        )

    async def _update(self, subscription_id: str, update: str, asked: Any) -> SubscriptionStanding:
        standing: SubscriptionStanding = await persist(
            lambda: attempt_update(self._client, workflow_id(subscription_id), update, asked, SubscriptionStanding),
            patience=self._patience,
            unanswered=self._unanswered(subscription_id),
        )
        return standing

    def _unanswered(self, subscription_id: str) -> Callable[[object], NoAnswer]:
        return lambda why: NoAnswer(
            f"subscription {subscription_id} does not answer ({why or 'no answer'}): does a worker run on "
            f"{self._task_queue!r}? Look at workflow {workflow_id(subscription_id)!r} in Temporal"
        )
