"""A storm of cases against one entitlement, while the worker is killed again and again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from temporalio.client import Client, WorkflowExecutionDescription

from clients.cases import MilepostClient
from domain.catalog.declarations import Catalog
from domain.messages.cases import Answer, CaseIntake
from domain.timeline.effects import NoteKind
from domain.usage.requests import Balance, workflow_id
from domain.usage.rows import RowKind
from store import Store
from tests.starters.command_line import ROOT, milepost
from tests.support import assert_eventually
from worker.connection import settle
from worker.embedded import EmbeddedServer

CASES = 200
CAP = 50
FIRST_KILLED_AT = CAP // 2
"""Cases that are open by then; the worker that takes its place is killed with openings in its hands."""

CATALOG = Catalog.model_validate(
    {
        "processes": [
            {"name": name, "milestones": [{"name": "Answer", "within": "8h"}]} for name in ("Promised", "Best effort")
        ],
        "accounts": [{"id": "acme", "manager_mail": "manager@example.com"}],
        "assets": [{"id": "press", "account": "acme"}],
        "entitlements": [
            {
                "id": "fifty",
                "account": "acme",
                "asset": "press",
                "process": "Promised",
                "starts_on": "2020-01-01",
                "ends_on": "2090-12-31",
                "allowance": {"unit": "cases", "cap": CAP},
            },
            {"id": "best-effort", "account": "acme", "process": "Best effort"},
        ],
    }
)


class KilledWorker:
    """`milepost worker`, as a process of its own that dies without a word and is started again."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = {**os.environ, **environment}
        self._running = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "starters", "worker", "--claim"], env=self._environment, cwd=ROOT
        )

    @property
    def identity(self) -> str:
        """What begins the name under which the server knows it."""
        return f"{self._running.pid}@"

    def kill(self) -> None:
        """As `kill -9` does it: it finishes nothing."""
        self._running.send_signal(signal.SIGKILL)
        self._running.wait()

    def kill_and_restart(self) -> None:
        self.kill()
        self._running = self._start()


class Storm:
    """Cases that are opened at once, and what each was answered."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._milepost = MilepostClient(client, task_queue=task_queue, patience=300)
        self._moved = asyncio.Condition()
        self.cases = [f"case-{number}" for number in range(1, CASES + 1)]
        self.answers: dict[str, Answer] = {}

    async def break_out(self) -> None:
        await asyncio.gather(*map(self._open, self.cases))

    async def _open(self, case: str) -> None:
        answer = await self._milepost.open(CaseIntake(case_id=case, account="acme", asset="press"))
        assert case not in self.answers
        async with self._moved:
            self.answers[case] = answer
            self._moved.notify_all()

    async def in_the_hands_of(self, worker: str) -> None:
        """Wait until a worker has begun to open one of the cases that are still to be opened."""

        async def it_has() -> None:
            waiting = [case for case in self.cases if case not in self.answers][:10]
            asked = (self._milepost.handle(case).describe() for case in waiting)
            described = await asyncio.gather(*asked, return_exceptions=True)  # one may not have begun yet
            found = [one.raw_description for one in described if isinstance(one, WorkflowExecutionDescription)]
            pending = [activity for one in found for activity in one.pending_activities]
            assert any(activity.last_worker_identity.startswith(worker) for activity in pending)

        await assert_eventually(it_has)

    async def hold_against(self, store: Store) -> None:
        """What the cases were answered, what the store has of them and what the entitlement has counted is the same."""
        capped = {case for case, answer in self.answers.items() if answer.case.process == "Promised"}
        fallen = {case for case, answer in self.answers.items() if answer.case.process == "Best effort"}
        assert (len(capped), len(fallen)) == (CAP, CASES - CAP)
        counted = self._client.get_workflow_handle(workflow_id("fifty"))
        balance: Balance = await counted.query("balance", result_type=Balance)
        assert (balance.current.used, balance.current.remaining, balance.current.overflows) == (CAP, 0, CASES - CAP)
        assert balance.rows == CASES

        async def the_store_has_it_all() -> None:
            rows = store.ledgers.rows("fifty")
            assert sorted(row.number for row in rows) == list(range(1, CASES + 1))
            assert {row.reference for row in rows if row.kind is RowKind.TAKEN} == capped
            assert {row.reference for row in rows if row.kind is RowKind.OVERFLOW} == fallen
            assert {case for case in self.cases if store.cases.get(case).entitlement == "fifty"} == capped
            assert {case for case in self.cases if store.cases.get(case).entitlement == "best-effort"} == fallen
            told = Counter(note.kind for case in fallen for note in store.cases.notes(case))
            assert told[NoteKind.OVERFLOWED] == len(fallen)
            assert not any(note.kind is NoteKind.OVERFLOWED for case in capped for note in store.cases.notes(case))

        await assert_eventually(the_store_has_it_all, within=30)

    async def answered(self, count: int) -> None:
        """Wait until so many cases are open."""
        async with self._moved:
            await self._moved.wait_for(lambda: len(self.answers) >= count)


async def test_exactly_the_cap_is_taken_while_the_worker_is_killed(tmp_path: Path) -> None:
    """Fifty of two hundred at once, though kill -9 meets the worker again and again; every record of it agrees."""
    environment = {
        "MILEPOST_DATA": str(tmp_path),
        "MILEPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'milepost.db'}",
        "MILEPOST_TASK_QUEUE": "storm",
    }
    with Store.open(environment["MILEPOST_DATABASE_URL"]) as store:
        store.catalog.apply(CATALOG, by="test")
        async with EmbeddedServer() as server:
            environment |= {"TEMPORAL_ADDRESS": server.address, "TEMPORAL_NAMESPACE": server.namespace}
            storm = Storm(await server.connect(), "storm")
            worker = KilledWorker(environment)
            try:
                async with asyncio.TaskGroup() as at_once:  # an opening that fails ends the waiting for the others
                    at_once.create_task(storm.break_out())
                    await storm.answered(FIRST_KILLED_AT)
                    worker.kill_and_restart()
                    await storm.in_the_hands_of(worker.identity)
                    assert len(storm.answers) < CASES
                    worker.kill_and_restart()
                await storm.hold_against(store)
                audited = await asyncio.to_thread(milepost, "audit", "--json", env=environment)
                assert audited.exit_code == 0, audited.output
                assert json.loads(audited.stdout) == {
                    "entitlement": "fifty",
                    "rows": CASES,
                    "discrepancies": [],
                    "ended": [],
                }
            finally:
                worker.kill()
            del storm
    await settle()
