"""A look at a case that a worker has not in memory writes nothing, whatever has come since the case's last task."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from temporalio.api.enums.v1 import EventType

from activities.recording import Recording
from clients.sending import NoAnswer
from domain.messages.steps import CaseRecord
from tests.support import assert_eventually
from tests.workflows.conftest import Working
from tests.workflows.replaying import replay
from tests.workflows.world import World, later

ROUNDS = 6
"""Whether news is there before the server hands out a question is up to it: in every second round it is."""
BUSY = 0.8
"""For so many seconds the one workflow task of the worker is that of another case."""


async def test_a_question_behind_which_news_waits_has_nothing_written(
    idle_world: World, at_work: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question waits for the worker, then news comes: the worker answers by the news, and the task takes it."""
    world, right = idle_world, Recording.write
    written: dict[str, list[int]] = {}
    busy: set[str] = set()

    async def write(self: Recording, record: CaseRecord) -> int:
        case = record.carried.state.case_id
        written.setdefault(case, []).append(record.history)
        if case in busy:
            await asyncio.sleep(BUSY)
        return await right(self, record)

    monkeypatch.setattr(Recording, "write", write)
    async with at_work(cached_workflows=0):
        for _ in range(ROUNDS):
            case, other = await world.open("four"), await world.open("four")
            handle = world.milepost.handle(case)
            busy.add(other)
            await tell(world, other, "n-0")
            await asyncio.sleep(BUSY / 4)
            questions = [asyncio.create_task(world.view(case)) for _ in range(3)]
            await asyncio.sleep(BUSY / 4)
            await tell(world, case, "n-1")
            with suppress(NoAnswer):
                await asyncio.gather(*questions)
            await tell(world, case, "n-2")

            async def both_are_written(case: str = case) -> None:
                assert len([n for n in world.store.cases.notes(case) if n.kind == "changed"]) == 2

            await assert_eventually(both_are_written)
            await world.go_to(case, later(minutes=20))
            history = await world.history(case)
            begun = {e.event_id for e in history.events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED}
            assert set(written[case]) - {0} <= begun, "the opening writes its record itself"
            assert await world.failed_tasks(case) == []
            assert (await replay(history)).failure is None
            await handle.terminate()


async def tell(world: World, case: str, value: str) -> None:
    """Send news of a field to a case."""
    await world.milepost.handle(case).signal("fields_changed", {"event_id": value, "fields": {"state": value}})
