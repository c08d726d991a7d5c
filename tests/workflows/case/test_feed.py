"""The event feed of a case on a real server: numbers from the workflow's state, events with the records."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from temporalio.client import WorkflowHistory

from activities.opening import Opening
from benchmarks.feed import billed, compared, records_without_feed
from domain.feed.envelope import FeedEvent
from domain.messages.steps import CaseRecord, OpenedCase
from store import tables
from tests.support import assert_eventually, unique
from tests.workflows.replaying import replay, state_of
from tests.workflows.world import World, later


def short(events: list[FeedEvent]) -> list[str]:
    return [one.type.removeprefix("milepost.case.").removesuffix(".v1") for one in events]


def of(world: World, case: str) -> list[FeedEvent]:
    return world.store.feed.read(subject=f"case/{case}").events


async def history_of(world: World, case: str) -> WorkflowHistory:
    return await world.milepost.handle(case).fetch_history()


async def test_the_feed_of_a_case_is_its_whole_story(world: World) -> None:
    """Every note, every trigger and every action of a case that was walked to its end, numbered without a gap."""
    case = await world.open(fields={"priority": "High"})
    await world.go_to(case, later(hours=4, minutes=5))
    await world.ask(case, "stop_clock", later(hours=4, minutes=10))
    await world.ask(case, "resume_clock", later(hours=4, minutes=20))
    await world.ask(case, "complete_milestone", later(hours=4, minutes=30), milestone="First response", by="ann")
    await world.ask(case, "change_fields", later(hours=5), fields={"state": "Resolved"})
    await world.ask(case, "close", later(hours=5))
    await world.milepost.handle(case).result()
    found = of(world, case)
    assert [one.sequence for one in found] == list(range(1, len(found) + 1))
    assert len({one.id for one in found}) == len(found)
    notes = world.store.cases.notes(case)
    about_notes = [one for one in found if "trigger" not in one.data and ".action.sent" not in one.type]
    assert [(one.time, one.data["text"]) for one in about_notes] == [(note.at, note.text) for note in notes]
    fired = [one for one in found if "trigger" in one.data]
    assert len(fired) == len(world.store.cases.triggers(case)) > 0
    sent = {one.data["key"] for one in found if one.type == "milepost.case.action.sent.v1"}
    assert sent == {
        act.key for act in world.store.actions.of_case(case) if act.action and act.action.do != "field_update"
    }
    assert sent
    assert {"opened", "entered", "milestone.violated", "clock_stopped", "closed"} <= set(short(found))


async def test_numbers_are_those_of_the_workflow(world: World) -> None:
    """A worker that replays a case counts on where the store is: the numbers come from the state of the case."""
    case = await world.open()
    await world.go_to(case, later(hours=3, minutes=10))
    for minute in range(20, 50, 10):
        kind = "stop_clock" if minute % 20 == 0 else "resume_clock"
        await world.ask(case, kind, later(hours=3, minutes=minute))
    replayed = await replay(await history_of(world, case))
    assert (replayed.failure, replayed.differences) == (None, [])
    state: dict[str, Any] = state_of(replayed.instance)
    assert state["events"] == len(of(world, case)) == world.store.cases.get(case).carried.events
    await world.ask(case, "close", later(hours=4))
    await world.milepost.handle(case).result()
    assert [one.sequence for one in of(world, case)] == list(range(1, len(of(world, case)) + 1))


async def lived(world: World) -> tuple[str, Counter[str]]:
    """A case that is warned of, paused, completed and closed; its id, and how many events its history has."""
    case = await world.open()
    await world.go_to(case, later(hours=3, minutes=10))

    async def the_mail_is_sent() -> None:
        assert (await world.events(case))["ACTIVITY_TASK_COMPLETED"] == 2, "the opening, and the warning's mail"

    await assert_eventually(the_mail_is_sent)
    await world.ask(case, "stop_clock", later(hours=3, minutes=20))
    await world.ask(case, "resume_clock", later(hours=3, minutes=30))
    await world.ask(case, "complete_milestone", later(hours=3, minutes=40), milestone="First response")
    await world.ask(case, "complete_milestone", later(hours=3, minutes=50), milestone="Resolution")
    await world.ask(case, "close", later(hours=4))
    await world.milepost.handle(case).result()
    return case, await world.events(case)


async def test_the_feed_costs_the_standard_case_no_event(world: World) -> None:
    """Its history is as long, and as many actions are billed, as if its records carried no events."""
    told, with_feed = await lived(world)
    with records_without_feed():
        untold, without = await lived(world)
    assert (bool(of(world, told)), of(world, untold)) == (True, [])
    compare = compared(with_feed, without)
    assert compare["for the feed"] == "nothing"
    assert compare["billed actions"] == {"with": billed(with_feed), "without": billed(without), "ratio": 1.0}


async def opened_by_an_older_build(world: World, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of a case that knows of no events and has written none."""
    opens = Opening._opened

    def opens_as_before(opening: Opening, *asked: Any) -> tuple[OpenedCase, CaseRecord]:
        opened, record = opens(opening, *asked)
        return opened.model_copy(update={"feed_after": None}), record

    with monkeypatch.context() as older:
        older.setattr(Opening, "_opened", opens_as_before)
        await world.open(case_id=case)
    run_id = world.store.cases.get(case).run_id
    with world.store._database.write() as connection:
        connection.execute(tables.events.delete().where(tables.events.c.run_id == run_id))


async def test_a_case_from_before_the_feed_begins_with_a_snapshot(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was opened by an older build has events from its next record on, and its history replays."""
    case = unique("c")
    await opened_by_an_older_build(world, case, monkeypatch)
    await world.ask(case, "stop_clock", later(hours=1))
    await world.ask(case, "resume_clock", later(hours=2))
    found = of(world, case)
    assert short(found)[0] == "snapshot"
    assert "clock_resumed" in short(found)
    assert [one.sequence for one in found] == list(range(1, len(found) + 1))
    replayed = await replay(await history_of(world, case))
    assert (replayed.failure, replayed.differences) == (None, [])
    assert state_of(replayed.instance)["events"] == len(found)


async def test_a_case_that_an_older_build_served_goes_on_with_its_numbers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build from before the feed forgets how many events there were: none of them vanishes or changes, a snapshot
    says how the case stands, and the state of the case counts on from there."""
    case = await world.open()
    await world.ask(case, "stop_clock", later(hours=1))
    seen = of(world, case)
    await world.milepost.handle(case).terminate()
    await opened_by_an_older_build(world, case, monkeypatch)
    assert of(world, case) == seen
    await world.ask(case, "stop_clock", later(hours=2))
    await world.ask(case, "resume_clock", later(hours=3))
    found = of(world, case)
    assert found[: len(seen)] == seen
    assert short(found)[len(seen)] == "snapshot"
    assert found[len(seen)].data["text"] == "an older build wrote no events for a while; this is how the case stands"
    assert "clock_resumed" in short(found[len(seen) :])
    assert [one.sequence for one in found] == list(range(1, len(found) + 1))
    replayed = await replay(await history_of(world, case))
    assert (replayed.failure, replayed.differences) == (None, [])
    assert state_of(replayed.instance)["events"] == world.store.cases.get(case).carried.events == len(found)
