"""The worker is killed again and again while its actions go out: each is effective once where the key is looked at.

A sample runs with the tests; `make arrivals` is the full run, and says how often the wire saw a key twice.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from standardwebhooks.webhooks import Webhook

from clients.cases import MilepostClient
from domain.catalog.documents import read_document
from domain.messages.cases import CaseIntake
from store import Store
from tests.activities.delivery.mail_server import Behaviour, mail_server
from tests.activities.delivery.receiver import Received, Receiver, receiver, says
from tests.starters.test_killed_while_cases_open import KilledWorker
from tests.support import assert_eventually
from worker.connection import settle
from worker.embedded import EmbeddedServer

CASES = int(os.environ.get("MILEPOST_KILLED_CASES", "15"))
KILLS = max(3, CASES // 10)
SEED = int(os.environ.get("MILEPOST_KILLED_SEED", "1"))
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
TRIGGERS = ("50%", "75%")
ACTIONS = [
    {"do": "email", "to": "desk@example.org", "subject": "{{ case.id }}"},
    {"do": "outbound_message", "endpoint": "desk"},
    {"do": "task", "subject": "{{ case.id }}"},
]
WITHIN = 120.0 + CASES


def _catalog(desk: Receiver) -> dict[str, Any]:
    triggers = [{"kind": "warning", "at": at, "actions": ACTIONS} for at in TRIGGERS]
    return {
        "endpoints": [{"id": "desk", "url": desk.url, "secrets": [{"env": "DESK_SECRET"}]}],
        "processes": [{"name": "Gold", "milestones": [{"name": "Answer", "within": "24h", "triggers": triggers}]}],
        "accounts": [{"id": "acme"}],
        "entitlements": [{"id": "acme-gold", "account": "acme", "process": "Gold"}],
    }


class Desk:
    """A receiver that verifies what it gets, and takes its time: a kill meets what was taken and is not answered yet.

    Attributes:
        keys: of what it has got, in order.
    """

    def __init__(self) -> None:
        self.keys: list[str] = []

    async def answer(self, got: Received, writer: asyncio.StreamWriter) -> None:
        # At once: the standard refuses a signature that is older than five minutes.
        self.keys.append(Webhook(SECRET).verify(got.body, got.headers)["key"])
        await asyncio.sleep(0.1)
        await says("204 No Content")(got, writer)


async def _open_all(client: MilepostClient, cases: list[str]) -> None:
    """Open cases, eight at once, whose two warnings are due already."""
    opened_at = datetime.now(UTC) - timedelta(hours=20)
    turn = asyncio.Semaphore(8)

    async def one(case: str) -> None:
        async with turn:
            await client.open(CaseIntake(case_id=case, account="acme", opened_at=opened_at))

    await asyncio.gather(*map(one, cases))


async def _kill_at_random(worker: KilledWorker, arrived: Callable[[], int], chance: random.Random) -> None:
    """Kill the worker so many times, each some arrivals after the one before."""
    for _ in range(KILLS):
        wanted = arrived() + chance.randint(1, max(2, 4 * CASES // KILLS // 2))

        async def enough_have(wanted: int = wanted) -> None:
            assert arrived() >= min(wanted, 4 * CASES)

        await assert_eventually(enough_have, within=WITHIN)
        worker.kill_and_restart()


async def test_each_key_is_effective_once_however_it_is_killed(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Every mail, message and task of every case arrives, none with another key; the wire may see one twice."""
    behaviour, taking, cases = Behaviour(), Desk(), [f"case-{number}" for number in range(CASES)]
    async with mail_server(behaviour) as port, receiver(taking.answer) as desk, EmbeddedServer() as server:
        environment = {
            "MILEPOST_DATA": str(tmp_path),
            "MILEPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'milepost.db'}",
            "MILEPOST_TASK_QUEUE": "killed",
            "MILEPOST_SMTP_HOST": "127.0.0.1",
            "MILEPOST_SMTP_PORT": str(port),
            "MILEPOST_SMTP_ENCRYPTION": "none",
            "MILEPOST_SMTP_SENDER": "sla@example.org",
            "MILEPOST_HOOK_HOSTS": "127.0.0.1",
            "DESK_SECRET": SECRET,
            "TEMPORAL_ADDRESS": server.address,
            "TEMPORAL_NAMESPACE": server.namespace,
        }
        with Store.open(environment["MILEPOST_DATABASE_URL"]) as store:
            store.catalog.apply(read_document(_catalog(desk)), by="test")
            client = MilepostClient(await server.connect(), task_queue="killed", patience=WITHIN * 3)
            worker, chance = KilledWorker(environment), random.Random(SEED)  # noqa: S311  not a secret
            try:
                async with asyncio.TaskGroup() as at_once:
                    at_once.create_task(_open_all(client, cases))
                    at_once.create_task(
                        _kill_at_random(worker, lambda: len(behaviour.taken) + len(desk.received), chance)
                    )

                async def all_are_done() -> None:
                    statuses = Counter(one.status for case in cases for one in store.actions.of_case(case))
                    assert statuses == {"done": len(TRIGGERS) * len(ACTIONS) * CASES}

                await assert_eventually(all_are_done, within=WITHIN)
            finally:
                worker.kill()
            told = taking.keys
            assert len(told) == len(desk.received), "every signature is verified"
            mails = [str(mail["Message-ID"]).strip("<>").removesuffix("@example.org") for mail in behaviour.taken]
            for keys, kind in ((told, "outbound-message"), (mails, "email")):
                assert set(keys) == {_key(case, at, kind) for case in cases for at in TRIGGERS}
            assert len({got.headers["webhook-id"] for got in desk.received}) == len(set(told))
            tasks = store.tasks.find(limit=10 * CASES)
            assert sorted(task.key for task in tasks) == sorted(_key(c, at, "task") for c in cases for at in TRIGGERS)
            counted = {
                "kills": KILLS,
                "keys on the wire": len(set(told)) + len(set(mails)),
                "messages seen twice": len(told) - len(set(told)),
                "mails seen twice": len(mails) - len(set(mails)),
            }
            record_property("arrivals", counted)
            print(json.dumps(counted))  # noqa: T201  what the full run is for
            del client
    await settle()


def _key(case: str, at: str, action: str) -> str:
    return f"{case}/gold/answer/1/warning-{at.replace('%', '-percent')}/1/{action}"
