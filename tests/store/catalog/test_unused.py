"""The entitlements of which nothing was ever taken are found page by page, and no others are read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.catalog.declarations import Catalog
from domain.usage.effects import UsageRecords
from domain.usage.rows import LedgerRow, RowKind
from store import Store

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GOLD: dict[str, Any] = {
    "account": "acme",
    "starts_on": "2026-01-01",
    "ends_on": "2026-12-31",
    "allowance": {"unit": "visits", "cap": 4},
}


def declare(store: Store, entitlements: dict[str, dict[str, Any]], **also: Any) -> None:
    declared = [{**GOLD, "id": name, **entitlement} for name, entitlement in entitlements.items()]
    catalog = {"accounts": [{"id": "acme"}], "entitlements": declared, **also}
    store.catalog.apply(Catalog.model_validate(catalog), by="ann", tell=None)


def count(store: Store, entitlement: str) -> None:
    """Something of a count is on record."""
    amounts = {"amount": 1, "used": 1, "used_after": 1, "overage_after": 0, "cap_after": 4, "balance_after": 3}
    when = {"first_day": "2026-01-01", "at": NOW, "recorded_at": NOW}
    row = LedgerRow.model_validate({"number": 1, "kind": RowKind.TAKEN, "period": 0, **amounts, **when})
    news = {"entitlement_id": entitlement, "count": "c", "account": "acme", "unit": "visits", "periods": []}
    store.ledgers.record(UsageRecords.model_validate({**news, "rows": [row]}))


def found(store: Store) -> list[str]:
    return [one.declared.id for one in store.unused.page(NOW)]


@pytest.mark.parametrize(
    ("entitlement", "is_found"),
    [
        pytest.param({}, True, id="unused"),
        pytest.param({"starts_on": None, "ends_on": None}, True, id="always"),
        pytest.param({"ends_on": "2026-05-31"}, True, id="perhaps today still, in some zone"),
        pytest.param({"starts_on": "2026-06-02"}, True, id="perhaps today already, in some zone"),
        pytest.param({"ends_on": "2026-05-30"}, False, id="over"),
        pytest.param({"starts_on": "2026-06-03"}, False, id="ahead"),
        pytest.param({"retired": True}, False, id="retired"),
    ],
)
def test_what_goes_on_is_found(store: Store, entitlement: dict[str, Any], is_found: bool) -> None:  # noqa: FBT001
    declare(store, {"gold": entitlement})
    assert (found(store) == ["gold"]) is is_found


def test_what_is_used_is_not_found(store: Store) -> None:
    """Whichever of its counts has the row."""
    declare(store, {"a": {}, "b": {}, "c": {}})
    count(store, "b")
    assert found(store) == ["a", "c"]


def test_what_a_retired_account_has_is_not_found(store: Store) -> None:
    """With the account ends all that it has."""
    declare(store, {"a": {}})
    store.catalog.apply(Catalog.model_validate({"accounts": [{"id": "acme", "retired": True}]}), by="ann")
    assert found(store) == []


def test_each_has_the_zone_of_its_dates(store: Store) -> None:
    """Its account's, or else the organisation's."""
    accounts = [{"id": "acme"}, {"id": "far", "time_zone": "Asia/Tokyo"}]
    declare(store, {"a": {}, "b": {"account": "far"}}, accounts=accounts, organisation={"time_zone": "Europe/Berlin"})
    zones = {one.declared.id: one.zone.key for one in store.unused.page(NOW)}
    assert zones == {"a": "Europe/Berlin", "b": "Asia/Tokyo"}


def test_they_come_page_by_page(store: Store) -> None:
    names = [f"e{number}" for number in range(5)]
    declare(store, {name: {} for name in names})
    pages: list[list[str]] = []
    while page := store.unused.page(NOW, after=pages[-1][-1] if pages else "", limit=2):
        pages.append([one.declared.id for one in page])
    assert pages == [["e0", "e1"], ["e2", "e3"], ["e4"]]
