"""What `balance` prints of a period."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Account, Entitlement, Organisation
from domain.usage.machine import Usage
from domain.usage.requests import Consumption
from starters.cli.commands.audit import _period

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("used", "cap", "said"), [(249, 250, "99.6%"), (2499, 2500, "99.9%"), (2500, 2500, "100%"), (1, 2500, "0.1%")]
)
def test_all_is_used_where_nothing_is_left(used: int, cap: int, said: str) -> None:
    """One that is left of very many is seen."""
    allowance = {"unit": "visits", "cap": cap, "period": "year"}
    gold = Entitlement.model_validate(
        {"id": "g", "account": "a", "starts_on": date(2026, 1, 1), "allowance": allowance}
    )
    usage = Usage.begin(entitlement_terms(gold, Account(id="a"), Organisation(), now=NOW), NOW)
    usage.take(Consumption(reference="v", event_id="v", amount=used, occurred_at=NOW), NOW)
    assert f"({said})" in _period(usage.balance(NOW).current, "visits")
