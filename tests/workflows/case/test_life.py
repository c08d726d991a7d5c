"""A case that lives long: it recurs and recurs over many runs, and stays as small and as cheap as it was young."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

from domain.catalog.documents import read_document
from domain.explanation import InstanceExplained
from domain.timeline.folding import NEWEST
from domain.timeline.instances import InstanceState
from domain.timeline.views import MilestoneView
from starters.operations.older import of_occurrence, with_older
from store.store import Store
from tests.support import assert_eventually
from tests.workflows.replaying import replay
from tests.workflows.world import World, later
from worker.clock import VirtualClock
from worker.embedded import configuration
from worker.embedded.server import EmbeddedServer
from worker.process import working

OCCURRENCES = int(os.environ.get("MILEPOST_LIFE", "60"))
"""`make life` lives for 3,000."""

MANY_EVENTS = 4096 if OCCURRENCES > 1000 else 200
"""After which the server suggests a new run; so there are several, however short the life."""

EVERY_HOUR = {
    "processes": [
        {
            "name": "Every hour",
            "milestones": [
                {
                    "name": "Update",
                    "within": "1h",
                    "starts": "criteria",
                    "recurrence": "independent",
                    "triggers": [{"kind": "success", "actions": [{"do": "task", "subject": "told"}]}],
                },
                {"name": "Resolution", "within": "9000h"},
            ],
        }
    ],
    "accounts": [{"id": "hourly", "name": "Hourly"}],
    "entitlements": [{"id": "hourly-1", "account": "hourly", "process": "Every hour"}],
}

MOST_RECORD_BYTES = 256 * 1024
MOST_ANSWER_BYTES = 64 * 1024


@pytest_asyncio.fixture(loop_scope="session")
async def living(monkeypatch: pytest.MonkeyPatch, store: Store, task_queue: str) -> AsyncIterator[World]:
    """A world in which a milestone recurs every hour."""
    store.catalog.apply(read_document(EVERY_HOUR), by="test")
    monkeypatch.setitem(configuration.DYNAMIC_CONFIG, "limit.historyCount.suggestContinueAsNew", MANY_EVENTS)
    async with EmbeddedServer(virtual_clock=True) as server:
        clock = VirtualClock(await server.connect())
        async with working(clock.client, store, task_queue=task_queue):
            yield World(clock, store, task_queue)


def completed_at(occurrence: int) -> datetime:
    """Forty minutes after the one before; the third comes two hours late."""
    return later(minutes=40 * occurrence + (120 if occurrence > 2 else 0))


async def test_a_long_life_loses_and_repeats_nothing(living: World) -> None:
    """Every trigger once, over several runs; the first and the last occurrence are shown and explained alike."""
    case, store = await living.open("hourly"), living.store
    explained: dict[int, InstanceExplained] = {}
    for occurrence in range(1, OCCURRENCES + 1):
        at = completed_at(occurrence)
        await living.ask(case, "complete_milestone", at, milestone="Update", event_id=f"told-{occurrence}", by="ann")
        if occurrence in (3, OCCURRENCES):
            explanation = await living.milepost.explanation(case)
            ended = [part for part in explanation.instances if part.outcome.state is InstanceState.COMPLETED]
            explained |= {part.occurrence: part for part in ended if part.occurrence in {1, occurrence}}
    view = await living.view(case)
    assert [m.occurrence for m in view.milestones if m.milestone == "Update"] == _last(OCCURRENCES + 1)
    [more] = view.more
    assert (more.occurrences, more.last, more.violated) == (OCCURRENCES + 1 - NEWEST, OCCURRENCES + 1 - NEWEST, True)

    async def everything_is_done() -> None:
        actions = store.actions.of_case(case)
        assert [a.status for a in actions] == ["done"] * OCCURRENCES
        assert len(store.tasks.find(case)) == len(set(store.cases.triggers(case))) == OCCURRENCES

    await assert_eventually(everything_is_done)
    await living.ask(case, "complete_milestone", completed_at(OCCURRENCES + 1), milestone="Update", by="ann")
    stored = store.cases.get(case)
    assert stored.carried.runs >= 3
    assert len(stored.carried.state.instances) <= NEWEST + 1
    assert len(stored.carried.model_dump_json()) + len(stored.view.model_dump_json()) < MOST_RECORD_BYTES
    assert len(view.model_dump_json()) < MOST_ANSWER_BYTES
    _all_are_shown(with_older(await living.view(case), store.cases.milestones(case)).milestones)
    whole = await living.milepost.explanation(case)
    assert list(explained) == [1, 3, OCCURRENCES]
    for number, part in explained.items():
        [again] = of_occurrence(whole.of("Update"), number, store).instances
        assert _what_happened(again) == _what_happened(part)
    replayed = await replay(await living.history(case))
    assert (replayed.failure, replayed.differences) == (None, [])


async def test_nothing_is_folded_while_the_store_is_away(living: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The case keeps what the store has not confirmed, and folds it when the store is back; nothing is missing."""
    case, store = await living.open("hourly"), living.store
    records = type(store.cases)

    def away(*_: object, **__: object) -> None:
        raise OSError("the store is away")

    async def recurs(occurrences: range) -> None:
        for occurrence in occurrences:
            await living.ask(case, "complete_milestone", completed_at(occurrence), milestone="Update", by="ann")

    await recurs(range(1, NEWEST - 1))
    with monkeypatch.context() as meanwhile:
        for written in ("record", "record_all"):
            meanwhile.setattr(records, written, away)
        await recurs(range(NEWEST - 1, NEWEST + 4))
        shown = await living.view(case)
        assert [m.occurrence for m in shown.milestones if m.milestone == "Update"] == _last(NEWEST + 4)
    await recurs(range(NEWEST + 4, NEWEST + 12))

    async def all_are_recorded() -> None:
        at = completed_at(NEWEST + 11) + timedelta(minutes=5)
        await living.ask(case, "change_fields", at, fields={"state": "x"})
        state = store.cases.get(case).carried.state
        assert len(state.instances) <= NEWEST + 1
        assert [f.occurrences for f in state.folded] == [12]

    await assert_eventually(all_are_recorded)
    shown = with_older(await living.view(case), store.cases.milestones(case))
    assert [m.occurrence for m in shown.milestones if m.milestone == "Update"] == list(range(1, NEWEST + 13))
    assert shown.more == []


def _last(highest: int) -> list[int]:
    return list(range(highest - NEWEST + 1, highest + 1))


def _all_are_shown(milestones: list[MilestoneView]) -> None:
    runs = [m for m in milestones if m.milestone == "Update"]
    assert [m.occurrence for m in runs] == list(range(1, OCCURRENCES + 3))
    assert [m.completed_at for m in runs[:-1]] == [completed_at(number) for number in range(1, OCCURRENCES + 2)]
    assert [m.occurrence for m in runs if m.violated] == [3]
    assert {m.state for m in runs[:-1]} == {InstanceState.COMPLETED}


def _what_happened(part: InstanceExplained) -> dict[str, object]:
    """What an explanation says of the instance itself; when criteria held goes on after it."""
    return part.model_dump(mode="json", exclude={"criteria"})


async def test_a_pause_of_a_year_costs_no_more_history_than_one_of_a_minute(world: World) -> None:
    """Event by event the same: no timer, no poll, nothing at all while a case is stopped."""
    events: dict[str, Counter[str]] = {}
    for name, span in {"a minute": timedelta(minutes=1), "a year": timedelta(days=365)}.items():
        case = await world.open()
        await world.ask(case, "stop_clock", later(hours=1))
        await world.go_to(case, later(hours=1) + span - timedelta(seconds=2))
        before = await world.events(case)
        await world.ask(case, "resume_clock", later(hours=1) + span)
        resumed = await world.view(case)
        assert all(m.state is InstanceState.RUNNING for m in resumed.milestones)
        assert all(m.pauses[0].to_at == later(hours=1) + span for m in resumed.milestones)
        await world.ask(case, "close", later(hours=2) + span)
        await world.milepost.handle(case).result()
        events[name] = await world.events(case)
        assert events[name] - before, "the case went on"
    assert events["a year"] == events["a minute"]
