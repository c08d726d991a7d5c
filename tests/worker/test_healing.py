"""What docs/guide/troubleshooting.md tells operators to do with a wedged case, done on a real server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client

from clients.cases import MilepostClient
from clients.gate import UsageGate
from domain.messages.cases import CaseIntake
from domain.timeline.instances import InstanceState
from domain.timeline.views import CaseView
from domain.usage.requests import workflow_id
from store import Store
from tests.support import assert_eventually, unique
from tests.usage import NOON, RememberingStore, consumption, counting, terms
from tests.worker.test_supervision import CATALOG
from worker.process import working
from workflows.case.shown import Picture
from workflows.entitlement.running import EntitlementRun


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
        store.catalog.apply(CATALOG, by="test")
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


async def test_a_nondeterministic_entitlement_is_healed_by_a_reset(
    client: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the task that led to the event which does not replay: what was taken after it is taken again, each once."""
    of, store, gate = terms(cap=10), RememberingStore(), UsageGate(client, task_queue)
    handle = client.get_workflow_handle(workflow_id(of.entitlement_id))
    show = EntitlementRun.show

    def bad_build(self: EntitlementRun) -> None:
        show(self)
        if self.is_counting and self.counter.usage.state.rows >= 2:
            workflow.upsert_memo({"bad": True})  # a command that the right build does not have

    async with counting(client, task_queue, store):
        await gate.consume(of, consumption("C1"))
    with monkeypatch.context() as patched:
        patched.setattr(EntitlementRun, "show", bad_build)
        async with counting(client, task_queue, store):
            for number in (2, 3):
                await gate.consume(of, consumption(f"C{number}"))
    async with counting(client, task_queue, store):
        waiting = asyncio.create_task(gate.consume(of, consumption("C4")))

        async def it_is_wedged() -> None:
            assert (await handle.describe()).raw_description.pending_workflow_task.attempt > 1

        await assert_eventually(it_is_wedged)
        events = (await handle.fetch_history()).events
        [bad, *_] = [e.event_id for e in events if e.HasField("workflow_properties_modified_event_attributes")]
        tasks = [e.event_id for e in events if e.HasField("workflow_task_completed_event_attributes")]
        request = ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=(await handle.describe()).run_id),
            reason="TMPRL1100",
            workflow_task_finish_event_id=[task for task in tasks if task < bad][-1],
            request_id=unique("reset"),
        )
        await client.workflow_service.reset_workflow_execution(request)
        assert (await waiting).outcome == "granted", "who waits is answered"
        again = [await gate.consume(of, consumption(f"C{number}")) for number in (1, 2, 3, 4)]
        assert [answer.outcome for answer in again] == ["already"] * 4, "none takes anything more"
        assert (await gate.balance(of, NOON)).current.used == 4

        async def each_is_recorded_once() -> None:
            assert sorted(str(row.reference) for row in store.rows.values()) == ["C1", "C2", "C3", "C4"]

        await assert_eventually(each_is_recorded_once)
