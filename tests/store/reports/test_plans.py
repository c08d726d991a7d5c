"""How a report of one account is read, on each database: every statement goes by that account, and reads no table
through.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from activities.reports.customer_page import reports_of
from activities.reports.making import ReportWish, export_overrides
from domain.catalog.declarations import Catalog
from domain.reports.result import ReportKind
from domain.timeline.events import ClockStopped, FieldsChanged
from store import Store, tables
from tests.store.asked import Asked
from tests.store.reports.test_reporting import CATALOG, T0, _override, case, report, store

__all__ = ["store"]

KEYS = {
    "account", "case_id", "id", "entitlement", "key", "trigger_key", "subject", "export"
}  # fmt: skip
"""By what the rows of one account, of one of its cases or entitlements, or of one export are found."""

GROWING = (
    *("accounts", "entitlements", "cases", "milestones", "measures", "pauses", "holdings", "field_changes"),
    *("triggers", "actions", "notes", "events", "ledger", "exported_overrides"),
)
"""Tables that have more rows with every account, or with every case."""

LISTS = {ReportKind.USAGE, ReportKind.OVERRIDES, ReportKind.CASES}
MANY = 300


OF_ACCOUNTS = (
    *(tables.cases, tables.milestones, tables.measures, tables.pauses, tables.triggers, tables.actions),
    *(tables.holdings, tables.ledger, tables.exported_overrides),
)


@pytest.fixture
def crowded(store: Store) -> Store:
    """A store with many accounts, of which the database knows how their rows are spread."""
    accounts = [{"id": f"a{number}", "time_zone": "Europe/Berlin"} for number in range(MANY)]
    gold: dict[str, Any] = CATALOG["entitlements"][0]  # type: ignore[index]
    entitlements = [{**gold, "id": f"e{number}", "account": f"a{number}"} for number in range(MANY)]
    store.catalog.apply(Catalog.model_validate({"accounts": accounts, "entitlements": entitlements}), by="test")
    for number in range(3):
        lived = case(store, f"c{number}", team="one")
        lived.apply(FieldsChanged(event_id="f", occurred_at=T0 + timedelta(hours=1), fields={"team": "two"}))
        if number:
            lived.apply(ClockStopped(event_id="s", occurred_at=T0 + timedelta(hours=2), by="ann"))
        _override(store, number + 1, 60, "85.00 EUR")
    export_overrides(store, ReportWish(ReportKind.OVERRIDES, now=T0), by="ann")
    _override(store, 4, 60, "85.00 EUR")
    with store._database.write() as connection:
        _act(connection)
        for table in OF_ACCOUNTS:
            rows = [dict(row) for row in connection.execute(table.select()).mappings()]
            others = [_of_another(row, number) for number in range(MANY) for row in rows]
            connection.execute(table.insert(), others)
    with store._database._engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")
    return store


def _act(connection: Connection) -> None:
    """An action of a trigger of each case, and one of the entitlement."""
    same = {"milestone": "Answer", "occurrence": 1, "trigger": "late", "kind": "violation", "firing": 1}
    times = {"due_at": T0, "at": T0, "noticed_at": T0}
    for number in range(3):
        key = {"case_id": f"c{number}", "key": f"c{number}/late"}
        connection.execute(tables.triggers.insert().values(**key, **same, **times))
        done = {"case_id": f"c{number}", "key": f"c{number}/late/1", "trigger_key": f"c{number}/late"}
        connection.execute(tables.actions.insert().values(**done, status="done", done_at=T0, action={"do": "email"}))
    of_entitlement = {"case_id": "gold", "entitlement": "gold", "key": "gold/0/overflow"}
    connection.execute(tables.actions.insert().values(**of_entitlement, status="done", done_at=T0))


def _of_another(row: dict[str, Any], number: int) -> dict[str, Any]:
    """A row of another account."""
    named = {name: f"{row[name]}-{number}" for name in ("case_id", "key", "trigger_key") if row.get(name)}
    if row.get("entitlement"):
        named |= {"entitlement": f"e{number}"} | ({"case_id": f"e{number}"} if row.get("case_id") == "gold" else {})
    return {name: named.get(name, f"a{number}" if name == "account" else value) for name, value in row.items()}


def read_through(plan: str) -> list[str]:
    """The lines of a plan by which rows of other accounts are read from one of the growing tables."""
    lines = [line.strip(" ->") for line in plan.splitlines()]
    found = []
    for place, line in enumerate(lines):
        words = line.lower().split()
        if words[:1] == ["scan"] and words[1] in GROWING:
            found.append(line)
        elif words[:1] == ["search"] and words[1] in GROWING:
            by = re.search(r"\((\w+)[=>]", line)
            found += [line] if by is not None and by[1] not in KEYS else []
        elif " scan " in f" {line.lower()} " and re.search(r" on (\w+)", line):
            table = re.search(r" on (\w+)", line)
            is_growing = table is not None and any(one in table[1] for one in GROWING)
            by = re.search(r"^Index Cond: \(+(\w+)", lines[place + 1]) if place + 1 < len(lines) else None
            is_alone = words[0] == "bitmap" and words[1] == "heap"  # what it reads, the index scans below it say
            found += [line] if is_growing and not is_alone and (by is None or by[1] not in KEYS) else []
    return found


def statements_through(asked: Asked) -> dict[str, str]:
    return {statement: plan for statement, plan in asked.plans().items() if read_through(plan)}


def test_a_report_of_one_account_reads_that_account_alone(crowded: Store) -> None:
    """Each goes from the account to its cases, its entitlements and its ledgers, and from these to their rows."""
    for kind_of in ReportKind:
        by = () if kind_of in LISTS else ("milestone", "team")
        for days in (None, "2026-03"):
            for whose in ({"account": "acme"}, {"accounts": ["acme"]}):
                with Asked(crowded) as asked:
                    report(crowded, kind_of, *by, **whose, period=days)
                assert asked.statements
                assert statements_through(asked) == {}, (kind_of, days, whose)


def test_an_export_of_one_account_reads_that_account_alone(crowded: Store) -> None:
    with Asked(crowded) as asked:
        export_overrides(crowded, ReportWish(ReportKind.OVERRIDES, account="acme", now=T0), by="ann")
    assert statements_through(asked) == {}


def test_a_customers_page_reads_that_account_alone(crowded: Store) -> None:
    with Asked(crowded) as asked:
        reports_of(crowded, "acme", T0 + timedelta(days=2))
    assert len(asked.statements) > 5
    assert statements_through(asked) == {}
