"""How much an entitlement takes on: one that is too large to go on takes nothing that makes it larger."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowUpdateFailedError

from domain.errors import NOT_NOW, Refused
from domain.usage.requests import REVERSE, ConsumptionReversed
from tests.support import assert_eventually
from tests.usage import NOON, RememberingStore, consumption, counting, terms
from tests.workflows.conftest import KEEPS_ITS_WORKFLOWS
from tests.workflows.entitlement.test_entitlement import balance, start, take
from workflows.entitlement.capacity import MOST_CARRIED, TOO_MUCH_KEPT, check_told


@KEEPS_ITS_WORKFLOWS
async def test_what_is_too_large_to_go_on_takes_no_more(
    client: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what takes most of it, and goes on as soon as it can: here as soon as more can be carried."""
    monkeypatch.setattr("domain.usage.requests.MOST_UPDATES_A_RUN", 1)
    monkeypatch.setattr("workflows.entitlement.capacity.MOST_UPDATES_WHILE_FULL", 0)
    monkeypatch.setattr("workflows.entitlement.running.MOST_CARRIED_BYTES", 15_000)
    store = RememberingStore()
    async with counting(client, task_queue, store):
        entitlement = await start(client, task_queue, terms(unit="visits", cap=None))
        first = (await entitlement.describe()).run_id
        ahead = NOON.replace(year=2026)
        await take(entitlement, *(consumption(f"V{n}", ahead) for n in range(200)))
        await take(entitlement, consumption("W", ahead))

        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await take(entitlement, consumption("one more"))
        assert getattr(refused.value.cause, "type", None) == TOO_MUCH_KEPT
        assert "most are what is planned ahead. Decide, reverse or void" in str(refused.value.cause)
        reversal = ConsumptionReversed(reference="V0", event_id="back", by="am", reason="not needed")
        await entitlement.execute_update(REVERSE, reversal)
        assert (await balance(entitlement, ahead)).current.used == 200
        assert (await entitlement.describe()).run_id == first
        monkeypatch.setattr("workflows.entitlement.running.MOST_CARRIED_BYTES", 1_900_000)
        await entitlement.execute_update(REVERSE, reversal.model_copy(update={"reference": "V1", "event_id": "back-1"}))

        async def is_new() -> None:
            assert (await client.get_workflow_handle(entitlement.id).describe()).run_id != first

        await assert_eventually(is_new)


def test_changes_of_the_catalog_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is down would else have any number of them wait: they are counted as rows are."""
    info = SimpleNamespace(get_current_history_size=lambda: 1, get_current_history_length=lambda: 1)
    monkeypatch.setattr(workflow, "info", lambda: info)
    check_told(0, MOST_CARRIED, 0, 0)
    with pytest.raises(Refused, match="501 changes of the catalog") as refused:
        check_told(0, MOST_CARRIED + 1, 0, 0)
    assert refused.value.code == NOT_NOW
