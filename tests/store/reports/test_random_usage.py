"""Usage that reports tell of is what the entitlement itself says, and what the events of its feed add up to."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from activities.reports.making import ReportWish, make_report
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Catalog, Organisation
from domain.errors import Refused
from domain.reports.result import ReportKind
from domain.usage.effects import UsageRecords
from domain.usage.machine import Usage
from domain.usage.requests import Consumption, ConsumptionReversed, EntitlementAmended, UsageGranted
from domain.usage.rows import LedgerRow
from domain.usage.state import PeriodRecord
from store import Store

FIRST = datetime(2026, 1, 1, 0, tzinfo=UTC)
CATALOG = Catalog.model_validate(
    {
        "accounts": [{"id": "acme", "time_zone": "Pacific/Auckland"}],
        "entitlements": [
            {
                "id": "gold",
                "account": "acme",
                "starts_on": date(2026, 1, 1),
                "allowance": {
                    "unit": "visits",
                    "cap": 6,
                    "period": "month",
                    "carry_over": "period",
                    "overflow": "prompt",
                },
            }
        ],
    }
)


@pytest.mark.parametrize("seed", range(12))
def test_usage_is_what_the_entitlement_and_its_events_say(store: Store, seed: int, kind: str) -> None:
    """Takings, late ones too, reversals, grants and caps that change, over months; in each period, at any instant."""
    if kind != "sqlite" and seed:
        pytest.skip("one sequence is enough to know that both databases group alike")
    store.catalog.apply(CATALOG, by="test")
    chance, now = random.Random(seed), FIRST  # noqa: S311  a sequence that can be told again
    usage = Usage.begin(entitlement_terms(CATALOG.entitlements[0], CATALOG.accounts[0], Organisation(), now=now), now)
    for number in range(40):
        now += timedelta(hours=chance.choice([1, 20, 60, 200]))
        effects = [*usage.advance(now), *_step(usage, chance, number, now)]
        rows = [effect for effect in effects if isinstance(effect, LedgerRow)]
        periods = [effect for effect in effects if isinstance(effect, PeriodRecord)]
        whose: dict[str, Any] = {"entitlement_id": "gold", "account": "acme", "unit": "visits", "count": "one"}
        store.ledgers.record(UsageRecords(rows=rows, periods=periods, **whose))
        if number % 8 == 7:
            _assert_alike(store, usage, now)


def _step(usage: Usage, chance: random.Random, number: int, now: datetime) -> list[Any]:
    common: dict[str, Any] = {"event_id": f"e{number}", "by": "ann", "reason": "so"}
    match chance.choice(["take", "take", "take", "take", "late", "reverse", "grant", "cap"]):
        case "take":
            asked = Consumption(
                reference=f"v{number}", event_id=f"e{number}", amount=chance.randint(1, 3), occurred_at=now
            )
            return list(usage.take(asked, now).effects)
        case "late":
            at = max(now - timedelta(days=chance.randint(1, 40)), FIRST)
            asked = Consumption(reference=f"v{number}", event_id=f"e{number}", occurred_at=at)
            return list(usage.take(asked, now).effects)
        case "reverse":
            change: Any = ConsumptionReversed(reference=f"v{chance.randrange(max(number, 1))}", **common)
        case "grant":
            change = UsageGranted(amount=chance.randint(1, 3), **common)
        case _:
            change = EntitlementAmended(cap=chance.randint(3, 9), **common)
    with suppress(Refused):  # there is nothing to reverse, or the cap is that already
        return list(usage.change(change, now)[1])
    return []


def _assert_alike(store: Store, usage: Usage, now: datetime) -> None:
    made = make_report(store, ReportWish(ReportKind.USAGE, now=now))
    said = {str(row[2]): (row[4], row[5], row[8]) for row in made.rows}
    balance = usage.balance(now)
    for period in (balance.current, *balance.past):
        if period is balance.current or str(period.first_day) in said:
            assert said[str(period.first_day)] == (period.used, period.cap, period.overage), period
    used, beyond = Counter[str](), Counter[str]()
    for event in store.feed.read(subject="entitlement/gold").events:
        used[event.data["first_day"]] += event.data.get("used", 0)
        beyond[event.data["first_day"]] += event.data.get("overage", 0)
    for first_day, (was_used, _, overage) in said.items():
        assert (was_used, overage) == (used[first_day], beyond[first_day])
