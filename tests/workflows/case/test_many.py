"""Much at once: taken in slices that end the workflow task, with so many actions under way, and nothing lost."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import WorkflowTaskFailedCause

from domain.catalog.declarations import Catalog
from domain.messages.cases import CaseIntake
from domain.timeline.instances import InstanceState
from store.store import Store
from tests.support import assert_eventually, unique
from tests.workflows.conftest import Working
from tests.workflows.replaying import replay
from tests.workflows.world import MONDAY, World, later
from worker.clock import VirtualClock
from worker.embedded import EmbeddedServer, configuration
from worker.process import working
from workflows.case.actions import MOST_AT_ONCE

OVERFLOWED = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND
"""The server fails a workflow task when a hundred events wait for it."""

TRIGGERS = 10
MILESTONES = 40

MANY = Catalog.model_validate(
    {
        "processes": [
            {
                "name": "Many",
                "milestones": [
                    {
                        "name": f"Milestone {number}",
                        "within": "1h",
                        "triggers": [
                            {"kind": "warning", "at": f"{5 * (n + 1)}m", "actions": [{"do": "task", "subject": "t"}]}
                            for n in range(TRIGGERS)
                        ],
                    }
                    for number in range(MILESTONES)
                ],
            }
        ],
        "accounts": [{"id": "many", "name": "Many"}],
        "entitlements": [{"id": "many-1", "account": "many", "process": "Many"}],
    }
)


@pytest.fixture
def many(store: Store) -> Store:
    """A process of forty milestones with ten triggers each."""
    store.catalog.apply(MANY, by="test")
    return store


async def test_fifteen_hundred_waiting_signals_are_all_taken(idle_world: World, at_work: Working) -> None:
    """They wait while no worker runs; then no task fails, each is taken once, and a due timer fires."""
    case, count = unique("case"), 1500
    async with at_work():
        await idle_world.open("four", case)
    handle = idle_world.milepost.handle(case)
    for start in range(0, count, 50):
        numbers = range(start, start + 50)
        await asyncio.gather(
            *(handle.signal("fields_changed", {"event_id": f"e-{n}", "fields": {"state": str(n)}}) for n in numbers)
        )
    async with at_work():

        async def all_are_taken() -> None:
            changed = [n for n in idle_world.store.cases.notes(case) if n.kind == "changed"]
            assert len(changed) == count

        await assert_eventually(all_are_taken, within=60)
        await idle_world.go_to(case, later(minutes=20))
        assert [len(m.fired) for m in (await idle_world.view(case)).milestones] == [1]
        assert await idle_world.failed_tasks(case) == []
        await idle_world.end_entitlements()


async def test_four_hundred_missed_triggers_fire_in_slices(world: World, many: Store) -> None:
    """A case that is opened hours late: every trigger fires once, every task is made, no task of the workflow fails."""
    case = await world.open("many", opened_at=MONDAY - timedelta(hours=9))

    async def all_have_fired() -> None:
        view = await world.view(case)
        assert sum(len(m.fired) for m in view.milestones) == MILESTONES * TRIGGERS
        assert view.next_due is None, "every violation is on record"
        assert len(many.tasks.find(case)) == MILESTONES * TRIGGERS
        assert len(many.cases.triggers(case)) == MILESTONES * TRIGGERS
        assert {a.status for a in many.actions.of_case(case)} == {"done"}

    async def it_is_at_rest() -> None:
        described = (await world.milepost.handle(case).describe()).raw_description
        assert not described.HasField("pending_workflow_task")
        assert not described.pending_activities

    await assert_eventually(all_have_fired, within=60)
    await assert_eventually(it_is_at_rest)
    assert await world.failed_tasks(case) == []
    history = await world.history(case)
    most = under_way = 0
    for event in history.events:
        under_way += event.HasField("activity_task_scheduled_event_attributes")
        under_way -= event.HasField("activity_task_completed_event_attributes")
        most = max(most, under_way)
    assert most <= 2 * MOST_AT_ONCE
    assert all(event.workflow_task_failed_event_attributes.cause != OVERFLOWED for event in history.events)
    replayed = await replay(history)
    assert replayed.failure is None
    assert replayed.differences == []


@pytest_asyncio.fixture(loop_scope="session")
async def rolling(monkeypatch: pytest.MonkeyPatch, many: Store, task_queue: str) -> AsyncIterator[World]:
    """A world whose server suggests a new run after 100 events."""
    monkeypatch.setitem(configuration.DYNAMIC_CONFIG, "limit.historyCount.suggestContinueAsNew", 100)
    async with EmbeddedServer(virtual_clock=True) as server:
        clock = VirtualClock(await server.connect())
        async with working(clock.client, many, task_queue=task_queue):
            yield World(clock, many, task_queue)


async def test_actions_under_way_hold_up_no_new_run(rolling: World) -> None:
    """What is not done is carried and sent again under its key: each task is made once, over several runs."""
    case = unique("case")
    opened_at = MONDAY - timedelta(hours=9)
    await rolling.milepost.open(CaseIntake(case_id=case, account="many", clock=MONDAY, opened_at=opened_at))

    async def all_are_made() -> None:
        assert len(rolling.store.tasks.find(case)) == MILESTONES * TRIGGERS

    await assert_eventually(all_are_made, within=60)

    async def nothing_is_left() -> None:
        at = MONDAY.isoformat()
        await rolling.milepost.request(case, "change_fields", fields={"state": unique("x")}, occurred_at=at)
        carried = rolling.store.cases.get(case).carried
        assert carried.orders == []
        assert carried.runs > 1

    await assert_eventually(nothing_is_left)
    assert all(m.state is InstanceState.RUNNING for m in (await rolling.view(case)).milestones)
