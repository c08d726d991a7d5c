"""The worker is killed while a subscription sends what four writers write: nothing is lost, each case is in order."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

from domain.catalog.documents import read_document
from store import Store
from tests.feeds import Recorded
from tests.starters.test_killed_while_cases_open import KilledWorker
from tests.support import assert_eventually
from tests.workflows.subscription.desk import SECRET, first_arrivals_in_order
from tests.workflows.subscription.receiving import receiver
from worker.connection import settle
from worker.embedded import EmbeddedServer

EVENTS = int(os.environ.get("MILEPOST_KILLED_EVENTS", "1000"))
WRITERS, CASES_EACH = 4, 5
KILLS = 2
SEED = 1
WITHIN = 120.0


def _write(url: str, writer: int, stopped: Callable[[], bool]) -> None:
    """Write a quarter of all events, of cases of its own, in records of four."""
    cases = [Recorded(f"c-{writer}-{number}") for number in range(CASES_EACH)]
    chance = random.Random(writer)  # noqa: S311  not a secret
    left = EVENTS // WRITERS
    with Store.open(url) as store:
        while left > 0 and not stopped():
            case = chance.choice(cases)
            opening = case.events == 0
            texts = ["x"] * min(left - opening, 4) if left > opening else []
            store.cases.record(case.remarks(*texts))
            left -= len(texts) + opening


async def test_no_event_is_lost_however_it_is_killed(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """A thousand events by four writers to a receiver in a process of its own; what comes twice is counted."""
    url = f"sqlite:///{tmp_path / 'milepost.db'}"
    async with receiver(tmp_path / "receiver") as there, EmbeddedServer() as server:
        environment = {
            "MILEPOST_DATA": str(tmp_path),
            "MILEPOST_DATABASE_URL": url,
            "MILEPOST_TASK_QUEUE": "killed",
            "MILEPOST_HOOK_HOSTS": "127.0.0.1",
            "DESK_SECRET": SECRET,
            "TEMPORAL_ADDRESS": server.address,
            "TEMPORAL_NAMESPACE": server.namespace,
        }
        endpoint = {"id": "desk", "url": there.url, "secrets": [{"env": "DESK_SECRET"}]}
        subscription = {"id": "all", "endpoint": "desk", "begins": "start"}
        with Store.open(url) as store:
            store.catalog.apply(read_document({"endpoints": [endpoint], "subscriptions": [subscription]}), by="test")
        worker, is_over = KilledWorker(environment), asyncio.Event()
        writers = [asyncio.create_task(asyncio.to_thread(_write, url, n, is_over.is_set)) for n in range(WRITERS)]
        try:
            for part in range(1, KILLS + 1):
                wanted = part * EVENTS // (KILLS + 2)

                async def enough_have(wanted: int = wanted) -> None:
                    assert len(there.requests()) >= wanted

                await assert_eventually(enough_have, within=WITHIN)
                worker.kill_and_restart()

            async def all_have_arrived() -> None:
                assert len({event["id"] for event in there.taken()}) == EVENTS

            await assert_eventually(all_have_arrived, within=WITHIN)
        finally:
            is_over.set()
            worker.kill()
            await asyncio.gather(*writers)
        taken = [(event["subject"], event["sequence"]) for event in there.taken()]
        assert first_arrivals_in_order(taken)
        assert len(set(taken)) == EVENTS
        ids = {request["headers"]["webhook-id"] for request in there.requests()}
        assert len(ids) == EVENTS
        counted = {"kills": KILLS, "events": EVENTS, "seen twice": len(taken) - EVENTS}
        record_property("arrivals", counted)
        print(json.dumps(counted))  # noqa: T201  how many were seen twice
    await settle()
