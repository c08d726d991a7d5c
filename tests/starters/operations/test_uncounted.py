"""Entitlements that count nothing: what a change of their records is refused with."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.catalog.declarations import Catalog
from domain.errors import Refused
from domain.usage.requests import EntitlementCancelled
from starters.operations.uncounted import UncountedEntitlements
from store import Store


@pytest.mark.parametrize(
    ("ends_on", "says"),
    [
        ("2999-12-30", "its term ends on 2999-12-30, before that; cancel it earlier, or let it end"),
        ("2020-12-31", "its term has ended; there is nothing to cancel"),
    ],
)
def test_cancelling_past_an_end_says_when_that_is(tmp_path: Path, ends_on: str, says: str) -> None:
    """As of what is counted."""
    phone = {"id": "phone", "account": "acme", "ends_on": ends_on}
    asked = EntitlementCancelled.model_validate(
        {"event_id": "c", "by": "ana", "reason": "agreed", "at": "2999-12-31T00:00:00Z"}
    )
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        declared = {"accounts": [{"id": "acme"}], "entitlements": [phone]}
        store.catalog.apply(Catalog.model_validate(declared), by="test", tell=None)
        with pytest.raises(Refused) as refused:
            UncountedEntitlements(store).cancel("phone", asked)
    assert (refused.value.code, str(refused.value)) == ("expired", says)
