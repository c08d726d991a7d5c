"""A batch of migrations: every case that is meant goes over exactly once, whatever happens meanwhile."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowQueryFailedError
from temporalio.exceptions import ApplicationError

from activities.planning import Planner
from domain.catalog.declarations import Catalog
from domain.catalog.documents import read_document
from domain.messages.migrations import (
    MIGRATION_WORKFLOW,
    CaseSelection,
    MigrationOrder,
    MigrationProgress,
    event_id,
    workflow_id,
)
from domain.timeline.effects import NoteKind
from domain.timeline.preview import CasePreview, Difference
from domain.timeline.views import CaseView
from starters.operations.previewing import preview_case, previews
from store import Store
from store.cases.values import StoredCase
from store.prospect import Prospect
from tests.support import assert_eventually, unique
from tests.workflows.conftest import Working
from tests.workflows.world import World
from workflows.migration.workflow import MigrationWorkflow

HOUR = timedelta(hours=1)
KINDS = 10
LATE_KINDS = {6, 9}
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def catalog(
    *, resolution: str = "16h", desk: str = "00:00-24:00", review: bool = False, elder: dict[str, Any] | None = None
) -> Catalog:
    """Promises that hold at any hour of any day, so that what is expected here does not depend on when it runs."""
    triggers = [
        {"kind": "warning", "at": "75%", "actions": [{"do": "task", "subject": "soon"}]},
        {"kind": "violation", "at": "0", "actions": [{"do": "task", "subject": "late"}]},
    ]
    milestones: list[dict[str, Any]] = [
        {"name": "First response", "within": "4h"},
        {
            "name": "Resolution",
            "within": resolution,
            "pause_when": 'case.state == "Waiting"',
            "triggers": triggers,
        },
        {"name": "Follow-up", "within": "20h", "business_hours": "Desk"},
        *([{"name": "Review", "within": "30h"}] if review else [{"name": "Call", "within": "40h"}]),
    ]
    return read_document(
        {
            "fields": {"state": "string", "priority": "string"},
            "business_hours": [
                {"name": "Desk", "time_zone": "UTC", "week": {day: [desk] for day in WEEK}},
                {"name": "Elder", "time_zone": "UTC", "week": {day: [desk] for day in WEEK}, **(elder or {})},
            ],
            "processes": [
                {"name": "Night", "milestones": milestones},
                {"name": "Archive", "business_hours": "Elder", "milestones": [{"name": "File", "within": "87000h"}]},
            ],
            "accounts": [{"id": "night"}, {"id": "archive"}],
            "entitlements": [
                {"id": "night-1", "account": "night", "process": "Night"},
                {"id": "archive-1", "account": "archive", "process": "Archive"},
            ],
        }
    )


NEW = catalog(resolution="150m", desk="06:00-18:00", review=True)

LATE_COUNTRY = "GW"
"""Of which the holidays are known from 2023 on."""


@pytest.fixture
def store(store: Store) -> Store:
    """The organisation's store, with these promises too."""
    store.catalog.apply(catalog(), by="test")
    return store


class Batch:
    """One batch, started."""

    def __init__(self, world: World, handle: WorkflowHandle[Any, Any]) -> None:
        self.world = world
        self.handle = handle

    @classmethod
    async def start(cls, world: World, migration: str, **order: Any) -> "Batch":
        order = {"migration_id": migration, **order}
        handle = await world.milepost.temporal.start_workflow(
            MIGRATION_WORKFLOW,
            order,
            id=workflow_id(migration),
            task_queue=world.task_queue,
            result_type=MigrationProgress,
        )
        return cls(world, handle)

    async def progress(self) -> MigrationProgress:
        progress: MigrationProgress = await self.handle.query("progress", result_type=MigrationProgress)
        return progress

    async def done(self) -> MigrationProgress:
        result: MigrationProgress = await asyncio.wait_for(self.handle.result(), 60)
        return result


async def open_cases(world: World, count: int, *, living: bool = True, **intake: Any) -> list[str]:
    """Cases opened three hours ago, some eleven, by the wall clock: a preview knows no other."""
    prefix, now = unique("m"), datetime.now(UTC)
    ids = [f"{prefix}-{number:03}" for number in range(count)]
    room = asyncio.Semaphore(10)

    async def open_one(case_id: str) -> None:
        opened_at = now - (11 if kind(case_id) in LATE_KINDS else 3) * HOUR
        async with room:
            given = {"account": "night", "opened_at": opened_at.isoformat(), "clock": None, **intake}
            await world.open(case_id=case_id, **given)
            if living:
                await live(world, case_id, opened_at)

    await asyncio.gather(*map(open_one, ids))
    return ids


def kind(case_id: str) -> int:
    """Which of the ten kinds of lives a case has."""
    return int(case_id[-3:]) % KINDS


async def live(world: World, case_id: str, opened_at: datetime) -> None:
    """Lives of ten kinds: answered in time, late or never, closed, stopped, waiting, extended."""

    async def ask(update: str, after: float, **event: Any) -> None:
        await world.milepost.request(case_id, update, occurred_at=(opened_at + after * HOUR).isoformat(), **event)

    match kind(case_id):
        case 0:
            await ask("close", 2)
        case 1:
            await ask("complete_milestone", 1, milestone="First response")
        case 2:
            await ask("stop_clock", 1)
        case 3:
            await ask("stop_clock", 0.5)
            await ask("resume_clock", 1.5)
        case 4:
            await ask("change_fields", 2, fields={"priority": "High"})
        case 5:
            await ask("extend_milestone", 2, milestone="Resolution", open_seconds=7200)
        case 6:
            await ask("complete_milestone", 6, milestone="First response")
        case 7:
            await ask("stop_clock", 1, milestone="Resolution")
        case 8:
            await ask("change_fields", 1, fields={"state": "Waiting"})
        case _:
            await ask("complete_milestone", 3, milestone="Resolution")


Facts = dict[tuple[str, int], tuple[Any, ...]]


def facts(view: CaseView) -> Facts:
    """What a preview tells of a milestone."""
    return {(m.milestone, m.occurrence): (str(m.state), m.span, m.target_at, m.violated) for m in view.milestones}


def differences(shown: CasePreview) -> dict[str, list[Difference]]:
    return {change.milestone: change.differences for change in shown.milestones}


def foretold(before: Facts, shown: CasePreview) -> Facts:
    """What a preview says that will be."""
    told = dict(before)
    for change in shown.milestones:
        after = change.after
        assert after is not None
        told[change.milestone, change.occurrence] = (str(after.state), after.span, after.target_at, after.violated)
    return told


async def views(world: World, ids: Iterable[str]) -> dict[str, CaseView]:
    room = asyncio.Semaphore(8)

    async def look(case_id: str) -> tuple[str, CaseView]:
        async with room:
            return case_id, await world.view(case_id)

    return dict(await asyncio.gather(*map(look, ids)))


async def recorded(world: World, ids: Iterable[str]) -> dict[str, CaseView]:
    """Wait until the store has the cases as they stand."""
    found = await views(world, ids)
    for case_id, view in found.items():

        async def is_recorded(case_id: str = case_id, view: CaseView = view) -> None:
            stored = world.store.cases.get(case_id).view
            assert (facts(stored), stored.fields, stored.stopped) == (facts(view), view.fields, view.stopped)

        await assert_eventually(is_recorded)
    return found


def migrated_at(store: Store, case_id: str) -> list[datetime]:
    """When a case went over: once, or never."""
    return [note.at for note in store.cases.notes(case_id) if note.kind is NoteKind.MIGRATED]


def foreseen(store: Store, cases: Iterable[StoredCase]) -> dict[str, CasePreview]:
    """The previews of cases as they were recorded, for the instants at which they went over."""
    planner, goals = Planner(store), store.catalog.versions()
    instants = {case.case_id: migrated_at(store, case.case_id) for case in cases}
    return {
        case.case_id: preview_case(planner, case, goals, instants[case.case_id][0])
        for case in cases
        if instants[case.case_id]
    }


async def test_a_hundred_cases_go_over_as_the_preview_said(idle_world: World, at_work: Working) -> None:
    """Milestone by milestone, with a worker that is gone in the middle; closed, violated, stopped and waiting cases."""
    world, migration = idle_world, unique("batch")
    async with at_work():
        ids = await open_cases(world, 100)
        await recorded(world, ids)
        world.store.catalog.apply(NEW, by="test")
        shown = {found.case_id: found for found in previews(world.store, CaseSelection())}
        before = await recorded(world, ids)
        stored = world.store.running.stored(ids)
        batch = await Batch.start(world, migration, at_once=4, by="ann", reason="new promises")

        async def it_is_in_the_middle() -> None:
            assert (await batch.progress()).tally.migrated >= 20

        await assert_eventually(it_is_in_the_middle)
    last = ids[-1]
    await world.milepost.handle(last).signal("case_closed", {"event_id": "gone"})
    async with at_work():
        progress = await batch.done()
        after = await recorded(world, ids)
        left = list(previews(world.store, CaseSelection()))
    open_ids = [case_id for case_id in ids if kind(case_id)]
    assert set(shown) == set(open_ids), "closed cases are left alone"
    assert progress.state == "done"
    assert (progress.total, progress.tally.migrated, progress.tally.skipped) == (90, 89, 1)
    assert progress.tally.failures == []
    exact = foreseen(world.store, stored)
    assert set(exact) == set(open_ids) - {last}
    for case_id in ids[:-1]:
        then = facts(before[case_id])
        if case_id in exact:
            assert facts(after[case_id]) == foretold(then, exact[case_id]), case_id
            assert differences(shown[case_id]) == differences(exact[case_id]), "a few seconds later"
            assert after[case_id].process_version == 2
            assert len(migrated_at(world.store, case_id)) == 1
            assert event_id(migration, case_id) in world.store.cases.get(case_id).carried.state.event_ids
        else:
            assert facts(after[case_id]) == then
    assert left == [], "nothing would change any more"
    told = Counter(d for found in shown.values() for change in found.milestones for d in change.differences)
    assert told[Difference.APPEARS] == told[Difference.GOES] == 90, "Review comes, Call goes"
    assert told[Difference.MOVED] >= 90
    # Not those stopped or waiting since before the new target (2, 7, 8), with more time (3, 5), completed (9).
    assert {kind(case_id) for case_id, found in shown.items() if found.has(Difference.VIOLATED)} == {1, 4, 6}
    assert {kind(c) for c, view in before.items() if any(m.violated for m in view.milestones)} == LATE_KINDS
    assert sum(len(found.fires) for found in shown.values()) >= 30
    assert await events_of_runs(batch) <= 600


async def events_of_runs(batch: Batch) -> int:
    """The longest history among the runs of a batch."""
    longest, run_id = 0, batch.handle.first_execution_run_id or batch.handle.result_run_id
    client = batch.world.milepost.temporal
    while run_id:
        history = await client.get_workflow_handle(batch.handle.id, run_id=run_id).fetch_history()
        longest = max(longest, len(history.events))
        rolled = history.events[-1].workflow_execution_continued_as_new_event_attributes
        run_id = rolled.new_execution_run_id
    return longest


async def test_a_prospect_foretells_what_applying_and_migrating_do(world: World) -> None:
    """Before anything is applied."""
    ids = await open_cases(world, 2 * KINDS)
    await recorded(world, ids)
    shown = {found.case_id: found for found in previews(Prospect.of(world.store, NEW, by="test"), CaseSelection())}
    assert previews_of(world) == []
    world.store.catalog.apply(NEW, by="test")
    assert {found.case_id for found in previews(world.store, CaseSelection())} == set(shown)
    before, stored = await recorded(world, ids), world.store.running.stored(ids)
    await (await Batch.start(world, unique("batch"))).done()
    after = await recorded(world, ids)
    for case_id, found in foreseen(world.store, stored).items():
        assert facts(after[case_id]) == foretold(facts(before[case_id]), found)
        assert differences(found) == differences(shown[case_id])


def previews_of(world: World, **selection: Any) -> list[str]:
    return [found.case_id for found in previews(world.store, CaseSelection(**selection))]


async def test_only_those_selected_go_over(world: World) -> None:
    ids = await open_cases(world, KINDS)
    await recorded(world, ids)
    world.store.catalog.apply(NEW, by="test")
    chosen = [case_id for case_id in ids if case_id.endswith("4")]
    assert previews_of(world, fields={"priority": "High"}) == chosen
    progress = await (await Batch.start(world, unique("batch"), selection={"fields": {"priority": "High"}})).done()
    assert (progress.total, progress.tally.migrated) == (1, 1)
    assert [case_id for case_id, v in (await views(world, ids)).items() if v.process_version == 2] == chosen


async def test_a_case_may_go_back_to_an_older_version(world: World) -> None:
    world.store.catalog.apply(NEW, by="test")
    (case_id,) = await open_cases(world, 1, living=False)
    selection = {"process": "Night", "process_version": 1, "cases": [case_id]}
    await recorded(world, [case_id])
    progress = await (await Batch.start(world, unique("batch"), selection=selection)).done()
    assert progress.tally.migrated == 1
    view = await world.view(case_id)
    assert view.process_version == 1
    assert {m.milestone for m in view.milestones if m.removed_at is None} == {
        "First response",
        "Resolution",
        "Follow-up",
        "Call",
    }


async def test_a_case_that_refuses_is_recorded_and_stops_nobody(world: World) -> None:
    """Its calendar can't be frozen back to when it was opened: nobody knows that country's holidays of that year."""
    old = await open_cases(world, 1, living=False, account="archive", opened_at="2005-01-03T00:00:00Z")
    new = await open_cases(world, 1, living=False, account="archive")
    await recorded(world, [*old, *new])
    world.store.catalog.apply(catalog(elder={"holidays": {"country": LATE_COUNTRY}}), by="test")
    shown = {found.case_id: found.refused for found in previews(world.store, CaseSelection())}
    progress = await (await Batch.start(world, unique("batch"))).done()
    assert (progress.tally.migrated, progress.tally.refused) == (1, 1)
    (failure,) = progress.tally.failures
    assert failure.case_id == old[0]
    assert "are known from" in failure.error
    assert shown == {old[0]: failure.error, new[0]: None}
    assert (await world.view(old[0])).closed_at is None


async def test_the_same_batch_again_finds_nothing_to_do(world: World) -> None:
    """Nobody is asked twice: what went over is not found any more."""
    ids = await open_cases(world, 3)
    await recorded(world, ids)
    world.store.catalog.apply(NEW, by="test")
    migration = unique("batch")
    first = await (await Batch.start(world, migration)).done()
    await recorded(world, ids)
    again = await (await Batch.start(world, migration)).done()
    assert (first.tally.migrated, again.total, again.tally.done) == (2, 0, 0)


async def test_a_case_asked_twice_by_one_batch_goes_over_once(world: World) -> None:
    """As after a crash between the asking and the noting down."""
    ids = await open_cases(world, 2)
    world.store.catalog.apply(NEW, by="test")
    message = {"event_id": event_id("b", ids[1]), "process_version": 2}
    outcomes = [(await world.milepost.request(ids[1], "migrate", **message)).outcome for _ in range(2)]
    assert outcomes[0] == "taken"
    await recorded(world, ids)
    assert len(migrated_at(world.store, ids[1])) == 1


async def test_a_terminated_batch_goes_on_where_it_was(world: World) -> None:
    """By what it says itself of how to start it again."""
    ids = await open_cases(world, 2 * KINDS)
    await recorded(world, ids)
    world.store.catalog.apply(NEW, by="test")
    migration = unique("batch")
    batch = await Batch.start(world, migration, at_once=1)

    async def it_has_begun() -> None:
        assert (await batch.progress()).tally.migrated >= 3

    await assert_eventually(it_has_begun)
    await batch.handle.terminate()
    order = await batch.handle.query("order", result_type=MigrationOrder)
    again = await Batch.start(world, **order.model_dump(mode="json", exclude={"migration_id"}), migration=migration)
    progress = await again.done()
    assert progress.total == 18
    after = await views(world, ids)
    assert [v.process_version for v in after.values() if v.closed_at is None] == [2] * 18
    await recorded(world, ids)
    assert {len(migrated_at(world.store, case_id)) for case_id in ids if after[case_id].closed_at is None} == {1}


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        ({"process": "Nite"}, "unknown process 'Nite'; did you mean 'Night'?"),
        ({"process": "Night", "process_version": 9}, "has no version 9"),
        ({"fields": {"colour": "red"}}, "unknown field 'colour'"),
    ],
)
async def test_a_selection_that_can_not_be_ends_the_batch(world: World, selection: dict[str, Any], said: str) -> None:
    batch = await Batch.start(world, unique("batch"), selection=selection)
    with pytest.raises(WorkflowFailureError) as failed:
        await batch.done()
    assert isinstance(failed.value.cause, ApplicationError)
    assert said in failed.value.cause.message
    assert failed.value.cause.type in ("NotFound", "bad_field")


@pytest.mark.parametrize(
    "arguments",
    [[{}], [{"migration_id": "a b"}], [{"migration_id": "a", "at_once": 0}], ["a"], [None], [], [{}, {}], [[]]],
    ids=repr,
)
async def test_an_order_that_does_not_fit_fails_its_workflow(world: World, arguments: list[Any]) -> None:
    """It does not stay for ever."""
    handle = await world.milepost.temporal.start_workflow(
        MIGRATION_WORKFLOW, args=arguments, id=unique("migration"), task_queue=world.task_queue
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await asyncio.wait_for(handle.result(), 20)
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "bad_order"


async def test_an_order_of_another_batch_fails_its_workflow(world: World) -> None:
    """The workflow's id is the batch's: under another one it would ask cases in its name."""
    handle = await world.milepost.temporal.start_workflow(
        MIGRATION_WORKFLOW, {"migration_id": "mine"}, id=workflow_id(unique("theirs")), task_queue=world.task_queue
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await asyncio.wait_for(handle.result(), 20)
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "wrong_id"


async def test_a_question_that_fails_unexpectedly_stops_no_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks hears that there is a fault, with its number."""

    says = MigrationWorkflow._progress

    def fails(batch: MigrationWorkflow) -> MigrationProgress:
        if workflow.unsafe.is_read_only():
            raise IndexError("planted")
        return says(batch)

    batch = await Batch.start(world, unique("batch"))
    await batch.done()
    with monkeypatch.context() as broken:
        broken.setattr(MigrationWorkflow, "_progress", fails)
        with pytest.raises(WorkflowQueryFailedError, match="unexpected IndexError"):
            await batch.progress()
    assert (await batch.progress()).state == "done"
