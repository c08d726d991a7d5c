"""The order of what an entitlement does follows from its messages alone: no worker that comes and goes wedges it."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory

from clients.gate import UsageGate
from domain.errors import Refused
from domain.usage.effects import PERFORM_USAGE_ACTION, RECORD_USAGE, TELL_CASES
from domain.usage.requests import (
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementTerms,
    UsageAdjusted,
    UsageChange,
    workflow_id,
)
from tests.support import assert_eventually
from tests.usage import NOON, RememberingStore, consumption, counting, terms
from tests.workflows.folding import joined, parted, tasks
from tests.workflows.replaying import replay

FAILED = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
UNAWAITED = {RECORD_USAGE, TELL_CASES, PERFORM_USAGE_ACTION}
"""Activities for which no later job waits. All others lead to a command when they come back."""

MAIL = {"do": "email", "to": "am@example.com", "subject": "{{ usage.used }}"}


class Office:
    """One entitlement, and workers that come and go."""

    def __init__(self, client: Client, task_queue: str, of: EntitlementTerms) -> None:
        self.client = client
        self.task_queue = task_queue
        self.of = of
        self.store = RememberingStore()
        self.gate = UsageGate(client, task_queue)

    @asynccontextmanager
    async def at_work(self, *, cached: int = 0) -> AsyncIterator[None]:
        async with counting(self.client, self.task_queue, self.store, cached_workflows=cached):
            yield

    async def take(self, reference: str, **more: Any) -> str:
        return (await self.gate.consume(self.of, consumption(reference, **more))).outcome

    async def change(self, asked: UsageChange) -> None:
        with suppress(Refused):  # such as giving back what was never taken: a refusal is an answer
            await self.gate.change(self.of, asked)

    async def history(self) -> WorkflowHistory:
        return await self.client.get_workflow_handle(workflow_id(self.of.entitlement_id)).fetch_history()

    async def quiet(self) -> None:
        """Wait until all that was begun has come back, and the workflow has taken notice."""

        async def nothing_is_under_way() -> None:
            handle = self.client.get_workflow_handle(workflow_id(self.of.entitlement_id))
            described = (await handle.describe()).raw_description
            assert not described.pending_activities
            assert not described.HasField("pending_workflow_task")

        await assert_eventually(nothing_is_under_way)

    async def replays(self) -> None:
        """No task ever failed, and the history replays word for word, however its tasks are cut."""
        history = await self.history()
        assert not [event for event in history.events if event.event_type == FAILED]
        for cut in (history, joined(history), parted(history, UNAWAITED)):
            replayed = await replay(cut)
            assert replayed.failure is None, replayed.failure
            assert replayed.differences == []


async def test_a_worker_without_a_cache_counts_on(client: Client, task_queue: str) -> None:
    """After quiet, the update and what came before it are handed over together."""
    office = Office(client, task_queue, terms(cap=1, manager="m@example.com"))
    async with office.at_work():
        outcomes = []
        for number in range(5):
            outcomes.append(await office.take(f"C{number}", case_id=f"nobody-{number}"))
            await office.quiet()
    assert outcomes == ["granted", *["overflow"] * 4]
    await office.replays()


async def test_what_waits_for_a_fresh_worker_is_counted(client: Client, task_queue: str) -> None:
    """One over the cap, quiet, no worker, another one over the cap, and a worker that replays it all."""
    office = Office(client, task_queue, terms(cap=0, manager="m@example.com"))
    for number in range(4):
        asking = asyncio.create_task(office.take(f"C{number}", case_id="nobody"))
        async with office.at_work(cached=100):
            assert await asking == "overflow"
            await office.quiet()
    await office.replays()


CHANGES: list[Callable[[int], UsageChange]] = [
    lambda n: UsageAdjusted(event_id=f"a{n}", by="ann", reason="recount", amount=1),
    lambda n: EntitlementAmended(event_id=f"m{n}", by="ann", reason="agreed", cap=20 + n),
    lambda n: ConsumptionReversed(event_id=f"r{n}", by="ann", reason="wrong", reference=f"C{n // 2}"),
    lambda n: EntitlementAmended(
        event_id=f"e{n}", by="ann", reason="agreed", ends_on=(NOON + timedelta(days=1000 + n)).date()
    ),
]


@pytest.mark.parametrize("seed", range(4))
async def test_messages_at_any_moment_leave_a_history_that_replays(client: Client, task_queue: str, seed: int) -> None:
    """Takings over the cap and changes of all kinds, one by one and together, while workers come and go."""
    pick = random.Random(seed)  # noqa: S311  no secret
    allowance: dict[str, Any] = {
        "unit": "visits",
        "cap": 10,
        "period": "month",
        "thresholds": [{"at": 8, "actions": [MAIL]}],
    }
    office = Office(client, task_queue, terms(manager="m@example.com", **allowance))
    number = 0
    for _ in range(6):
        async with AsyncExitStack() as stack:
            asked: list[Awaitable[Any]] = []
            early = pick.randint(1, 3)  # asked before the worker is there
            asked += [asyncio.ensure_future(office.take(f"C{number + n}", case_id="nobody")) for n in range(early)]
            number += early
            await stack.enter_async_context(office.at_work(cached=pick.choice([0, 0, 100])))
            for _ in range(pick.randint(3, 8)):
                number += 1
                if pick.random() < 0.3:
                    asked.append(asyncio.ensure_future(office.change(pick.choice(CHANGES)(number))))
                else:
                    asked.append(asyncio.ensure_future(office.take(f"C{number}", case_id=f"nobody-{number}")))
                if pick.random() < 0.5:
                    await asyncio.gather(*asked)
                    if pick.random() < 0.7:
                        await office.quiet()
            await asyncio.gather(*asked)
    await office.replays()


async def test_a_history_can_be_cut_otherwise(client: Client, task_queue: str) -> None:
    """Joined it has fewer tasks, parted more; so the tests above compare what differs."""
    office = Office(client, task_queue, terms(cap=0, manager="m@example.com"))
    async with office.at_work(cached=100):
        for number in range(3):
            await office.take(f"C{number}", case_id="nobody")
            await office.quiet()
    history = await office.history()
    assert tasks(joined(history)) < tasks(history)
    assert tasks(parted(joined(history), UNAWAITED)) > tasks(joined(history))
