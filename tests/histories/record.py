"""Records the histories that `tests/workflows/test_replay.py` replays: `python -m tests.histories.record`.

Recorded once for each version of the workflows that has run anywhere; never again to make a failing test pass. A change
that breaks a recorded history would break running cases: put it behind `workflow.patched`.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from temporalio.client import WorkflowFailureError, WorkflowHistory

from clients.report_schedules import ReportScheduleClient
from domain.catalog.documents import read_document
from domain.catalog.report_times import ReportTimes
from domain.messages.migrations import MIGRATION_WORKFLOW
from domain.messages.migrations import workflow_id as migration_workflow_id
from domain.messages.redelivery import REDELIVERY_WORKFLOW
from domain.messages.redelivery import workflow_id as redelivery_workflow_id
from domain.messages.report import schedule_id
from domain.usage.requests import workflow_id
from store.store import Store
from tests.support import assert_eventually
from tests.workflows.replaying import replay, state_of
from tests.workflows.subscription.desk import desk
from tests.workflows.world import CATALOG, World, later
from worker.clock import VirtualClock
from worker.embedded import running_server
from worker.process import working

HERE = Path(__file__).parent


async def closed_case(world: World) -> str:
    """A case with a bit of everything, closed at the end."""
    case = await world.open(case_id="closed", fields={"priority": "High", "state": "New"})
    handle = world.milepost.handle(case)
    await world.go_to(case, later(hours=3, minutes=10))
    await world.ask(case, "stop_clock", later(hours=3, minutes=20), reason="waiting for parts")
    await handle.signal("clock_stopped", args=[])
    await handle.signal("nonsense", {"a": 1})
    await world.ask(case, "resume_clock", later(hours=5))
    await world.go_to(case, later(hours=6))
    await world.ask(case, "change_fields", later(hours=6, minutes=10), fields={"priority": "Low"})
    await world.ask(case, "complete_milestone", later(hours=5, minutes=30), milestone="First response", by="ann")
    await world.ask(case, "clear_completion", later(hours=7), milestone="First response", reason="wrong case")
    await world.ask(case, "complete_milestone", later(hours=7, minutes=1), milestone="First response", by="ann")
    await world.ask(case, "change_fields", later(hours=25), fields={"state": "Waiting"})
    await world.ask(case, "change_fields", later(hours=26), fields={"state": "New"})
    await world.ask(case, "extend_milestone", later(hours=27), milestone="Resolution", open_seconds=3600)
    await world.ask(case, "change_fields", later(days=2), fields={"state": "Resolved"})
    await world.ask(case, "close", later(days=2, hours=1))
    await handle.result()
    return handle.id


async def short_case(world: World) -> str:
    """Opened, answered and closed, long before anything is due."""
    case = await world.open(case_id="short")
    for number, milestone in enumerate(("First response", "Resolution"), 1):
        await world.ask(case, "complete_milestone", later(minutes=10 * number), milestone=milestone, by="ann")
    await world.ask(case, "close", later(minutes=30))
    handle = world.milepost.handle(case)
    await handle.result()
    return handle.id


async def open_case(world: World) -> str:
    """A case in the middle of its life: violated, with an action that failed."""
    case = await world.open("broken", case_id="open")
    await world.go_to(case, later(hours=2))
    await world.ask(case, "stop_clock", later(hours=3), milestone="Answer")
    return world.milepost.handle(case).id


async def asking_case(world: World) -> str:
    """A case that is to go over to an entitlement that is spent: somebody says no, then yes."""
    await world.open("asking", case_id="asking-first", asset="asking-asset")
    case = await world.open("asking", case_id="asking", asset="asking-asset", entitlement="asking-rest")
    for number, approved in enumerate((False, True), 1):
        at = later(minutes=10 * number)
        await world.ask(case, "change_entitlement", at, entitlement="asking-1", by="ann")
        await world.ask(case, "decide_overage", at + timedelta(minutes=5), approved=approved, by="bea", reason="a word")
    await world.ask(case, "close", later(hours=1))
    handle = world.milepost.handle(case)
    await handle.result()
    return handle.id


async def many_actions(world: World) -> str:
    """A case that is opened hours late: sixty triggers at once, in slices; more actions than are sent unseen."""
    triggers = [
        {"kind": "warning", "at": f"{5 * (n + 1)}m", "actions": [{"do": "task", "subject": "late"}]} for n in range(10)
    ]
    milestones = [{"name": f"Step {n}", "within": "1h", "triggers": triggers} for n in range(6)]
    added = {
        "processes": [{"name": "Sixty", "milestones": milestones}],
        "accounts": [{"id": "sixty", "name": "Sixty"}],
        "entitlements": [{"id": "sixty-1", "account": "sixty", "process": "Sixty"}],
    }
    world.store.catalog.apply(read_document(added), by="test")
    case = await world.open("sixty", case_id="many", opened_at=later(hours=-9))
    await world.ask(case, "close", later(minutes=5))
    handle = world.milepost.handle(case)
    await handle.result()
    return handle.id


async def overflowed(world: World) -> str:
    """An entitlement that begins with a case for which it has nothing left; its manager is told."""
    await world.open("empty", case_id="empty")
    return workflow_id("empty-0")


async def entitlement(world: World) -> str:
    """An entitlement of which two cases took something, and a third had nothing left."""
    for number in range(3):
        await world.open("few", case_id=f"few-{number}")
    return workflow_id("few-2")


async def after_quiet(world: World) -> str:
    """An entitlement with nothing left, asked again and again, each time after all that it had begun has come back."""
    handle = world.milepost.temporal.get_workflow_handle(workflow_id("empty-0"))

    async def quiet() -> None:
        described = (await handle.describe()).raw_description
        assert not described.pending_activities
        assert not described.HasField("pending_workflow_task")

    for number in range(4):
        await world.open("empty", case_id=f"quiet-{number}")
        await assert_eventually(quiet)
    return handle.id


async def migration(world: World) -> str:
    """A batch over three cases: one runs, one is stopped, one is gone though its record says that it runs."""
    cases = [await world.open("four", case_id=f"four-{number}") for number in range(3)]
    await world.ask(cases[1], "stop_clock", later(minutes=5))
    await world.milepost.handle(cases[2]).terminate()
    four = next(process for process in CATALOG.processes if process.name == "Four").model_dump(mode="json")
    four["milestones"][0]["within"] = [{"span": "2h"}]
    world.store.catalog.apply(
        read_document({"processes": [{k: v for k, v in four.items() if k != "version"}]}), by="test"
    )
    order = {"migration_id": "four", "selection": {"process": "Four"}, "at_once": 1, "by": "ann"}
    handle = await world.milepost.temporal.start_workflow(
        MIGRATION_WORKFLOW, order, id=migration_workflow_id("four"), task_queue=world.task_queue
    )
    await handle.result()
    return handle.id


async def subscription(world: World) -> str:
    """One with a bit of everything: a case that fails, a pause, a replay, an endpoint that is away, and the end."""
    with tempfile.TemporaryDirectory() as folder:
        async with desk(world.clock._client, Path(folder), name="recorded", begins="start", pace=50) as one:
            one.receiver.answers({"case/bad": 500})
            one.write("bad", "a", "b")
            one.write("good", "a")
            begin = one.store.feed.end()

            async def good_has_arrived() -> None:
                assert set(one.taken()) == {("case/good", 1), ("case/good", 2)}

            await assert_eventually(good_has_arrived)
            await one.subscriptions.pause("recorded", by="ann", reason="a release")
            await one.stands("paused")
            one.receiver.answers({})
            await one.subscriptions.resume("recorded", by="ann")
            await one.all_have_arrived()
            await one.receiver.stop()
            one.write("good", "b", "c")

            async def is_away() -> None:
                state = one.store.subscriptions.standing("recorded").state
                assert state is not None
                assert state.trouble

            await assert_eventually(is_away)
            await one.receiver.start()
            await one.all_have_arrived()
            await one.subscriptions.replay("recorded", begin, by="ann")
            await one.handle.signal("nonsense", {"a": 1})

            async def came_again() -> None:
                assert len(one.taken()) >= 9

            await assert_eventually(came_again)
            one.declare(retired=True)
            await one.handle.result()
            return one.handle.id


async def redelivery(world: World) -> str:
    """A delivery by hand of something that has not arrived: it is refused for good, with the reason."""
    key = "four-9/four/answer/1/violation-0/1/email"
    order = {"key": key, "by": "ann", "asked_at": later(minutes=5).isoformat()}
    handle = await world.milepost.temporal.start_workflow(
        REDELIVERY_WORKFLOW, order, id=redelivery_workflow_id(key), task_queue=world.task_queue
    )
    with suppress(WorkflowFailureError):
        await handle.result()
    return handle.id


async def report(world: World) -> str:
    """A report that its schedule starts by hand: it goes to the log of mail."""
    declared = {"id": "recorded", "kind": "compliance", "when": {"every": "day"}, "to": ["ann@example.com"]}
    world.store.catalog.apply(read_document({"reports": [declared]}), by="test")
    client = world.milepost.temporal
    times = ReportTimes(every="day")
    schedules = ReportScheduleClient(client, task_queue=world.task_queue)
    await schedules.put("recorded", times, ZoneInfo("UTC"), datetime.now(UTC))
    handle = client.get_schedule_handle(schedule_id("recorded"))
    await handle.trigger()
    started: list[str] = []

    async def it_has_started() -> None:
        actions = (await handle.describe()).info.recent_actions
        started.extend(action.action.workflow_id for action in actions)  # type: ignore[attr-defined]  # a start
        assert started

    await assert_eventually(it_has_started)
    await client.get_workflow_handle(started[0]).result()
    await schedules.remove("recorded")
    return started[0]


SCENARIOS: dict[str, Callable[[World], Awaitable[str]]] = {
    "case-closed": closed_case,
    "case-short": short_case,
    "case-open": open_case,
    "case-asking": asking_case,
    "case-many": many_actions,
    "entitlement": entitlement,
    "entitlement-overflowed": overflowed,
    "entitlement-quiet": after_quiet,
    "migration": migration,
    "subscription": subscription,
    "redelivery": redelivery,
    "report": report,
}


async def main(names: list[str]) -> None:
    """Record the named scenarios, or all."""
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/milepost.db") as store:
        store.catalog.apply(CATALOG, by="test")
        async with running_server(virtual_clock=True) as server:
            clock = VirtualClock(server.client)
            async with working(clock.client, store, task_queue="recording"):
                world = World(clock, store, "recording")
                for name in names or SCENARIOS:
                    workflow_id = await SCENARIOS[name](world)
                    history = await server.client.get_workflow_handle(workflow_id).fetch_history()
                    await _write(name, history)


async def _write(name: str, history: WorkflowHistory) -> None:
    events = _without_machine(json.loads(history.to_json()))
    (HERE / f"{name}.json").write_text(json.dumps(events, indent=1) + "\n")
    state = state_of((await replay(history)).instance)
    (HERE / f"{name}.state.json").write_text(json.dumps(state, indent=1, sort_keys=True) + "\n")
    print(f"{name}: {len(history.events)} events")  # noqa: T201 - a script


def _without_machine(value: Any) -> Any:
    """Without what the SDK writes of the machine into events: names of processes, paths in stack traces."""
    if isinstance(value, dict):
        return {key: _without_machine(v) for key, v in value.items() if key not in {"identity", "stackTrace"}}
    return [_without_machine(v) for v in value] if isinstance(value, list) else value


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
