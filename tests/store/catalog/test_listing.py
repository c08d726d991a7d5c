"""What is left of entitlements by their ledgers, many at once, held against a look at each row."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.catalog.declarations import Catalog
from domain.usage.effects import UsageRecords
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.state import PeriodRecord
from store import Store
from store.catalog import listing
from store.catalog.listing import Counted

T0 = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)
TODAY = date(2025, 6, 9)
NAMES = [f"e-{number}" for number in range(12)]
ENDED: dict[str, Any] = {
    "number": 1,
    "first_day": None,
    "ended_at": T0,
    "used": 9,
    "overage": 0,
    "cap": 10,
    "carried": 0,
    "unused": 1,
    "carried_over": 0,
    "overflows": 0,
    "again": False,
    "ends_term": False,
}
Rows = dict[str, list[tuple[str, LedgerRow]]]


def filled(store: Store, chance: random.Random) -> tuple[Rows, set[tuple[str, str, int]]]:
    """Ledgers of some counts each: their rows by entitlement, and the periods that have ended."""
    entitlements = [{"id": name, "account": "acme", "allowance": {"unit": "cases", "cap": 9}} for name in NAMES]
    said: dict[str, Any] = {"accounts": [{"id": "acme"}], "entitlements": entitlements}
    store.catalog.apply(Catalog.model_validate(said), by="test")
    rows: Rows = {}
    over = set()
    for name in NAMES:
        for count in chance.sample(["run-a", "run-b", "run-c"], k=chance.randint(0, 3)):
            begun = T0 + timedelta(minutes=chance.randint(0, 60))
            made = [_row(chance, number, begun) for number in range(1, chance.randint(2, 9))]
            ended = [PeriodRecord(**ENDED, period=chance.randint(1, 3))] if chance.random() < 0.3 else []
            over |= {(name, count, period.period) for period in ended}
            rows.setdefault(name, []).extend((count, row) for row in made)
            store.ledgers.record(
                UsageRecords(entitlement_id=name, count=count, account="acme", unit="cases", rows=made, periods=ended)
            )
    return rows, over


def _row(chance: random.Random, number: int, begun: datetime) -> LedgerRow:
    used = chance.randint(0, 9)
    return LedgerRow(
        number=number,
        kind=RowKind.TAKEN,
        period=chance.randint(1, 3),
        first_day=chance.choice([None, TODAY, TODAY + timedelta(days=1), TODAY - timedelta(days=30)]),
        used_after=used,
        overage_after=0,
        cap_after=9,
        balance_after=9 - used,
        at=T0,
        recorded_at=begun + timedelta(seconds=number),
    )


def slowly(rows: Rows, over: set[tuple[str, str, int]]) -> dict[str, Counted]:
    """The last row of the highest period that has begun, of the count that wrote last."""
    found = {}
    for name, written in rows.items():
        newest = max(written, key=lambda one: (one[1].recorded_at, one[0]))[0]
        begun = [row for count, row in written if count == newest and (row.first_day is None or row.first_day <= TODAY)]
        if not begun:
            continue
        last = max(begun, key=lambda row: (row.period, row.number))
        found[name] = Counted(used=last.used_after, overage=0, cap=9, left=last.balance_after)
        if (name, newest, last.period) in over:
            found[name] = Counted(used=None, overage=0, cap=None, left=None)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_what_is_left_is_said_by_the_last_row(store: Store, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Of the count that runs, in the period that has begun; however many are asked for at once."""
    monkeypatch.setattr(listing, "_AT_ONCE", 5)
    rows, over = filled(store, random.Random(seed))  # noqa: S311
    expected = slowly(rows, over)
    assert store.entitlements.counted(dict.fromkeys(NAMES, TODAY)) == expected
    assert expected


def test_many_accounts_are_read_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without those that there are not."""
    monkeypatch.setattr(listing, "_AT_ONCE", 2)
    names = ["a", "b", "c", "d", "e"]
    said: dict[str, Any] = {"accounts": [{"id": name, "time_zone": "Asia/Tokyo"} for name in names]}
    store.catalog.apply(Catalog.model_validate(said), by="test")
    found = store.entitlements.accounts([*names, "nobody"])
    assert sorted(found) == names
    assert {one.time_zone for one in found.values()} == {"Asia/Tokyo"}
