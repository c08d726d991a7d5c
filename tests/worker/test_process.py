"""A worker that ends."""

import asyncio
import threading
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from clients.gate import UsageGate
from domain.catalog.declarations import Account, Catalog, Entitlement
from domain.usage.effects import UsageRecords
from domain.usage.requests import workflow_id
from store import Store
from store.usage.ledgers import Ledgers
from tests.usage import consumption, terms
from worker.process import working


async def test_what_is_under_way_is_finished_before_a_worker_ends(
    client: Client, task_queue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be done again by another, after the time that it has."""
    begun, may_go_on = threading.Event(), threading.Event()

    written = Ledgers.record

    def slowly(ledgers: Ledgers, news: UsageRecords) -> int:
        begun.set()
        may_go_on.wait(timeout=5)
        return written(ledgers, news)

    monkeypatch.setattr(Ledgers, "record", slowly)
    gold = terms()
    declared = Entitlement(id=gold.entitlement_id, account=gold.account, allowance=gold.allowance)
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        store.catalog.apply(Catalog(accounts=[Account(id=gold.account)], entitlements=[declared]), by="test")
        async with working(client, store, task_queue=task_queue):
            await UsageGate(client, task_queue).consume(gold, consumption("C1"))
            assert await asyncio.to_thread(begun.wait, 10)
            asyncio.get_running_loop().call_later(0.5, may_go_on.set)
        assert len(store.ledgers.rows(gold.entitlement_id)) == 1
    handle = client.get_workflow_handle(workflow_id(gold.entitlement_id))
    kinds = [event.event_type for event in (await handle.fetch_history()).events]
    assert EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED in kinds
    await handle.terminate()
