"""The zones of the catalog, read without its models."""

from __future__ import annotations

import pytest

from domain.catalog.declarations import Catalog
from store import Store

CATALOG = {
    "organisation": {"name": "Kestrel", "time_zone": "Europe/London"},
    "accounts": [{"id": "acme", "name": "Acme", "time_zone": "Asia/Tokyo"}, {"id": "globex", "name": "Globex"}],
    "entitlements": [{"id": "acme-gold", "name": "Gold", "account": "acme"}],
}


def test_nothing_declared_is_utc_and_unknown(store: Store) -> None:
    """A store of which nothing is known."""
    assert (store.zones.of_organisation(), store.zones.of_account("acme")) == ("UTC", None)
    assert store.zones.account_of("acme-gold") is None


@pytest.mark.parametrize(("account", "zone"), [("acme", "Asia/Tokyo"), ("globex", None), ("nobody", None)])
def test_the_zone_of_an_account_is_what_it_names(store: Store, account: str, zone: str | None) -> None:
    """Whether the organisation's counts instead is not decided here."""
    store.catalog.apply(Catalog.model_validate(CATALOG), by="ann")
    assert store.zones.of_account(account) == zone
    assert (store.zones.of_organisation(), store.zones.account_of("acme-gold")) == ("Europe/London", "acme")
