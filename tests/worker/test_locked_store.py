"""A case while another process holds the store's lock."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from temporalio.client import Client

from clients.cases import MilepostClient
from domain.messages.cases import CaseIntake
from domain.timeline.instances import InstanceState
from store import Store
from tests.support import assert_eventually, unique
from tests.worker.test_supervision import CATALOG
from worker.process import working


async def test_no_answer_waits_for_a_locked_store(client: Client, task_queue: str, tmp_path: Path) -> None:
    """Its record gives up soon, and is written when the lock is gone."""
    milepost, case = MilepostClient(client, task_queue=task_queue), unique("case")
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        store.catalog.apply(CATALOG, by="test")
        async with working(client, store, task_queue=task_queue):
            await milepost.open(CaseIntake(case_id=case, account="acme"))
            other = sqlite3.connect(tmp_path / "milepost.db", isolation_level=None)
            try:
                other.execute("BEGIN IMMEDIATE")
                begun = time.monotonic()
                await milepost.request(case, "complete_milestone", milestone="Answer")
                assert time.monotonic() - begun < 4
                assert store.cases.get(case).view.milestones[0].state is InstanceState.RUNNING
            finally:
                other.close()

            async def recorded() -> None:
                assert store.cases.get(case).view.milestones[0].state is InstanceState.COMPLETED

            await assert_eventually(recorded, within=40)
