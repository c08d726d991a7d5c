"""Many clients that send everything three times, to two replicas in turn: all of it is done once, each count exact."""

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client

from domain.scopes import Scope
from starters.http.app import create_app
from starters.http.backend import Backend
from starters.http.serving import serving
from store import Store
from tests.starters.http.between import relay_to
from tests.starters.http_api import Api, api_beside_a_worker
from tests.support import PATIENT, unique

CLIENTS = int(os.environ.get("MILEPOST_CLIENTS", "10"))
CASES = 5
CATALOG = """
processes: [{name: Support, milestones: [{name: First response, within: 4h}]}]
accounts: [{id: acme}]
entitlements:
  - {id: ACME-gold, account: acme, process: Support, starts_on: 2026-01-01, allowance: {unit: cases, cap: 100000}}
  - {id: ACME-visits, account: acme, starts_on: 2026-01-01, allowance: {unit: visits, cap: 100000}}
"""


async def _sent(http: httpx.AsyncClient, path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    """The answer to a request; whoever is told to ask again in a moment does."""
    while True:
        answer = await http.post(path, json=body, headers=headers)
        if answer.status_code not in (409, 429, 503):
            assert answer.status_code in (200, 201), answer.text
            said: dict[str, Any] = answer.json()
            return said
        await asyncio.sleep(float(answer.headers["retry-after"]))


async def _thrice(http: httpx.AsyncClient, path: str, body: dict[str, Any], key: str) -> None:
    """Send a request, at once again as if it were lost, and again later: each has the same answer."""
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": unique("k")}
    first, second = await asyncio.gather(*(_sent(http, path, body, headers) for _ in range(2)))
    assert first == second == await _sent(http, path, body, headers)


async def _client(http: httpx.AsyncClient, api: Api, number: int) -> list[str]:
    key = api.key(Scope.INTAKE, Scope.DISPATCHER, name=f"client-{number}")
    opened = []
    for _ in range(CASES):
        case = unique("c")
        await _thrice(http, "/v1/cases", {"case_id": case, "account": "acme"}, key)
        await _thrice(http, f"/v1/cases/{case}/complete_milestone", {"milestone": "First response"}, key)
        visits = f"/v1/entitlements/{api.named('acme-visits')}/take"
        await _thrice(http, visits, {"reference": f"V-{case}"}, key)
        opened.append(case)
    return opened


async def test_what_many_send_thrice_to_two_replicas_is_done_once(client: Client, tmp_path: Path) -> None:
    """Every case is opened once, and takes its part of its entitlement once; so does every visit."""
    async with api_beside_a_worker(client, tmp_path, CATALOG) as api:
        backend = api.app.state.backend
        with Store.open(api.environment["MILEPOST_DATABASE_URL"]) as store:
            other = create_app(Backend(client, store, backend.task_queue, patience=PATIENT))
            async with (
                serving(other, host="127.0.0.1", port=0) as second,
                relay_to(str(api.http.base_url), second) as proxy,
                httpx.AsyncClient(
                    base_url=f"http://{proxy.address}",
                    timeout=httpx.Timeout(PATIENT, pool=None),  # fifty go at once, the others wait for their turn
                    limits=httpx.Limits(max_keepalive_connections=0, max_connections=50),  # each request to the next
                ) as http,
            ):
                opened = await asyncio.gather(*(_client(http, api, number) for number in range(CLIENTS)))
        cases = [case for one in opened for case in one]
        assert len(set(cases)) == CLIENTS * CASES
        for name in ("acme-gold", "acme-visits"):
            balance = (await api.get(f"/v1/entitlements/{api.named(name)}")).json()
            assert (balance["current"]["used"], balance["current"]["overage"]) == (len(cases), 0), name
        taken = Counter[str]()
        after = 0
        while True:
            ledger = f"/v1/entitlements/{api.named('acme-gold')}/ledger?limit=1000&after={after}"
            page = (await api.get(ledger)).json()
            taken.update(row["reference"] for row in page["rows"] if row.get("reference"))
            if page["next"] is None:
                break
            after = page["next"]
        assert taken == Counter(cases)
        for case in cases[:: max(1, len(cases) // 20)]:
            events = (await api.get(f"/v1/cases/{case}/events")).json()["events"]
            kinds = Counter(event["type"] for event in events)
            assert kinds["milepost.case.opened.v1"] == kinds["milepost.case.milestone.completed.v1"] == 1, kinds
