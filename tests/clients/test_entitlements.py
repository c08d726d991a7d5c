"""One attempt at an update, on a real server."""

import asyncio
import threading

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from clients.sending import attempt_update

IN_ITS_LAST_STEP = threading.Event()
LET_IT_END = threading.Event()


@workflow.defn
class _Ending:
    """Goes on in a new run when it is told to, and takes its time with the last step of the old one."""

    def __init__(self) -> None:
        self.is_ending = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self.is_ending)
        IN_ITS_LAST_STEP.set()
        LET_IT_END.wait(timeout=1.5)
        workflow.continue_as_new()

    @workflow.signal
    def end(self) -> None:
        self.is_ending = True

    @workflow.update
    def double(self, number: int) -> int:
        if number > 1000:
            raise ApplicationError("too much", type="absurd")
        return 2 * number


async def test_a_run_in_its_last_step_says_so_instead_of_making_everybody_wait(client: Client, task_queue: str) -> None:
    """The client's own way would hide it, and be a second late."""
    async with Worker(client, task_queue=task_queue, workflows=[_Ending], workflow_runner=UnsandboxedWorkflowRunner()):
        handle = await client.start_workflow(_Ending.run, id=task_queue, task_queue=task_queue)
        assert await attempt_update(client, task_queue, "double", 4, int) == 8
        await handle.signal(_Ending.end)
        assert await asyncio.to_thread(IN_ITS_LAST_STEP.wait, 10)
        attempt = asyncio.create_task(attempt_update(client, task_queue, "double", 5, int))
        await asyncio.sleep(0.5)  # for the request to get there
        assert not attempt.done()
        LET_IT_END.set()
        with pytest.raises(RPCError, match="is closing") as closing:
            await attempt
        assert closing.value.status is RPCStatusCode.RESOURCE_EXHAUSTED
        assert await attempt_update(client, task_queue, "double", 5, int) == 10
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await attempt_update(client, task_queue, "double", 1001, int)
        assert isinstance(refused.value.cause, ApplicationError)
        assert refused.value.cause.type == "absurd"
        await handle.terminate()
    with pytest.raises(RPCError) as gone:
        await attempt_update(client, task_queue, "double", 1, int)
    assert gone.value.status is RPCStatusCode.NOT_FOUND
