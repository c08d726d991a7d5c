"""Temporal, the database or the worker is away while requests come: each is answered, and nothing is lost."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from temporalio.client import Client

from clients.sending import LOOKS_FOR
from domain.scopes import Scope
from starters.files.catalogs import apply_files
from starters.http.app import create_app
from starters.http.backend import Backend
from starters.http.serving import serving
from store import Store
from tests.postgresql import NoPostgreSQL, private_postgresql
from tests.starters.http.between import Relay, relay_to
from tests.starters.http_api import Api
from tests.support import PATIENT, unique
from worker.connection import connect
from worker.process import working

SECONDS = float(os.environ.get("MILEPOST_OUTAGE", "3"))
"""For which one of them is away."""
CLIENTS = 6
PATIENCE = 2.0
"""Seconds for which the API waits for a case."""
BUSY = 7.0
"""Seconds more that an answer may take on a busy machine."""
ANSWERS_WITHIN = PATIENCE + LOOKS_FOR + BUSY
"""Seconds within which every request is answered, whoever is away."""
GIVEN_UP_AFTER = 45.0
"""Seconds after which a request without an answer fails its client."""
DONE = (200, 201)
CATALOG = """
processes: [{name: Support, milestones: [{name: First response, within: 4h}]}]
accounts: [{id: acme}]
entitlements: [{id: ACME-gold, account: acme, process: Support}]
"""

Away = Literal["worker", "temporal", "store"]


@dataclass
class Load:
    """Clients that open cases and complete their milestone, one after the other, each until it is acknowledged.

    Attributes:
        acknowledged: the cases whose requests were both answered with done.
        codes: what was answered meanwhile.
        slowest: of each of these, and of what was asked beside, the seconds of the answer that was waited for longest.
    """

    http: httpx.AsyncClient
    key: str
    is_over: bool = False
    acknowledged: list[str] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Ask until it is over."""
        while not self.is_over:
            case = unique("c")
            await self._until_done("/v1/cases", {"case_id": case, "account": "acme"})
            await self._until_done(f"/v1/cases/{case}/complete_milestone", {"milestone": "First response"})
            self.acknowledged.append(case)

    async def status(self, path: str) -> int:
        """The status of what is asked beside."""
        began = time.monotonic()
        answer = await self.http.get(path, headers={"Authorization": f"Bearer {self.key}"})
        self.slowest[path] = time.monotonic() - began
        return answer.status_code

    async def _until_done(self, path: str, body: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": unique("k")}
        while True:
            began = time.monotonic()
            answer = await self.http.post(path, json=body, headers=headers)
            code = "done" if answer.status_code in DONE else answer.json()["code"]
            self.codes[code] += 1
            self.slowest[code] = max(self.slowest.get(code, 0.0), time.monotonic() - began)
            if code == "done":
                return
            await asyncio.sleep(min(1.0, float(answer.headers["retry-after"])))


@asynccontextmanager
async def _api(
    client: Client, folder: Path, away: Away
) -> AsyncIterator[tuple[Api, Callable[[], Any], Callable[[], Any]]]:
    """The API, and what takes one of its parts away and gives it back."""
    task_queue = unique("queue")
    async with AsyncExitStack() as stack:
        database = f"sqlite:///{folder / 'milepost.db'}"
        if away == "store":
            try:
                database = stack.enter_context(private_postgresql()).new()
            except NoPostgreSQL as why:
                pytest.skip(str(why))
        to_store: Relay | None = None
        reached = database
        if away == "store":
            to_store = await stack.enter_async_context(relay_to(database))
            reached = database.replace(database.split("@")[1].split("/")[0], to_store.address)
        to_temporal = await stack.enter_async_context(relay_to(client.service_client.config.target_host))
        (catalog := folder / "catalog.yaml").write_text(CATALOG.replace("ACME-", f"{unique('e')}-"))
        behind = stack.enter_context(Store.open(database))
        apply_files(behind, [catalog], by="test")
        store = stack.enter_context(await asyncio.to_thread(Store.open, reached))  # the relay runs in this loop
        relayed = (
            await connect(address=to_temporal.address, namespace=client.namespace) if away == "temporal" else client
        )
        app = create_app(Backend(relayed, store, task_queue, patience=PATIENCE))
        at_work = working(client, behind, task_queue=task_queue)
        await at_work.__aenter__()

        async def worker_back() -> None:
            nonlocal at_work
            at_work = working(client, behind, task_queue=task_queue)
            await at_work.__aenter__()

        async def worker_away() -> None:
            await at_work.__aexit__(None, None, None)

        url = await stack.enter_async_context(serving(app, host="127.0.0.1", port=0))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=GIVEN_UP_AFTER))
        api = Api(http, behind, app, "", {}, {})
        try:
            match away:
                case "worker":
                    yield api, worker_away, worker_back
                case "temporal":
                    yield api, to_temporal.cut, to_temporal.mend
                case "store":
                    assert to_store is not None
                    yield api, to_store.cut, to_store.mend
        finally:
            await at_work.__aexit__(None, None, None)


SAYS: dict[Away, tuple[set[str], dict[str, int]]] = {
    "worker": ({"no_answer"}, {"/healthz": 200, "/readyz": 200, "/v1/cases": 200}),
    "temporal": ({"no_answer"}, {"/healthz": 200, "/readyz": 503, "/v1/cases": 200}),
    "store": ({"store_unavailable"}, {"/healthz": 200, "/readyz": 503, "/v1/cases": 503}),
}


@pytest.mark.parametrize("away", ["worker", "temporal", "store"])
async def test_nothing_acknowledged_is_lost_while_something_is_away(client: Client, tmp_path: Path, away: Away) -> None:
    """Every request is answered in its time, with who is away; sent again when they are back it is done once."""
    codes, others = SAYS[away]
    async with _api(client, tmp_path, away) as (api, take_away, give_back):
        key = api.key(*Scope)
        load = Load(api.http, key)
        clients = [asyncio.create_task(load.run()) for _ in range(CLIENTS)]
        await _after(lambda: len(load.acknowledged) >= CLIENTS, clients)
        before = len(load.acknowledged)
        await _done(take_away())
        beside = {path: await load.status(path) for path in others}
        await load.status(f"/v1/cases/{load.acknowledged[0]}/explanation")
        await asyncio.sleep(SECONDS)
        await _after(lambda: bool(codes & set(load.codes)), clients)
        await _done(give_back())
        enough = len(load.acknowledged) + 2 * CLIENTS
        await _after(lambda: len(load.acknowledged) >= enough, clients)
        load.is_over = True
        await asyncio.gather(*clients)
        assert beside == others
        assert max(load.slowest.values()) < ANSWERS_WITHIN, load.slowest
        passing = {"still_running", "no_answer"}  # the second one on a busy machine, whoever is there
        assert set(load.codes) <= {"done", *passing, *codes}, load.codes
        assert len(load.acknowledged) == len(set(load.acknowledged)) > before
        for case in load.acknowledged:
            shown = (await api.get(f"/v1/cases/{case}", key=key)).json()["case"]
            [milestone] = shown["milestones"]
            assert (milestone["state"], milestone["occurrence"]) == ("completed", 1), case
        print(away, dict(load.codes), len(load.acknowledged), load.slowest)  # noqa: T201  the figures of a long run


async def test_a_connection_to_temporal_that_was_ended_is_no_outage(client: Client, tmp_path: Path) -> None:
    """A server ends each after some minutes; whoever asks whether the API is ready just then hears that it is."""
    async with _api(client, tmp_path, "temporal") as (api, take_away, give_back):
        for _ in range(20):
            take_away()
            give_back()
            assert (await api.http.get("/readyz")).json() == {"store": True, "temporal": True}


async def _done(what: Any) -> None:
    if asyncio.iscoroutine(what):
        await what


async def _after(holds: Callable[[], bool], clients: list[asyncio.Task[None]]) -> None:
    """Wait until something holds; a client that fails says so at once."""
    async with asyncio.timeout(PATIENT + SECONDS):
        while not holds():
            for one in clients:
                if one.done():
                    one.result()
            await asyncio.sleep(0.05)
