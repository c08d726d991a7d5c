"""`order`: a file, placed into the store, and told to the entitlements that count already."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client
from typer.testing import Result

from domain.errors import NotFound
from domain.usage.requests import workflow_id
from starters.files.catalogs import apply_files
from store import Store
from tests.starters.command_line import beside_a_worker, milepost
from tests.support import unique

CATALOG = """
organisation: {time_zone: America/New_York}
accounts: [{id: acme}, {id: other}]
assets: [{id: r1, account: acme}, {id: theirs, account: other}]
entitlement_templates:
  - {id: bronze, term: 10 years, allowance: {unit: cases, cap: 1}}
  - {id: huge, term: 1 year, allowance: {unit: cases, cap: 1000000}}
products:
  - {id: support, entitlement_templates: [bronze]}
  - {id: big, entitlement_templates: [huge]}
"""
ORDER: dict[str, Any] = {"id": "o-1", "account": "acme", "starts_on": "2026-01-01", "lines": [{"product": "support"}]}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store's file with the catalog, to be copied."""
    folder = tmp_path_factory.mktemp("orders")
    (folder / "catalog.yaml").write_text(CATALOG)
    with Store.open(f"sqlite:///{folder / 'milepost.db'}") as store:
        apply_files(store, [folder / "catalog.yaml"], by="test")
    return folder / "milepost.db"


@pytest.fixture
def alone(catalog: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has a store of his own, and no Temporal."""
    (tmp_path / "milepost.db").write_bytes(catalog.read_bytes())
    return {"MILEPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'milepost.db'}", "MILEPOST_DATA": str(tmp_path)}


def place(environment: dict[str, str], *options: str, **changed: Any) -> Result:
    file = Path(environment["MILEPOST_DATA"]) / "order.json"
    file.write_text(json.dumps({**ORDER, **changed}))
    return milepost("order", file, "--by", "ann", *options, env=environment)


def test_an_order_is_placed_once(alone: dict[str, str]) -> None:
    """The second time nothing changes."""
    first = place(alone)
    assert first.exit_code == 0, first.output
    assert first.stdout.splitlines() == [
        "order o-1, revision 1",
        "created   service_contracts    o-1",
        "created   contract_line_items  o-1.support",
        "created   entitlements         o-1.support.bronze",
    ]
    assert place(alone).stdout == "order o-1, revision 1: nothing to change\n"
    with Store.open(alone["MILEPOST_DATABASE_URL"]) as store:
        assert store.catalog.entitlement("o-1.support.bronze").contract_line_item == "o-1.support"
        assert store.orders.get("o-1").revision == 1
        with pytest.raises(NotFound, match="no order 'o-2' was placed"):
            store.orders.get("o-2")


def test_a_dry_run_stores_nothing(alone: dict[str, str]) -> None:
    assert "dry run: nothing was stored" in place(alone, "--dry-run").stdout
    assert "created   entitlements" in place(alone).stdout


def test_a_changed_order_says_what_it_amends(alone: dict[str, str]) -> None:
    place(alone)
    answer = json.loads(place(alone, "--dry-run", "--json", lines=[{"product": "support", "quantity": 3}]).stdout)
    assert (answer["revision"], answer["changed"]["dry_run"]) == (2, True)
    details = {change["name"]: change["details"] for change in answer["changed"]["changes"]}
    assert details == {"o-1.support": ["quantity: 1 -> 3"], "o-1.support.bronze": ["allowance.cap: 1 -> 3"]}


def test_what_was_made_covers(alone: dict[str, str]) -> None:
    place(alone)
    found = json.loads(milepost("verify", "--contract", "o-1", "--json", env=alone).stdout)
    assert (found["covered_by"], found["chosen"]["by"]) == ("o-1.support.bronze", "service contract")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id: o\naccount: acne\nlines:\n  - product: support\n", "order.yaml:2:1: account: unknown account 'acne'"),
        (
            "id: o\naccount: acme\nlines:\n  - product: support\n    quantity: -1\n",
            "order.yaml:5:5: lines[0].quantity: should be greater than or equal to 1, not -1",
        ),
        (
            "id: o\naccount: acme\nlines:\n  - product: big\n    quantity: 100000\n",
            "order.yaml:5:5: lines[0].quantity: template 'huge': 100000 times 1000000 cases is over 1,000,000,000",
        ),
        (
            "id: o\naccount: acme\nstarts_on: 2026-02-01\nends_on: 2026-01-01\nlines:\n  - product: support\n",
            "order.yaml:4:1: ends_on: 2026-01-01 lies before starts_on 2026-02-01",
        ),
        (
            "id: o\naccount: acme\nlines:\n  - {product: support, qauntity: 2}\n",
            "order.yaml:4:24: lines[0].qauntity: unknown key 'qauntity'; did you mean 'quantity'?",
        ),
        (
            "- id: o\n",
            "an order is a mapping with the keys id, account, name, starts_on, ends_on and lines, not a list",
        ),
        ("id: o\naccount: acme\n", "order.yaml:1:1: lines: missing"),
    ],
)
def test_an_order_that_cannot_be_is_refused_with_its_line(alone: dict[str, str], text: str, says: str) -> None:
    """In one message, and nothing of it is made."""
    file = Path(alone["MILEPOST_DATA"]) / "order.yaml"
    file.write_text(text)
    result = milepost("order", file, env=alone)
    assert (result.exit_code, result.stdout, "Traceback" in result.stderr) == (2, "", False)
    assert says in result.stderr
    assert "nothing of it was made" in result.stderr
    with Store.open(alone["MILEPOST_DATABASE_URL"]) as store:
        assert store.catalog.everything().service_contracts == []


def test_an_order_that_is_half_right_makes_nothing(alone: dict[str, str]) -> None:
    """Its second line is wrong; the first is not made either."""
    result = place(alone, lines=[{"product": "support"}, {"product": "support", "asset": "theirs"}])
    assert result.exit_code == 2
    assert "asset 'theirs' belongs to account 'other', this order to 'acme'" in result.stderr
    with Store.open(alone["MILEPOST_DATABASE_URL"]) as store:
        assert store.catalog.everything().entitlements == []


# --- entitlements that count already ---


@pytest_asyncio.fixture(loop_scope="session")
async def live(client: Client, alone: dict[str, str]) -> AsyncIterator[dict[str, str]]:
    """Beside a worker at work."""
    async with beside_a_worker(client, Path(alone["MILEPOST_DATA"])) as environment:
        yield environment


async def test_a_running_count_is_told_of_what_changes(live: dict[str, str], client: Client) -> None:
    """A case takes the only one; a second pack lets one more in, and a cancelled line none."""
    order = unique("o")

    async def placed(**changed: Any) -> Any:
        result = await asyncio.to_thread(place, live, "--json", id=order, **changed)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    async def opened() -> str | None:
        case = unique("case")
        result = await asyncio.to_thread(milepost, "open", case, "--account", "acme", env=live)
        assert result.exit_code == 0, result.output
        with Store.open(live["MILEPOST_DATABASE_URL"]) as store:
            return store.cases.get(case).entitlement

    bronze = f"{order}.support.bronze"
    assert (await placed())["counts"]["done"] == []
    try:
        assert [await opened(), await opened()] == [bronze, None]
        more = {"lines": [{"product": "support", "quantity": 2}]}
        assert (await placed(**more))["counts"]["done"] == [f"{bronze}: the cap is 2 cases"]
        assert (await placed(**more))["counts"]["done"] == []
        assert [await opened(), await opened()] == [bronze, None]
        gone = {"lines": [{"product": "support", "quantity": 2, "cancelled": True}]}
        [said] = (await placed(**gone))["counts"]["done"]
        assert said.startswith(f"{bronze}: cancelled from ")
        assert await opened() is None
    finally:
        await client.get_workflow_handle(workflow_id(bronze)).terminate()
