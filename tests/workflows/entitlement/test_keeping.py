"""An entitlement that remembers more than it should puts it away into the store, and asks there before it takes."""

from __future__ import annotations

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.service import RPCError

from domain.errors import NOT_NOW
from domain.usage import keeping
from domain.usage.requests import REVERSE, Consumed, Consumption, ConsumptionReversed
from domain.usage.takings import Ledger, ShortLedger
from tests.support import assert_eventually
from tests.usage import NOON, RememberingStore, consumption, counting, terms
from tests.workflows.entitlement.test_entitlement import AGAIN_WITHIN, Handle, balance, start, take
from tests.workflows.replaying import replay


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ledgers of 2,000 bytes, of which the last five references stay, and runs of a few updates."""
    monkeypatch.setattr(Ledger, "most_bytes", 2_000)
    monkeypatch.setattr(ShortLedger, "most_bytes", 2_000)
    monkeypatch.setattr(keeping, "NEWEST_STAY", 5)


async def patiently(client: Client, entitlement: Handle, *asked: Consumption) -> list[Consumed]:
    """Ask again, as the gate does, while something is being put away or the next run begins."""
    answers: list[Consumed] = []

    async def answered() -> None:
        try:
            answers[:] = await take(client.get_workflow_handle(entitlement.id), *asked)
        except (WorkflowUpdateFailedError, RPCError) as error:
            raise AssertionError("not now") from error

    await assert_eventually(answered, within=AGAIN_WITHIN)
    return answers


async def test_amounts_of_their_own_wedge_no_entitlement(
    client: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on in the next run, though all that was taken is more than that could be given; each counts once."""
    monkeypatch.setattr("domain.usage.requests.MOST_UPDATES_A_RUN", 6)
    monkeypatch.setattr("workflows.entitlement.running.MOST_CARRIED_BYTES", 20_000)
    store = RememberingStore()
    async with counting(client, task_queue, store):
        entitlement = await start(client, task_queue, terms(unit="visits", cap=None))
        first = (await entitlement.describe()).run_id
        for part in range(5):
            each = [consumption(f"{part}-{n}", amount=100_000_000 + 1_000 * part + n) for n in range(150)]
            await patiently(client, entitlement, *each)

        async def most_is_put_away() -> None:
            assert len(store.kept) > 600

        await assert_eventually(most_is_put_away)
        await patiently(client, entitlement, consumption("last", amount=7))

        async def is_new() -> None:
            assert (await client.get_workflow_handle(entitlement.id).describe()).run_id != first

        await assert_eventually(is_new)
        used = (await balance(entitlement, NOON)).current.used
        again = [consumption(f"{part}-0", amount=1, event_id=f"again-{part}") for part in range(5)]
        answers = await patiently(client, entitlement, *again, consumption("one more", amount=3))
        assert [answer.outcome for answer in answers] == ["already"] * 5 + ["granted"]
        assert (await balance(entitlement, NOON)).current.used == used + 3
        reversal = ConsumptionReversed(reference="0-1", event_id="back", by="am", reason="by mistake")
        await entitlement.execute_update(REVERSE, reversal)
        assert (await balance(entitlement, NOON)).current.used == used + 3 - 100_000_001
        assert store.recalls
        run = await client.get_workflow_handle(entitlement.id, run_id=first).fetch_history()
        last = await client.get_workflow_handle(entitlement.id).fetch_history()
    for history in (run, last):
        replayed = await replay(history)
        assert replayed.failure is None
        assert replayed.differences == []


async def test_what_is_full_waits_for_a_store_that_is_down(client: Client, task_queue: str) -> None:
    """Until it is there again; nothing is dropped before the store has it."""
    store = RememberingStore()
    async with counting(client, task_queue, store):
        entitlement = await start(client, task_queue, terms(cap=None))
        store.down = True
        await take(entitlement, *(consumption(f"C{n}", amount=1_000 + n) for n in range(300)))
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await take(entitlement, consumption("one more"))
        assert getattr(refused.value.cause, "type", None) == NOT_NOW
        store.down = False

        [answer] = await patiently(client, entitlement, consumption("one more"))
        assert answer.outcome == "granted"
        [again] = await patiently(client, entitlement, consumption("C0"))
        assert again.outcome == "already"
