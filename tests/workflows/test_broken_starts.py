"""A start argument that is not even JSON fails its run, of every workflow: none runs for ever with a failing task."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import RawValue
from temporalio.worker import Worker

from tests.support import assert_eventually, unique
from worker.payloads import ENCRYPTED
from worker.plugin import plugin
from worker.process import running

PAYLOADS = {
    "no JSON": Payload(metadata={"encoding": b"json/plain"}, data=b"{not json"),
    "binary garbage": Payload(metadata={"encoding": b"json/plain"}, data=bytes(range(256))),
    "bytes": Payload(metadata={"encoding": b"binary/plain"}, data=bytes(range(256))),
    "an encoding that nobody knows": Payload(metadata={"encoding": b"binary/other"}, data=b"\xff"),
    "no encoding": Payload(data=b"{}"),
    "a broken protobuf": Payload(metadata={"encoding": b"json/protobuf", "messageType": b"no.Such"}, data=b"{}"),
    "nothing": Payload(metadata={"encoding": b"binary/null"}),
    "deep": Payload(metadata={"encoding": b"json/plain"}, data=b"[" * 100_000 + b"]" * 100_000),
    "digits": Payload(metadata={"encoding": b"json/plain"}, data=b"9" * 10_000),
}
PREFIXES = {
    "CaseWorkflow": "case",
    "EntitlementWorkflow": "entitlement",
    "MigrationWorkflow": "migration",
    "SubscriptionWorkflow": "subscription",
    "RedeliveryWorkflow": "redelivery",
    "ReportWorkflow": "report",
}


@pytest_asyncio.fixture(loop_scope="session")
async def at_work(client: Client, task_queue: str) -> AsyncIterator[None]:
    """A worker for all workflows, without their activities."""
    async with running(Worker(client, task_queue=task_queue, plugins=[plugin()])):
        yield


@pytest.mark.usefixtures("at_work")
@pytest.mark.parametrize("name", PREFIXES)
async def test_a_start_that_cannot_be_decoded_fails_its_run(client: Client, task_queue: str, name: str) -> None:
    """Within seconds, and without a workflow task that is tried again."""

    async def one(label: str, payload: Payload) -> str | None:
        handle = await client.start_workflow(
            name, args=[RawValue(payload)], id=f"{PREFIXES[name]}/{unique('x')}", task_queue=task_queue
        )
        try:
            with pytest.raises(WorkflowFailureError):
                await asyncio.wait_for(handle.result(), 30)
        except TimeoutError:
            await handle.terminate()
            return f"{label}: it runs on"
        history = await handle.fetch_history()
        failed = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        return f"{label}: a task failed" if any(e.event_type == failed for e in history.events) else None

    found = await asyncio.gather(*(one(label, payload) for label, payload in PAYLOADS.items()))
    assert [wrong for wrong in found if wrong] == []


@pytest.mark.usefixtures("at_work")
async def test_an_encrypted_start_waits_for_a_worker_with_the_key(client: Client, task_queue: str) -> None:
    """Its task is tried again: what this worker can't read is no fault of the sender."""
    payload = Payload(metadata={"encoding": ENCRYPTED}, data=b"\xff")
    handle = await client.start_workflow(
        "CaseWorkflow", args=[RawValue(payload)], id=f"case/{unique('x')}", task_queue=task_queue
    )

    async def is_tried_again() -> None:
        described = await handle.describe()
        assert described.raw_description.pending_workflow_task.attempt > 1

    await assert_eventually(is_tried_again)
    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    await handle.terminate()
