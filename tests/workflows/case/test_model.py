"""Random cases through real workflows, held against the timeline alone; also with workers that stop and are killed.

`MILEPOST_RANDOM_CASES=300` walks more of them, `MILEPOST_RANDOM_SEED=2` others; `make real-cases REAL=2000` very many.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from clients.cases import MilepostClient
from clients.sending import NoAnswer
from domain.errors import Refused
from domain.timeline.effects import NoteKind
from domain.timeline.events import CaseReopened, PlanReplaced
from domain.timeline.views import CaseView
from starters.replay.comparison import view_differences
from store.store import Store
from tests.support import unique
from tests.workflows.random_cases import (
    SEED,
    SHORT_OF_IT,
    Happening,
    Purely,
    RandomCase,
    catalog_of,
    next_version_of,
    random_cases,
    walk_purely,
)
from tests.workflows.reported_cases import assert_reported
from worker.clock import ClockStuck, VirtualClock
from worker.embedded import RunningServer
from worker.process import CACHED_WORKFLOWS, working

USUAL = 25
COUNT = int(os.environ.get("MILEPOST_RANDOM_CASES", str(USUAL)))
REAL = int(os.environ.get("MILEPOST_REAL_CASES", str(COUNT)))
"""Cases whose reports are held against their events."""
OF_A_STORE = 100
"""So many have a store and a worker of their own: what a catalog of very many processes costs is not what is tried."""
SOME, FEW = max(8, COUNT // 5), max(4, COUNT // 20)
"""Without a cache, and after a kill, a task that is lost costs its case the ten seconds after which the server gives it
to another worker. (Without a cache the SDK loses one whenever a record is still being written when a task is done.)"""
RESTARTS = 2 + COUNT // 50
AT_ONCE = 8
PATIENCE = 60 + 6 * max(COUNT, OF_A_STORE)
"""Seconds after which something is stuck."""
ROOT = Path(__file__).parents[3]

UPDATES = {
    "milestone_completed": "complete_milestone",
    "fields_changed": "change_fields",
    "clock_stopped": "stop_clock",
    "clock_resumed": "resume_clock",
    "case_closed": "close",
    "completion_cleared": "clear_completion",
    "milestone_extended": "extend_milestone",
    "plan_replaced": "migrate",
}

T = TypeVar("T")


@dataclass
class Durably:
    """What a workflow made of a case."""

    case_id: str
    view: CaseView
    answers: list[str | None] = field(default_factory=list)


class Walker:
    """Takes one random case through its workflow. Every step can be taken again without harm."""

    def __init__(self, client: Client, store: Store, task_queue: str, case: RandomCase, prefix: str) -> None:
        self.clock = VirtualClock(client)
        self.milepost = MilepostClient(self.clock.client, task_queue=task_queue)
        self.store = store
        self.case = case
        self.case_id = f"{prefix}-{case.number}"
        self.handle = self.milepost.handle(self.case_id)
        self.ahead = timedelta()
        self.answers: list[str | None] = []
        self.is_closed = False

    async def walk(self, told: Callable[[], None]) -> Durably:
        intake = self.case.intake(self.case_id, entitlement=self.case_id)
        await _patiently(lambda: self.milepost.open(intake))
        self.ahead = self.store.cases.get(self.case_id).carried.ahead
        for happening in self.case.happenings:
            self.answers.append(await self._take(happening))
            told()
        return Durably(self.case_id, await self._result(), self.answers)

    async def _take(self, happening: Happening) -> str | None:
        event = happening.event
        if isinstance(event, CaseReopened):
            return await self._reopen(event)
        if not self.is_closed:
            instant = happening.arrives_at - SHORT_OF_IT - self.ahead
            await _patiently(lambda: self.clock.go_to(self.handle, instant))
        if isinstance(event, PlanReplaced):  # nobody else has this process
            self.store.catalog.apply(next_version_of(self.case), by="test")
        message = event.model_dump(mode="json", exclude={"type", "plan"})
        if happening.way == "signal":
            await self._tell(event.type, message)
            return None
        answer = await self._ask(UPDATES[event.type], message)
        if event.type == "case_closed" and answer == "taken":
            await self._result()
            self.is_closed = True
        if happening.way == "twice":
            await self._tell(event.type, message)
        return answer

    async def _ask(self, update: str, message: dict[str, Any]) -> str:
        try:
            answer = await _patiently(lambda: self.milepost.request(self.case_id, update, **message))
        except Refused as refused:
            return refused.code
        return answer.outcome

    async def _tell(self, signal: str, message: dict[str, Any]) -> None:
        await self.handle.signal(signal, message)
        await _patiently(lambda: self.milepost.view(self.case_id))  # by then it was handled

    async def _reopen(self, event: CaseReopened) -> str:
        carried = self.store.cases.get(self.case_id).carried
        try:
            await self.milepost.reopen(self.case_id, occurred_at=event.occurred_at)
        except Refused as refused:
            return refused.code
        self.ahead = max(carried.ahead, event.occurred_at - await self._began_at())
        self.is_closed = False
        return "taken"

    async def _began_at(self) -> datetime:
        """When the newest run did its first task, by the workflow's clock; lost attempts don't count."""
        began_at: datetime | None = None
        async for event in self.handle.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
                began_at = event.event_time.ToDatetime(UTC)
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                break
        assert began_at is not None
        return began_at

    async def _result(self) -> CaseView:
        async def ended() -> CaseView:
            try:
                return CaseView.model_validate(await asyncio.wait_for(self.handle.result(), 30))
            except TimeoutError:
                raise NoAnswer(f"case {self.case_id} is closed and does not end") from None

        return await _patiently(ended)


async def _patiently(step: Callable[[], Awaitable[T]]) -> T:
    """Take a step, again while no worker answers; the test ends that goes on for too long."""
    while True:
        try:
            return await step()
        except (NoAnswer, ClockStuck):
            continue


Take = Callable[[RandomCase], Awaitable[Durably]]


def through(
    client: Client, store: Store, task_queue: str, prefix: str, *, told: Callable[[], None] = lambda: None
) -> Take:
    """Takes a case through its workflow; `told` hears of every message that was answered."""

    async def take(case: RandomCase) -> Durably:
        return await Walker(client, store, task_queue, case, prefix).walk(told)

    return take


async def walk_all(cases: Sequence[RandomCase], take: Take) -> list[Durably]:
    """Take all cases through their workflows, some at once."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def in_turn(case: RandomCase) -> Durably:
        async with turn:
            return await take(case)

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        walks = [group.create_task(in_turn(case)) for case in cases]
    return [one.result() for one in walks]


def differences(case: RandomCase, durable: Durably, store: Store) -> list[str]:
    """What differs between a case's workflow and its timeline alone."""
    pure = walk_purely(case, durable.case_id)
    found = [
        f"{happening.event.type} at {happening.arrives_at}: {ours} here and {theirs} in the pure run"
        for happening, ours, theirs in zip(case.happenings, durable.answers, pure.answers, strict=True)
        if ours != theirs
    ]
    found += view_differences(durable.view, pure.view)
    found += _action_differences(pure, durable, store)
    found += _record_differences(pure, durable, store)
    return [f"{durable.case_id}: {line}" for line in found]


def _action_differences(pure: Purely, durable: Durably, store: Store) -> list[str]:
    wanted = Counter((call.key, fired.at) for fired in pure.fired for call in fired.calls if call.action.do == "task")
    done = Counter((task.key, task.at) for task in store.tasks.find(durable.case_id))
    return [
        *(f"task {key} at {at} was not made" for key, at in wanted - done),
        *(f"task {key} at {at} was made, or made twice, and is not in the pure run" for key, at in done - wanted),
    ]


def _record_differences(pure: Purely, durable: Durably, store: Store) -> list[str]:
    notes = store.cases.notes(durable.case_id)
    found = view_differences(store.cases.get(durable.case_id).view, durable.view)
    if [note.number for note in notes] != list(range(1, len(notes) + 1)):
        found.append(f"notes are missing or there twice: {[note.number for note in notes]}")
    refused = sum(note.kind is NoteKind.REFUSED for note in notes)
    if refused != pure.unanswered_refusals:
        found.append(f"{refused} signals were refused, and {pure.unanswered_refusals} in the pure run")
    return found


def assert_equal(cases: Sequence[RandomCase], durable: Sequence[Durably], store: Store) -> None:
    """Every workflow ended as the timeline says; says what differs, and of which case."""
    said: list[str] = []
    for case, one in zip(cases, durable, strict=True):
        if found := differences(case, one, store):
            said += ["", *found, case.process.model_dump_json(exclude_defaults=True), json.dumps(case.fields)]
            said += [f"  {h.arrives_at} {h.way} {h.event!r}" for h in case.happenings]
    assert not said, "\n".join(said)


Applied = Callable[[tuple[RandomCase, ...]], str]


@pytest.fixture
def random_store(tmp_path: Path) -> Iterator[Store]:
    """A store with nothing in it."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as opened:
        yield opened


@pytest.fixture
def applied(random_store: Store) -> Applied:
    """Applies the processes of cases; says the prefix of the cases' and entitlements' ids."""

    def apply(cases: tuple[RandomCase, ...]) -> str:
        prefix = unique("random")
        random_store.catalog.apply(catalog_of(cases, prefix), by="test")
        return prefix

    return apply


def on_no_hair(cases: Sequence[RandomCase], count: int) -> tuple[RandomCase, ...]:
    """Cases in which no message comes within moments of something due, which a restart might turn round."""
    return tuple(case for case in cases if not walk_purely(case, "near").near)[:count]


class Shifts:
    """When one worker makes room for the next: after so many messages."""

    def __init__(self, cases: Sequence[RandomCase], count: int) -> None:
        self.messages = sum(len(case.happenings) for case in cases)
        self.ends = [asyncio.Event() for _ in range(count)]
        self.taken = 0
        self.over_in_the_middle = 0
        # At random, but not all at once: each somewhere within its part of the messages.
        chance = random.Random(SEED)  # noqa: S311 - where a worker stops is no secret
        part = self.messages // (count + 1)
        self.limits = [part * number + chance.randrange(part) for number in range(1, count + 1)]

    def told(self) -> None:
        self.taken += 1
        for limit, end in zip(self.limits, self.ends, strict=True):
            if self.taken >= limit:
                end.set()

    async def over(self, number: int) -> None:
        await self.ends[number].wait()
        self.over_in_the_middle += self.taken < self.messages

    def end(self) -> None:
        for end in self.ends:
            end.set()


@pytest.mark.parametrize("first", range(0, REAL, OF_A_STORE))
async def test_workflows_end_as_the_timeline_says(
    client: Client, random_store: Store, applied: Applied, task_queue: str, first: int
) -> None:
    """The same answers and refusals, the same milestones, each task that was called for made once; and so reported."""
    cases = random_cases(min(OF_A_STORE, REAL - first), lot=first)
    prefix = applied(cases)
    async with working(VirtualClock(client).client, random_store, task_queue=task_queue):
        durable = await walk_all(cases, through(client, random_store, task_queue, prefix))
    assert_equal(cases, durable, random_store)
    assert_reported(cases, [one.case_id for one in durable], random_store)


@pytest.mark.parametrize(
    ("cached", "count"),
    # With nothing cached each step that an eviction cuts short costs ten seconds: for the long runs only.
    [(CACHED_WORKFLOWS, SOME), *([(0, FEW)] if COUNT > USUAL else [])],
    ids=["cached", *(["replayed-every-time"] if COUNT > USUAL else [])],
)
async def test_workers_that_come_and_go_change_nothing(
    client: Client, random_store: Store, applied: Applied, task_queue: str, *, cached: int, count: int
) -> None:
    """Stopped anywhere in the middle, and another started: the same end; also when nothing is kept in memory."""
    cases = on_no_hair(random_cases(COUNT), count)
    prefix = applied(cases)
    shifts = Shifts(cases, RESTARTS)

    async def work() -> None:
        for number in range(len(shifts.ends)):
            async with working(client, random_store, task_queue=task_queue, cached_workflows=cached):
                await shifts.over(number)
        async with working(client, random_store, task_queue=task_queue, cached_workflows=cached):
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        at_work = group.create_task(work())
        durable = await walk_all(cases, through(client, random_store, task_queue, prefix, told=shifts.told))
        at_work.cancel()
    assert shifts.over_in_the_middle == len(shifts.ends)
    assert_equal(cases, durable, random_store)


async def test_killed_workers_change_nothing(
    server: RunningServer, random_store: Store, applied: Applied, task_queue: str, tmp_path: Path
) -> None:
    """kill -9 of a worker's process in the middle: the same end, and no task twice."""
    cases = on_no_hair(random_cases(COUNT), FEW)
    prefix = applied(cases)
    shifts = Shifts(cases, RESTARTS - 1)
    environment = {
        **os.environ,
        "MILEPOST_DATA": str(tmp_path),
        "MILEPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'milepost.db'}",
        "MILEPOST_TASK_QUEUE": task_queue,
        "TEMPORAL_ADDRESS": server.address,
        "TEMPORAL_NAMESPACE": server.client.namespace,
    }

    def worker() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "starters", "worker", "--claim"], env=environment, cwd=ROOT)

    at_work = worker()
    try:
        walking = asyncio.create_task(
            walk_all(cases, through(server.client, random_store, task_queue, prefix, told=shifts.told))
        )
        for number in range(len(shifts.ends)):
            over = asyncio.create_task(shifts.over(number))
            await asyncio.wait([walking, over], return_when=asyncio.FIRST_COMPLETED)
            over.cancel()
            at_work.kill()
            at_work.wait()
            at_work = worker()
        durable = await walking
    finally:
        at_work.kill()
        at_work.wait()
    assert shifts.over_in_the_middle == len(shifts.ends)
    assert_equal(cases, durable, random_store)
