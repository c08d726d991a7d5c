"""Whatever is sent to a case becomes an answer or a refusal on record; the case goes on as it was."""

import asyncio
import json
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from domain.errors import Refused
from domain.messages.cases import CaseIntake
from domain.timeline.events import Event
from domain.timeline.machine import Timeline
from domain.timeline.views import CaseView
from tests.support import assert_eventually, unique
from tests.workflows.conftest import Working
from tests.workflows.replaying import replay
from tests.workflows.world import MONDAY, World, later
from workflows.case.asked import NEWS, REQUESTS
from workflows.case.workflow import CaseWorkflow

UPDATES = sorted(name for name in CaseWorkflow.__temporal_workflow_definition.updates if name != "open")  # type: ignore[attr-defined]
SIGNALS = sorted(name for name in CaseWorkflow.__temporal_workflow_definition.signals if name)  # type: ignore[attr-defined]

EDGES = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1970-01-01T00:00:00+00:00")
UGLY: list[Any] = [
    *({"event_id": "e", "occurred_at": edge, "milestone": "Resolution", "fields": {"state": "x"}} for edge in EDGES),
    *({"event_id": "e", "occurred_at": edge, "by": "ann", "approved": True} for edge in EDGES),
    *({"event_id": "e", "occurred_at": edge, "id": "t-1", "minutes": 5, "worked_at": edge} for edge in EDGES[:2]),
    {"event_id": "e", "milestone": "Resolution", "open_seconds": 10**18},
    {"event_id": "e", "milestone": "Resolution", "until": EDGES[1]},
    {"event_id": "e", "process_version": 10**400},
    {"event_id": "e", "milestone": "\ud800", "key": "\ud800"},
    {"event_id": "e", "milestone": "x" * 100_000, "reason": "x" * 100_000, "key": "x" * 100_000},
    {"event_id": "e", "unknown": json.loads("[" * 200 + "]" * 200)},
    {"entitlement_id": "x", "unit": "cases", "used": 10**400, "cap": 10**400, "occurred_at": EDGES[0]},
    None,
    "text",
    [],
]


def wire(value: Any) -> Any:
    """The value as a client of another language may send it: surrogates are no UTF-8."""
    return json.loads(json.dumps(value).replace("\\ud800", "?"))


def standing(view: CaseView) -> list[Any]:
    """How the milestones stand, without the seconds that pass."""
    return [(m.milestone, m.state, m.target_at, m.pauses, m.completed_at) for m in view.milestones]


async def test_no_update_and_no_signal_wedges_a_case(world: World) -> None:
    """Every handler times every ugly value: answered or on record; the next request is taken, no task has failed."""
    case = await world.open()
    handle = world.milepost.handle(case)
    before = standing(await world.view(case))

    async def ask(update: str, value: Any) -> None:
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await asyncio.wait_for(handle.execute_update(update, wire(value)), 30)
        assert isinstance(failed.value.cause, ApplicationError), (update, value)
        assert len(failed.value.cause.message.encode()) <= 1024

    for value in UGLY:
        await asyncio.gather(*(ask(update, value) for update in UPDATES))
        for signal in SIGNALS:
            if signal != "case_closed" and wire(value) != {"event_id": "e", "process_version": 10**400}:
                await handle.signal(signal, wire(value))
    assert standing(await world.view(case)) == before
    assert (await world.ask(case, "complete_milestone", later(hours=1), milestone="First response")).outcome == "taken"
    assert await world.failed_tasks(case) == []


class Planted(Exception):
    """A fault of Milepost's own."""


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timeline with a fault: it loses its state when an event is called broken."""
    right = Timeline.apply

    def apply(self: Timeline, event: Event, *args: Any) -> Any:
        if event.event_id.startswith("broken"):
            self.state.instances.clear()
            raise Planted
        return right(self, event, *args)

    monkeypatch.setattr(Timeline, "apply", apply)


@pytest.mark.usefixtures("faulty")
async def test_what_nobody_expected_is_refused_with_a_number(world: World) -> None:
    """An update says so, a signal leaves a note; the state is as it was, and the next message is taken."""
    case = await world.open()
    before = standing(await world.view(case))
    for update, kind in REQUESTS.items():
        message = {"milestone": "First response", "fields": {"state": "x"}, "open_seconds": 60}
        known = {name: message[name] for name in message if name in kind.model_fields}
        with pytest.raises(Refused, match=r"unexpected Planted.* fault [0-9a-f]{8}-\d+") as refused:
            await world.milepost.request(case, update, event_id="broken", occurred_at=MONDAY.isoformat(), **known)
        assert refused.value.code == "unexpected"
    await world.milepost.handle(case).signal("clock_stopped", {"event_id": "broken"})

    async def it_is_on_record() -> None:
        notes = [n.text for n in world.store.cases.notes(case) if n.kind == "refused"]
        assert len(notes) == 1
        assert "under fault" in notes[0]

    await assert_eventually(it_is_on_record)
    assert standing(await world.view(case)) == before
    assert (await world.ask(case, "stop_clock", later(hours=1))).outcome == "taken"


async def test_a_mended_build_follows_a_refusal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an older build refused unexpectedly stays refused when the history is replayed by one that could take it."""
    case = await world.open()
    right = Timeline.apply

    def apply(self: Timeline, event: Event, *args: Any) -> Any:
        if event.event_id == "broken":
            raise Planted
        return right(self, event, *args)

    with monkeypatch.context() as planted:
        planted.setattr(Timeline, "apply", apply)
        await world.milepost.handle(case).signal("clock_stopped", {"event_id": "broken"})

        async def it_is_on_record() -> None:
            assert [str(n.kind) for n in world.store.cases.notes(case)].count("refused") == 1

        await assert_eventually(it_is_on_record)
    await world.ask(case, "stop_clock", later(hours=1))
    replayed = await replay(await world.history(case))
    assert replayed.failure is None
    assert replayed.differences == []
    assert "broken" not in replayed.instance.case.timeline.state.event_ids


@pytest.mark.parametrize("update", UPDATES)
async def test_a_request_before_the_opening_is_answered(idle_world: World, at_work: Working, update: str) -> None:
    """It comes with the case's first step, is answered by sense, and the case opens all the same."""
    case = unique("case")
    intake = CaseIntake(case_id=case, account="acme", clock=MONDAY, opened_at=MONDAY)
    handle = await idle_world.clock.client.start_workflow(
        "CaseWorkflow", intake, id=f"case/{case}", task_queue=idle_world.task_queue
    )
    message: dict[str, Any] = {"event_id": "early", "by": "ann", "approved": True, "entry": None}
    asking = asyncio.create_task(handle.execute_update(update, message))
    async with at_work():
        with pytest.raises(WorkflowUpdateFailedError):
            await asyncio.wait_for(asking, 30)
        await handle.execute_update("open")
        assert (await idle_world.view(case)).process == "Support"
        assert await idle_world.failed_tasks(case) == []
        await idle_world.milepost.request(case, "close", occurred_at=MONDAY.isoformat())


@pytest.mark.parametrize("priority", ["x" * 3000, "ü" * 3000, "x" * 511 + "🙂" * 100])
async def test_a_priority_of_any_length_ends_no_case(world: World, priority: str) -> None:
    """The server ends a workflow that publishes more than 2,048 bytes: what is published is cut."""
    case = await world.open()
    await world.ask(case, "change_fields", later(hours=1), fields={"priority": priority})
    assert (await world.view(case)).fields["priority"] == priority
    described = await world.milepost.handle(case).describe()
    published = described.search_attributes["MilepostPriority"]
    assert len(str(published[0]).encode()) <= 512
    assert (await world.ask(case, "stop_clock", later(hours=2))).outcome == "taken"


def test_every_event_has_a_request_or_is_news() -> None:
    """The tables of the border and the workflow's handlers name the same messages."""
    assert set(REQUESTS) <= set(UPDATES)
    assert set(NEWS) <= set(SIGNALS)
