"""What docs/guide/operations.md tells operators to do with a wedged case, done on a real server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client

from clients.cases import MilepostClient
from domain.messages.cases import CaseIntake
from domain.timeline.instances import InstanceState
from domain.timeline.views import CaseView
from store import Store
from tests.support import assert_eventually, unique
from tests.worker.test_supervision import CATALOG
from worker.process import working
from workflows.case.shown import Picture


async def test_a_nondeterministic_case_is_healed_by_a_reset(
    client: Client, task_queue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To before the event that does not replay: what was asked after it is applied again, and the case goes on."""
    milepost, case = MilepostClient(client, task_queue=task_queue), unique("case")
    handle = milepost.handle(case)
    show = Picture.show

    def bad_build(self: Picture, view: CaseView | None = None) -> None:
        show(self, view)
        workflow.upsert_memo({"bad": True})  # a command that the right build does not have

    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        store.apply(CATALOG, by="test")
        async with working(client, store, task_queue=task_queue):
            await milepost.open(CaseIntake(case_id=case, account="acme"))
        with monkeypatch.context() as patched:
            patched.setattr(Picture, "show", bad_build)
            async with working(client, store, task_queue=task_queue):
                await milepost.request(case, "complete_milestone", milestone="Answer")
        async with working(client, store, task_queue=task_queue):
            waiting = asyncio.create_task(milepost.request(case, "stop_clock"))
            waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
            wedged = await handle.describe()

            async def it_is_wedged() -> None:
                pending = (await handle.describe()).raw_description.pending_workflow_task
                assert pending.attempt > 1

            await assert_eventually(it_is_wedged)
            events = (await handle.fetch_history()).events
            [bad, *_] = [e.event_id for e in events if e.HasField("workflow_properties_modified_event_attributes")]
            tasks = [e.event_id for e in events if e.HasField("workflow_task_completed_event_attributes")]
            request = ResetWorkflowExecutionRequest(
                namespace=client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=wedged.run_id),
                reason="TMPRL1100",
                workflow_task_finish_event_id=[task for task in tasks if task < bad][-2],
                request_id=unique("reset"),
            )
            await client.workflow_service.reset_workflow_execution(request)
            answer = await milepost.request(case, "complete_milestone", milestone="Solution")
            states = {m.milestone: m.state for m in answer.case.milestones}
            assert states == {"Answer": InstanceState.COMPLETED, "Solution": InstanceState.COMPLETED}
            waiting.cancel()
            await asyncio.wait({waiting})
