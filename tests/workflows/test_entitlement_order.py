"""The order of what an entitlement does follows from its messages alone: no worker that comes and goes wedges it."""

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from clients.gate import UsageGate
from domain.usage.requests import EntitlementTerms, workflow_id
from tests.support import assert_eventually
from tests.usage import RememberingStore, consumption, counting, terms

FAILED = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED


async def failures(client: Client, of: EntitlementTerms) -> list[str]:
    handle = client.get_workflow_handle(workflow_id(of.entitlement_id))
    history = await handle.fetch_history()
    return [
        event.workflow_task_failed_event_attributes.failure.message
        for event in history.events
        if event.event_type == FAILED
    ]


async def test_a_worker_without_a_cache_counts_on(client: Client, task_queue: str) -> None:
    of, store = terms(cap=1, manager="m@example.com"), RememberingStore()
    async with counting(client, task_queue, store, cached_workflows=0):
        gate = UsageGate(client, task_queue, patience=8)
        for number in range(6):
            await gate.consume(of, consumption(f"C{number}", case_id=f"nobody-{number}"))

            async def quiet(number: int = number) -> None:
                assert len(store.rows) == number + 1
                assert len(store.done) == number
                history = await client.get_workflow_handle(workflow_id(of.entitlement_id)).fetch_history()
                assert history.events[-1].event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED

            await assert_eventually(quiet)
    assert await failures(client, of) == []
