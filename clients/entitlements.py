"""Asking the workflow of an entitlement, which begins to run when it is asked for the first time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.common import (
    QueryRejectCondition,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.service import RPCError, RPCStatusCode

from clients.sending import attempt_update, marked, persist, persist_asking, update_with_start
from domain.usage.requests import (
    BALANCE,
    ENTITLEMENT_WORKFLOW,
    RETRY_ACTION,
    TERMS_ARE_READ,
    Balance,
    EntitlementStart,
    EntitlementTerms,
    UsageActionRetry,
    workflow_id,
)

T = TypeVar("T")

ACCOUNT = SearchAttributeKey.for_keyword("MilepostAccount")
ENTITLEMENT = SearchAttributeKey.for_keyword("MilepostEntitlement")


class NobodyCounts(Exception):
    """The workflow of an entitlement does not answer.

    Not a `MilepostError`: it passes by itself, so an activity that gets it is tried again, and its case not refused.
    """


class Entitlements:
    """Asks the workflows of entitlements.

    Args:
        client: the connection to Temporal.
        task_queue: of their workers.
        patience: seconds for which a request is sent again before its caller is told that nobody answers.
    """

    def __init__(self, client: Client, task_queue: str, *, patience: float) -> None:
        self._client = client
        self._task_queue = task_queue
        self._patience = patience

    async def begin(self, terms: EntitlementTerms) -> None:
        """Let the count begin, if it has not.

        Raises:
            NobodyCounts: the server does not answer.
        """
        start = EntitlementStart(entitlement_id=terms.entitlement_id, clock=terms.clock)
        await self._persist(
            terms.entitlement_id,
            lambda: self._client.start_workflow(ENTITLEMENT_WORKFLOW, start, **self._options(terms)),
        )

    async def ask(self, terms: EntitlementTerms, update: str, argument: Any, answer: type[Any]) -> Any:
        """Ask until there is an answer. The request is sent again as it is: it has to be one that is taken once.

        Args:
            terms: name the entitlement. If its workflow does not run yet, it is started, and reads them itself.
            update: its name.
            argument: of the update.
            answer: the type of what comes back.

        Raises:
            Refused: the entitlement refuses it.
            NobodyCounts: it does not answer; whether the request was taken is not known. Ask again.
        """
        return await self._persist(terms.entitlement_id, lambda: self._update(terms, update, argument, answer))

    async def retry_action(self, entitlement_id: str, key: str, by: str | None) -> str:
        """Have an action that failed for good tried again; returns what the entitlement says.

        Raises:
            Refused: it has not failed.
            NobodyCounts: the entitlement does not answer.
        """
        asked = UsageActionRetry(key=key, by=by)
        said: str = await self._persist(
            entitlement_id,
            lambda: attempt_update(self._client, workflow_id(entitlement_id), RETRY_ACTION, asked, str),
        )
        return said

    async def _persist(self, entitlement_id: str, attempt: Callable[[], Awaitable[T]]) -> T:
        return await persist(
            attempt, patience=self._patience, unanswered=lambda why: nobody_counts(entitlement_id, why)
        )

    async def balance(self, entitlement_id: str, at: str | None = None) -> Balance | None:
        """What an entitlement has, at an instant or now; None if no workflow of it runs.

        Raises:
            NobodyCounts: it does not answer.
        """
        found: Balance | None = await self.query(entitlement_id, BALANCE, *([] if at is None else [at]), answer=Balance)
        return found

    async def query(self, entitlement_id: str, query: str, *arguments: Any, answer: type[Any]) -> Any:
        """What an entitlement says; None if no workflow of it runs: the next request starts it, from nothing.

        Raises:
            NobodyCounts: it does not answer.
        """
        handle = self._client.get_workflow_handle(workflow_id(entitlement_id))
        return await persist_asking(
            lambda: handle.query(
                query,
                args=arguments,
                result_type=answer,
                reject_condition=QueryRejectCondition.NOT_OPEN,
                rpc_timeout=timedelta(seconds=self._patience),
            ),
            patience=self._patience,
            unanswered=lambda why: nobody_counts(entitlement_id, why),
            again=_passes,
        )

    def _options(self, terms: EntitlementTerms) -> dict[str, Any]:
        """How the workflow is started."""
        return {
            "id": workflow_id(terms.entitlement_id),
            "task_queue": self._task_queue,
            "id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING,
            # One that was terminated may be started again, from nothing; that is an operator's decision.
            "id_reuse_policy": WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            "search_attributes": TypedSearchAttributes(
                [SearchAttributePair(ACCOUNT, terms.account), SearchAttributePair(ENTITLEMENT, terms.entitlement_id)]
            ),
            "static_summary": f"Entitlement {terms.entitlement_id}",
            "static_details": "What an entitlement still has: under *current details*, and by the query `balance`.",
        }

    async def _update(self, terms: EntitlementTerms, update: str, argument: Any, answer: type[Any]) -> Any:
        """Of one that runs, which most do: a start besides keeps the server busy. Else of one that is started now."""
        try:
            return await attempt_update(self._client, workflow_id(terms.entitlement_id), update, argument, answer)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        started = EntitlementStart(entitlement_id=terms.entitlement_id, clock=terms.clock)
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            ENTITLEMENT_WORKFLOW, started, **self._options(terms)
        )
        return await update_with_start(self._client, update, marked(argument), start=start, result_type=answer)


def _passes(said: Exception) -> bool:
    """Whether a run goes on in the next one just now, or has yet to read its terms."""
    if isinstance(said, WorkflowQueryRejectedError):
        return said.status is WorkflowExecutionStatus.CONTINUED_AS_NEW
    return isinstance(said, WorkflowQueryFailedError) and TERMS_ARE_READ in said.message


def nobody_counts(entitlement_id: str, why: object) -> NobodyCounts:
    """That an entitlement does not answer, with what to look at."""
    return NobodyCounts(
        f"entitlement {entitlement_id} does not answer ({why or 'no answer'}): is a worker running? Look at workflow "
        f"{workflow_id(entitlement_id)!r} in Temporal"
    )
