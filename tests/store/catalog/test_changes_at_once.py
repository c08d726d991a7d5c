"""An entitlement that two change at the same moment, each with a connection of its own: neither change is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from activities import catalog_records
from activities.catalog_records import CatalogChanges
from domain.catalog.declarations import Catalog, Entitlement
from domain.usage.effects import RecordChange
from domain.usage.requests import EntitlementAmended, EntitlementCancelled
from starters.operations import uncounted
from starters.operations.uncounted import UncountedEntitlements
from store import Store

WHO: dict[str, Any] = {"event_id": "e", "by": "ann", "reason": "agreed"}
LAST_DAY = "2099-12-31"
A_MOMENT = 0.5
"""Seconds in which an `apply` that nothing holds up is done."""


def catalog(**entitlement: Any) -> Catalog:
    return Catalog.model_validate(
        {"accounts": [{"id": "acme"}], "entitlements": [{"id": "gold", "account": "acme", **entitlement}]}
    )


def amend(store: Store) -> None:
    UncountedEntitlements(store).amend("gold", EntitlementAmended.model_validate({**WHO, "ends_on": LAST_DAY}))


def cancel(store: Store) -> None:
    UncountedEntitlements(store).cancel("gold", EntitlementCancelled(**WHO))


def follow(store: Store) -> None:
    """As its count has done: what an order amends, once the count has taken it."""
    change = {"entitlement_id": "gold", "by": "ann", "ends_on": LAST_DAY}
    CatalogChanges(store.catalog)._change_record(RecordChange.model_validate(change))


def declare(store: Store) -> None:
    store.catalog.apply(catalog(type="Audit", ends_on=LAST_DAY), by="bob")


PAIRS = [(amend, declare), (amend, cancel), (follow, declare), (follow, cancel), (cancel, declare)]


@pytest.mark.parametrize(("change", "other"), PAIRS)
def test_neither_of_two_changes_at_once_is_lost(
    url: str, change: Callable[[Store], None], other: Callable[[Store], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one begins when the first has looked and has not written; it waits for it, or it is taken in."""
    begun = threading.Event()

    def change_beside() -> None:
        with Store.open(url) as beside:
            other(beside)

    another = threading.Thread(target=change_beside)

    class Looked(Entitlement):
        """What the first makes of what it has found."""

        @classmethod
        def model_validate(cls, *given: Any, **named: Any) -> Any:
            if not begun.is_set():
                begun.set()
                another.start()
                another.join(A_MOMENT)
            return Entitlement.model_validate(*given, **named)

    with Store.open(url) as store:
        store.catalog.apply(catalog(), by="test")
        for module in (catalog_records, uncounted):
            monkeypatch.setattr(module, "Entitlement", Looked)
        change(store)
        another.join()
        found = store.catalog.entitlement("gold")
    assert (found.type == "Audit") == (other is declare)
    assert (found.cancelled_at is not None) == (cancel in {change, other})
    assert str(found.ends_on) == LAST_DAY
