"""Lines of usage and overrides added up, and milestones by the channel of their cases, on each database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from activities.reports.making import ReportWish, export_overrides
from domain.catalog.declarations import Catalog
from domain.errors import Refused
from domain.reports.picturing import picture_of
from domain.reports.result import ReportKind
from domain.usage.effects import UsageRecords
from domain.usage.rows import LedgerRow, RowKind
from store import Store, tables
from tests.recorded import RecordedCase
from tests.store.reports.test_reporting import CATALOG, PLAN, T0, counts, report

MONTH = {"starts_on": date(2026, 1, 1)}
ALLOWANCES: dict[str, tuple[str, dict[str, Any]]] = {
    "gold": ("acme", {"unit": "hours", "cap": 20, "period": "month"}),
    "visits": ("acme", {"unit": "visits", "cap": 4, "period": "month"}),
    "bank": ("globex", {"unit": "hours", "cap": 5, "period": "month"}),
    "open": ("globex", {"unit": "hours", "period": "month"}),
}


@pytest.fixture
def store(store: Store) -> Store:
    """A new store with four entitlements of two accounts."""
    entitlements = [
        {"id": name, "account": account, "allowance": allowance, **MONTH}
        for name, (account, allowance) in ALLOWANCES.items()
    ]
    store.catalog.apply(Catalog.model_validate({**CATALOG, "entitlements": entitlements}), by="test")
    return store


def put(store: Store, entitlement: str, *rows: tuple[str, dict[str, Any]]) -> None:
    """Rows of the ledger of an entitlement: the first day of the period of each, and what it says."""
    account, allowance = ALLOWANCES[entitlement]
    written = [
        LedgerRow.model_validate(
            {
                "number": number,
                "kind": RowKind.TAKEN,
                "reference": f"{entitlement}-{number}",
                "period": date.fromisoformat(day).month - 1,
                "first_day": day,
                "amount": 0,
                "used": 0,
                "used_after": 0,
                "overage_after": 0,
                "cap_after": None,
                "balance_after": None,
                "at": T0,
                "recorded_at": T0 + timedelta(seconds=number),
                "event_id": f"{entitlement}-{number}",
                **said,
            }
        )
        for number, (day, said) in enumerate(rows, start=1)
    ]
    store.ledgers.record(
        UsageRecords(
            entitlement_id=entitlement,
            count="one",
            account=account,
            unit=allowance["unit"],
            rows=written,
            periods=[],
        )
    )


def used(day: str, used: int, cap: int | None, overage: int = 0) -> tuple[str, dict[str, Any]]:
    return day, {"used": used, "used_after": used, "cap_after": cap, "overage_after": overage}


def billed(at: datetime, amount: int, price: str, by: str, **said: Any) -> tuple[str, dict[str, Any]]:
    return "2026-03-01", {"kind": RowKind.OVERRIDE, "amount": amount, "price": price, "by": by, "at": at, **said}


def test_usage_is_added_up_by_account_unit_and_period(store: Store) -> None:
    """Hours and visits have no sum; where one is unlimited there is no cap; each period counts once."""
    put(store, "gold", used("2026-02-01", 600, 1200), used("2026-03-01", 300, 1200, 60))
    put(store, "visits", used("2026-03-01", 3, 4))
    put(store, "bank", used("2026-03-01", 300, 300))
    put(store, "open", used("2026-03-01", 120, None))
    asked: dict[str, Any] = {"now": datetime(2026, 4, 20, tzinfo=UTC), "last": date(2026, 3, 31)}
    made = report(store, ReportKind.USAGE, "account", "quarter", **asked)
    assert [column.name for column in made.groups] == ["account", "quarter", "unit"]
    assert made.rows == (
        ("acme", "2026-Q1", "hours", 2, 15.0, 40.0, 25.0, 37.5, 1.0, None),
        ("acme", "2026-Q1", "visits", 1, 3, 4, 1, 75.0, 0, None),
        ("globex", "2026-Q1", "hours", 2, 7.0, None, None, None, 0.0, None),
    )
    by_month = report(store, ReportKind.USAGE, "month", account="acme", **asked)
    assert [row[:4] for row in by_month.rows] == [
        ("2026-02", "hours", 1, 10.0),
        ("2026-03", "hours", 1, 5.0),
        ("2026-03", "visits", 1, 3),
    ]
    by_unit = report(store, ReportKind.USAGE, "unit", **asked)
    assert [row[:3] for row in by_unit.rows] == [("hours", 4, 22.0), ("visits", 1, 3)]
    assert picture_of(made).title


def test_usage_of_current_periods_leads_somewhere_together(store: Store) -> None:
    """Half of March has passed: twice what was used in it, and what was used of the month that is over."""
    put(store, "gold", used("2026-02-01", 600, 1200), used("2026-03-01", 300, 1200))
    middle = datetime(2026, 3, 16, 10, 30, tzinfo=UTC)  # to the half hour that the change of clocks takes from March
    made = report(store, ReportKind.USAGE, "entitlement", entitlement="gold", now=middle)
    ((_, _, many, of_both, *_, pace),) = made.rows
    assert (many, of_both, pace) == (2, 15.0, 20.0)


def test_a_period_lies_in_the_days_of_its_account(store: Store) -> None:
    """Also west of the organisation, where it ends while the next month has begun there."""
    put(store, "bank", used("2026-02-01", 240, 300), used("2026-03-01", 60, 300))
    asked: dict[str, Any] = {"entitlement": "bank", "now": datetime(2026, 3, 11, 20, tzinfo=UTC)}
    march = report(store, ReportKind.USAGE, period="2026-03", **asked)
    assert [row[2] for row in march.rows] == ["2026-03-01"]
    assert march.finding.endswith("by Tue 2026-03-31")
    assert [row[0] for row in report(store, ReportKind.USAGE, "month", period="2026-03", **asked).rows] == ["2026-03"]
    (last,) = report(store, ReportKind.USAGE, period="2026-02", **asked).rows
    assert (last[2], last[4]) == ("2026-02-01", 4.0)


def test_a_cancelled_entitlement_leads_nowhere(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last period ends when it does, and none is current after that; before, the pace is one up to that instant."""
    april = datetime(2026, 4, 1, tzinfo=UTC)
    yearly = {"id": "yearly", "account": "acme", "allowance": {"unit": "visits", "cap": 100, "period": "year"}, **MONTH}
    monkeypatch.setitem(ALLOWANCES, "yearly", ("acme", {"unit": "visits"}))
    store.catalog.apply(Catalog.model_validate({"entitlements": [yearly | {"cancelled_at": april}]}), by="test")
    half = datetime(2026, 2, 15, tzinfo=UTC)
    assert report(store, ReportKind.USAGE, entitlement="yearly", now=april).rows == ()
    put(store, "yearly", ("2026-01-01", {"period": 0, "used": 30, "used_after": 30, "cap_after": 100}))
    assert report(store, ReportKind.USAGE, entitlement="yearly", now=half).rows[0][-1] == 60
    over = report(store, ReportKind.USAGE, entitlement="yearly", now=april + timedelta(days=200))
    assert [row[4:] for row in over.rows] == [(30, 100, 70, 30.0, 0, None)]
    assert over.finding == "1 period, all of them over"
    assert report(store, ReportKind.USAGE, entitlement="yearly", now=april, first=date(2026, 4, 2)).rows == ()


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_usage_is_told_of_what_is_cancelled_outside_all_years(
    store: Store, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was stored before such instants were refused, and stops no report."""
    endless = {"id": "endless", "account": "acme", "allowance": {"unit": "visits", "cap": 100}, "cancelled_at": at}
    monkeypatch.setitem(ALLOWANCES, "endless", ("acme", {"unit": "visits"}))
    store.catalog.apply(Catalog.model_validate({"entitlements": [endless]}), by="test", tell=None)
    put(store, "endless", ("2026-01-01", {"first_day": None, "used": 30, "used_after": 30, "cap_after": 100}))
    (row,) = report(store, ReportKind.USAGE, entitlement="endless", now=datetime(2026, 2, 15, tzinfo=UTC)).rows
    assert row[4:7] == (30, 100, 70)


def test_overrides_are_added_up_with_what_they_cost(store: Store) -> None:
    """By who decided, and by the month on the wall clock of the account: midnight in Berlin is March in California."""
    midnight = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)
    put(store, "gold", billed(T0, 90, "85.00 EUR", "ann"), billed(midnight, -30, "85.00 EUR", "bo"))
    put(store, "bank", billed(midnight, 60, "99.00 USD", "ann"))
    assert report(store, ReportKind.OVERRIDES, "decided_by").rows == (
        ("ann", "hours", 2, 2.5, "127.50 EUR, 99.00 USD"),
        ("bo", "hours", 1, -0.5, "-42.50 EUR"),
    )
    assert report(store, ReportKind.OVERRIDES, "account", "month").rows == (
        ("acme", "2026-03", "hours", 1, 1.5, "127.50 EUR"),
        ("acme", "2026-04", "hours", 1, -0.5, "-42.50 EUR"),
        ("globex", "2026-03", "hours", 1, 1.0, "99.00 USD"),
    )
    april = report(store, ReportKind.OVERRIDES, "unit", first=date(2026, 4, 1))
    assert april.rows == (("hours", 1, -0.5, "-42.50 EUR"),)


@pytest.mark.parametrize(("kind", "sums"), [(ReportKind.USAGE, "unit"), (ReportKind.OVERRIDES, "unit, decided_by")])
def test_what_lines_can_not_be_added_up_by_is_refused(store: Store, kind: ReportKind, sums: str) -> None:
    """With what they can: a milestone and a field are none of theirs."""
    for name in ("milestone", "team"):
        known = f"account, entitlement, {sums}, week, month, quarter or year"
        with pytest.raises(Refused, match=f"{kind.value} can be added up by {known}; not by '{name}'"):
            report(store, kind, name)
    with pytest.raises(Refused, match="not by two of them"):
        report(store, kind, "week", "month")


@pytest.mark.parametrize("kind", [ReportKind.USAGE, ReportKind.OVERRIDES])
@pytest.mark.parametrize("of_cases", [{"milestone": "Answer"}, {"process": "Support"}, {"where": ["team=blue"]}])
def test_what_is_of_entitlements_is_not_filtered_by_cases(
    store: Store, kind: ReportKind, of_cases: dict[str, Any]
) -> None:
    """It would be of all, under a heading that says of some."""
    with pytest.raises(Refused, match=f"the {kind.value} report is of entitlements"):
        report(store, kind, **of_cases)


def test_an_export_is_not_added_up(store: Store) -> None:
    """Billing takes each decision once; taken together, nobody could tell which."""
    put(store, "gold", billed(T0, 90, "85.00 EUR", "ann"))
    with pytest.raises(Refused, match="a line for each decision"):
        export_overrides(store, ReportWish(ReportKind.OVERRIDES, by=("account",)), by="ann")
    assert len(report(store, ReportKind.OVERRIDES, new=True).rows) == 1


def test_an_override_that_was_withdrawn_before_any_export_is_never_billed(store: Store) -> None:
    """Neither line is new, and the period of the override has both; of another, withdrawn in part, both are taken."""
    april, price = T0 + timedelta(days=20), "100 EUR"
    whole, part = {"reference": "d-1"}, {"reference": "d-2"}
    put(
        store,
        "gold",
        billed(T0, 60, price, "ann", **whole),
        billed(T0, 180, price, "ann", **part),
        billed(april, -60, price, "bo", **whole),
        billed(april, -60, price, "bo", **part),
    )
    march: dict[str, Any] = {"last": date(2026, 3, 31)}
    assert report(store, ReportKind.OVERRIDES, first=date(2026, 4, 1)).rows == ()
    assert report(store, ReportKind.OVERRIDES, "month").rows == (("2026-03", "hours", 4, 2.0, "200.00 EUR"),)
    assert report(store, ReportKind.OVERRIDES, **march).finding == "4 overrides, 200.00 EUR together"
    new = report(store, ReportKind.OVERRIDES, new=True)
    assert [(row[2], row[4]) for row in new.rows] == [("d-2", 3.0), ("d-2", -1.0)]
    taken = export_overrides(store, ReportWish(ReportKind.OVERRIDES, now=T0, **march), by="ann")
    assert [(row[2], row[4]) for row in taken.rows] == [("d-2", 3.0), ("d-2", -1.0)]
    assert report(store, ReportKind.OVERRIDES, new=True).rows == ()
    assert report(store, ReportKind.OVERRIDES, export=1, **march).rows == taken.rows


def test_an_override_that_was_exported_is_countered_when_it_is_withdrawn(store: Store) -> None:
    """In the period of the withdrawal: the period before was billed."""
    april = T0 + timedelta(days=20)
    put(store, "gold", billed(T0, 60, "100 EUR", "ann", reference="d-1"))
    export_overrides(store, ReportWish(ReportKind.OVERRIDES, now=T0), by="ann")
    put_more = billed(april, -60, "100 EUR", "bo", reference="d-1", number=2, event_id="void")
    put(store, "gold", put_more)
    assert [row[7] for row in report(store, ReportKind.OVERRIDES, new=True, first=date(2026, 4, 1)).rows] == [
        "-100.00 EUR"
    ]
    assert len(report(store, ReportKind.OVERRIDES, last=date(2026, 3, 31)).rows) == 1


def test_instances_are_grouped_by_the_channel_of_their_case(store: Store) -> None:
    """As its intake named it; of cases of before nobody knows."""
    for number, channel in enumerate(("phone", "phone", "mail", None)):
        RecordedCase(store, PLAN, f"c{number}", {}, T0, account="acme", channel=channel)
    assert counts(store, "channel") == {("phone",): 2, ("mail",): 1, ("none",): 1}
    assert counts(store, "channel", "milestone")["phone", "Answer"] == 2
    with store._database.read() as connection:
        assert connection.execute(tables.cases.select().where(tables.cases.c.case_id == "c2")).one().channel == "mail"


def test_instances_are_grouped_by_the_owner_of_their_case(store: Store) -> None:
    """By the field that has the role, as cases and tasks are listed; a field of that name comes first."""
    roles = {**CATALOG["organisation"], "roles": {"owner": "team"}}  # type: ignore[dict-item]
    store.catalog.apply(Catalog.model_validate({**CATALOG, "entitlements": [], "organisation": roles}), by="test")
    for number, fields in enumerate(({"team": "ann"}, {"team": "ann"}, {"team": "bo"}, {})):
        RecordedCase(store, PLAN, f"c{number}", fields, T0, account="acme")
    assert counts(store, "owner") == counts(store, "team") == {("ann",): 2, ("bo",): 1, ("none",): 1}
    assert report(store, ReportKind.BREAKDOWN, "owner").by == report(store, ReportKind.BREAKDOWN, "team").by
    own = {**CATALOG["fields"], "owner": "string"}  # type: ignore[dict-item]
    store.catalog.apply(Catalog.model_validate({"fields": own}), by="test")
    assert counts(store, "owner") == {("none",): 4}


def test_a_declared_field_named_channel_comes_first(store: Store) -> None:
    """Reports of before are grouped as they were."""
    fields = {**CATALOG["fields"], "channel": "string"}  # type: ignore[dict-item]
    store.catalog.apply(Catalog.model_validate({**CATALOG, "entitlements": [], "fields": fields}), by="test")
    RecordedCase(store, PLAN, "c", {"channel": "chat"}, T0, account="acme", channel="phone")
    assert counts(store, "channel") == {("chat",): 1}
