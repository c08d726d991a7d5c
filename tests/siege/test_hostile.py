"""Scheduling at its worst: nothing is kept in memory, and messages wait for a worker that knows nothing.

A worker that stays warm hides a workflow whose commands depend on which completions it has seen. One that replays a
history at every step, or begins after a pause, shows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import ValidationError
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer

from clients.cases import MilepostClient
from domain.catalog.declarations import Catalog
from domain.messages.cases import CaseIntake
from domain.usage.requests import workflow_id
from store import Store
from tests.siege.histories import fetch
from tests.support import PATIENT, assert_eventually, unique
from worker.plugin import RUNNER, WORKFLOWS
from worker.process import CACHED_WORKFLOWS, working

TAKINGS = 8
ROUNDS = 4


class Overflowing:
    """An entitlement of one case, and what is taken beyond it: the case is told, the manager is mailed."""

    def __init__(self, client: Client, store: Store, task_queue: str) -> None:
        self.client, self.store, self.task_queue = client, store, task_queue
        self.name = unique("one")
        self.milepost = MilepostClient(client, task_queue=task_queue, patience=PATIENT)
        self.cases: list[str] = []
        mail = {"do": "email", "to": "manager@example.com", "subject": "all is used"}
        counted = {"id": self.name, "account": self.name, "process": "Support", "ends_on": "2090-12-31"}
        store.catalog.apply(
            Catalog.model_validate(
                {
                    "fields": {"state": "string"},
                    "processes": [{"name": "Support", "milestones": [{"name": "Answer", "within": "3s"}]}],
                    "accounts": [{"id": self.name, "manager_mail": "manager@example.com"}],
                    "entitlements": [
                        {**counted, "allowance": {"cap": 1, "thresholds": [{"at": "100%", "actions": [mail]}]}},
                        {**counted, "id": f"{self.name}-rest", "ends_on": "2091-12-31"},
                    ],
                }
            ),
            by="test",
        )

    async def take(self) -> None:
        """Open a case: the first is covered, every other is over the cap."""
        self.cases.append(unique("case"))
        await self.milepost.open(CaseIntake(case_id=self.cases[-1], account=self.name))

    async def tell(self, case_id: str) -> None:
        """An update and two signals to a case, at once."""
        handle = self.milepost.handle(case_id)
        now = datetime.now(UTC).isoformat()
        messages = [{"event_id": unique("event"), "occurred_at": now} for _ in range(3)]
        waiting = asyncio.create_task(
            self.milepost.ask(case_id, "change_fields", {**messages[0], "fields": {"state": "Open"}})
        )
        await handle.signal("clock_stopped", messages[1])
        await handle.signal("clock_resumed", messages[2])
        await waiting

    @property
    def workflows(self) -> list[str]:
        """The ids of everything that runs."""
        return [workflow_id(self.name), *(f"case/{case_id}" for case_id in self.cases)]

    async def is_at_rest(self) -> None:
        """Nothing of it is under way."""
        for workflow in self.workflows:
            described = (await self.client.get_workflow_handle(workflow).describe()).raw_description
            assert not described.HasField("pending_workflow_task"), workflow
            assert not described.pending_activities, workflow

    async def replays(self) -> None:
        """No task has failed, none is tried again, and every history replays."""
        await assert_eventually(self.is_at_rest, within=PATIENT)
        replayer = Replayer(
            workflows=WORKFLOWS,
            data_converter=pydantic_data_converter,
            workflow_runner=RUNNER,
            workflow_failure_exception_types=[ValidationError],
        )
        for workflow, runs in (await fetch(self.client, self.workflows)).items():
            for run in runs:
                assert run.failed_tasks == [], workflow
                await replayer.replay_workflow(run.history)


@pytest_asyncio.fixture(loop_scope="session")
async def overflowing(client: Client, tmp_path: Path, task_queue: str) -> AsyncIterator[Overflowing]:
    """An entitlement with a store of its own; its workflows end with the test."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        made = Overflowing(client, store, task_queue)
        yield made
        for workflow in made.workflows:
            await client.get_workflow_handle(workflow).terminate()


async def test_takings_over_the_cap_replay_every_time(overflowing: Overflowing) -> None:
    """Without a cache each step replays the history before it: many takings over the cap are all answered."""
    where = overflowing
    async with working(where.client, where.store, task_queue=where.task_queue, cached_workflows=0):
        for _ in range(TAKINGS):
            await where.take()
        await where.replays()


@pytest.mark.parametrize("cached", [CACHED_WORKFLOWS, 0], ids=["cached", "nothing-cached"])
async def test_messages_wait_for_a_fresh_worker(overflowing: Overflowing, cached: int) -> None:
    """After quiet a taking, an update and signals meet a worker that knows nothing: again and again all is taken."""
    where = overflowing
    async with working(where.client, where.store, task_queue=where.task_queue, cached_workflows=cached):
        await where.take()
        await where.take()
        await assert_eventually(where.is_at_rest, within=PATIENT)
    for _ in range(ROUNDS):
        waiting = asyncio.gather(where.take(), where.tell(where.cases[0]))
        await assert_eventually(lambda: _has_work(where))
        async with working(where.client, where.store, task_queue=where.task_queue, cached_workflows=cached):
            await waiting
            await assert_eventually(where.is_at_rest, within=PATIENT)
    async with working(where.client, where.store, task_queue=where.task_queue, cached_workflows=cached):
        await where.replays()


@pytest.mark.parametrize("after", [0, 1, 500_000, 999_999])
async def test_a_message_of_the_second_of_a_due_trigger(overflowing: Overflowing, after: int) -> None:
    """It waits for a fresh worker together with the trigger; whatever its microseconds, it is taken at once."""
    where = overflowing
    async with working(where.client, where.store, task_queue=where.task_queue):
        await where.take()
        due_at = (await where.milepost.view(where.cases[0])).next_due
    assert due_at is not None
    await assert_eventually(lambda: _is_over(due_at + timedelta(seconds=1)))
    message = {"event_id": "in-its-second", "occurred_at": (due_at + timedelta(microseconds=after)).isoformat()}
    handle = where.milepost.handle(where.cases[0])
    await handle.signal("fields_changed", {**message, "fields": {"state": "Open"}})
    async with working(where.client, where.store, task_queue=where.task_queue):
        view = await where.milepost.view(where.cases[0])
        assert view.fields == {"state": "Open"}
        assert [violation.violated_at for m in view.milestones for violation in m.violations] == [due_at]
        await where.replays()


async def _is_over(instant: datetime) -> None:
    assert datetime.now(UTC) > instant


async def _has_work(where: Overflowing) -> None:
    try:
        described = await where.milepost.handle(where.cases[-1]).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise AssertionError("it is on its way to the server") from error
        raise
    assert described.raw_description.HasField("pending_workflow_task")
