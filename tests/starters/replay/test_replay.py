"""The durable run of the real incidents, held against the pure one."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from domain.errors import Refused
from domain.messages.cases import CaseIntake
from domain.timeline.events import CaseClosed, CaseReopened, FieldsChanged
from starters.files.catalogs import apply_files
from starters.logs.events import LoggedCase
from starters.replay.comparison import compare, view_differences
from starters.replay.running import Replay, Replayed, Tally, renamed
from starters.replay.walking import ReplayFailed
from store import Store
from tests.starters.incidents import CATALOG, ROOT, case, log, plan
from tests.support import unique
from worker.connection import settle
from worker.embedded import EmbeddedServer
from worker.process import working

ON_A_TARGET = ("INC0000510", "INC0000790")
"""Incidents with a message in the very second of a target."""

HOUR = timedelta(hours=1)

CASES = (*ON_A_TARGET, "INC0000047", "INC0000062", "INC0000130", "INC0000173", "INC0000304")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with the policy for incidents, and an entitlement that is only there."""
    with _store(tmp_path_factory.mktemp("replay")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def at_work(client: Client, store: Store) -> AsyncIterator[str]:
    """A task queue with a worker."""
    task_queue = unique("queue")
    async with working(client, store, task_queue=task_queue):
        yield task_queue


def _store(folder: Path) -> Store:
    # An entitlement is a workflow on the task queue of its first case: every queue needs one of its own.
    policy = folder / "incidents.yaml"
    policy.write_text(CATALOG.read_text().replace("workplace-it-support", unique("support")))
    opened = Store.open(f"sqlite:///{folder / 'milepost.db'}")
    apply_files(opened, [policy], by="test")
    return opened


def incidents(prefix: str, *case_ids: str) -> list[LoggedCase]:
    """Incidents of the sample, under ids that no other test uses."""
    return [renamed(case(case_id), prefix) for case_id in case_ids]


def differences(replayed: list[Replayed], store: Store) -> list[str]:
    """What differs from the pure run, in the milestones and in the actions that were carried out."""
    done = {
        one.case.case_id: {a.key for a in store.actions.of_case(one.case.case_id) if a.status == "done"}
        for one in replayed
    }
    return [line for compared in compare(replayed, plan(), done) for line in compared.differences]


async def test_durable_run_equals_pure_run(client: Client, store: Store, at_work: str) -> None:
    """Instance by instance and action by action; messages that fall on a target to the second are among them."""
    cases = incidents(unique("r") + "-", *dict.fromkeys(CASES))
    replayed = await Replay(client, task_queue=at_work).run(cases)
    assert [one.case for one in replayed] == cases
    assert differences(replayed, store) == []
    for one in replayed[: len(ON_A_TARGET)]:
        targets = {milestone.target_at for milestone in one.view.milestones}
        dues = targets | {firing.due_at for milestone in one.view.milestones for firing in milestone.fired}
        events = {event.occurred_at for event in one.case.events}
        assert events & dues, "an event falls on a target, or on something due, to the second"


async def test_case_keeps_the_logs_own_dates(client: Client, store: Store, at_work: str) -> None:
    """A replayed case is opened and closed when the log says."""
    (one,) = await Replay(client, task_queue=at_work).run(incidents(unique("r") + "-", "INC0000173"))
    assert one.view.opened_at == one.case.opened_at
    assert one.view.closed_at == one.case.ended_at


async def test_replay_again_repeats_no_event(client: Client, store: Store, at_work: str) -> None:
    """A case that ended is found as it ended; one that is open takes no event twice."""
    whole, unclosed = incidents(unique("r") + "-", "INC0000173", "INC0000304")
    assert isinstance(unclosed.events[-1], CaseClosed)
    unclosed = replace(unclosed, events=unclosed.events[:-1])
    first = await Replay(client, task_queue=at_work).run([whole, unclosed])
    lengths = [await _events(client, one) for one in first]
    again = await Replay(client, task_queue=at_work).run([whole, unclosed])
    assert [view_differences(a.view, b.view) for a, b in zip(again, first, strict=True)] == [[], []]
    assert await _events(client, again[0]) == lengths[0]
    assert await _events(client, again[1]) == lengths[1]


def reopened_case() -> LoggedCase:
    """A case that is closed unresolved on Tuesday, reopened on Thursday, and resolved after its target."""
    opened = datetime(2016, 3, 1, 9, tzinfo=UTC)
    case_id = unique("r")

    def changed(hours: int, state: str) -> FieldsChanged:
        return FieldsChanged(event_id=f"{case_id}/{hours}", occurred_at=opened + hours * HOUR, fields={"state": state})

    events = (
        changed(1, "Active"),
        CaseClosed(event_id=f"{case_id}/closed", occurred_at=opened + 4 * HOUR),
        CaseReopened(
            event_id=f"{case_id}/reopened",
            occurred_at=opened + 50 * HOUR,
            fields={"state": "Awaiting Vendor", "priority": "High"},
        ),
        changed(53, "Active"),
        changed(90, "Resolved"),
        CaseClosed(event_id=f"{case_id}/closed-again", occurred_at=opened + 91 * HOUR),
    )
    fields = {"state": "New", "priority": "Moderate"}
    intake = CaseIntake(case_id=case_id, account="workplace-it", fields=fields, opened_at=opened)
    return LoggedCase(intake, opened, events)


async def test_a_reopened_case_equals_its_pure_run(client: Client, store: Store, at_work: str) -> None:
    """It goes on in a run of its own, at the time of the log; asked again, a replay finds it as it ended."""
    one = reopened_case()
    replay = Replay(client, task_queue=at_work, stored=lambda case_id: store.cases.get(case_id).carried)
    found = await replay.run([one])
    assert differences(found, store) == []
    resolution = found[0].view.milestones[1]
    assert [pause.causes for pause in resolution.pauses] != []
    assert resolution.violated
    assert found[0].view.closed_at == one.ended_at
    again = await replay.run([one])
    assert view_differences(again[0].view, found[0].view) == []


@pytest.mark.parametrize("events", [2, 3, 4])
async def test_a_stopped_replay_of_a_reopened_case_goes_on(
    client: Client, store: Store, at_work: str, events: int
) -> None:
    """After its closing, its reopening, or what came next."""
    one = reopened_case()
    replay = Replay(client, task_queue=at_work, stored=lambda case_id: store.cases.get(case_id).carried)
    cut = replace(one, events=one.events[:events])
    await replay.run([cut], until=cut.ended_at)
    assert differences(await replay.run([one]), store) == []


async def test_case_that_the_log_does_not_close_goes_on_to_its_end(client: Client, store: Store, at_work: str) -> None:
    """What is due until then has happened, what is not has not."""
    closed = incidents(unique("r") + "-", "INC0000304", "INC0000173")
    cut = [replace(one, events=one.events[:1]) for one in closed]
    until = min(one.ended_at for one in closed)
    replayed = await Replay(client, task_queue=at_work).run(cut, until=until)
    for one in replayed:
        assert one.view.closed_at is None
        assert one.view.next_due is None or one.view.next_due > until
    assert any(milestone.fired for one in replayed for milestone in one.view.milestones)
    assert differences(replayed, store) == []


async def test_stopped_replay_goes_on_where_it_was(client: Client, store: Store, at_work: str) -> None:
    """Whoever stops it in the middle runs it again."""
    cases = incidents(unique("r") + "-", *CASES[:4])
    middle = asyncio.Event()

    def told(tally: Tally) -> None:
        if tally.events_sent >= tally.events // 2:
            middle.set()

    stopped = asyncio.create_task(Replay(client, task_queue=at_work, told=told).run(cases))
    await middle.wait()
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    assert differences(await Replay(client, task_queue=at_work).run(cases), store) == []


async def test_replay_waits_for_a_worker(client: Client, tmp_path: Path, task_queue: str) -> None:
    """It says what it waits for, and goes on when a worker comes."""
    waiting = asyncio.Event()
    said: list[str] = []

    def told(tally: Tally) -> None:
        if tally.waiting_for:
            said.append(tally.waiting_for)
            waiting.set()

    replay = Replay(client, task_queue=task_queue, told=told, step=1.0)
    running = asyncio.create_task(replay.run(incidents(unique("r") + "-", "INC0000173")))
    await waiting.wait()
    assert task_queue in said[0]
    with _store(tmp_path) as store:
        async with working(client, store, task_queue=task_queue):
            assert differences(await running, store) == []


async def test_replay_gives_up_when_nothing_answers_for_too_long(client: Client, task_queue: str) -> None:
    replay = Replay(client, task_queue=task_queue, step=0.2, patience=0.1)
    with pytest.raises(ReplayFailed, match="run the same command again"):
        await replay.run(incidents(unique("r") + "-", "INC0000173"))


async def test_event_that_a_case_does_not_take_is_named(client: Client, store: Store, at_work: str) -> None:
    (logged,) = incidents(unique("r") + "-", "INC0000173")
    first, *rest = logged.events
    odd = replace(logged, events=(first.model_copy(update={"fields": {"colour": "red"}}), *rest))
    with pytest.raises(Refused, match=rf"case {odd.case_id}, event {first.event_id}: unknown field 'colour'"):
        await Replay(client, task_queue=at_work).run([odd])


async def test_case_of_another_kind_under_the_id_is_not_touched(client: Client, store: Store, at_work: str) -> None:
    """A running case of that id, opened otherwise, stops the replay with a way out."""
    (logged,) = incidents(unique("r") + "-", "INC0000173")
    replay = Replay(client, task_queue=at_work)
    await replay._client.open(CaseIntake(case_id=logged.case_id, account="workplace-it"))
    with pytest.raises(ReplayFailed, match="--prefix"):
        await replay.run([logged])


async def test_killed_worker_and_server_lose_nothing(tmp_path: Path) -> None:
    """kill -9 of the worker, then of the server, in the middle of a replay: every trigger fires exactly once."""
    cases = list(log().cases[:10])
    environment = {
        **os.environ,
        "MILEPOST_DATA": str(tmp_path),
        "MILEPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'milepost.db'}",
        "MILEPOST_TASK_QUEUE": "kills",
    }
    _store(tmp_path).close()
    async with EmbeddedServer(virtual_clock=True) as server:
        environment |= {"TEMPORAL_ADDRESS": server.address, "TEMPORAL_NAMESPACE": server.namespace}

        def worker() -> subprocess.Popen[bytes]:
            return subprocess.Popen([sys.executable, "-m", "starters", "worker", "--claim"], env=environment, cwd=ROOT)

        events = sum(len(one.events) for one in cases)
        reached = {part: asyncio.Event() for part in (1, 2)}

        def told(tally: Tally) -> None:
            for part, event in reached.items():
                if tally.events_sent >= part * events // 3:
                    event.set()

        at_work = worker()
        try:
            replay = Replay(await server.connect(), task_queue="kills", told=told, step=5.0)
            running = asyncio.create_task(replay.run(cases))
            await asyncio.wait({running, asyncio.create_task(reached[1].wait())}, return_when="FIRST_COMPLETED")
            at_work.send_signal(signal.SIGKILL)
            at_work.wait()
            at_work = worker()
            await asyncio.wait({running, asyncio.create_task(reached[2].wait())}, return_when="FIRST_COMPLETED")
            server.kill()
            await server.start()
            replayed = await running
        finally:
            at_work.kill()
            at_work.wait()
        del replay
    with Store.open(environment["MILEPOST_DATABASE_URL"]) as store:
        assert differences(replayed, store) == []
    await settle()


async def _events(client: Client, one: Replayed) -> int:
    """How many events its workflow has, but for those that moving its clock makes."""
    history = await client.get_workflow_handle(f"case/{one.case.case_id}").fetch_history()
    of_the_clock = ("OPTIONS_UPDATED", "TIME_SKIPPING")
    names = [EventType.Name(event.event_type) for event in history.events]
    return sum(not any(kind in name for kind in of_the_clock) for name in names)
