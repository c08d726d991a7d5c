"""Messages from a clock that is ahead: what they bring forward is on record at once, and is sent at its instant."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.catalog.declarations import Catalog
from domain.messages.cases import CaseIntake
from store.store import Store
from tests.support import assert_eventually, unique
from tests.workflows.replaying import replay
from tests.workflows.world import MONDAY, World, later
from worker.clock import VirtualClock
from worker.embedded import EmbeddedServer, configuration
from worker.process import working

SECOND = timedelta(seconds=1)
DUE = later(minutes=30)
AHEAD = DUE + SECOND
"""Of what is due at `DUE`; three seconds before it this is within the five by which two clocks differ."""


def _task(**trigger: str) -> dict[str, Any]:
    return {**trigger, "actions": [{"do": "task", "subject": trigger["kind"]}]}


AHEAD_OF_TIME = Catalog.model_validate(
    {
        "processes": [
            {
                "name": "Ahead",
                "milestones": [
                    {
                        "name": "Answer",
                        "within": "1h",
                        "triggers": [_task(kind="warning", at="30m"), _task(kind="success")],
                    },
                    {"name": "Call", "within": "30m", "triggers": [_task(kind="violation", at="0")]},
                ],
            }
        ],
        "accounts": [{"id": "ahead"}],
        "entitlements": [{"id": "ahead-1", "account": "ahead", "process": "Ahead"}],
    }
)


async def scheduled(world: World, case_id: str) -> list[datetime]:
    """When each action was sent, by the case's clock."""
    described = await world.milepost.handle(case_id).describe()
    started_at: datetime | None = None
    found: list[datetime] = []
    run_id = described.raw_description.workflow_execution_info.first_run_id
    while run_id:
        run = world.milepost.temporal.get_workflow_handle(described.id, run_id=run_id)
        events = (await run.fetch_history()).events
        times = [event.event_time.ToDatetime(tzinfo=UTC) for event in events]
        started_at = started_at or times[0]
        for event, at in zip(events, times, strict=True):
            if event.activity_task_scheduled_event_attributes.activity_type.name == "task":
                found.append(MONDAY + (at - started_at))
        run_id = events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return found


async def change(world: World, case_id: str) -> None:
    """An update that changes a field."""
    await world.milepost.request(case_id, "change_fields", occurred_at=AHEAD.isoformat(), fields={"state": "Open"})


async def news(world: World, case_id: str) -> None:
    """A signal that says the same."""
    message = {"event_id": "ahead", "occurred_at": AHEAD.isoformat(), "fields": {"state": "Open"}}
    await world.milepost.handle(case_id).signal("fields_changed", message)


async def completion(world: World, case_id: str) -> None:
    """One that calls for something itself."""
    await world.milepost.request(case_id, "complete_milestone", occurred_at=AHEAD.isoformat(), milestone="Answer")


async def close(world: World, case_id: str) -> None:
    """The last one."""
    await world.milepost.request(case_id, "close", occurred_at=AHEAD.isoformat())


@pytest.mark.parametrize(
    ("message", "instants"),
    [
        (change, [DUE, DUE]),
        (news, [DUE, DUE]),
        (completion, [DUE, DUE, AHEAD]),
        (close, [DUE, DUE]),
    ],
)
async def test_nothing_is_sent_before_its_instant(
    world: World, store: Store, message: Callable[[World, str], Awaitable[None]], instants: list[datetime]
) -> None:
    """A message three seconds ahead is taken at once; what it brings forward waits for the case's clock."""
    store.catalog.apply(AHEAD_OF_TIME, by="test")
    case = await world.open("ahead")
    await world.go_to(case, DUE - 4 * SECOND)
    await message(world, case)

    async def taken() -> None:
        assert len(store.cases.triggers(case)) == len(instants)

    await assert_eventually(taken)

    async def all_are_made() -> None:
        assert len(store.tasks.find(case)) == len(instants)

    await assert_eventually(all_are_made)
    sent = await scheduled(world, case)
    assert all(at >= instant for at, instant in zip(sent, instants, strict=True)), sent
    history = await world.history(case)
    assert await world.failed_tasks(case) == []
    assert (await replay(history)).failure is None


async def test_what_is_held_goes_on_in_the_next_run(
    monkeypatch: pytest.MonkeyPatch, store: Store, task_queue: str
) -> None:
    """A run that ends meanwhile leaves it to the next one, which sends it once, and not before its instant."""
    monkeypatch.setitem(configuration.DYNAMIC_CONFIG, "limit.historyCount.suggestContinueAsNew", 100)
    store.catalog.apply(AHEAD_OF_TIME, by="test")
    case = unique("case")
    async with EmbeddedServer(virtual_clock=True) as server:
        clock = VirtualClock(await server.connect())
        world = World(clock, store, task_queue)
        async with working(clock.client, store, task_queue=task_queue):
            await world.milepost.open(CaseIntake(case_id=case, account="ahead", clock=MONDAY, opened_at=MONDAY))
            await world.go_to(case, DUE - 5 * SECOND)
        handle = world.milepost.handle(case)
        await news(world, case)
        await asyncio.gather(
            *(handle.signal("fields_changed", {"event_id": f"e-{n}", "fields": {"state": f"{n}"}}) for n in range(100))
        )
        async with working(clock.client, store, task_queue=task_queue):

            async def all_are_made() -> None:
                assert len(store.tasks.find(case)) == 2

            await assert_eventually(all_are_made)
            assert (await world.view(case)).closed_at is None
            sent = await scheduled(world, case)
            assert len(sent) == 2
            assert min(sent) >= DUE
            described = (await handle.describe()).raw_description.workflow_execution_info
            assert described.execution.run_id != described.first_run_id, "there is a next run"
