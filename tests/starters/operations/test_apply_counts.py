"""`apply`: what it declares is told to the entitlements that are counted already."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.service import RPCError
from typer.testing import Result

from domain.catalog.declarations import Catalog
from domain.usage.requests import workflow_id
from store import Store
from tests.starters.command_line import beside_a_worker, milepost
from tests.support import assert_eventually, unique

ACME: dict[str, Any] = {"id": "acme"}
NOWHERE = {"TEMPORAL_ADDRESS": "127.0.0.1:1"}


@pytest.fixture
def alone(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has a store of his own, and no Temporal."""
    return {
        "MILEPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'milepost.db'}",
        "MILEPOST_DATA": str(tmp_path),
        **NOWHERE,
    }


@pytest_asyncio.fixture(loop_scope="session")
async def live(client: Client, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """The same beside a worker at work."""
    async with beside_a_worker(client, tmp_path) as environment:
        yield environment


def apply(
    environment: dict[str, str],
    *options: str,
    gold: str = "gold",
    account: dict[str, Any] = ACME,
    **changed: Any,
) -> Result:
    entitlement = {
        "id": gold,
        "account": "acme",
        "starts_on": "2026-01-01",
        "ends_on": "2099-12-31",
        "allowance": {"unit": "cases", "cap": 50},
        "term_end": {"policy": "renew"},
    }
    file = Path(environment["MILEPOST_DATA"]) / "catalog.yaml"
    file.write_text(json.dumps({"accounts": [account], "entitlements": [entitlement | changed]}))
    return milepost("apply", file, "--by", "ann", *options, env=environment)


def untold(environment: dict[str, str]) -> list[str]:
    with Store.open(environment["MILEPOST_DATABASE_URL"]) as store:
        return [one.entitlement for one in store.unsynchronised.entitlements()]


def test_without_a_server_it_is_stored_and_told_later(alone: dict[str, str]) -> None:
    """Nothing that was declared is lost, and nothing is asked of who only checks."""
    assert apply(alone, "--dry-run").stderr == ""
    result = apply(alone)
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("milepost: stored; a worker will tell the entitlements that it changes (no Tempo")
    assert untold(alone) == ["gold"]


def test_what_needs_no_telling_asks_for_no_server(alone: dict[str, str]) -> None:
    result = apply(alone, term_end=None)
    assert (result.exit_code, result.stderr, untold(alone)) == (0, "", [])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"allowance": {"unit": "hours", "cap": 50}},
            "the unit of entitlement 'gold' cannot change from cases to hours",
        ),
        (
            {"allowance": {"unit": "cases", "cap": 50, "period": "quarter"}},
            "allowance: the period of entitlement 'gold' cannot change from term to quarter; cancel it and",
        ),
        (
            {"ends_on": None, "term_end": {"policy": "reset", "term": "1 year"}},
            "term_end: the length of each term of entitlement 'gold' cannot change from none to 1 year",
        ),
        ({"renews": "silver"}, "renews: unknown entitlement 'silver'"),
        ({"renews": "gold"}, "renews: entitlement 'gold' renews itself; name the one before it"),
    ],
)
def test_what_was_counted_by_stays(alone: dict[str, str], changed: dict[str, Any], said: str) -> None:
    """Refused with nothing stored, whether anything was counted yet or not."""
    assert apply(alone).exit_code == 0
    result = apply(alone, **changed)
    assert result.exit_code == 2
    assert said in result.stderr
    with Store.open(alone["MILEPOST_DATABASE_URL"]) as store:
        gold = store.catalog.entitlement("gold")
    assert gold.allowance is not None
    assert (gold.allowance.unit, gold.allowance.period, gold.renews) == ("cases", "term", None)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"ends_on": "2026-01-31"},
            "ends_on: entitlement 'gold' is counted and can't end on 2026-01-31, which is over; ",
        ),
        (
            {"time_zone": "Asia/Tokyo"},
            "time_zone: entitlement 'gold' of account 'acme' is counted by the dates of UTC, ",
        ),
    ],
)
def test_what_a_count_can_not_follow_is_not_stored(alone: dict[str, str], changed: dict[str, Any], said: str) -> None:
    """Catalog and count would say something else from then on. It is refused at its line, before anybody is told."""
    account = {"id": "acme", "time_zone": changed.pop("time_zone", None)}
    assert apply(alone).exit_code == 0
    result = apply(alone, account=account, **changed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "catalog.yaml:1:" in result.stderr
    assert said in result.stderr
    with Store.open(alone["MILEPOST_DATABASE_URL"]) as store:
        assert (str(store.catalog.entitlement("gold").ends_on), store.catalog.account("acme").time_zone) == (
            "2099-12-31",
            None,
        )


async def test_a_running_count_follows(live: dict[str, str], client: Client) -> None:
    """It begins and is amended; the same again tells nothing."""
    gold = unique("gold")

    async def applied(*options: str, **changed: Any) -> Result:
        return await asyncio.to_thread(apply, live, *options, gold=gold, **changed)

    try:
        assert (await applied()).stdout.splitlines()[-1] == f"{gold}: its count has begun"
        more = {"allowance": {"unit": "cases", "cap": 60}}
        amended = await applied("--json", **more)
        assert (json.loads(amended.stdout)["changes"][0]["name"], amended.stderr) == (
            gold,
            f"{gold}: the cap is 60 cases\n",
        )
        assert (await applied(**more)).stdout == "nothing to change; 2 unchanged\n"
        assert await asyncio.to_thread(untold, live) == []
    finally:
        await client.get_workflow_handle(workflow_id(gold)).terminate()


async def test_a_count_that_can_not_follow_says_so(live: dict[str, str], client: Client) -> None:
    """What the catalog could not know: here its record is ahead of the count."""
    gold = unique("gold")
    over: dict[str, Any] = {"ends_on": "2026-01-31"}

    def write_record() -> None:
        with Store.open(live["MILEPOST_DATABASE_URL"]) as store:
            record = store.catalog.entitlement(gold).model_dump(mode="json") | over
            store.catalog.apply(Catalog.model_validate({"entitlements": [record]}), by="test", tell=None)

    try:
        assert (await asyncio.to_thread(apply, live, gold=gold)).exit_code == 0
        await asyncio.to_thread(write_record)
        result = await asyncio.to_thread(apply, live, gold=gold, **over, allowance={"unit": "cases", "cap": 60})
        assert result.exit_code == 1
        assert result.stderr == (
            f"milepost: stored, but the entitlement goes on by its old terms: {gold}: 2026-01-31 is over; "
            "give today or a later date, or cancel it\n"
        )
        assert await asyncio.to_thread(untold, live) == []
    finally:
        await client.get_workflow_handle(workflow_id(gold)).terminate()


async def test_what_was_cancelled_by_hand_stays_cancelled(live: dict[str, str], client: Client) -> None:
    """The files do not say so, and take nothing back."""
    gold = unique("gold")
    try:
        assert (await asyncio.to_thread(apply, live, gold=gold)).exit_code == 0
        result = await asyncio.to_thread(milepost, "cancel", gold, "--reason", "the customer left", env=live)
        assert result.exit_code == 0, result.output

        async def on_record() -> None:
            with Store.open(live["MILEPOST_DATABASE_URL"]) as store:
                assert store.catalog.entitlement(gold).cancelled_at is not None

        await assert_eventually(on_record)
        again = await asyncio.to_thread(apply, live, gold=gold)
        assert (again.exit_code, again.stdout, again.stderr) == (0, "nothing to change; 2 unchanged\n", "")
        await on_record()
    finally:
        await client.get_workflow_handle(workflow_id(gold)).terminate()


async def test_a_cancellation_in_a_file_says_what_follows(live: dict[str, str], client: Client) -> None:
    """What stays taken after it, what was planned, and the early renewal that goes on, as `milepost cancel` says it."""
    gold = unique("gold")
    visits = {"allowance": {"unit": "visits", "cap": 4}}

    async def said(*command: str) -> str:
        result = await asyncio.to_thread(milepost, *command, env=live)
        assert result.exit_code == 0, result.output
        return result.stdout

    async def on_record() -> None:
        with Store.open(live["MILEPOST_DATABASE_URL"]) as store:
            assert len(store.ledgers.rows(gold)) == 3

    try:
        assert (await asyncio.to_thread(apply, live, gold=gold, **visits)).exit_code == 0
        await said("take", gold, "V-1", "--at", "2026-03-10T09:00Z")
        await said("take", gold, "P-1", "--at", "2098-03-10T09:00Z")
        await said("renew", gold, "--reason", "by phone")
        await assert_eventually(on_record)
        cancelled_at = "2026-02-01T00:00:00Z"
        result = await asyncio.to_thread(apply, live, gold=gold, cancelled_at=cancelled_at, **visits)
        assert result.exit_code == 0, result.output
        assert result.stdout.splitlines()[-4:] == [
            f"{gold}: cancelled from Sun 2026-02-01 00:00 UTC on",
            f"{gold}: planned after that, and reversed: P-1",
            f"{gold}: taken after that, and stays taken: V-1",
            f"{gold}: it was renewed as {gold}~2, which goes on; milepost cancel {gold}~2 cancels that, too",
        ]
    finally:
        for name in (gold, f"{gold}~2"):
            with suppress(RPCError):  # the renewal begins to be counted a little later
                await client.get_workflow_handle(workflow_id(name)).terminate()
