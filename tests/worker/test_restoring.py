"""What docs/guide/backup.md says of a restore of one of the two databases, done on real servers."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

import activities.records
import starters.operations.auditing
from clients.cases import MilepostClient
from clients.gate import UsageGate
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Catalog
from domain.errors import NotFound
from domain.messages.cases import CaseIntake
from domain.timeline.instances import InstanceState
from domain.usage.requests import Consumption
from starters.operations.auditing import Auditor
from store import Store
from tests.support import PATIENT, assert_eventually, unique
from tests.usage import NOON
from worker.embedded import EmbeddedServer
from worker.process import working
from worker.supervision import look_after_cases

AT_ONCE = timedelta(0)
"""As if every case had been unchanged for ten minutes."""


class Site:
    """A store in a file that is backed up and restored, and what people ask beside it."""

    def __init__(self, client: Client, folder: Path, task_queue: str, visits: str = "") -> None:
        self.client, self.task_queue = client, task_queue
        self.file, self.backup = folder / "milepost.db", folder / "backup.db"
        self.milepost = MilepostClient(client, task_queue=task_queue, patience=PATIENT)
        self.visits = visits or unique("visits")
        milestones = [{"name": name, "within": "8h"} for name in ("Answer", "Solution")]
        entitlement = {"id": self.visits, "account": "visited", "allowance": {"unit": "visits", "cap": 4}}
        self.catalog = Catalog.model_validate(
            {
                "processes": [{"name": "P", "milestones": milestones}],
                "organisation": {"process": "P"},
                "accounts": [{"id": "acme"}, {"id": "visited"}],
                "entitlements": [{**entitlement, "starts_on": "2025-01-15"}],
            }
        )

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[Store]:
        with Store.open(f"sqlite:///{self.file}") as store:
            store.catalog.apply(self.catalog, by="test")
            async with working(self.client, store, task_queue=self.task_queue):
                yield store

    async def open(self) -> str:
        case = unique("case")
        await self.milepost.open(CaseIntake(case_id=case, account="acme"))
        return case

    async def visit(self, store: Store, reference: str) -> int:
        """Take a visit; says how many are used then."""
        gold, account = store.catalog.entitlement(self.visits), store.catalog.account("visited")
        terms = entitlement_terms(gold, account, store.catalog.organisation(), now=NOON)
        taken = Consumption(reference=reference, event_id=f"take-{reference}", occurred_at=NOON)
        return int((await UsageGate(self.client, self.task_queue).consume(terms, taken)).used)

    async def discrepancies(self, store: Store) -> list[str]:
        """Where the ledger of the visits says what their count does not."""
        [audited] = [one async for one in Auditor(self.client, store, self.task_queue).audit([self.visits])]
        assert audited.agrees is not bool(audited.discrepancies)
        return audited.discrepancies

    def back_up(self) -> None:
        with closing(sqlite3.connect(self.file)) as there, closing(sqlite3.connect(self.backup)) as here:
            there.backup(here)

    def restore(self) -> None:
        for name in (self.file.name, f"{self.file.name}-wal", f"{self.file.name}-shm"):
            self.file.with_name(name).unlink(missing_ok=True)
        shutil.copy(self.backup, self.file)


async def recorded(store: Store, case: str, **states: InstanceState) -> None:
    async def is_recorded() -> None:
        try:
            found = await asyncio.to_thread(store.cases.get, case)
        except NotFound:
            raise AssertionError(f"{case} is not on record") from None
        assert {one.milestone: one.state for one in found.view.milestones} == states

    await assert_eventually(is_recorded)


async def test_a_store_that_is_restored_alone(
    client: Client, task_queue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cases go on and are on record again with their next step, nothing is taken twice, the audit names the rest."""
    monkeypatch.setattr(activities.records, "BRIDGES_AT", 1)  # as if the two minutes were over
    site = Site(client, tmp_path, task_queue)
    running, completed = InstanceState.RUNNING, InstanceState.COMPLETED
    async with site.at_work() as store:
        goes_on, ends = await site.open(), await site.open()
        assert await site.visit(store, "V-1") == 1
        await recorded(store, ends, Answer=running, Solution=running)
        site.back_up()
        await site.milepost.request(goes_on, "complete_milestone", milestone="Answer")
        comes = await site.open()
        await site.milepost.request(ends, "close")
        assert await site.visit(store, "V-2") == 2
        await recorded(store, goes_on, Answer=completed, Solution=running)
        await recorded(store, comes, Answer=running, Solution=running)
    site.restore()
    async with site.at_work() as store:
        assert not store.cases.get(ends).view.closed_at
        with pytest.raises(NotFound):
            store.cases.get(comes)
        await recorded(store, goes_on, Answer=running, Solution=running)
        view = await site.milepost.view(goes_on)
        assert {one.milestone: one.state for one in view.milestones} == {"Answer": completed, "Solution": running}
        for case in (goes_on, comes):
            await site.milepost.request(case, "complete_milestone", milestone="Solution")
        await recorded(store, goes_on, Answer=completed, Solution=completed)
        await recorded(store, comes, Answer=running, Solution=completed)
        assert await site.visit(store, "V-2") == 2, "what was taken is taken once"
        assert await site.visit(store, "V-3") == 3, "the count is in its workflow"
        assert "rows are missing" in (await site.discrepancies(store))[0], "that of V-2 is gone"
        looked = await look_after_cases(client, store, unchanged=AT_ONCE)
        assert [(case.case_id, case.how) for case in looked.marked] == [(ends, "completed")]

        await site.milepost.reopen(ends)
        await site.milepost.request(ends, "close")

        async def is_closed() -> None:
            assert store.cases.get(ends).view.closed_at is not None
            assert store.ended.rows(ends) == []

        await assert_eventually(is_closed)


async def test_a_temporal_that_is_restored_alone(
    task_queue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cases go on from the backup, what they are told again is on record, and the audit names what it lacks."""
    monkeypatch.setattr(starters.operations.auditing, "SETTLED", AT_ONCE)  # as if the minute were over
    running, completed = InstanceState.RUNNING, InstanceState.COMPLETED
    kept, backup = tmp_path / "temporal", tmp_path / "backup"
    server = EmbeddedServer(kept, virtual_clock=False)
    async with server:
        site = Site(await server.connect(), tmp_path, task_queue)
        async with site.at_work() as store:
            visits, goes_on, ends = site.visits, await site.open(), await site.open()
            assert await site.visit(store, "V-1") == 1
            await recorded(store, goes_on, Answer=running, Solution=running)
    shutil.copytree(kept, backup)
    async with server:
        site = Site(await server.connect(), tmp_path, task_queue, visits)
        async with site.at_work() as store:
            assert await site.visit(store, "V-2") == 2
            await site.milepost.request(ends, "close")
            await site.milepost.request(goes_on, "complete_milestone", milestone="Answer", event_id="answered")
            comes = await site.open()
            await recorded(store, goes_on, Answer=completed, Solution=running)
            await recorded(store, comes, Answer=running, Solution=running)
    shutil.rmtree(kept)
    shutil.copytree(backup, kept)
    async with server:
        site = Site(await server.connect(), tmp_path, task_queue, visits)
        async with site.at_work() as store:
            view = await site.milepost.view(goes_on)
            assert {one.milestone: one.state for one in view.milestones} == {"Answer": running, "Solution": running}
            assert (await site.milepost.view(ends)).closed_at is None
            await site.milepost.request(ends, "close")
            [line] = await site.discrepancies(store)
            assert line.startswith("the count has forgotten 1 of the ledger's rows, from row 2 on, of V-2: ask")
            assert await site.visit(store, "V-1") == 1, "the count has forgotten V-2"
            assert await site.visit(store, "V-2") == 2
            assert await site.discrepancies(store) == []
            assert len(store.ledgers.rows(visits)) == 2, "what is taken again under its reference is one row"
            looked = await look_after_cases(site.client, store, unchanged=AT_ONCE)
            assert [(case.case_id, case.how) for case in looked.marked] == [(comes, "unknown to Temporal")]
            for milestone, event_id in (("Answer", "answered"), ("Solution", "solved")):
                await site.milepost.request(goes_on, "complete_milestone", milestone=milestone, event_id=event_id)
            await recorded(store, goes_on, Answer=completed, Solution=completed)
            await site.milepost.open(CaseIntake(case_id=comes, account="acme"))
            await recorded(store, comes, Answer=running, Solution=running)
            assert (await look_after_cases(site.client, store, unchanged=AT_ONCE)).marked == []
