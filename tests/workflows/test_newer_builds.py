"""What ran on a newer build goes on here as far as this build knows it, or waits for a newer one; it never ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.worker import Worker

from clients.cases import MilepostClient
from clients.gate import UsageGate
from clients.sending import NoAnswer
from domain.messages import case_state
from domain.usage import requests as usage
from domain.usage.machine import Usage
from tests.support import assert_eventually, unique
from tests.travelling import with_unknown_keys
from tests.usage import NOON, RememberingStore, consumption, counting, terms
from tests.workflows.conftest import Working
from tests.workflows.newer_build import TAKEN, NewerCase, NewerEntitlement
from tests.workflows.world import MONDAY, World
from worker.plugin import RUNNER
from worker.process import running


@asynccontextmanager
async def newer_build(client: Client, task_queue: str) -> AsyncIterator[None]:
    """A worker of a newer build, while the context lasts."""
    newer = [NewerCase, NewerEntitlement]
    async with running(Worker(client, task_queue=task_queue, workflows=newer, workflow_runner=RUNNER)):
        yield


async def rolled_over(
    client: Client, given: dict[str, Any], workflow: str, name: str, to: str
) -> WorkflowHandle[Any, Any]:
    """A workflow that a newer build has begun, and that goes on in a run on the task queue `to`."""
    queue = unique("newer")
    async with newer_build(client, queue):
        first = await client.start_workflow(workflow, given, id=name, task_queue=queue, memo={"then_on": to})
        handle = client.get_workflow_handle(name)

        async def goes_on() -> None:
            assert (await handle.describe()).run_id != first.result_run_id

        await assert_eventually(goes_on)
    return handle


async def waits_for_a_newer_build(handle: WorkflowHandle[Any, Any]) -> None:
    """A workflow task has failed, and the run has not."""

    async def failed() -> None:
        events = (await handle.fetch_history()).events
        assert any(e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED for e in events)

    await assert_eventually(failed)
    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING


async def case_of_a_newer_build(world: World, **changed: Any) -> dict[str, Any]:
    """What a newer build would hand over of a case that runs; here the case is ended."""
    case = await world.open()
    await world.milepost.request(case, "stop_clock", occurred_at=MONDAY, reason="waiting")

    async def recorded() -> None:
        assert world.store.cases.get(case).view.stopped

    await assert_eventually(recorded)
    carried = world.store.cases.get(case).carried
    await world.milepost.handle(case).terminate()
    written = with_unknown_keys(carried, carried.model_dump(mode="json"))
    return {"case_id": case, "account": "acme", "of_a_newer_build": 1, "carried": {**written, **changed}}


async def test_a_case_of_a_newer_build_goes_on(idle_world: World, at_work: Working) -> None:
    """Its carried state has keys at every level that this build does not know."""
    world = idle_world
    async with at_work():
        given = await case_of_a_newer_build(world)
        case = given["case_id"]
        handle = await rolled_over(world.milepost.temporal, given, "CaseWorkflow", f"case/{case}", world.task_queue)
        view = await world.view(case)
        assert view.process == "Support"
        answer = await world.milepost.request(case, "resume_clock", occurred_at=MONDAY)
        assert answer.outcome == "taken"
        await world.milepost.request(case, "close", occurred_at=MONDAY)
        await handle.result()
        assert world.store.cases.get(case).carried.runs == 2


async def test_a_case_in_a_later_format_waits(idle_world: World, at_work: Working) -> None:
    """This build could misread it: its task fails until a newer build takes it, and its run never ends."""
    world, client = idle_world, idle_world.milepost.temporal
    async with at_work():
        given = await case_of_a_newer_build(world, format=case_state.FORMAT + 1)
        name = f"case/{given['case_id']}"
        handle = await rolled_over(client, given, "CaseWorkflow", name, world.task_queue)
        await waits_for_a_newer_build(handle)
        hasty = MilepostClient(client, task_queue=world.task_queue, patience=3)
        with pytest.raises(NoAnswer, match=r"the task of its workflow has failed .*; the log of the worker says why"):
            await hasty.view(given["case_id"])
        with pytest.raises(NoAnswer, match="the task of its workflow has failed"):
            await hasty.request(given["case_id"], "resume_clock", occurred_at=MONDAY)
    async with newer_build(client, world.task_queue):
        assert await handle.result() == TAKEN


def entitlement_of_a_newer_build(references: int = 1) -> tuple[usage.EntitlementTerms, dict[str, Any]]:
    """What a newer build would hand over of an entitlement of which so many were taken."""
    of = terms(cap=100_000)
    counted = Usage.begin(of, NOON)
    for number in range(references):
        counted.take(consumption(f"before-{number}"), NOON)
    carried = usage.CarriedUsage(state=counted.state, outbox=usage.Outbox())
    kept = of.model_copy(update={"clock": None})
    start = usage.EntitlementStart(entitlement_id=of.entitlement_id, terms=kept, carried=carried)
    return of, dict(with_unknown_keys(start, start.model_dump(mode="json")))


@pytest.mark.parametrize("references", [1, 20_000])
async def test_an_entitlement_of_a_newer_build_goes_on(client: Client, task_queue: str, references: int) -> None:
    """With keys at every level that this build does not know; also with more than a message may have."""
    of, given = entitlement_of_a_newer_build(references)
    name = usage.workflow_id(of.entitlement_id)
    async with counting(client, task_queue, RememberingStore()):
        await rolled_over(client, given, usage.ENTITLEMENT_WORKFLOW, name, task_queue)
        gate = UsageGate(client, task_queue)
        assert (await gate.consume(of, consumption("before-0"))).outcome == "already"
        assert (await gate.consume(of, consumption("after"))).used == references + 1


async def test_an_entitlement_in_a_later_format_waits(client: Client, task_queue: str) -> None:
    """Its task fails until a newer build takes it, and its run never ends."""
    of, given = entitlement_of_a_newer_build()
    name = usage.workflow_id(of.entitlement_id)
    given = {**given, "format": usage.PUTS_AWAY + 1}
    async with counting(client, task_queue, RememberingStore()):
        handle = await rolled_over(client, given, usage.ENTITLEMENT_WORKFLOW, name, task_queue)
        await waits_for_a_newer_build(handle)
    async with newer_build(client, task_queue):
        assert await handle.result() == TAKEN
