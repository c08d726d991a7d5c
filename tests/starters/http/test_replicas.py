"""Many clients that send everything three times, to two replicas in turn: all of it is done once, each count exact.

The replicas are two programs, and the caps are tight: one is used up to the last, the other refuses what is too much.
"""

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client

from domain.scopes import Scope
from tests.starters.api_program import api_program
from tests.starters.http.between import relay_to
from tests.starters.http_api import Api, api_beside_a_worker
from tests.support import PATIENT, unique

CLIENTS = int(os.environ.get("MILEPOST_CLIENTS", "10"))
CASES = 5
ALL = CLIENTS * CASES
CATALOG = f"""
processes: [{{name: Support, milestones: [{{name: First response, within: 4h}}]}}]
accounts: [{{id: acme}}]
entitlements:
  - {{id: ACME-gold, account: acme, process: Support, starts_on: 2026-01-01, allowance: {{unit: cases, cap: {ALL}}}}}
  - id: ACME-visits
    account: acme
    starts_on: 2026-01-01
    allowance: {{unit: visits, cap: {ALL - CLIENTS}, overflow: block}}
"""


async def _sent(http: httpx.AsyncClient, path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    """The answer to a request; whoever is told to ask again in a moment does."""
    while True:
        answer = await http.post(path, json=body, headers=headers)
        if answer.status_code not in (409, 429, 503):
            said: dict[str, Any] = answer.json()
            assert answer.status_code in (200, 201), said
            return said
        await asyncio.sleep(float(answer.headers["retry-after"]))


async def _thrice(http: httpx.AsyncClient, path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
    """Send a request, at once again as if it were lost, and again later; returns the answer, the same each time."""
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": unique("k")}
    first, second = await asyncio.gather(*(_sent(http, path, body, headers) for _ in range(2)))
    assert first == second == await _sent(http, path, body, headers)
    return first


async def _client(http: httpx.AsyncClient, api: Api, number: int) -> dict[str, str]:
    """What one client does: what came of the visit of each of its cases."""
    key = api.key(Scope.INTAKE, Scope.DISPATCHER, name=f"client-{number}")
    visited = {}
    for _ in range(CASES):
        case = unique("c")
        await _thrice(http, "/v1/cases", {"case_id": case, "account": "acme"}, key)
        await _thrice(http, f"/v1/cases/{case}/complete_milestone", {"milestone": "First response"}, key)
        visits = f"/v1/entitlements/{api.named('acme-visits')}/take"
        visited[case] = (await _thrice(http, visits, {"reference": f"V-{case}"}, key))["answer"]["outcome"]
    return visited


async def test_what_many_send_thrice_to_two_replicas_is_done_once(client: Client, tmp_path: Path) -> None:
    """Every case is opened once, and takes its part of its entitlement once; so does every visit that there is."""
    async with api_beside_a_worker(client, tmp_path, CATALOG) as api:
        async with (
            api_program(api.environment) as (_, first),
            api_program(api.environment) as (_, second),
            relay_to(first, second) as proxy,
            httpx.AsyncClient(
                base_url=f"http://{proxy.address}",
                timeout=httpx.Timeout(PATIENT, pool=None),  # fifty go at once, the others wait for their turn
                limits=httpx.Limits(max_keepalive_connections=0, max_connections=50),  # each request to the next
            ) as http,
        ):
            visits = await asyncio.gather(*(_client(http, api, number) for number in range(CLIENTS)))
        cases = [case for one in visits for case in one]
        assert len(set(cases)) == ALL
        came = Counter(outcome for one in visits for outcome in one.values())
        assert came == {"granted": ALL - CLIENTS, "blocked": CLIENTS}
        for name, cap in (("acme-gold", ALL), ("acme-visits", ALL - CLIENTS)):
            balance = (await api.get(f"/v1/entitlements/{api.named(name)}")).json()
            assert (balance["current"]["used"], balance["current"]["overage"]) == (cap, 0), name
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
