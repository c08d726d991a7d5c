"""A worker whose cases have texts that never end."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest_asyncio

from clients.cases import MilepostClient
from domain.catalog.declarations import Catalog
from domain.messages.cases import CaseIntake
from store import Store
from tests.support import PATIENT, assert_eventually, unique
from worker.embedded import RunningServer

ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"


def _process(name: str, body: str) -> dict[str, Any]:
    mail = {"do": "email", "to": "desk@example.com", "subject": "{{ case.id }} is late", "body": body}
    violation = {"kind": "violation", "at": "0", "actions": [mail]}
    return {"name": name, "milestones": [{"name": "Answer", "within": "1h", "triggers": [violation]}]}


CATALOG = Catalog.model_validate(
    {
        "processes": [_process("good", "Call {{ case.id }}."), _process("endless", ENDLESS)],
        "accounts": [{"id": "acme"}],
        "entitlements": [{"id": name, "account": "acme", "process": name} for name in ("good", "endless")],
    }
)


class Desk:
    """A worker as a process of its own, and cases that are late as soon as they are open."""

    def __init__(self, server: RunningServer, folder: Path, task_queue: str) -> None:
        self.store = Store.open(f"sqlite:///{folder / 'milepost.db'}")
        self.store.catalog.apply(CATALOG, by="test")
        self.milepost = MilepostClient(server.client, task_queue=task_queue, patience=PATIENT)
        environment = {
            "TEMPORAL_ADDRESS": server.address,
            "TEMPORAL_NAMESPACE": server.client.namespace,
            "MILEPOST_DATA": str(folder),
            "MILEPOST_DATABASE_URL": f"sqlite:///{folder / 'milepost.db'}",
            "MILEPOST_TASK_QUEUE": task_queue,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        command = [sys.executable, "-m", "starters", "worker", "--claim"]
        self.worker = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL)

    async def open(self, entitlement: str) -> str:
        opened_at = datetime.now(UTC) - timedelta(hours=2)
        case = unique(entitlement)
        intake = CaseIntake(case_id=case, account="acme", entitlement=entitlement, opened_at=opened_at)
        await self.milepost.open(intake)
        return case

    def children(self) -> list[int]:
        pid = self.worker.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def close(self) -> None:
        self.worker.kill()
        self.worker.wait()
        self.store.close()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(server: RunningServer, task_queue: str, tmp_path: Path) -> AsyncIterator[Desk]:
    one = Desk(server, tmp_path, task_queue)
    yield one
    one.close()


async def test_a_text_that_never_ends_is_a_failed_action(desk: Desk) -> None:
    """For good, with a reason; the texts of other cases are sent meanwhile."""
    bad = [await desk.open("endless") for _ in range(3)]
    good = [await desk.open("good") for _ in range(3)]

    async def told() -> None:
        assert [len(desk.store.actions.mails(case)) for case in good] == [1, 1, 1]
        for case in bad:
            [action] = desk.store.actions.of_case(case)
            assert action.status == "failed"
            assert action.error is not None
            assert action.error.endswith("can't be rendered: it takes longer than 1 s")

    await assert_eventually(told, within=30)


async def test_ctrl_c_ends_a_worker_while_a_text_hangs(desk: Desk) -> None:
    """Within the time that a worker takes to end, and nothing of it is left."""
    for _ in range(10):
        await desk.open("endless")

    async def rendering() -> None:
        assert desk.children()

    await assert_eventually(rendering)
    children = desk.children()
    begun = time.monotonic()
    desk.worker.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(desk.worker.wait, 60) == 0
    assert time.monotonic() - begun < 30
    assert not any(Path(f"/proc/{child}").exists() for child in children)
