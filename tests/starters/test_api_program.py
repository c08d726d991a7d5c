"""``milepost api`` as the program that people run: from a key to a case, and to its end."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio
from temporalio.client import Client

from tests.starters.api_program import api_program
from tests.starters.command_line import beside_a_worker, milepost
from tests.support import PATIENT, unique

CATALOG = """
processes: [{name: Support, milestones: [{name: First response, within: 4h}]}]
organisation: {process: Support}
accounts: [{id: acme}]
"""


@pytest_asyncio.fixture(loop_scope="session")
async def environment(client: Client, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """Of a worker that is at work."""
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    async with beside_a_worker(client, tmp_path, tmp_path / "catalog.yaml") as environment:
        yield environment


async def test_two_replicas_serve_one_store_and_end_when_told(environment: dict[str, str]) -> None:
    """What one took the other answers again; each ends with 0 and leaves no port behind."""
    scopes = ("--scope", "intake", "--scope", "agent")
    made = await asyncio.to_thread(milepost, "keys", "create", "desk", *scopes, env=environment)
    headers = {"Authorization": f"Bearer {made.stdout.strip()}", "Idempotency-Key": unique("k")}
    asked = {"case_id": unique("c"), "account": "acme"}
    async with api_program(environment) as (one, first), api_program(environment) as (other, second):
        async with httpx.AsyncClient(timeout=PATIENT) as http:
            assert (await http.get(f"{first}/readyz")).json() == {"store": True, "temporal": True}
            opened, again = [await http.post(f"{url}/v1/cases", json=asked, headers=headers) for url in (first, second)]
        assert (opened.status_code, again.content) == (201, opened.content)
        assert again.headers["idempotent-replayed"] == "true"
        for program in (one, other):
            program.send_signal(signal.SIGINT)
            async with asyncio.timeout(PATIENT):
                assert await program.wait() == 0
        async with httpx.AsyncClient(timeout=5) as http:
            for url in (first, second):
                try:
                    await http.get(f"{url}/healthz")
                except httpx.ConnectError:
                    continue
                raise AssertionError(f"something still answers at {url}")
    shown = await asyncio.to_thread(milepost, "show", asked["case_id"], "--json", env=environment)
    assert json.loads(shown.stdout)["account"] == "acme"


async def test_an_address_that_is_taken_is_told(environment: dict[str, str]) -> None:
    """In one line, with exit code 1."""
    async with api_program(environment) as (_, url):
        port = url.rpartition(":")[2]
        taken = await asyncio.to_thread(milepost, "api", "--port", port, env=environment)
    assert taken.exit_code == 1
    assert f"nothing can be served at 127.0.0.1:{port}" in taken.stderr
