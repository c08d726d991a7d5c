"""What is asked of a case or an entitlement that no worker serves: told within the patience of the API."""

import asyncio
import time
from typing import Any

import httpx
from temporalio.client import Client

from clients.sending import LOOKS_FOR
from domain.messages.cases import CaseIntake
from domain.messages.names import CASE_WORKFLOW
from domain.usage.requests import ENTITLEMENT_WORKFLOW, EntitlementStart
from starters.http.app import create_app
from starters.http.backend import Backend
from starters.http.commands import example_of
from starters.http.document import document_of
from starters.http.serving import serving
from tests.starters.http_api import Api
from tests.support import unique

PATIENCE = 0.5
BUSY = 7.0
"""Seconds that all requests at once may take besides, on a machine with much to do; the usual patience is longer."""
OF_ONE = ("/v1/cases/{case}", "/v1/entitlements/{entitlement}")
FROM_THE_STORE = {"GET /v1/cases/{case}/events", "GET /v1/entitlements/{entitlement}/ledger"}


async def test_whatever_is_asked_is_told_in_time_that_nobody_answers(api: Api, client: Client) -> None:
    """Every route of one case and of one entitlement, all at once: none waits longer than the others."""
    queue, case = unique("queue"), unique("c")
    entitlement = api.named("acme-visits")
    await client.start_workflow(
        CASE_WORKFLOW, CaseIntake(case_id=case, account="acme"), id=f"case/{case}", task_queue=queue
    )
    counted = EntitlementStart(entitlement_id=entitlement)
    count = await client.start_workflow(
        ENTITLEMENT_WORKFLOW, counted, id=f"entitlement/{entitlement}", task_queue=queue
    )
    app = create_app(Backend(client, api.store, queue, patience=PATIENCE))
    document = document_of(app)

    async def asked(http: httpx.AsyncClient, method: str, path: str, body: Any) -> tuple[str, float]:
        began = time.monotonic()
        at = path.format(case=case, entitlement=entitlement)
        answer = await http.request(method, at, json=body, headers={"If-Match": "*"})
        return answer.json().get("code", str(answer.status_code)), time.monotonic() - began

    operations = {
        f"{method.upper()} {path}": (method.upper(), path, example_of(operation, document))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path.startswith(OF_ONE) and f"{method.upper()} {path}" not in FROM_THE_STORE
    }
    headers = {"Authorization": f"Bearer {api.keys['all']}"}
    async with (
        serving(app, host="127.0.0.1", port=0) as url,
        httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as http,
    ):
        answers = await asyncio.gather(*(asked(http, *one) for one in operations.values()))
    await count.terminate()
    said = dict(zip(operations, answers, strict=True))
    assert {name: code for name, (code, _) in said.items()} == dict.fromkeys(operations, "no_answer")
    assert {name: took for name, (_, took) in said.items() if took > PATIENCE + LOOKS_FOR + BUSY} == {}
