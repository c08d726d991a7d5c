"""Sending to a workflow: one way to send a request again, to tell a refusal, and to say that nobody answers.

What is sent again is the same request under the same event id, which a workflow takes once. So whatever may be
otherwise the next moment is tried again, within a patience, and no error of the connection reaches a caller as it is.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar
from uuid import uuid4
from weakref import WeakValueDictionary

from pydantic import BaseModel
from temporalio.api.common.v1 import Payloads, WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage
from temporalio.api.update.v1 import Input, Meta, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionRequest
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from domain.bounds import cut
from domain.errors import MilepostError, Refused
from domain.messages.inbox import FORMAT, FORMAT_KEY

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds for which a request is sent again before its caller is told that nobody answers."""

LOOKS_FOR = 1.0
"""Seconds, after that, for which it is looked why nobody does."""

MOST_IN_FLIGHT = 3
"""Requests of one process to one workflow. The server takes ten over all; at the eleventh it drops those that are in
flight, so that more than it takes, sent again and again, come to nothing at all. Three processes fit, and a request
that waits for something holds up no other."""

_AT_ONCE = 0.1

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 1.0

PASSING = frozenset(
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

NOT_READY = frozenset({"WorkflowNotReadyFailure", "AcceptedUpdateCompletedWorkflow", "not_now"})
"""The run was about to go on in the next one; `not_now` is Milepost's own word for it."""

NOT_UNDERSTOOD = "refused"
"""The code of a refusal for which a workflow gave no other."""

_COMPLETED = UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED


class NoAnswer(MilepostError):
    """Nobody answers: most likely no worker runs.

    Attributes:
        event_id: of the request, which may be taken all the same: sent again under it, it counts once. None: it has
            none, or nothing was asked for.
    """

    def __init__(self, message: str, event_id: str | None = None) -> None:
        super().__init__(message)
        self.event_id = event_id


class Turns:
    """Keeps the number of requests that a process has under way to one workflow within what the server takes."""

    def __init__(self, most: int = MOST_IN_FLIGHT) -> None:
        self._most = most
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, workflow: str) -> AsyncIterator[None]:
        """Wait for a turn. Whoever came first goes first."""
        turns = self._turns.get(workflow)
        if turns is None:
            turns = self._turns[workflow] = asyncio.Semaphore(self._most)
        async with turns:
            yield


@asynccontextmanager
async def a_moment() -> AsyncIterator[None]:
    """Look why nobody answers for a moment, and then no longer: whoever says so may be away, too."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOKS_FOR):
            yield


async def persist(
    attempt: Callable[[], Awaitable[T]], *, patience: float, unanswered: Callable[[object], Exception]
) -> T:
    """Try until there is an answer. Each attempt sends the same request, one that is taken once.

    Args:
        attempt: sends it.
        patience: seconds for which it is sent again.
        unanswered: makes the error that says that nobody answers, from the last one that was met.

    Raises:
        Refused: it was refused.
        Exception: the one that `unanswered` makes; whether the request was taken is not known. Ask again.
    """
    clock = asyncio.get_running_loop().time
    deadline, pause = clock() + patience, FIRST_PAUSE
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                return await attempt()
        except WorkflowUpdateFailedError as error:
            if not _is_not_ready(error):
                raise refusal(error) from error
            last: Exception = error
        # The client makes an error of its own of an attempt that was cut short.
        except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError) as error:
            last = error
        except RPCError as error:
            if error.status is RPCStatusCode.INVALID_ARGUMENT:  # such as one that is too large for the server
                raise Refused("bad_message", cut(error.message)) from error
            if error.status not in PASSING:
                raise unanswered(error) from error
            last = error
        _end_if_cancelled()
        if clock() + pause > deadline:
            raise unanswered(last) from last
        await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  so that those turned away do not come as one
        pause = min(pause * 2, LONGEST_PAUSE)


async def persist_asking(
    attempt: Callable[[], Awaitable[T]],
    *,
    patience: float,
    unanswered: Callable[[object], Exception],
    again: Callable[[Exception], bool],
) -> T | None:
    """Put a question, which changes nothing, until there is an answer. None: there is nobody to ask.

    Args:
        attempt: asks.
        patience: seconds for which it is asked again.
        unanswered: as in `persist`.
        again: whether what a workflow said instead of an answer passes by itself.

    Raises:
        Refused: the workflow does not understand the question.
        Exception: the one that `unanswered` makes.
    """
    clock = asyncio.get_running_loop().time
    deadline, pause = clock() + patience, FIRST_PAUSE
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                return await attempt()
        except TimeoutError as error:
            last: Exception = error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            if error.status not in PASSING - {RPCStatusCode.FAILED_PRECONDITION}:  # nobody polls
                raise unanswered(error) from error
            last = error
        except WorkflowQueryRejectedError as error:
            if not again(error):
                return None
            last = error
        except WorkflowQueryFailedError as error:
            if not again(error):
                raise Refused(NOT_UNDERSTOOD, cut(error.message)) from error
            last = error
        _end_if_cancelled()
        if clock() + pause > deadline:
            raise unanswered(last) from last
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _end_if_cancelled() -> None:
    """Send no more if the task that sends is to end: of that, too, the client has made an error of its own.

    Raises:
        CancelledError: it is.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def refusal(error: WorkflowUpdateFailedError) -> Refused:
    """What a workflow refused, in its own words."""
    cause = error.cause
    if isinstance(cause, ApplicationError):
        return Refused(cause.type or NOT_UNDERSTOOD, cut(cause.message))
    return Refused(NOT_UNDERSTOOD, cut(str(cause)))


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
            input=Input(name=update, args=Payloads(payloads=await converter.encode([marked(argument)]))),
        ),
    )
    response = await client.workflow_service.update_workflow_execution(request, retry=False)
    if response.stage != _COMPLETED:
        raise TimeoutError(f"{update} of {workflow} is not answered yet")
    if response.outcome.HasField("failure"):
        raise WorkflowUpdateFailedError(await converter.decode_failure(response.outcome.failure))
    [answered] = await converter.decode(response.outcome.success.payloads, [answer])
    return answered


async def update_with_start(
    client: Client, update: str, *arguments: Any, start: WithStartWorkflowOperation[Any, Any], **how: Any
) -> Any:
    """Update a workflow, and start it if it does not run.

    Of a start that fails the SDK keeps the error for whoever asks for the workflow's handle. It is asked for here: of
    one that nobody looks at asyncio prints a traceback when the program ends.

    Args:
        client: the connection to Temporal.
        update: the name of the update.
        arguments: of the update.
        start: starts the workflow.
        how: the rest of what `Client.execute_update_with_start_workflow` takes.
    """
    try:
        return await client.execute_update_with_start_workflow(
            update, *arguments, start_workflow_operation=start, **how
        )
    except BaseException:
        with suppress(BaseException):
            await asyncio.wait_for(start.workflow_handle(), _AT_ONCE)
        raise


def marked(message: Any) -> Any:
    """A message of this build's own, or a list of them, with the number of its format beside its keys.

    So an older build ignores the keys that it does not know yet. What somebody else has put together is sent as it is,
    and read to the last key.
    """
    if isinstance(message, list):
        return [marked(one) for one in message]
    if isinstance(message, BaseModel):
        return {FORMAT_KEY: FORMAT, **message.model_dump(mode="json")}
    return message


def _is_not_ready(error: WorkflowUpdateFailedError) -> bool:
    return isinstance(error.cause, ApplicationError) and error.cause.type in NOT_READY
