"""Every operation of the document, walked by a program that knows the document alone, with a key of each scope."""

import asyncio
import os
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from domain.scopes import Scope
from tests.starters.http.everything import CATALOG, SECRET, show_secrets
from tests.starters.http.whole_document import Walk
from tests.starters.http_api import Api, api_beside_a_worker
from tests.support import assert_eventually, unique

WALKS = int(os.environ.get("MILEPOST_WALKS", "1"))
"""How many walks are taken with each key, and how much is asked of each operation: `make walk` takes more."""
ASKED = 3
"""Of each operation, with all scopes."""
STEPS = 20
SHOWN = {
    "POST /v1/intake/{source}": {
        "Authorization": f"Basic {b64encode(f'milepost:{SECRET}'.encode()).decode()}",
        "X-Id": "d-1",
    },
}
"""Headers that an operation needs, and no document could make up."""
OF_OPEN_CASES = (
    *("complete_milestone", "change_fields", "stop_clock", "resume_clock", "extend_milestone", "change_entitlement"),
    *("log_time", "migrate", "close"),
)
"""Requests each of which has cases of its own here."""


async def prepare(api: Api) -> dict[str, list[Any]]:
    """What bodies and paths may name that there is: some of it closed, failed or undecided, as it is after a year."""

    async def done(path: str, json: Any) -> dict[str, Any]:
        answer = await api.post(path, json)
        assert answer.status_code in (200, 201), answer.text
        said: dict[str, Any] = answer.json()
        return said

    running, completed, closed = [
        [await api.opened(fields={"priority": "High", "tickets": 0}) for _ in range(4)] for _ in range(3)
    ]
    for case in completed:
        await done(f"/v1/cases/{case}/complete_milestone", {"milestone": "First response"})
    for case in closed:
        await done(f"/v1/cases/{case}/close", {})
    undecided = await api.opened(entitlement=api.named("acme-gold"))
    await done(f"/v1/cases/{undecided}/log_time", {"id": "T-1", "minutes": 300})
    uncovered = await api.opened(account="globex")
    await done(f"/v1/cases/{uncovered}/log_time", {"id": "T-1", "minutes": 30})
    over = api.named("acme-over")
    for number in range(2):
        await done(f"/v1/entitlements/{api.named('acme-1')}/take", {"reference": f"V-{number}"})
    for number in range(5):
        await done(f"/v1/entitlements/{over}/take", {"reference": f"OVER-{number}", "overage": "agreed"})
    letters = [(await api.app.state.backend.intake.receive("mail", unique("d"), "{}", {}))[0].number for _ in range(4)]
    lines = [{"product": "gold-support", "quantity": 1}]
    await done("/v1/orders", {"id": "O-1", "account": "acme", "starts_on": "2026-01-01", "lines": lines})
    at = datetime.now(UTC)
    tasks = [f"{running[0]}/gold/answer/1/x/{number}/task" for number in range(3)]
    for key in tasks:
        api.store.actions.record_task(key, "call", "desk", "", at, due_at=at + timedelta(hours=1), account="acme")
    failed: list[str] = []

    async def all_have_failed() -> None:
        failed[:] = [action["key"] for action in (await api.get("/v1/actions")).json()["actions"]]
        assert len(failed) >= len(completed)

    await assert_eventually(all_have_failed)
    cases, of_entitlements = "POST /v1/cases/{case}/", "POST /v1/entitlements/{entitlement}/"
    own = {f"{cases}{name} case": [await api.opened(), await api.opened()] for name in OF_OPEN_CASES}
    now = datetime.now(UTC).isoformat()
    return own | {
        "account": ["acme"],
        "asset": ["acme-router-1"],
        "case": [*running, *completed, *closed],
        f"{cases}clear_completion case": completed,
        f"{cases}clear_completion milestone": ["First response"],
        f"{cases}reopen case": closed,
        f"{cases}decide_overage case": [undecided],
        f"{cases}reverse_time case": [uncovered],
        f"{cases}retry_action case": [failed[0].partition("/")[0]],
        f"{cases}retry_action key": failed[:1],
        f"{cases}change_entitlement entitlement": ["acme-bronze"],
        "case_id": [unique("c") for _ in range(50)],
        "POST /v1/entitlements/{entitlement}/take case_id": running,
        "entitlement": [api.named("acme-1"), api.named("acme-3")],
        f"{of_entitlements}cancel entitlement": [api.named("acme-2")],
        f"{of_entitlements}void entitlement": [over],
        f"{of_entitlements}void reference": ["OVER-1", "OVER-2"],
        f"{of_entitlements}cover entitlement": [over],
        f"{of_entitlements}cover reference": ["OVER-3", "OVER-4"],
        f"{of_entitlements}adjust amount": [1],
        f"{of_entitlements}grant until": [(datetime.now(UTC) + timedelta(days=9)).date().isoformat()],
        f"{of_entitlements}cancel on": [(datetime.now(UTC) + timedelta(days=9)).date().isoformat()],
        f"{cases}log_time id": [unique("T") for _ in range(9)],
        "number": letters,
        "source": ["mail"],
        "reference": [f"V-{number}" for number in range(2, 20)],
        f"{of_entitlements}reverse reference": ["V-0", "V-1"],
        f"{of_entitlements}reverse entitlement": [api.named("acme-1")],
        "milestone": ["First response", "Resolution"],
        "entry": ["T-1"],
        "order": ["O-1"],
        "POST /v1/orders id": [f"O-{number}" for number in range(2, 9)],
        "key": failed[1:],
        "link": [(await done("/v1/customer-links", {"account": "acme"}))["link"]["id"] for _ in range(2)],
        "key_id": [(await done("/v1/keys", {"name": "spare", "scopes": ["intake"]}))["key"]["id"] for _ in range(2)],
        "POST /v1/erasures who": ["ann@example.org"],
        "POST /v1/erasures also": [["Ann Miller"]],
        "POST /v1/tasks/{key}/done key": tasks,
        "POST /v1/tasks/{key}/undone key": tasks,
        "process_version": [1],
        "occurred_at": [now],
        "worked_at": [now],
    }


async def test_the_whole_document_is_walked_with_a_key_of_each_scope(
    alone: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No fault, no answer that the document does not tell of; with all scopes nearly everything can be done."""
    show_secrets(monkeypatch)
    async with api_beside_a_worker(alone, tmp_path, CATALOG) as api:
        document = (await api.get("/openapi.json")).json()
        known, url = await prepare(api), str(api.http.base_url)
        operations = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
        own = [key.split("_")[1] for key in api.keys.values()]
        whole = Walk(document, url, api.keys["all"], known, SHOWN, own)
        walks = [whole, *(Walk(document, url, api.keys[scope.value], known, SHOWN, own) for scope in Scope)]
        try:
            for number, walk in enumerate(walks):
                await asyncio.to_thread(walk.each, WALKS * (ASKED if walk is whole else 1))
                await asyncio.to_thread(walk.run, number * WALKS, WALKS, STEPS)
        finally:  # told of a walk that fails, too
            slowest = sorted(((took, place) for walk in walks for place, took in walk.slowest.items()), reverse=True)
            print("waited for longest:", slowest[:9])  # noqa: T201  of a long run
    failures = {place: said for walk in walks for place, said in walk.failures.items()}
    assert not failures, "\n\n".join(f"{place}: {said}" for place, said in failures.items())
    missed = {
        label: sorted(said for place, said in whole.answered if place == label)
        for label in operations - whole.reached()
    }
    assert len(missed) <= len(operations) * 0.05, missed
    print(sum(sum(walk.answered.values()) for walk in walks), "requests; not reached:", missed)  # noqa: T201  of a long run
    assert {status for _, status in whole.answered} >= {200, 201, 404, 406, 412, 422, 428}
    assert whole.streams
    assert all(any(status == 403 for _, status in walk.answered) for walk in walks if walk is not whole)
