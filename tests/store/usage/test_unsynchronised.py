"""Whose counts are to be told: written down with the change, crossed out when they know."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import bindparam, text

from domain.catalog.declarations import Catalog, Entitlement
from domain.orders.placing import Order
from store import Store
from store.database import CATALOG_LOCK
from store.types import Instant
from store.usage.unsynchronised import Unsynchronised, concerns_its_count

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
GOLD: dict[str, Any] = {
    "id": "gold",
    "account": "acme",
    "starts_on": "2026-01-01",
    "ends_on": "2099-12-31",
    "allowance": {"unit": "cases", "cap": 50},
}
RENEWS = {"term_end": {"policy": "renew"}}


def entitlement(**also: Any) -> Entitlement:
    return Entitlement.model_validate({**GOLD, **also})


def declare(store: Store, by: str = "ann", **also: Any) -> None:
    catalog = {"accounts": [{"id": "acme"}], "entitlements": [{**GOLD, **also}]}
    store.catalog.apply(Catalog.model_validate(catalog), by=by)


def told_of(store: Store) -> list[tuple[str, str, str]]:
    return [(one.entitlement, one.by, one.reason) for one in store.unsynchronised.entitlements()]


@pytest.mark.parametrize(
    ("changed", "concerns"),
    [
        ({}, False),
        ({"name": "Gold"}, False),
        ({"channels": ["phone"]}, False),
        ({"allowance": {"unit": "cases", "cap": 60}}, True),
        ({"allowance": {"unit": "cases", "cap": 50, "overflow": "block"}}, True),
        ({"ends_on": "2100-12-31"}, True),
        (RENEWS, True),
        ({"cancelled_at": AT}, True),
    ],
)
def test_a_count_hears_of_what_it_counts_by(changed: dict[str, Any], concerns: bool) -> None:  # noqa: FBT001
    assert concerns_its_count(entitlement(), entitlement(**changed)) is concerns


def test_a_new_one_is_counted_at_once_only_if_its_end_has_consequences() -> None:
    assert not concerns_its_count(None, entitlement())
    assert concerns_its_count(None, entitlement(**RENEWS))
    assert not concerns_its_count(None, entitlement(**RENEWS, cancelled_at=AT))
    assert not concerns_its_count(entitlement(allowance=None), entitlement(allowance=None, ends_on="2100-12-31"))


def test_what_changes_is_to_be_told_once(store: Store) -> None:
    declare(store)
    assert told_of(store) == []
    declare(store, by="bob", ends_on="2100-12-31")
    assert told_of(store) == [("gold", "bob", "the catalog was applied")]
    declare(store, ends_on="2100-12-31")
    assert told_of(store) == [("gold", "bob", "the catalog was applied")]
    (one,) = store.unsynchronised.entitlements()
    store.unsynchronised.cross_out(one)
    assert store.unsynchronised.entitlements() == []


def test_a_change_that_comes_while_another_is_told_is_not_forgotten(store: Store) -> None:
    declare(store)
    declare(store, ends_on="2100-12-31")
    (one,) = store.unsynchronised.entitlements()
    declare(store, by="bob", ends_on="2101-12-31")
    store.unsynchronised.cross_out(one)
    assert told_of(store) == [("gold", "bob", "the catalog was applied")]


def test_a_dry_run_and_what_a_count_says_itself_are_not_to_be_told(store: Store) -> None:
    declare(store)
    changed = Catalog(entitlements=[entitlement(ends_on="2100-12-31")])
    store.catalog.apply(changed, by="ann", dry_run=True)
    store.catalog.apply(changed, by="ann", tell=None)
    assert store.unsynchronised.entitlements() == []


@pytest.mark.parametrize("mail", ["manager_mail", "renewals_mail"])
def test_a_count_hears_to_whom_of_the_account_it_writes(store: Store, mail: str) -> None:
    """Those of the account that count; another change of the account is none of theirs."""
    declare(store)
    uncounted = {"id": "free", "account": "acme"}
    store.catalog.apply(Catalog.model_validate({"entitlements": [uncounted]}), by="ann")
    store.catalog.apply(Catalog.model_validate({"accounts": [{"id": "acme", "name": "Acme"}]}), by="ann")
    assert store.unsynchronised.entitlements() == []
    account = {"id": "acme", "name": "Acme", mail: "ana@example.com"}
    store.catalog.apply(Catalog.model_validate({"accounts": [account]}), by="bob")
    assert told_of(store) == [("gold", "bob", "the catalog was applied")]


def test_what_is_over_hears_nothing_of_its_account(store: Store) -> None:
    """It takes nothing more, and would refuse."""
    dates = {"starts_on": "2020-01-01", "ends_on": "2020-12-31"}
    entitlements = [{**GOLD, "id": "ended", **dates}, {**GOLD, "id": "cancelled", "cancelled_at": AT}]
    store.catalog.apply(Catalog.model_validate({"accounts": [{"id": "acme"}], "entitlements": entitlements}), by="ann")
    account = {"id": "acme", "manager_mail": "ana@example.com"}
    store.catalog.apply(Catalog.model_validate({"accounts": [account]}), by="ann")
    assert store.unsynchronised.entitlements() == []


def test_an_order_says_which_it_was(store: Store) -> None:
    shop = {
        "accounts": [{"id": "acme"}],
        "entitlement_templates": [{"id": "bronze", "term": "1 year", "allowance": {"unit": "cases", "cap": 10}}],
        "products": [{"id": "support", "entitlement_templates": ["bronze"]}],
    }
    store.catalog.apply(Catalog.model_validate(shop), by="ann")
    for quantity in (1, 2):
        line = {"product": "support", "quantity": quantity}
        order = {"id": "o", "account": "acme", "starts_on": "2026-01-01", "lines": [line]}
        store.orders.place(Order.model_validate(order), by="bob", at=AT)
    assert told_of(store) == [("o.support.bronze", "bob", "order o, revision 2")]


def test_what_orders_had_not_told_yet_is_kept_by_the_migration(store: Store) -> None:
    """Their own list becomes part of the one list."""
    declare(store)
    with store._database.write() as connection:
        store._database.lock(connection, CATALOG_LOCK)
        config = Config()
        config.set_main_option("script_location", "store:migrations")
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
        row = text(
            "INSERT INTO orders (id, revision, account, at, by, definition, amendments, told_at)"
            " VALUES ('o', :revision, 'acme', :at, 'ann', '{}', :amendments, :told)"
        ).bindparams(bindparam("at", type_=Instant()), bindparam("told", type_=Instant()))
        amendments = '[{"entitlement": "gold", "amended": null, "cancelled": null}]'
        for revision, told in ((1, AT), (2, None)):
            connection.execute(row, {"revision": revision, "at": AT, "amendments": amendments, "told": told})
        command.upgrade(config, "head")
    assert store.unsynchronised.entitlements() == [
        Unsynchronised(entitlement="gold", change="o/2", by="ann", reason="order o, revision 2")
    ]
