"""Nothing is retired that something stored, which goes on, still names: new cases would go on by it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, update

from domain.catalog.declarations import Catalog
from domain.catalog.kinds import Kind
from domain.catalog.problems import CatalogProblems
from domain.errors import NotFound
from store import Store, tables
from store.catalog.applying import write_catalog
from store.catalog.values import Diff

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
GOLD: dict[str, Any] = {"name": "Gold", "milestones": [{"name": "Answer", "within": "4h", "business_hours": "Office"}]}
DOCUMENT: dict[str, list[dict[str, Any]]] = {
    "business_hours": [{"name": "Office", "week": "always"}, {"name": "Unused", "week": "always"}],
    "processes": [GOLD],
    "products": [{"id": "press"}],
    "accounts": [{"id": "acme"}],
    "contacts": [{"id": "ann", "account": "acme"}],
    "assets": [{"id": "press-1", "account": "acme", "product": "press"}],
    "service_contracts": [{"id": "s1", "account": "acme"}],
    "contract_line_items": [{"id": "l1", "service_contract": "s1", "asset": "press-1"}],
    "entitlements": [
        {"id": "e1", "account": "acme", "process": "Gold", "contacts": ["ann"]},
        {"id": "e2", "account": "acme", "process": "Gold", "contract_line_item": "l1"},
    ],
}


def write(store: Store, **declared: Any) -> Diff:
    """As `apply` does, at `AT`."""
    with store._database.write() as connection:
        catalog = Catalog.model_validate(declared)
        return write_catalog(connection, catalog, by="ann", at=AT, tell=None, of_order=False)


def refused(store: Store, **declared: Any) -> list[str]:
    before = store.catalog.everything()
    with pytest.raises(CatalogProblems) as error:
        write(store, **declared)
    assert store.catalog.everything() == before
    return [str(problem) for problem in error.value.problems]


def retired(kind: str, number: int = 0) -> dict[str, list[dict[str, Any]]]:
    return {kind: [DOCUMENT[kind][number] | {"retired": True}]}


@pytest.fixture
def shop(store: Store) -> Store:
    write(store, **DOCUMENT)
    return store


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("business_hours", "business hours 'Office' can't be retired: process 'Gold' names it; retire that too,"),
        ("processes", "process 'Gold' can't be retired: entitlement 'e1', entitlement 'e2' name it; retire those too,"),
        ("products", "product 'press' can't be retired: asset 'press-1' names it; retire that too,"),
        ("contacts", "contact 'ann' can't be retired: entitlement 'e1' names it; retire that too,"),
        ("assets", "asset 'press-1' can't be retired: contract line item 'l1' names it; retire that too,"),
        ("service_contracts", "service contract 's1' can't be retired: contract line item 'l1' names it;"),
        ("contract_line_items", "contract line item 'l1' can't be retired: entitlement 'e2' names it;"),
    ],
)
def test_what_something_stored_names_is_not_retired(shop: Store, kind: str, says: str) -> None:
    """Those who name it are said, and nothing of the catalog is stored."""
    [problem] = refused(shop, **retired(kind), people=[{"id": "lea"}])
    assert problem.startswith(f"{kind}[0].retired: {says}")


def test_with_those_who_name_it_it_is_retired(shop: Store) -> None:
    """Or where they name another by the same catalog; what nobody names is retired at once."""
    assert [one.what for one in write(shop, **retired("business_hours", 1)).changes] == ["retired"]
    other = GOLD | {"name": "Silver", "milestones": [{"name": "Answer", "within": "8h"}]}
    entitlements = [
        DOCUMENT["entitlements"][0] | {"process": "Silver"},
        DOCUMENT["entitlements"][1] | {"retired": True},
    ]
    write(shop, processes=[GOLD | {"retired": True}, other], entitlements=entitlements)
    assert shop.catalog.process("Gold").retired
    write(shop, **retired("business_hours"))  # which a retired process may name


@pytest.mark.parametrize(
    ("key", "named"),
    [({"process": "Gold"}, retired("processes")), ({"quiet": {"hours": "Unused"}}, retired("business_hours", 1))],
)
def test_what_the_organisation_names_is_not_retired(store: Store, key: dict[str, Any], named: dict[str, Any]) -> None:
    """Also where the catalog does not speak of it; where it names another it does not stand in the way."""
    write(store, organisation=key, business_hours=DOCUMENT["business_hours"], processes=[GOLD])
    [problem] = refused(store, **named)
    assert problem.endswith("can't be retired: the organisation names it; retire that too, or let it name another")
    assert [one.what for one in write(store, organisation={}, **named).changes] == ["changed", "retired"]


@pytest.mark.parametrize(
    "ended",
    [{"ends_on": "2026-04-30"}, {"cancelled_at": "2026-04-01T00:00Z"}, {"retired": True}],
)
def test_what_has_ended_does_not_stand_in_the_way(store: Store, ended: dict[str, Any]) -> None:
    """By its last day, cancelled, or retired; so is all of a retired account."""
    over, left = {"id": "over", "account": "acme", **ended}, {"id": "left", "account": "left"}
    accounts = [{"id": "acme"}, {"id": "left"}]
    entitlements = [one | {"process": "Gold"} for one in (over, left)]
    write(store, business_hours=DOCUMENT["business_hours"], processes=[GOLD], accounts=accounts)
    write(store, entitlements=entitlements)
    [problem] = refused(store, **retired("processes"))
    assert "can't be retired: entitlement 'left' names it" in problem
    write(store, **retired("processes"), accounts=[{"id": "left", "retired": True}])
    assert store.catalog.process("Gold").retired


def test_what_was_retired_before_is_not_looked_at(shop: Store) -> None:
    """Of what is stored so already, from before this was refused; and where nothing is retired nobody is read."""
    with shop._database.write() as connection:
        connection.execute(update(tables.contacts).values(retired=True))
    assert write(shop, **retired("contacts")).changes == []
    asked: list[str] = []
    engine = shop._database._engine

    def look(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", look)
    write(shop, **retired("contacts"), products=DOCUMENT["products"])
    event.remove(engine, "before_cursor_execute", look)
    assert [one for one in asked if "FROM entitlements" in one] == []


def test_a_new_case_names_nothing_that_is_retired(store: Store) -> None:
    """It is refused as what there is not is; of that, and of what it does not name, nothing is said here."""
    write(store, accounts=[{"id": "acme"}], contacts=[{"id": "ann", "account": "acme", "retired": True}])
    store.catalog.check_none_retired({Kind.CONTACTS: "nobody", Kind.ASSETS: None, Kind.ACCOUNTS: "acme"})
    with pytest.raises(NotFound, match="contact 'ann' is retired; name another, or none"):
        store.catalog.check_none_retired({Kind.CONTACTS: "ann"})
