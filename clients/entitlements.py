"""Asking the workflow of an entitlement, which begins to run when it is asked for the first time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, NoReturn
from uuid import uuid4

from temporalio.api.common.v1 import Payloads, WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage
from temporalio.api.update.v1 import Input, Meta, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionRequest
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    QueryRejectCondition,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import Refused
from domain.usage.requests import BALANCE, ENTITLEMENT_WORKFLOW, Balance, EntitlementTerms, workflow_id

ACCOUNT = SearchAttributeKey.for_keyword("MilepostAccount")
ENTITLEMENT = SearchAttributeKey.for_keyword("MilepostEntitlement")

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 1.0

_COMPLETED = UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED

_PASSING = frozenset(
    {
        RPCStatusCode.RESOURCE_EXHAUSTED,  # the run goes on in the next one, or too much is asked at once
        RPCStatusCode.FAILED_PRECONDITION,
        RPCStatusCode.NOT_FOUND,  # it just did
        RPCStatusCode.ABORTED,
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.UNKNOWN,
        RPCStatusCode.INTERNAL,
    }
)
"""What may be otherwise the next moment. Sending again is safe: an event id is taken once."""

_NOT_READY = frozenset({"WorkflowNotReadyFailure", "AcceptedUpdateCompletedWorkflow", "not_now"})
"""The run was about to go on in the next one; `not_now` is the entitlement's own word for it."""


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
        """Let the count begin, if it has not."""
        await self._client.start_workflow(ENTITLEMENT_WORKFLOW, terms, **self._options(terms))

    async def ask(self, terms: EntitlementTerms, update: str, argument: Any, answer: type[Any]) -> Any:
        """Ask until there is an answer. The request is sent again as it is: it has to be one that is taken once.

        Args:
            terms: with which the workflow is started if it does not run yet.
            update: its name.
            argument: of the update.
            answer: the type of what comes back.

        Raises:
            Refused: the entitlement refuses it.
            NobodyCounts: it does not answer; whether the request was taken is not known. Ask again.
        """
        clock = asyncio.get_running_loop().time
        deadline, pause = clock() + self._patience, _FIRST_PAUSE
        while True:
            try:
                return await asyncio.wait_for(self._update(terms, update, argument, answer), deadline - clock())
            except WorkflowUpdateFailedError as error:
                if not _is_not_ready(error):
                    _refuse(error)
                last: Exception = error
            # The client makes an error of its own of an attempt that was cut short.
            except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError) as error:
                last = error
            except RPCError as error:
                if error.status not in _PASSING:
                    raise
                last = error
            if clock() + pause > deadline:
                raise nobody_counts(terms.entitlement_id, last) from last
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

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
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._patience
        while True:
            try:
                return await handle.query(
                    query,
                    args=arguments,
                    result_type=answer,
                    reject_condition=QueryRejectCondition.NOT_OPEN,
                    rpc_timeout=timedelta(seconds=self._patience),
                )
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise nobody_counts(entitlement_id, error) from error
                return None
            except WorkflowQueryRejectedError as rejected:
                if rejected.status is not WorkflowExecutionStatus.CONTINUED_AS_NEW:
                    return None
                if clock() > deadline:
                    raise nobody_counts(entitlement_id, rejected) from rejected
                await asyncio.sleep(_FIRST_PAUSE)  # for the next run to be there

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
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            ENTITLEMENT_WORKFLOW, terms, **self._options(terms)
        )
        return await self._client.execute_update_with_start_workflow(
            update, argument, start_workflow_operation=start, result_type=answer
        )


async def attempt_update(client: Client, workflow: str, update: str, argument: Any, answer: type[Any]) -> Any:
    """Update a workflow that runs, in one attempt.

    The client's own `execute_update` sends a request that met a run in its last step again, but a second later, and
    whatever else is asked of that workflow waits meanwhile. So whoever calls this has to send again.

    Args:
        client: the connection to Temporal.
        workflow: its id.
        update: the name of the update.
        argument: of the update.
        answer: the type of what comes back.

    Raises:
        WorkflowUpdateFailedError: the workflow refuses it.
        RPCError: the request did not get there, or no answer came back.
        TimeoutError: it got there, and is not answered yet.
    """
    converter = client.data_converter
    request = UpdateWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=workflow),
        wait_policy=WaitPolicy(lifecycle_stage=_COMPLETED),
        request=Request(
            meta=Meta(update_id=str(uuid4()), identity=client.identity),
            input=Input(name=update, args=Payloads(payloads=await converter.encode([argument]))),
        ),
    )
    response = await client.workflow_service.update_workflow_execution(request, retry=False)
    if response.stage != _COMPLETED:
        raise TimeoutError(f"{update} of {workflow} is not answered yet")
    if response.outcome.HasField("failure"):
        raise WorkflowUpdateFailedError(await converter.decode_failure(response.outcome.failure))
    [answered] = await converter.decode(response.outcome.success.payloads, [answer])
    return answered


def _is_not_ready(error: WorkflowUpdateFailedError) -> bool:
    return isinstance(error.cause, ApplicationError) and error.cause.type in _NOT_READY


def _refuse(error: WorkflowUpdateFailedError) -> NoReturn:
    cause = error.cause
    if isinstance(cause, ApplicationError):
        raise Refused(cause.type or "refused", cause.message) from error
    raise Refused("refused", str(cause)) from error


def nobody_counts(entitlement_id: str, why: object) -> NobodyCounts:
    """That an entitlement does not answer, with what to look at."""
    return NobodyCounts(
        f"entitlement {entitlement_id} does not answer ({why or 'no answer'}): is a worker running? Look at workflow "
        f"{workflow_id(entitlement_id)!r} in Temporal"
    )
