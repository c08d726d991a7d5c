"""`balance` and `audit`, against a server and a store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import delete
from typer.testing import Result

from activities.usage import UsageGate
from domain.catalog import Catalog
from domain.entitlement_messages import Consumption
from domain.entitlement_terms import entitlement_terms
from store import Store, tables
from tests.starters.command_line import milepost
from tests.support import unique
from tests.usage import NOON
from worker.embedded import RunningServer
from worker.process import working


class Desk:
    """An entitlement of ten visits, of which three were taken, and the environment to ask about it."""

    def __init__(self, store: Store, environment: dict[str, str]) -> None:
        self.store = store
        self.environment = environment
        self.gold, self.untouched = unique("gold"), unique("silver")
        allowance = {"unit": "visits", "cap": 10}
        entitlements = [
            {"id": name, "account": "acme", "name": "Gold", "starts_on": "2025-01-15", "allowance": allowance}
            for name in (self.gold, self.untouched)
        ]
        uncounted = {"id": "uncounted", "account": "acme"}
        catalog = {"accounts": [{"id": "acme"}], "entitlements": [*entitlements, uncounted]}
        store.apply(Catalog.model_validate(catalog), by="test")

    async def ask(self, *arguments: str) -> Result:
        return await asyncio.to_thread(milepost, *arguments, env=self.environment)


@pytest_asyncio.fixture(loop_scope="session")
async def desk(server: RunningServer, task_queue: str, tmp_path: Path) -> AsyncIterator[Desk]:
    url = f"sqlite:///{tmp_path / 'milepost.db'}"
    environment = {
        "TEMPORAL_ADDRESS": server.address,
        "MILEPOST_TASK_QUEUE": task_queue,
        "MILEPOST_DATABASE_URL": url,
        "MILEPOST_DATA": str(tmp_path),
    }
    with Store.open(url) as store:
        async with working(server.client, store, task_queue=task_queue):
            desk = Desk(store, environment)
            gate = UsageGate(server.client, task_queue)
            terms = entitlement_terms(
                store.entitlement(desk.gold), store.account("acme"), store.organisation(), now=NOON, clock=NOON
            )
            for number in range(3):
                asked = Consumption(reference=f"V{number}", event_id=f"take-{number}", occurred_at=NOON)
                await gate.consume(terms, asked)
            yield desk


async def test_a_balance_says_what_is_left(desk: Desk) -> None:
    shown = await desk.ask("balance", desk.gold)
    assert shown.stdout.splitlines() == [
        f"{desk.gold} (Gold), account acme: 7 visits left, active",
        "  from 2025-01-15: 3 visits used of 10 visits (30%)",
    ]
    assert json.loads((await desk.ask("balance", desk.gold, "--json")).stdout)["current"]["remaining"] == 7


async def test_what_was_never_asked_for_has_all(desk: Desk) -> None:
    assert "10 visits left" in (await desk.ask("balance", desk.untouched)).stdout


async def test_ledgers_that_agree_pass(desk: Desk) -> None:
    everything = await desk.ask("audit")
    assert (everything.exit_code, everything.stdout) == (0, "entitlements: 1, rows: 3; all as the ledger says\n")
    one = await desk.ask("audit", desk.gold, "--json")
    assert json.loads(one.stdout) == {"entitlement": desk.gold, "rows": 3, "discrepancies": []}
    assert (await desk.ask("audit", desk.untouched)).exit_code == 0


async def test_a_ledger_that_was_tampered_with_does_not(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("starters.auditing._ROWS_ARRIVE_WITHIN", 0.3)
    assert (await desk.ask("audit")).exit_code == 0
    with desk.store._database.write() as connection:
        connection.execute(delete(tables.ledger).where(tables.ledger.c.number == 2))
    found = await desk.ask("audit", desk.gold)
    assert found.exit_code == 1
    assert f"{desk.gold}: 1 of 3 rows are missing: 2" in found.stdout
    assert "1 not as the ledger says" in found.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["balance", "nothing"], "there is no entitlement 'nothing', neither at work nor in the catalog"),
        (["balance", "uncounted"], "entitlement 'uncounted' counts nothing"),
        (["balance", "uncounted", "--at", "noon"], "is no ISO 8601 instant"),
        (["audit", "nothing"], "nothing"),
    ],
)
async def test_what_cannot_be_asked_ends_with_2(desk: Desk, arguments: list[str], says: str) -> None:
    result = await desk.ask(*arguments)
    assert (result.exit_code, "Traceback" in result.output) == (2, False)
    assert says in " ".join(result.output.split())
