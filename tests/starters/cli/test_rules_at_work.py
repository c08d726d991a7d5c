"""The rules that a contract manager relies on, by commands against a real server and a real worker.

Each holds purely elsewhere; here the store, the workflow and the words have their part in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client

from store import Store
from tests.starters.cli.test_usage import YEAR, Desk
from tests.starters.command_line import beside_a_worker
from tests.support import assert_eventually, unique
from worker.relay import Counting

NOW = datetime.now(UTC)
THIS_MONTH = NOW.replace(day=1, hour=12, minute=0, second=0, microsecond=0)
LAST_MONTH = (THIS_MONTH - timedelta(days=1)).replace(hour=11)
"""Its last day."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    folder = tmp_path_factory.mktemp("rules")
    async with beside_a_worker(client, folder) as environment:
        with Store.open(environment["MILEPOST_DATABASE_URL"]) as store:
            yield Desk(client, environment, store)


async def redeclare(desk: Desk, account: str, *entitlements: dict[str, Any]) -> None:
    """Declare what stands anew, and tell the counts that run."""
    desk.declare(account, *entitlements)
    told = await Counting(desk.client, desk.store, desk.environment["MILEPOST_TASK_QUEUE"]).tell()
    assert told.refused == []


@pytest.mark.parametrize("policy", ["block", "prompt", "fallback"])
async def test_work_is_taken_where_hours_are_left(desk: Desk, policy: str) -> None:
    """Of two banks the one that ends first is used up: nobody is blocked or asked while the other has hours."""
    account, first, second, case = (unique(name) for name in ("account", "first", "second", "c"))
    dates = {"starts_on": "2026-01-01", "ends_on": "2099-06-30"}
    hours: dict[str, Any] = {"unit": "hours", "cap": 1, "overflow": policy}
    desk.declare(
        account,
        {"id": first, **dates, "allowance": hours},
        {"id": second, **YEAR, "allowance": hours | {"cap": 10}},
    )
    await desk.done("open", case, "--account", account)
    assert f"{first}: granted, 1 hour taken" in await desk.done("log-time", case, "T-1", "60")
    assert f"{second}: granted, 1 hour taken" in await desk.done("log-time", case, "T-2", "60")
    assert "9 hours left" in await desk.done("balance", second)


@pytest.mark.parametrize("policy", ["block", "prompt"])
async def test_a_visit_falls_back_to_where_visits_are_left(desk: Desk, policy: str) -> None:
    """Past one that is used up and would block or ask: the next has some left."""
    account, first, second, third = (unique(name) for name in ("account", "first", "second", "third"))
    one: dict[str, Any] = {"unit": "visits", "cap": 1}
    ends = {first: "2099-03-31", second: "2099-06-30", third: "2099-12-31"}
    rules = {first: one, second: one | {"overflow": policy}, third: one | {"overflow": policy}}
    declared = [
        {"id": name, "starts_on": "2026-01-01", "ends_on": ends[name], "allowance": rules[name]} for name in ends
    ]
    desk.declare(account, *declared)
    for number, name in enumerate((first, second)):
        assert f"1 visit taken of {name}" in await desk.done("take", name, f"V-{number}")
    assert f"1 visit taken of {third}" in await desk.done("take", first, "V-2")
    assert (await desk.say("take", first, "V-3")).exit_code == 3


async def test_a_new_carry_gives_nothing_twice(desk: Desk) -> None:
    """What was carried stays carried: of ten a month, five of them carried on and used, ten can't be taken late."""
    account, visits = unique("account"), unique("visits")
    starts_on = LAST_MONTH.replace(day=1).date().isoformat()
    monthly: dict[str, Any] = {"unit": "visits", "cap": 10, "period": "month", "carry_over": "period"}
    entitlement: dict[str, Any] = {"id": visits, "starts_on": starts_on}
    allowance = monthly | {"overflow": "block", "carry_over_cap": 5}
    desk.declare(account, entitlement | {"allowance": allowance})
    await desk.done("take", visits, "this", "--amount", "15", "--at", THIS_MONTH.isoformat())
    await redeclare(desk, account, entitlement | {"allowance": allowance | {"carry_over_cap": 2}})
    late = ("--at", LAST_MONTH.isoformat())
    assert (await desk.say("take", visits, "late", "--amount", "8", *late)).exit_code == 3
    await desk.done("take", visits, "late-too", "--amount", "5", *late)
    assert (await desk.say("take", visits, "one-more", *late)).exit_code == 3
    said = await desk.done("balance", visits)
    assert "15 visits used of 15 visits (100%), 5 visits of them carried over" in said
    assert "5 visits used of 10 visits" in said


async def test_a_lower_cap_mails_of_what_is_planned(desk: Desk) -> None:
    """All four of a period ahead are planned, and the cap falls to four: the mail of 80% comes."""
    visits = unique("visits")
    mail = {"do": "email", "to": "manager@example.com", "subject": "{{ usage.used }} of {{ usage.cap }}"}
    allowance = {"unit": "visits", "cap": 8, "period": "month", "thresholds": [{"at": "80%", "actions": [mail]}]}
    desk.declare(f"of-{visits}", {"id": visits, "starts_on": "2026-01-01", "allowance": allowance})
    for number in range(4):
        await desk.done("take", visits, f"P-{number}", "--at", (NOW + timedelta(days=400)).isoformat())
    assert desk.store.actions.mails() == []
    await desk.done("amend", visits, "--cap", "4", "--reason", "a smaller site")

    async def mailed() -> None:
        assert [one.subject for one in desk.store.actions.mails() if one.key.startswith(visits)] == ["4 of 4"]

    await assert_eventually(mailed)


async def test_overage_passes_a_threshold_over_100_percent(desk: Desk) -> None:
    visits = unique("visits")
    mail = {"do": "email", "to": "manager@example.com", "subject": "{{ usage.used }} and {{ usage.overage }}"}
    allowance = {"unit": "visits", "cap": 2, "overflow": "prompt", "overage_price": "85.00 EUR"}
    thresholds = [{"at": "150%", "actions": [mail]}]
    desk.declare(f"of-{visits}", {"id": visits, **YEAR, "allowance": allowance | {"thresholds": thresholds}})
    await desk.done("take", visits, "V-1", "--amount", "2")
    await desk.done("take", visits, "V-2", "--overage", "--reason", "agreed")

    async def mailed() -> None:
        assert [
            one.subject for one in desk.store.actions.mails() if "/threshold/" in one.key and visits in one.key
        ] == ["2 and 1"]

    await assert_eventually(mailed)


@pytest.mark.parametrize("bank", ["acme-bank", "zulu-bank"])
async def test_a_support_contract_comes_before_a_bank_of_hours(desk: Desk, bank: str) -> None:
    """Whichever sorts first: the case has the process of the contract, and the bank takes the hours."""
    account, case = unique("account"), unique("c")
    silver, hours = unique("m-silver"), unique(bank)
    process = {"name": "Silver", "milestones": [{"name": "First response", "within": "8h"}]}
    desk.declare(
        account,
        {"id": hours, **YEAR, "allowance": {"unit": "hours", "cap": 20}},
        {"id": silver, **YEAR, "process": "Silver"},
        processes=[process],
    )
    await desk.done("open", case, "--account", account)
    assert desk.store.cases.get(case).entitlement == silver
    assert f"{hours}: granted, 0.5 hours taken" in await desk.done("log-time", case, "T-1", "30")


async def test_an_opening_balance_is_counted(desk: Desk) -> None:
    """Four years of carried periods are not made up; what was used elsewhere is, and is no override."""
    visits = unique("visits")
    as_of = datetime.now(UTC).date().replace(day=1).isoformat()  # the tests may have begun in the month before
    allowance = {"unit": "visits", "cap": 10, "period": "month", "carry_over": "period"}
    opening = {"as_of": as_of, "used": 15, "carried": 3}
    desk.declare(f"of-{visits}", {"id": visits, "starts_on": "2022-01-01", "opening": opening, "allowance": allowance})
    assert (await desk.say("take", visits, "V-1")).exit_code == 3
    said = await desk.done("take", visits, "before", "--at", "2024-05-01T09:00Z")
    assert "0 visits taken" in said
    assert "13 visits used of 13 visits (100%), 3 visits of them carried over" in await desk.done("balance", visits)

    async def one_row() -> None:
        rows = [(str(row.kind), row.used, row.overage, row.carried) for row in desk.store.ledgers.rows(visits)]
        assert ("opening", 13, 2, 3) in rows
        assert all(kind != "override" for kind, *_ in rows)

    await assert_eventually(one_row)
    assert (await desk.say("audit", visits)).exit_code == 0


async def test_half_years_are_counted(desk: Desk) -> None:
    visits = unique("visits")
    allowance = {"unit": "visits", "cap": 4, "period": "half_year"}
    desk.declare(f"of-{visits}", {"id": visits, "starts_on": "2026-08-31", "allowance": allowance})
    assert "period from 2026-08-31" in await desk.done("take", visits, "V-1", "--at", "2027-02-27T09:00Z")
    assert "period from 2027-02-28" in await desk.done("take", visits, "V-2", "--at", "2027-02-28T09:00Z")


async def test_a_line_that_names_the_asset_ranks_untold(desk: Desk) -> None:
    """The case names an asset, or its product, and no line item."""
    account, site, line, plain = (unique(name) for name in ("account", "site", "line", "a-plain"))
    asset, product = unique("asset"), unique("product")
    desk.declare(
        account,
        {"id": plain, **YEAR, "service_contract": site},
        {"id": line, **YEAR, "contract_line_item": f"{line}-item"},
        products=[{"id": product}],
        assets=[{"id": asset, "account": account, "product": product}],
        service_contracts=[{"id": site, "account": account}],
        contract_line_items=[{"id": f"{line}-item", "service_contract": site, "product": product}],
    )
    for words in (("--asset", asset), ("--account", account, "--product", product)):
        case = unique("c")
        await desk.done("open", case, *words)
        assert desk.store.cases.get(case).entitlement == line
    other = unique("c")
    await desk.done("open", other, "--account", account)
    assert desk.store.cases.get(other).entitlement == plain


async def test_keys_that_vanish_are_asked_about(desk: Desk, tmp_path: Path) -> None:
    """A file that leaves out an end or hours takes nothing away before somebody says yes."""
    silver, account, file = unique("silver"), unique("account"), tmp_path / "catalog.yaml"
    whole = f"{{id: {silver}, account: {account}, type: Phone, ends_on: 2099-12-31, business_hours: 24x7}}"
    file.write_text(f"accounts: [{{id: {account}}}]\nentitlements: [{whole}]\n")
    await desk.done("apply", str(file))
    file.write_text(f"entitlements: [{{id: {silver}, account: {account}, type: Phone}}]\n")
    asked = await desk.say("apply", str(file))
    assert (asked.exit_code, "--yes takes what the files say" in asked.stderr) == (2, True)
    assert "ends_on" in asked.stderr
    assert str(desk.store.catalog.entitlement(silver).ends_on) == "2099-12-31"
    await desk.done("apply", str(file), "--yes")
    stands = desk.store.catalog.entitlement(silver)
    assert (stands.ends_on, stands.business_hours) == (None, None)
