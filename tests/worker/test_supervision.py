"""Cases that go on in the store while their workflows were ended from outside."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client
from typer.testing import Result

from clients.cases import MilepostClient
from domain.catalog.declarations import Catalog
from domain.messages.cases import CaseIntake
from domain.timeline.instances import InstanceState
from store import Store
from store.cases.ended import EndedCase
from tests.starters.command_line import environment_of, milepost
from tests.support import PATIENT, assert_eventually, unique
from worker.process import working
from worker.supervision import look_after_cases, look_if_it_is_our_turn

AT_ONCE = timedelta(0)
"""As if every case had been unchanged for ten minutes."""

OPENING = int(os.environ.get("MILEPOST_TEST_OPENING_CASES", "60"))
"""How many cases open while others are looked after. `make audit` has 500 of them."""
OPENING_AT_ONCE = 60

CATALOG = Catalog.model_validate(
    {
        "processes": [{"name": "P", "milestones": [{"name": name, "within": "8h"} for name in ("Answer", "Solution")]}],
        "organisation": {"process": "P"},
        "accounts": [{"id": "acme"}],
    }
)


class Desk:
    def __init__(self, client: Client, store: Store, task_queue: str, folder: Path) -> None:
        self.client, self.store = client, store
        self.milepost = MilepostClient(client, task_queue=task_queue, patience=PATIENT)
        self.environment = environment_of(client, folder, f"sqlite:///{folder / 'milepost.db'}", task_queue)

    async def open(self, case: str | None = None) -> str:
        case = case or unique("case")
        await self.milepost.open(CaseIntake(case_id=case, account="acme"))
        return case

    async def listed(self, case: str, status: str) -> None:
        """Wait until Temporal's lists know it: they are written with a delay."""

        async def it_is() -> None:
            query = f"WorkflowId = 'case/{case}' AND ExecutionStatus = '{status}'"
            assert (await self.client.count_workflows(query)).count == 1

        await assert_eventually(it_is)

    async def look(self) -> list[EndedCase]:
        return (await look_after_cases(self.client, self.store, unchanged=AT_ONCE)).marked

    async def ask(self, *arguments: str) -> Result:
        return await asyncio.to_thread(milepost, *arguments, env=self.environment)


@pytest_asyncio.fixture(loop_scope="session")
async def desk(client: Client, task_queue: str, tmp_path: Path) -> AsyncIterator[Desk]:
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        store.catalog.apply(CATALOG, by="test")
        async with working(client, store, task_queue=task_queue):
            yield Desk(client, store, task_queue, tmp_path)


@pytest.mark.parametrize(("ending", "how"), [("terminate", "terminated"), ("cancel", "cancelled")])
async def test_a_case_that_was_ended_from_outside_is_marked(desk: Desk, ending: str, how: str) -> None:
    """With its instant, once; those beside it go on unmarked."""
    ended, beside = await desk.open(), await desk.open()
    await desk.listed(beside, "Running")
    await getattr(desk.milepost.handle(ended), ending)()
    await desk.listed(ended, {"terminated": "Terminated", "cancelled": "Canceled"}[how])
    [mark] = await desk.look()
    described = await desk.milepost.handle(ended).describe()
    assert (mark.case_id, mark.how, mark.ended_at) == (ended, how, described.close_time)
    assert await desk.look() == []
    assert [case.case_id for case in desk.store.ended.rows()] == [ended]
    assert (await desk.milepost.handle(ended).describe()).run_id == described.run_id, "nothing is restarted"


async def test_show_and_audit_say_that_a_case_was_ended(desk: Desk) -> None:
    """Instead of counting down; `audit` ends with 1, and leaves out what has changed just now."""
    case = await desk.open()
    await desk.milepost.handle(case).terminate()
    await desk.listed(case, "Terminated")
    fresh = await desk.ask("audit")
    assert (fresh.exit_code, "ended from outside" in fresh.stdout) == (0, False)
    shown = await desk.ask("show", case)
    assert "ended from outside (terminated) at " in shown.stdout
    assert "7h5" not in shown.stdout
    answer = json.loads((await desk.ask("show", case, "--json")).stdout)
    assert answer["ended_from_outside"].startswith("ended from outside (terminated)")
    assert [m["remaining_seconds"] for m in answer["milestones"]] == [None, None]
    assert len(await desk.look()) == 1
    audited = await desk.ask("audit")
    assert audited.exit_code == 1
    assert f"case {case}: ended from outside (terminated) at " in audited.stdout


async def test_a_case_that_is_opened_again_counts_from_its_first_record(desk: Desk) -> None:
    """Its new workflow has a shorter history than the one that was ended; the mark is gone with it."""
    case = await desk.open()
    await desk.milepost.request(case, "complete_milestone", milestone="Answer")
    await desk.milepost.handle(case).terminate()
    await desk.listed(case, "Terminated")
    assert len(await desk.look()) == 1
    await desk.open(case)

    async def recorded() -> None:
        assert desk.store.ended.rows(case) == []
        states = {m.milestone: m.state for m in desk.store.cases.get(case).view.milestones}
        assert states == {"Answer": InstanceState.RUNNING, "Solution": InstanceState.RUNNING}

    await assert_eventually(recorded)
    assert await desk.look() == []


@pytest.mark.parametrize("ended_first", [False, True], ids=["running", "terminated"])
async def test_a_case_that_was_reset_goes_on_and_is_recorded(desk: Desk, ended_first: bool) -> None:  # noqa: FBT001
    """What it had recorded after that point is told to be of a run that was reset, until it records something."""
    case = await desk.open()
    await desk.milepost.request(case, "complete_milestone", milestone="Answer")
    handle = desk.milepost.handle(case)
    if ended_first:
        await handle.terminate()
    described = await handle.describe()
    history = await handle.fetch_history()
    [first, *_] = [e.event_id for e in history.events if e.HasField("workflow_task_completed_event_attributes")]
    request = ResetWorkflowExecutionRequest(
        namespace=desk.client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=described.run_id),
        reason="a test",
        workflow_task_finish_event_id=first,
        request_id=unique("reset"),
    )
    await desk.client.workflow_service.reset_workflow_execution(request)
    await desk.listed(case, "Terminated")

    async def marked_or_recorded() -> None:
        await desk.look()
        assert desk.store.ended.rows(case) or desk.store.cases.get(case).run_id != described.run_id

    await assert_eventually(marked_or_recorded)
    await desk.milepost.request(case, "complete_milestone", milestone="Solution")

    async def recorded() -> None:
        stored = desk.store.cases.get(case)
        assert stored.run_id == (await handle.describe()).run_id
        assert {m.milestone: m.state for m in stored.view.milestones}["Solution"] is InstanceState.COMPLETED
        assert desk.store.ended.rows(case) == []

    await assert_eventually(recorded)


async def test_no_case_that_opens_is_marked(desk: Desk) -> None:
    """However often cases are looked after while many open, change and close, though each passes for long unchanged."""

    turn = asyncio.Semaphore(OPENING_AT_ONCE)

    async def live(number: int) -> None:
        async with turn:
            case = await desk.open()
            await desk.milepost.request(case, "complete_milestone", milestone="Answer")
            if number % 2:
                await desk.milepost.request(case, "close")

    opening = asyncio.gather(*map(live, range(OPENING)))
    looks = 0
    while not opening.done():
        assert await desk.look() == []
        looks += 1
    await opening
    assert looks > 1
    assert await desk.look() == []
    assert desk.store.ended.rows() == []


async def test_of_several_workers_one_looks_after_cases(desk: Desk) -> None:
    """Once an hour; one that fails leaves it to another."""
    looked = await asyncio.gather(*(look_if_it_is_our_turn(desk.client, desk.store, f"w{n}") for n in range(5)))
    assert sum(one is not None for one in looked) == 1
    now = datetime.now(UTC)
    lasts = timedelta(hours=1)
    later = now + timedelta(hours=1, seconds=10)
    assert not desk.store.leases.acquire("look after cases", "w9", now=now, lasts=lasts)
    assert desk.store.leases.acquire("look after cases", "w9", now=later, lasts=lasts)
    desk.store.leases.release("look after cases", "another")
    assert not desk.store.leases.acquire("look after cases", "w1", now=later, lasts=lasts)
    desk.store.leases.release("look after cases", "w9")
    assert desk.store.leases.acquire("look after cases", "w1", now=later, lasts=lasts)
