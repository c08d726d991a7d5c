"""What requests say of a case whose workflow's task fails: where nobody works on it, they ask for a worker."""

import pytest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollWorkflowTaskQueueRequest
from temporalio.client import Client

from clients.cases import MilepostClient
from clients.sending import NoAnswer
from domain.messages.cases import CaseIntake
from domain.messages.names import CASE_WORKFLOW
from tests.support import assert_eventually, unique


async def test_a_task_whose_worker_died_is_nobodys(client: Client, task_queue: str) -> None:
    """A worker took the task and died of it, and none came in its place: no log would say why."""
    case = unique("case")
    started = await client.start_workflow(
        CASE_WORKFLOW, CaseIntake(case_id=case), id=f"case/{case}", task_queue=task_queue
    )
    taken = await client.workflow_service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=task_queue), identity="dies of it"
        )
    )
    assert taken.workflow_execution.workflow_id == started.id

    async def it_has_failed() -> None:
        assert (await started.describe()).raw_description.pending_workflow_task.attempt > 1

    await assert_eventually(it_has_failed)
    hasty = MilepostClient(client, task_queue=task_queue, patience=2)
    with pytest.raises(NoAnswer, match=f"case {case} does not answer: does a worker run on {task_queue!r}"):
        await hasty.view(case)
    with pytest.raises(NoAnswer, match="does a worker run on"):
        await hasty.request(case, "resume_clock")
