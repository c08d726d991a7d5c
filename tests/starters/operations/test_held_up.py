"""What runs and does not get on is named by `show` and `audit`: a step that is stuck, a workflow that is wedged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from typer.testing import Result

from clients.cases import MilepostClient
from domain.catalog.declarations import Catalog
from domain.messages.cases import CaseIntake
from domain.timeline.machine import Timeline
from starters.operations.held_up import HeldUp, held_up
from store import Store
from tests.starters.command_line import environment_of, milepost
from tests.support import PATIENT, assert_eventually, unique
from worker.embedded import running_server
from worker.embedded.configuration import DYNAMIC_CONFIG
from worker.process import working

CATALOG = Catalog.model_validate(
    {
        "processes": [{"name": "P", "milestones": [{"name": "Answer", "within": "1h"}]}],
        "organisation": {"process": "P"},
        "accounts": [{"id": "acme"}],
    }
)
SOON = timedelta(seconds=2)


@dataclass
class Desk:
    """An organisation whose every case is to be answered within an hour, and a command line."""

    milepost: MilepostClient
    store: Store
    environment: dict[str, str]

    async def ask(self, *arguments: str) -> Result:
        return await asyncio.to_thread(milepost, *arguments, env=self.environment)


@pytest_asyncio.fixture(loop_scope="session")
async def desk(client: Client, task_queue: str, tmp_path: Path) -> AsyncIterator[Desk]:
    database = f"sqlite:///{tmp_path / 'milepost.db'}"
    with Store.open(database) as store:
        store.catalog.apply(CATALOG, by="test")
        async with working(client, store, task_queue=task_queue):
            asking = MilepostClient(client, task_queue=task_queue, patience=PATIENT)
            yield Desk(asking, store, environment_of(client, tmp_path, database, task_queue))


async def test_show_and_audit_say_that_a_case_is_stuck(
    client: Client, task_queue: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it is: with a message that does what was due it gets on."""
    case, right = unique("case"), Timeline.advance

    def advance(self: Timeline, now: Any, **given: Any) -> Any:
        if self.state.case_id == case and self.next_due is not None and self.state.opened_at < self.next_due <= now:
            raise ZeroDivisionError("planted")
        return right(self, now, **given)

    opened = datetime.now(UTC) - timedelta(hours=1) + SOON
    with monkeypatch.context() as broken:
        broken.setattr(Timeline, "advance", advance)
        await desk.milepost.open(CaseIntake(case_id=case, account="acme", opened_at=opened))

        async def it_is_listed() -> None:
            assert await held_up(client, task_queue) == [HeldUp(workflow=f"case/{case}", why="stuck")]
            assert desk.store.cases.get(case).carried.stuck is not None

        await assert_eventually(it_is_listed)
    shown = await desk.ask("show", case)
    assert "stuck since " in shown.stdout
    assert "tried once" in json.loads((await desk.ask("show", case, "--json")).stdout)["stuck"]
    audited = await desk.ask("audit")
    assert audited.exit_code == 1
    assert f"case/{case}: stuck: " in audited.stdout
    assert "; 1 held up" in audited.stdout
    assert [json.loads(line)["why"] for line in (await desk.ask("audit", "--json")).stdout.splitlines()] == ["stuck"]

    await desk.milepost.request(case, "complete_milestone", milestone="Answer")

    async def it_gets_on() -> None:
        assert await held_up(client, task_queue) == []

    await assert_eventually(it_gets_on)
    assert "stuck" not in (await desk.ask("show", case)).stdout
    assert (await desk.ask("audit")).exit_code == 0


@workflow.defn(name="CaseWorkflow")
class Wedged:
    """Fails at each of its tasks."""

    @workflow.run
    async def run(self) -> None:
        raise ZeroDivisionError("planted")


async def test_what_is_wedged_is_found(task_queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as the server tells of it; that of another task queue is another's."""
    monkeypatch.setitem(DYNAMIC_CONFIG, "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute", 2)
    case = f"case/{unique('wedged')}"
    async with running_server() as server:
        runner = UnsandboxedWorkflowRunner()
        async with Worker(server.client, task_queue=task_queue, workflows=[Wedged], workflow_runner=runner):
            await server.client.start_workflow("CaseWorkflow", id=case, task_queue=task_queue)

            async def it_is_found() -> None:
                assert await held_up(server.client, task_queue) == [HeldUp(workflow=case, why="wedged")]

            await assert_eventually(it_is_found, within=60)
        assert await held_up(server.client, "another") == []
