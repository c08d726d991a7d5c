"""One order, placed by several at the same moment: each with a connection of its own, as processes have it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from sqlalchemy import func, select

from domain.catalog.declarations import Catalog
from domain.errors import Refused
from domain.orders.placing import Order
from store import Store, tables
from store.orders import OrderTaken

AT = datetime(2026, 2, 20, 12, 0, tzinfo=UTC)
CATALOG = Catalog.model_validate(
    {
        "accounts": [{"id": "acme"}],
        "entitlement_templates": [
            {"id": "bronze", "term": "1 year", "allowance": {"unit": "cases", "cap": 10, "period": "quarter"}}
        ],
        "products": [{"id": "support", "entitlement_templates": ["bronze"]}],
    }
)


def order(quantity: int = 2) -> Order:
    lines = [{"product": "support", "quantity": quantity}]
    return Order.model_validate({"id": "o-1", "account": "acme", "starts_on": "2026-03-01", "lines": lines})


def at_once(url: str, *quantities: int) -> list[OrderTaken]:
    """Place the order with each of these quantities, all in the same moment."""
    ready = threading.Barrier(len(quantities))

    def place(quantity: int) -> OrderTaken:
        with Store.open(url) as store:
            ready.wait(timeout=30)
            return store.orders.place(order(quantity), by="ann", at=AT)

    with ThreadPoolExecutor(len(quantities)) as pool:
        return list(pool.map(place, quantities))


def revisions(store: Store) -> int:
    with store._database.read() as connection:
        count: int = connection.execute(select(func.count()).select_from(tables.orders)).scalar_one()
        return count


def test_an_order_that_two_place_at_once_is_made_once(url: str) -> None:
    """One makes it; the other finds it made, and nothing to change."""
    with Store.open(url) as store:
        store.catalog.apply(CATALOG, by="test")
        taken = at_once(url, 2, 2)
        made, found = sorted(taken, key=lambda one: not one.diff.changes)
        assert sorted(change.name for change in made.diff.changes) == ["o-1", "o-1.support", "o-1.support.bronze"]
        assert not found.diff.changes
        assert "nothing to change" in str(found.diff)
        assert made.order == found.order == store.orders.get("o-1")
        assert revisions(store) == 1
        assert len(store.catalog.everything().entitlements) == 1
        allowance = store.catalog.entitlement("o-1.support.bronze").allowance
        assert allowance
        assert allowance.cap == 20


def test_an_amended_order_that_many_place_at_once_is_one_revision(url: str) -> None:
    """What it makes of the count is an amendment, once."""
    with Store.open(url) as store:
        store.catalog.apply(CATALOG, by="test")
        store.orders.place(order(), by="ann", at=AT)
        taken = at_once(url, 3, 3, 3, 3, 3)
        assert sorted(bool(one.diff.changes) for one in taken) == [False] * 4 + [True]
        assert {one.order.revision for one in taken} == {2}
        assert revisions(store) == 2
        allowance = store.catalog.entitlement("o-1.support.bronze").allowance
        assert allowance
        assert allowance.cap == 30


def test_two_changes_of_an_order_at_once_come_one_after_the_other(url: str) -> None:
    """Neither is lost: the one that comes second amends what the first has made of it."""
    with Store.open(url) as store:
        store.catalog.apply(CATALOG, by="test")
        store.orders.place(order(), by="ann", at=AT)
        taken = at_once(url, 3, 4)
        assert sorted(one.order.revision for one in taken) == [2, 3]
        last = max(taken, key=lambda one: one.order.revision)
        assert store.orders.get("o-1") == last.order
        allowance = store.catalog.entitlement("o-1.support.bronze").allowance
        assert allowance
        assert allowance.cap == 10 * last.order.lines[0].line.quantity


def test_of_two_changes_of_one_revision_at_once_one_is_refused(url: str) -> None:
    """It was written for what the other has replaced."""
    with Store.open(url) as store:
        store.catalog.apply(CATALOG, by="test")
        store.orders.place(order(), by="ann", at=AT)
        ready = threading.Barrier(2)

        def place(quantity: int) -> str:
            with Store.open(url) as own:
                ready.wait(timeout=30)
                try:
                    return f"revision {own.orders.place(order(quantity), by='ann', at=AT, amends=1).order.revision}"
                except Refused as refused:
                    return refused.code

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(place, (3, 4))) == ["changed_meanwhile", "revision 2"]
        assert revisions(store) == 2
