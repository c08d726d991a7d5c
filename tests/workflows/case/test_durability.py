"""What a case survives: a worker that is down, a store that is down, runs that roll over."""

import asyncio
import re
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.exc import OperationalError
from temporalio import workflow

from activities.opening import Opening
from clients.cases import MilepostClient
from clients.sending import NoAnswer
from domain.errors import Refused
from domain.messages.cases import CaseIntake
from domain.messages.steps import CaseRecord
from domain.timeline.instances import InstanceState
from store.cases.actions import ActionRecords
from store.cases.records import CaseRecords, Failure
from store.database import Database
from store.store import Store
from tests.support import assert_eventually, unique
from tests.workflows.conftest import Working
from tests.workflows.folding import joined, tasks
from tests.workflows.replaying import replay
from tests.workflows.world import World, later
from worker.clock import VirtualClock
from worker.embedded import EmbeddedServer, configuration
from worker.process import working
from workflows.case.winding import WINDS_DOWN

SECOND = timedelta(seconds=1)
PATIENCE = 60.0


async def test_a_completion_is_judged_by_its_time_though_the_worker_was_down(
    idle_world: World, at_work: Working
) -> None:
    """Sent while no worker runs, handled after the target: met or violated by the time stamps alone."""
    offsets = {"before": -SECOND, "at": timedelta(), "after": SECOND}
    cases = {name: unique(f"case-{name}") for name in offsets}
    async with at_work():
        for case in cases.values():
            await idle_world.open("quick", case, clock=None)
        targets = {name: (await idle_world.milestone(case, "Answer")).target_at for name, case in cases.items()}
    for name, case in cases.items():
        target = targets[name]
        assert target is not None
        event = {"event_id": "done", "occurred_at": (target + offsets[name]).isoformat(), "milestone": "Answer"}
        await idle_world.milepost.handle(case).signal("milestone_completed", event)
    last = max(target for target in targets.values() if target is not None)

    async def the_deadlines_are_over() -> None:
        assert datetime.now(UTC) > last + 2 * SECOND

    await assert_eventually(the_deadlines_are_over)
    async with at_work():
        for name, case in cases.items():
            answer = await idle_world.milestone(case, "Answer")
            assert answer.state is InstanceState.COMPLETED
            assert answer.violated is (name == "after"), name
            standing = [v.violated_at for v in answer.violations if v.corrected_at is None]
            assert standing == ([targets[name]] if name == "after" else []), name
            await idle_world.milepost.request(case, "close")


class DownCases(CaseRecords):
    """Records of cases that nobody can write while the test says so; the database behind them is real."""

    is_down = False

    def record(self, record: CaseRecord, *, patience: float | None = None, bridges: bool = False) -> int:
        """As ever, while it is up."""
        if self.is_down:
            raise OperationalError("INSERT", {}, Exception("the database is down"))
        return super().record(record, patience=patience, bridges=bridges)

    def record_all(self, records: Sequence[CaseRecord], *, patience: float | None = None) -> list[int | Failure]:
        """Likewise."""
        if self.is_down:
            return [OperationalError("INSERT", {}, Exception("the database is down"))] * len(records)
        return super().record_all(records, patience=patience)


class DownStore(Store):
    """A store that goes down and comes back when the test says so."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.cases = self.down = DownCases(database)


async def test_a_store_that_is_down_makes_no_timer_late(
    clock: VirtualClock, tmp_path: Any, task_queue: str, store: Store
) -> None:
    """A minute without a store: every timer within a second, every answer at once; then every record is there."""
    with DownStore.open(f"sqlite:///{tmp_path / 'milepost.db'}") as down:
        async with working(clock.client, down, task_queue=task_queue):
            world = World(clock, down, task_queue)
            case = await world.open("four")
            down.down.is_down = True
            for minute in (15, 30, 45, 60):
                await world.go_to(case, later(minutes=minute))
                view = await world.view(case)
                fired = {f.trigger: f for m in view.milestones for f in m.fired}
                assert len(fired) == minute / 15
            noticed = [v.noticed_at - v.violated_at for m in view.milestones for v in m.violations]
            assert max(noticed) <= SECOND
            answer = await world.ask(case, "complete_milestone", later(minutes=62), milestone="Answer")
            assert answer.outcome == "taken"
            down.down.is_down = False

            async def everything_is_recorded() -> None:
                actions = down.actions.of_case(case)
                assert len(down.tasks.find(case)) == 4
                assert [a.status for a in actions] == ["done"] * 4
                assert len({a.key for a in actions}) == 4
                assert down.cases.get(case).view.milestones[0].state is InstanceState.COMPLETED

            # The retries of a normal activity come by the workflow's own clock.
            await world.go_to(case, later(hours=3))
            await assert_eventually(everything_is_recorded)


@pytest_asyncio.fixture(loop_scope="session")
async def rolling(monkeypatch: pytest.MonkeyPatch, store: Store, task_queue: str) -> AsyncIterator[World]:
    """A world whose server suggests a new run after 40 events."""
    monkeypatch.setitem(configuration.DYNAMIC_CONFIG, "limit.historyCount.suggestContinueAsNew", 40)
    async with EmbeddedServer(virtual_clock=True) as server:
        clock = VirtualClock(await server.connect())
        async with working(clock.client, store, task_queue=task_queue):
            yield World(clock, store, task_queue)


class Held:
    """Actions, of which each waits for a word, and one request that waits for a plan."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.may_act, self.may_plan = threading.Semaphore(0), asyncio.Event()
        makes = ActionRecords.record_task

        def made(*given: Any, **named: Any) -> bool:
            self.may_act.acquire(timeout=PATIENCE)
            return makes(*given, **named)

        async def planned(*_: Any) -> Any:
            await asyncio.wait_for(self.may_plan.wait(), PATIENCE)
            raise Refused("no_plan", "there is none")

        monkeypatch.setattr(ActionRecords, "record_task", made)
        monkeypatch.setattr(Opening, "_plan_change", planned)

    @asynccontextmanager
    async def open_late(self, world: World, *, minutes: int) -> AsyncIterator[str]:
        """A case whose first triggers fire when it opens, with a request that waits until the context ends."""
        opened_at = datetime.now(UTC) - timedelta(minutes=minutes)
        case = await world.open("four", clock=None, opened_at=opened_at)
        waiting = asyncio.create_task(world.milepost.request(case, "change_entitlement", entitlement="four-1"))
        try:
            yield case
        finally:
            self.may_act.release(10)
            self.may_plan.set()
        with pytest.raises(Refused):
            await waiting


async def under_way(world: World, case: str, activities: int) -> None:
    described = (await world.milepost.handle(case).describe()).raw_description
    assert len(described.pending_activities) == activities
    assert not described.HasField("pending_workflow_task")


async def test_a_run_that_knew_no_winding_down_replays(rolling: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that knew none stayed in its run while a request waited: this one goes on from there."""
    held, knows = Held(monkeypatch), workflow.patched
    monkeypatch.setattr(workflow, "patched", lambda name: name != WINDS_DOWN and knows(name))
    async with held.open_late(rolling, minutes=20) as case:
        await assert_eventually(partial(under_way, rolling, case, 2), within=30)
        for number in range(10):
            await rolling.milepost.request(case, "change_fields", fields={"state": f"{number}"})
        history = await rolling.history(case)
    assert any(e.workflow_task_started_event_attributes.suggest_continue_as_new for e in history.events)
    assert not any(e.HasField("workflow_execution_continued_as_new_event_attributes") for e in history.events)
    monkeypatch.setattr(workflow, "patched", knows)
    replayed = await replay(history)
    assert (replayed.failure, replayed.differences) == (None, [])


async def test_a_run_winds_down_alike_however_tasks_are_cut(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Actions come back, then a request comes when a new run is due: the same if it comes with the last of them."""
    held, due_at = Held(monkeypatch), [sys.maxsize]
    length = workflow.Info.get_current_history_length
    monkeypatch.setattr(workflow.Info, "is_continue_as_new_suggested", lambda info: length(info) >= due_at[0])
    async with held.open_late(world, minutes=35) as case:
        for left in (3, 2, 1):
            await assert_eventually(partial(under_way, world, case, left), within=30)
            if left > 1:
                held.may_act.release()
        due_at[0] = len((await world.history(case)).events)
        await world.milepost.request(case, "change_fields", fields={"state": "Open"})
        await assert_eventually(partial(under_way, world, case, 1), within=30)
        history = await world.history(case)
        cut = joined(history)
        assert tasks(cut) < tasks(history)
        assert (await replay(history)).failure is None
        due_at[0] -= len(history.events) - len(cut.events)
        assert (await replay(cut)).failure is None
        due_at[0] += len(history.events) - len(cut.events)


async def test_nothing_is_lost_when_a_run_rolls_over(rolling: World) -> None:
    """Requests and signals from ten senders over many runs: every one taken, none twice, the clock and ledger kept."""
    case = await rolling.open()
    first_run = (await rolling.milepost.handle(case).describe()).run_id

    async def send(sender: int) -> None:
        for number in range(8):
            event_id = f"{sender}-{number}"
            if number % 2:
                await rolling.milepost.handle(case).signal(
                    "fields_changed", {"event_id": event_id, "fields": {"state": event_id}}
                )
            else:
                await rolling.milepost.request(
                    case,
                    "extend_milestone",
                    event_id=event_id,
                    occurred_at=later().isoformat(),
                    milestone="First response",
                    open_seconds=60,
                )

    await asyncio.gather(*(send(sender) for sender in range(10)))

    async def all_are_taken() -> None:
        changed = [n for n in rolling.store.cases.notes(case) if n.kind == "changed"]
        extended = [n for n in rolling.store.cases.notes(case) if n.kind == "extended"]
        assert (len(changed), len(extended)) == (40, 40)

    await assert_eventually(all_are_taken)
    assert (await rolling.milestone(case, "First response")).target_at == later(hours=4, minutes=40)
    assert (await rolling.milepost.handle(case).describe()).run_id != first_run
    repeated = await rolling.milepost.request(
        case,
        "extend_milestone",
        event_id="0-0",
        occurred_at=later().isoformat(),
        milestone="First response",
        open_seconds=60,
    )
    assert repeated.outcome == "repeated"
    await rolling.go_to(case, later(hours=5))
    first = await rolling.milestone(case, "First response")
    assert [v.violated_at for v in first.violations] == [later(hours=4, minutes=40)], "the case's own clock went on"
    numbers = [n.number for n in rolling.store.cases.notes(case)]
    assert numbers == list(range(1, len(numbers) + 1)), "no note is missing, none is there twice"


async def test_an_opening_that_gets_no_further_says_why(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its store away a case is not opened for want of a worker: what the activity said last is said."""

    async def is_away(*_: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("connection refused\n\tIs the server running?"))

    case, impatient = unique("c"), MilepostClient(world.milepost.temporal, task_queue=world.milepost.task_queue)
    impatient.patience = 3
    with monkeypatch.context() as away:
        away.setattr(Opening, "_open", is_away)
        with pytest.raises(NoAnswer) as silence:
            await impatient.open(CaseIntake(case_id=case, account="acme"))
    said = str(silence.value)
    assert re.fullmatch(
        rf"case {case} can't answer yet: its activity open_case has failed (once|\d times), and is tried again; "
        r"the last time: .*connection refused",
        said,
    ), said
    await world.open(case_id=case)


async def test_each_record_says_when_its_task_began(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the server's clock, which tells attempts at one task apart: the store takes the later one's."""
    written: list[CaseRecord] = []
    record_all = CaseRecords.record_all

    def watched(records: CaseRecords, given: Sequence[CaseRecord], **also: Any) -> list[int | Failure]:
        written.extend(given)
        return record_all(records, given, **also)

    monkeypatch.setattr(CaseRecords, "record_all", watched)
    case = await world.open("quick", clock=None)
    for number in range(3):
        await world.milepost.request(case, "change_fields", fields={"state": f"s-{number}"})
    history = await world.history(case)
    began = {
        event.event_id: event.event_time.ToDatetime(UTC)
        for event in history.events
        if event.HasField("workflow_task_started_event_attributes")
    }
    of_tasks = (record for record in written if record.view.case_id == case and record.history)
    told = [(record.history, record.began_at) for record in of_tasks]  # the opening's is of no task
    assert len(told) >= 3
    assert all(at is not None and abs(at - began[number]) < SECOND / 1000 for number, at in told)
