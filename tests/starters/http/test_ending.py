"""An API that is told to end while requests wait: each is answered, streams end whole, and no traceback is left."""

import asyncio
import tempfile

import httpx
from temporalio.client import Client

from domain.messages.cases import CaseIntake
from domain.messages.names import CASE_WORKFLOW
from domain.scopes import Scope
from starters.http.problems import AGAIN_AFTER
from tests.starters.api_program import api_program
from tests.starters.http_api import Api
from tests.support import PATIENT, unique


async def test_what_waits_is_answered_when_the_api_ends(api: Api, client: Client) -> None:
    """What is asked of a case, or of a count, that nobody serves is cut off before its patience is over."""
    queue, case = unique("queue"), unique("c")
    handle = await client.start_workflow(
        CASE_WORKFLOW, CaseIntake(case_id=case, account="acme"), id=f"case/{case}", task_queue=queue
    )
    headers = {"Authorization": f"Bearer {api.key(*Scope)}"}
    requests = [
        ("POST", f"/v1/cases/{case}/close", {}),
        ("POST", "/v1/cases", {"case_id": unique("c"), "account": "acme"}),
        ("GET", f"/v1/cases/{case}", None),
        ("POST", f"/v1/entitlements/{api.named('acme-visits')}/take", {"reference": "V-1"}),
    ]
    with tempfile.TemporaryFile() as log:
        async with (
            api_program(api.environment | {"MILEPOST_TASK_QUEUE": queue}, log=log) as (program, url),
            httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENT) as http,
        ):
            async with http.stream("GET", "/v1/events", headers={"Accept": "text/event-stream"}) as stream:
                parts = stream.aiter_text()
                assert (await anext(parts)).startswith("retry:")
                waiting = [
                    asyncio.create_task(
                        http.request(method, path, json=body, headers={"Idempotency-Key": unique("k")} if body else {})
                    )
                    for method, path, body in requests
                ]
                await asyncio.sleep(1)  # they are under way
                program.terminate()
                async for _ in parts:
                    """To the end: of an answer that breaks off the client would say so."""
            for answer in await asyncio.gather(*waiting):
                assert (answer.status_code, answer.json()["code"]) == (503, "no_answer")
                assert int(answer.headers["retry-after"]) == AGAIN_AFTER
                assert answer.json()["detail"].startswith("the API ends"), answer.request.url
            assert await program.wait() == 0
        log.seek(0)
        told = log.read().decode()
    await handle.terminate()
    assert "Traceback" not in told, told
