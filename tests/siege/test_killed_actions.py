"""An action whose worker is killed in the midst of it: another worker tries it when the signs of life stay away."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from pathlib import Path

from temporalio.api.enums.v1 import EventType, TimeoutType
from temporalio.client import Client

from clients.cases import MilepostClient
from domain.catalog.documents import read_document
from domain.messages.cases import CaseIntake
from domain.usage.requests import workflow_id
from store import Store
from tests.activities.delivery.receiver import Received, Receiver, receiver, says
from tests.starters.test_killed_while_cases_open import KilledWorker
from tests.support import PATIENT, assert_eventually
from worker.connection import settle
from worker.embedded import EmbeddedServer

HOOK = {"do": "outbound_message", "endpoint": "desk"}
CATALOG = {
    "processes": [
        {
            "name": "Gold",
            "milestones": [
                {"name": "Answer", "within": "1s", "triggers": [{"kind": "violation", "at": "0", "actions": [HOOK]}]}
            ],
        }
    ],
    "accounts": [{"id": "acme"}],
    "entitlements": [
        {
            "id": "one",
            "account": "acme",
            "process": "Gold",
            "ends_on": "2090-12-31",
            "allowance": {"unit": "cases", "cap": 1, "thresholds": [{"at": "100%", "actions": [HOOK]}]},
        }
    ],
}


class SlowOnce:
    """A receiver that leaves the first request of every effect without an answer, and takes the next."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    async def answer(self, received: Received, writer: asyncio.StreamWriter) -> None:
        key = received.headers["idempotency-key"]
        self.asked[key] += 1
        if self.asked[key] == 1:
            await asyncio.Event().wait()
        await says("200 OK")(received, writer)

    async def were_asked(self, times: int) -> None:
        assert list(self.asked.values()) == [times, times]


async def test_an_action_of_a_killed_worker_is_tried_again_soon(tmp_path: Path) -> None:
    """Of a case and of an entitlement: not when its minute is up, but when no sign of life has come for ten seconds."""
    slow = SlowOnce()
    async with receiver(slow.answer) as desk, EmbeddedServer() as server:
        environment = _environment(tmp_path, desk, server)
        worker = KilledWorker(environment)
        try:
            await _is_killed_in_the_midst(worker, await server.connect(), slow)
        finally:
            worker.kill()
    await settle()


async def _is_killed_in_the_midst(worker: KilledWorker, client: Client, slow: SlowOnce) -> None:
    milepost = MilepostClient(client, task_queue="killed", patience=PATIENT)
    await milepost.open(CaseIntake(case_id="c-1", account="acme"))
    await assert_eventually(lambda: slow.were_asked(1))
    worker.kill_and_restart()
    await assert_eventually(lambda: slow.were_asked(2), within=PATIENT)
    await assert_eventually(lambda: _were_missed(client))


def _environment(folder: Path, desk: Receiver, server: EmbeddedServer) -> dict[str, str]:
    database = f"sqlite:///{folder / 'milepost.db'}"
    endpoint = {"id": "desk", "url": desk.url, "secrets": [{"env": "DESK_SECRET"}]}
    with Store.open(database) as store:
        store.catalog.apply(read_document({**CATALOG, "endpoints": [endpoint]}), by="test")
    return {
        "MILEPOST_DATA": str(folder),
        "MILEPOST_DATABASE_URL": database,
        "MILEPOST_TASK_QUEUE": "killed",
        "MILEPOST_HOOK_HOSTS": f"127.0.0.1:{desk.port}",
        "DESK_SECRET": "whsec_" + base64.b64encode(b"s" * 32).decode(),
        "TEMPORAL_ADDRESS": server.address,
        "TEMPORAL_NAMESPACE": server.namespace,
    }


async def _were_missed(client: Client) -> None:
    """The second attempt of each was begun for want of a sign of life of the first."""
    for workflow in ("case/c-1", workflow_id("one")):
        history = await client.get_workflow_handle(workflow).fetch_history()
        begun = [
            event.activity_task_started_event_attributes
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
        ]
        [again] = [one for one in begun if one.attempt > 1]
        why = again.last_failure.timeout_failure_info.timeout_type
        assert why == TimeoutType.TIMEOUT_TYPE_HEARTBEAT, workflow
