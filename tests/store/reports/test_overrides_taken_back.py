"""What is billed of overage that was agreed to and taken back, as counts write it, on each database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from activities.reports.making import ReportWish, export_overrides
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Catalog, Organisation
from domain.reports.result import ReportKind
from domain.usage.effects import UsageRecords
from domain.usage.machine import Usage, UsageEffect
from domain.usage.requests import (
    ConsumptionReversed,
    OverageDecision,
    OverageVoided,
    UsageChange,
)
from domain.usage.rows import LedgerRow
from store import Store
from tests.store.reports.test_reporting import report

OCTOBER = datetime(2026, 10, 20, 8, tzinfo=UTC)
NOVEMBER = OCTOBER + timedelta(days=20)
CATALOG = Catalog.model_validate(
    {
        "accounts": [{"id": "acme", "time_zone": "Europe/Berlin"}],
        "entitlements": [
            {
                "id": "gold",
                "account": "acme",
                "starts_on": date(2026, 1, 1),
                "allowance": {
                    "unit": "visits",
                    "cap": 0,
                    "period": "month",
                    "overflow": "prompt",
                    "overage_price": "100 EUR",
                },
            }
        ],
    }
)
BY: dict[str, Any] = {"event_id": "back", "by": "bo", "reason": "goodwill"}
TAKEN_BACK: dict[str, UsageChange] = {
    "voided": OverageVoided(reference="d-1", **BY),
    "voided in part": OverageVoided(reference="d-1", amount=2, **BY),
    "reversed": ConsumptionReversed(reference="d-1", **BY),
}


class Counted:
    """A count of three visits beyond a cap of none, of which every step is recorded."""

    def __init__(self, store: Store) -> None:
        store.catalog.apply(CATALOG, by="test")
        terms = entitlement_terms(CATALOG.entitlements[0], CATALOG.accounts[0], Organisation(), now=OCTOBER)
        self.store, self.usage = store, Usage.begin(terms, OCTOBER)
        agreed = OverageDecision(
            reference="d-1", event_id="yes", amount=3, occurred_at=OCTOBER, approved=True, by="ann", reason="yes"
        )
        self.record(self.usage.decide(agreed, OCTOBER).effects)

    def change(self, asked: UsageChange, now: datetime) -> None:
        self.record([*self.usage.advance(now), *self.usage.change(asked, now)[1]])

    def record(self, effects: list[UsageEffect]) -> None:
        rows = [effect for effect in effects if isinstance(effect, LedgerRow)]
        whose: dict[str, Any] = {"entitlement_id": "gold", "account": "acme", "unit": "visits", "count": "one"}
        self.store.ledgers.record(UsageRecords(rows=rows, periods=[], **whose))

    def exported(self, period: str) -> list[tuple[Any, Any]]:
        """What an export of a month takes: amounts and costs."""
        made = export_overrides(self.store, ReportWish(ReportKind.OVERRIDES, period=period, now=NOVEMBER), by="ann")
        amount, cost = made.column("amount"), made.column("cost")
        return [(row[amount], row[cost]) for row in made.rows]


@pytest.mark.parametrize("how", TAKEN_BACK)
def test_what_was_taken_back_before_its_export_is_not_billed(store: Store, how: str) -> None:
    """Neither the override nor what takes it back, in whichever month that was; of a part, what is left is billed."""
    counted = Counted(store)
    counted.change(TAKEN_BACK[how], NOVEMBER)
    assert counted.exported("2026-11") == []
    partly = [(3, "300.00 EUR"), (-2, "-200.00 EUR")] if how == "voided in part" else []
    assert counted.exported("2026-10") == partly
    assert report(store, ReportKind.OVERRIDES, new=True).rows == ()


@pytest.mark.parametrize("how", TAKEN_BACK)
def test_what_was_exported_is_paid_back_when_it_is_taken_back(store: Store, how: str) -> None:
    """In the month in which it was taken back, once."""
    counted = Counted(store)
    assert counted.exported("2026-10") == [(3, "300.00 EUR")]
    counted.change(TAKEN_BACK[how], NOVEMBER)
    assert counted.exported("2026-10") == []
    assert counted.exported("2026-11") == [(-2, "-200.00 EUR") if how == "voided in part" else (-3, "-300.00 EUR")]
    assert counted.exported("2026-11") == []
