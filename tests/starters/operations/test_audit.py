"""`balance` and `audit`, against a server and a store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import delete
from temporalio.client import Client
from typer.testing import Result

from clients.gate import UsageGate
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Catalog
from domain.usage.audit import takes_over
from domain.usage.requests import Consumption, EntitlementTerms, UsageAdjusted, workflow_id
from store import Store, tables
from tests.starters.command_line import milepost
from tests.support import unique
from tests.usage import NOON
from worker.embedded import RunningServer
from worker.process import working

NO_CASES = "open cases that have not changed for ten minutes: 0; all at work"
NO_REPORTS = "cases: 0, milestones: 0; all as reports and the feed say"


class Desk:
    """An entitlement of ten visits, of which three were taken, and the environment to ask about it."""

    def __init__(self, client: Client, store: Store, environment: dict[str, str]) -> None:
        self.client = client
        self.store = store
        self.environment = environment
        self.gate = UsageGate(client, environment["MILEPOST_TASK_QUEUE"])
        self.gold, self.untouched = unique("gold"), unique("silver")
        allowance = {"unit": "visits", "cap": 10}
        entitlements = [
            {"id": name, "account": "acme", "name": "Gold", "starts_on": "2025-01-15", "allowance": allowance}
            for name in (self.gold, self.untouched)
        ]
        uncounted = {"id": "uncounted", "account": "acme"}
        catalog = {"accounts": [{"id": "acme"}], "entitlements": [*entitlements, uncounted]}
        store.catalog.apply(Catalog.model_validate(catalog), by="test")

    def terms(self, clock: datetime) -> EntitlementTerms:
        gold, account = self.store.catalog.entitlement(self.gold), self.store.catalog.account("acme")
        return entitlement_terms(gold, account, self.store.catalog.organisation(), now=clock, clock=clock)

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
            desk = Desk(server.client, store, environment)
            for number in range(3):
                await desk.gate.consume(desk.terms(NOON), taking(f"V{number}"))
            yield desk


def taking(visit: str) -> Consumption:
    return Consumption(reference=visit, event_id=f"take-{visit}", occurred_at=NOON)


async def test_a_balance_says_what_is_left(desk: Desk) -> None:
    shown = await desk.ask("balance", desk.gold)
    assert shown.stdout.splitlines() == [
        f"{desk.gold} (Gold), account acme: 7 visits left, active",
        "  from 2025-01-15: 3 visits used of 10 visits (30%)",
    ]
    assert json.loads((await desk.ask("balance", desk.gold, "--json")).stdout)["current"]["remaining"] == 7


async def test_what_was_never_asked_for_has_all(desk: Desk) -> None:
    assert "10 visits left" in (await desk.ask("balance", desk.untouched)).stdout


@pytest.mark.parametrize("kind", ["entitlements", "accounts"])
async def test_what_the_catalog_has_retired_is_retired(desk: Desk, kind: str) -> None:
    """Whether it is itself or its account, and whether it is counted yet; the count itself goes on."""
    account = {"id": "acme", "retired": True}
    entitlements = [
        desk.store.catalog.entitlement(name).model_dump(mode="json") | {"retired": True}
        for name in (desk.gold, desk.untouched)
    ]
    retired = {"accounts": [account]} if kind == "accounts" else {"entitlements": entitlements}
    desk.store.catalog.apply(Catalog.model_validate(retired), by="test")
    shown = await desk.ask("balance", desk.gold)
    assert shown.stdout.splitlines()[0] == f"{desk.gold} (Gold), account acme: 7 visits left, retired"
    assert "10 visits left, retired" in (await desk.ask("balance", desk.untouched)).stdout
    answer = json.loads((await desk.ask("balance", desk.gold, "--json")).stdout)
    assert (answer["status"], answer["current"]["remaining"]) == ("retired", 7)


async def test_ledgers_that_agree_pass(desk: Desk) -> None:
    everything = await desk.ask("audit")
    assert (everything.exit_code, everything.stdout) == (
        0,
        f"entitlements: 1, rows: 3; all as the ledger says\n{NO_CASES}\n{NO_REPORTS}\n",
    )
    one = await desk.ask("audit", desk.gold, "--json")
    assert json.loads(one.stdout) == {"entitlement": desk.gold, "rows": 3, "discrepancies": [], "ended": []}
    assert (await desk.ask("audit", desk.untouched)).exit_code == 0


async def test_a_ledger_that_was_tampered_with_does_not(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("starters.operations.auditing._ROWS_ARRIVE_WITHIN", 0.3)
    assert (await desk.ask("audit")).exit_code == 0
    with desk.store._database.write() as connection:
        connection.execute(delete(tables.ledger).where(tables.ledger.c.number == 2))
    found = await desk.ask("audit", desk.gold)
    assert found.exit_code == 1
    assert f"{desk.gold}: 1 of 3 rows are missing: 2" in found.stdout
    assert "1 not as the ledger says" in found.stdout


async def test_a_count_that_was_terminated_is_missing_until_it_is_taken_over(desk: Desk) -> None:
    """Exit code 1 until an adjustment says that somebody has seen it; its rows stay on record."""
    await desk.ask("audit")  # all rows are stored
    await desk.client.get_workflow_handle(workflow_id(desk.gold)).terminate()
    nobody = await desk.ask("audit")
    assert (nobody.exit_code, nobody.stdout.splitlines()[0]) == (
        1,
        f"{desk.gold}: the store has 3 rows, and nobody counts: its workflow is gone",
    )
    await desk.gate.consume(desk.terms(NOON + timedelta(days=1)), taking("V9"))
    found = await desk.ask("audit")
    ended, _ = desk.store.ledgers.counts(desk.gold)
    said = f"{desk.gold}: 3 rows belong to a count that ended (3 used in the current period)"
    assert found.exit_code == 1
    assert found.stdout.splitlines() == [
        f"{said}; take them over: milepost adjust, with a reason and --event-id takes-over-{ended}",
        "entitlements: 1, rows: 1; 1 not as the ledger says",
        NO_CASES,
        NO_REPORTS,
    ]
    over = UsageAdjusted(event_id=takes_over(ended), amount=3, by="ana", reason="terminated by mistake")
    await desk.gate.change(desk.terms(NOON), over)
    found = await desk.ask("audit")
    assert (found.exit_code, found.stdout.splitlines()) == (
        0,
        [f"{said}; they were taken over", "entitlements: 1, rows: 2; all as the ledger says", NO_CASES, NO_REPORTS],
    )
    shown = await desk.ask("balance", desk.gold)
    assert "6 visits left" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["balance", "nothing"], "there is no entitlement 'nothing', neither at work nor in the catalog"),
        (["balance", "uncounted"], "entitlement 'uncounted' counts nothing"),
        (["balance", "uncounted", "--at", "noon"], "is no time; write one like"),
        (["audit", "nothing"], "nothing"),
    ],
)
async def test_what_cannot_be_asked_ends_with_2(desk: Desk, arguments: list[str], says: str) -> None:
    result = await desk.ask(*arguments)
    assert (result.exit_code, "Traceback" in result.output) == (2, False)
    assert says in " ".join(result.output.split())
