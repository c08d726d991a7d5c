"""Entitlements that go on: what ends them first, and what their ledgers say is left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.reports.making import ReportWish, make_report
from domain.catalog.declarations import Catalog
from domain.errors import NotFound
from domain.reports.result import ReportKind
from domain.usage.effects import UsageRecords
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.state import PeriodRecord
from starters.operations.running_out import RunningOut
from store import Store
from tests.starters.command_line import milepost

NOW = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)
CASES = {"unit": "cases", "cap": 10}
ENTITLEMENTS: list[dict[str, Any]] = [
    {"id": "over", "ends_on": "2025-06-01"},
    {"id": "soon", "ends_on": "2025-06-20", "allowance": CASES},
    {"id": "later", "ends_on": "2025-12-31", "allowance": {"unit": "hours", "cap": "7.5"}},
    {"id": "cancelled", "ends_on": "2025-07-01", "cancelled_at": "2025-06-01T00:00Z"},
    {"id": "ahead", "starts_on": "2025-07-01", "allowance": {"unit": "visits"}},
    {"id": "endless", "allowance": CASES | {"period": "month"}, "starts_on": "2025-01-01"},
    {"id": "retired", "retired": True},
]


def row(number: int, period: int, used: int, cap: int | None) -> LedgerRow:
    return LedgerRow(
        number=number,
        kind=RowKind.TAKEN,
        period=period,
        first_day=date(2025, 1, 1),
        used_after=used,
        overage_after=0,
        cap_after=cap,
        balance_after=None if cap is None else cap - used,
        at=NOW,
        recorded_at=NOW + timedelta(seconds=number),
    )


def counted(store: Store, entitlement: str, *rows: LedgerRow, ended: int | None = None) -> None:
    """The ledger of an entitlement; of a period that has ended too."""
    said = {"number": 1, "first_day": None, "ended_at": NOW, "used": 9, "overage": 0, "cap": 10, "carried": 0}
    said |= {"unused": 1, "carried_over": 0, "overflows": 0, "again": False, "ends_term": False}
    periods = [] if ended is None else [PeriodRecord.model_validate({**said, "period": ended})]
    store.ledgers.record(
        UsageRecords(
            entitlement_id=entitlement, count="c", account="acme", unit="cases", rows=list(rows), periods=periods
        )
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as opened:
        promised = [one | {"account": "acme", "type": "phone"} for one in ENTITLEMENTS]
        opened.catalog.apply(
            Catalog.model_validate({"accounts": [{"id": "acme"}, {"id": "other"}], "entitlements": promised}), by="test"
        )
        yield opened


def test_the_soonest_to_end_comes_first(store: Store) -> None:
    """What is over, cancelled or retired is left out; what has no end comes last."""
    found, more = RunningOut(store).soonest(now=NOW, limit=9)
    assert [(one.entitlement, one.status) for one in found] == [
        ("soon", "active"),
        ("later", "active"),
        ("ahead", "inactive"),
        ("endless", "active"),
    ]
    assert not more
    assert RunningOut(store).soonest(now=NOW, account="other", limit=9) == ([], False)
    with pytest.raises(NotFound):
        RunningOut(store).soonest(now=NOW, account="nobody", limit=9)


def test_what_is_left_is_the_ledgers_last_word_on_the_period(store: Store) -> None:
    """Also if something of an earlier period came later; all of the cap, if nothing was taken or the period is over."""
    counted(store, "soon", row(1, 0, 4, 10), row(2, 1, 9, 10), row(3, 0, 5, 10))
    counted(store, "endless", row(1, 5, 9, 10), ended=5)
    found = {one.entitlement: one for one in RunningOut(store).soonest(now=NOW, limit=9)[0]}
    left = {name: (one.used, one.cap, one.left, one.left_percent) for name, one in found.items()}
    assert left == {
        "soon": (9, 10, 1, 10.0),
        "later": (0, 450, 450, 100.0),
        "ahead": (0, None, None, None),
        "endless": (0, 10, 10, 100.0),
    }
    first, more = RunningOut(store).soonest(now=NOW, by="left", limit=1)
    assert ([one.entitlement for one in first], more) == (["soon"], True)


MONTHLY = {"unit": "visits", "cap": 10, "period": "month", "aligned": "calendar"}
CARRIED = {"carry_over": "period", "carry_over_cap": "40%"}


def test_what_nobody_asked_for_anything_yet_has_what_its_count_would_begin_with(store: Store) -> None:
    """Its opening, what was carried over, and the share of a first period; so does the report of usage."""
    fresh: list[dict[str, Any]] = [
        {"id": "carry", "starts_on": "2025-01-01", "allowance": MONTHLY | CARRIED},
        {"id": "open", "starts_on": "2025-01-01", "opening": {"as_of": "2025-06-09", "used": 9}, "allowance": MONTHLY},
        {"id": "share", "starts_on": "2025-06-16", "allowance": MONTHLY | {"first_period": "prorated"}},
    ]
    declared = [one | {"account": "other", "type": "phone"} for one in fresh]
    store.catalog.apply(Catalog.model_validate({"entitlements": declared}), by="test")
    later = NOW + timedelta(days=14)
    found = RunningOut(store).soonest(now=later, account="other", limit=9)[0]
    expected = {"carry": (0, 14, 14), "open": (9, 10, 1), "share": (0, 5, 5)}
    assert {one.entitlement: (one.used, one.cap, one.left) for one in found} == expected
    told = make_report(store, ReportWish(ReportKind.USAGE, account="other", now=later)).rows
    assert {str(line[1]): (line[4], line[5], line[6]) for line in told} == expected
    counted(store, "carry", row(1, 4, 10, 10))  # of May: nothing was left to carry over, so June has no row
    told = make_report(store, ReportWish(ReportKind.USAGE, entitlement="carry", now=later)).rows
    assert {line[2]: line[4:7] for line in told}["2025-06-01"] == (0, 10, 10)


def test_what_is_planned_for_a_later_period_is_not_what_is_left_of_this_one(store: Store) -> None:
    """The period of a listed entitlement is the one of the day, on the wall clock of its account."""
    planned = row(2, 6, 1, 10).model_copy(update={"first_day": date(2025, 7, 1)})
    counted(store, "endless", row(1, 5, 7, 10).model_copy(update={"first_day": date(2025, 6, 1)}), planned)

    def used(now: datetime) -> int | None:
        found = RunningOut(store).soonest(now=now, limit=9)[0]
        return next(one.used for one in found if one.entitlement == "endless")

    last = datetime(2025, 6, 30, 23, 59, tzinfo=UTC)
    assert (used(last), used(last + timedelta(minutes=1))) == (7, 1)
    counted(store, "soon", row(1, 1, 1, 10).model_copy(update={"first_day": date(2025, 7, 1)}))
    assert [one.used for one in RunningOut(store).soonest(now=NOW, limit=1)[0]] == [0]


def test_the_command_shows_them(store: Store, tmp_path: Path) -> None:
    """As a table, and as JSON."""
    environment = {"MILEPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'milepost.db'}", "MILEPOST_DATA": str(tmp_path)}
    assert "endless" in milepost("entitlements", env=environment).stdout
    listed = json.loads(milepost("entitlements", "--sort", "left", "--json", env=environment).stdout)
    assert {one["entitlement"] for one in listed} >= {"endless", "ahead"}
    assert milepost("outbox", env=environment).stdout == "nothing goes out\n"
    unknown = milepost("outbox", "no-such-key", env=environment)
    assert (unknown.exit_code, "nothing that goes out has the key" in unknown.stderr) == (2, True)
    assert "no open case" in milepost("list", env=environment).stdout
