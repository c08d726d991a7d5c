"""What reports cost: each over a store with very many cases, how that grows, how much memory, and what it locks.

    python -m benchmarks.reports [--cases 100000] [--postgresql | --database URL]

A case has four milestones, a pause in every third, a change of hands in every second, ten events of the feed and a
trigger with an action; one in twenty runs. Rows are made up and written as they are, for it would take hours to live
them. Each report is made three times over all cases, and over a tenth as many; the quickest counts, for others use the
machine too, and so does the time that the processor worked on it: in this process, and in those of a PostgreSQL server
of its own.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, insert, text

from activities.reports.making import ReportWish, make_report
from domain.calendar import BusinessHours
from domain.catalog.declarations import Catalog
from domain.reports.result import ReportKind
from store import Store, tables
from tests.postgresql import private_postgresql

RESULTS = Path(__file__).parent / "results" / "reports.json"
ROUNDS = 3
ACCOUNTS = 200
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FIRST = NOW - timedelta(days=365)
MILESTONES = ("First response", "Update", "Workaround", "Resolution")
OUTCOMES = ("met", "met", "met", "met", "met late", "removed")
CATALOG = {
    "organisation": {"name": "Desk", "time_zone": "Europe/Berlin"},
    "fields": {"priority": "string", "channel": "string", "owner": "string"},
    "accounts": [
        {"id": f"a{n}", "time_zone": "America/New_York"} if n % 10 == 0 else {"id": f"a{n}"} for n in range(ACCOUNTS)
    ],
    "processes": [{"name": "Support", "milestones": [{"name": name, "within": "8h"} for name in MILESTONES]}],
    "entitlements": [
        {
            "id": f"e{n}",
            "account": f"a{n}",
            "process": "Support",
            "starts_on": "2025-01-01",
            "allowance": {"unit": "cases", "cap": 600, "period": "month", "overage_price": "90.00 EUR"},
        }
        for n in range(ACCOUNTS)
    ],
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A report that is measured."""

    kind: ReportKind
    by: tuple[str, ...]
    account: str | None = None

    @property
    def name(self) -> str:
        """What it is, in a word or two."""
        of = f" of {self.account}" if self.account else ""
        return f"{self.kind.value} by {', '.join(self.by) or 'itself'}{of}"


REPORTS = (
    Asked(ReportKind.COMPLIANCE, ("milestone",)),
    Asked(ReportKind.COMPLIANCE, ("account", "month")),
    Asked(ReportKind.COMPLIANCE, ("milestone", "priority")),
    Asked(ReportKind.COMPLIANCE, ("milestone", "week"), "a7"),
    Asked(ReportKind.RESPONSE, ("milestone", "priority")),
    Asked(ReportKind.MARGIN, ("milestone", "priority")),
    Asked(ReportKind.OVERRUN, ("milestone", "account")),
    Asked(ReportKind.PAUSES, ("cause", "person")),
    Asked(ReportKind.BREAKDOWN, ("milestone", "owner")),
    Asked(ReportKind.ACTIONS, ("milestone", "trigger", "action")),
    Asked(ReportKind.USAGE, ()),
    Asked(ReportKind.OVERRIDES, ()),
)


# --- rows -------------------------------------------------------------------------------------------------------------


def _case(number: int, calendars: Row) -> Row:
    runs = number % 20 == 0
    opened = FIRST + timedelta(minutes=5 * (number % 100_000))
    fields = {"priority": ("Low", "High", "Critical")[number % 3], "channel": "web", "owner": f"o{number % 40}"}
    return {
        "case_id": f"c{number:07}",
        "run": 1,
        "history": 5,
        "number": 1,
        "run_id": "r",
        "account": f"a{number % ACCOUNTS}",
        "entitlement": f"e{number % ACCOUNTS}",
        "process": "Support",
        "process_version": 1,
        "status": "compliant",
        "stopped": False,
        "opened_at": opened,
        "closed_at": None if runs else opened + timedelta(days=3),
        "next_due": None,
        "view": {},
        "carried": {"plan": {"calendars": calendars}},
        "recorded_at": opened,
        "fields": fields,
    }


def _measures(number: int, chance: random.Random) -> Iterator[Row]:
    opened = FIRST + timedelta(minutes=5 * (number % 100_000))
    for place, name in enumerate(MILESTONES):
        runs = number % 20 == 0 and place == len(MILESTONES) - 1
        outcome = "open" if runs else chance.choice(OUTCOMES)
        span = 3600 * (place + 1) * 4
        response = chance.randrange(span * 2)
        late, target = outcome == "met late", opened + timedelta(seconds=2 * span)
        done = outcome.startswith("met")
        yield {
            "case_id": f"c{number:07}",
            "process": "support",
            "milestone": name,
            "occurrence": 1,
            "promise": True,
            "runs": runs,
            "outcome": outcome,
            "business_hours": "Office",
            "measured_at": opened,
            "start_at": opened,
            "target_at": target,
            "ended_at": None if runs else target,
            "violated_after": target if runs else None,
            "violations": int(late),
            "corrected": 0,
            "span_seconds": span,
            "actual_seconds": response,
            "response_seconds": response if done else None,
            "margin_seconds": max(span - response, 0) if done else None,
            "overrun_seconds": response if late else None,
            "paused_seconds": 0,
            "was_paused": False,
            "ran_under": None,
        }


def _pause(number: int, chance: random.Random) -> Row:
    begins = FIRST + timedelta(minutes=5 * (number % 100_000), hours=2)
    return {
        "case_id": f"c{number:07}",
        "process": "support",
        "milestone": "Resolution",
        "occurrence": 1,
        "from_at": begins,
        "to_at": begins + timedelta(hours=3),
        "goes_on": False,
        "business_hours": "Office",
        "cause": "pause_when",
        "by": f"o{number % 40}",
        "open_seconds": chance.randrange(20_000),
        "left_seconds": chance.randrange(-5000, 30_000),
    }


def _holdings(number: int, chance: random.Random) -> Iterator[Row]:
    for value, is_last in ((f"o{number % 40}", True), (f"o{(number + 7) % 40}", False)):
        yield {
            "case_id": f"c{number:07}",
            "process": "support",
            "milestone": "Resolution",
            "occurrence": 1,
            "field": "owner",
            "value": value,
            "open_seconds": chance.randrange(20_000),
            "is_last": is_last,
        }


def _trigger(number: int) -> Row:
    at = FIRST + timedelta(minutes=5 * (number % 100_000), hours=3)
    return {
        "key": f"c{number:07}/support/resolution/1/w/1",
        "case_id": f"c{number:07}",
        "milestone": "Resolution",
        "occurrence": 1,
        "trigger": "warning-75-percent",
        "kind": "warning",
        "firing": 1,
        "due_at": at,
        "at": at,
        "noticed_at": at,
    }


def _action(number: int) -> Row:
    key = f"c{number:07}/support/resolution/1/w/1"
    return {
        "key": f"{key}/0",
        "case_id": f"c{number:07}",
        "position": 0,
        "trigger_key": key,
        "action": {"do": "email"},
        "status": "done" if number % 50 else "failed",
        "done_at": FIRST,
    }


def _ledger(number: int) -> Row:
    at = FIRST + timedelta(minutes=5 * (number % 100_000))
    period = (at.year - 2025) * 12 + at.month - 1
    override = number % 100 == 0
    return {
        "entitlement": f"e{number % ACCOUNTS}",
        "count": "r",
        "number": number // ACCOUNTS + 1,
        "account": f"a{number % ACCOUNTS}",
        "unit": "cases",
        "kind": "override" if override else "taken",
        "reference": f"c{number:07}",
        "period": period,
        "first_day": at.date().replace(day=1),
        "amount": 1,
        "used": 1,
        "overage": 0,
        "carried": 0,
        "carried_out": 0,
        "used_after": number // ACCOUNTS % 50,
        "overage_after": 0,
        "cap_after": 600,
        "balance_after": 10,
        "price": "90.00 EUR" if override else None,
        "at": at,
        "recorded_at": at,
        "case_id": f"c{number:07}",
        "by": "manager",
    }


def _events(number: int) -> Iterator[Row]:
    at = FIRST + timedelta(minutes=5 * (number % 100_000))
    for place in range(1, 11):
        yield {
            "position": 10 * number + place,
            "subject": f"case/c{number:07}",
            "sequence": place,
            "id": f"{number}-{place}",
            "type": "milepost.case.fields_changed.v1",
            "time": at,
            "account": f"a{number % ACCOUNTS}",
            "recorded_at": at,
            "run_id": "r",
            "superseded": False,
            "data": {"case_id": f"c{number:07}", "text": "changed"},
        }


def fill(store: Store, first: int, last: int) -> None:
    """Write the rows of some cases."""
    chance = random.Random(1)
    hours = BusinessHours.model_validate(
        {"name": "Office", "time_zone": "Europe/Berlin", "week": dict.fromkeys(("mon", "tue", "wed"), ("09:00-17:00",))}
    )
    frozen = hours.freeze(FIRST - timedelta(days=1), NOW + timedelta(days=800)).model_dump(mode="json")
    numbers = range(first, last)
    kinds: list[tuple[Table, Iterator[Row]]] = [
        (tables.cases, (_case(n, {"Office": frozen}) for n in numbers)),
        (tables.measures, (row for n in numbers for row in _measures(n, chance))),
        (tables.pauses, (_pause(n, chance) for n in numbers if n % 3 == 0)),
        (tables.holdings, (row for n in numbers if n % 2 for row in _holdings(n, chance))),
        (tables.triggers, (_trigger(n) for n in numbers)),
        (tables.actions, (_action(n) for n in numbers)),
        (tables.ledger, (_ledger(n) for n in numbers)),
        (tables.events, (row for n in numbers for row in _events(n))),
    ]
    for table, rows in kinds:
        while some := list(islice(rows, 10_000)):
            with store.reports._database.write() as connection:  # noqa: SLF001  nothing else writes rows so
                _write(connection, table, some)


def _write(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Write rows in the way that is quickest for the database: PostgreSQL copies them."""
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), rows)
        return
    types = {name: table.c[name].type.dialect_impl(connection.dialect) for name in rows[0]}
    bound = {name: type_.bind_processor(connection.dialect) or _as_it_is for name, type_ in types.items()}
    names = ", ".join(f'"{name}"' for name in bound)
    cursor: Any = connection.connection.cursor()
    with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([bind(row[name]) for name, bind in bound.items()])


def _as_it_is(value: Any) -> Any:
    return value


# --- measuring --------------------------------------------------------------------------------------------------------


Worked = Callable[[], float]
"""For how many seconds the processors have worked until now."""


def timed(store: Store, asked: Asked, worked: Worked) -> tuple[float, float]:
    """The quickest of some rounds, in seconds by the clock, and the least that the processors worked in one."""
    wish = ReportWish(asked.kind, by=asked.by, account=asked.account, now=NOW)
    rounds = [_seconds(lambda: make_report(store, wish), worked) for _ in range(ROUNDS)]
    return min(clock for clock, _ in rounds), min(busy for _, busy in rounds)


def _seconds(work: Callable[[], object], worked: Worked) -> tuple[float, float]:
    began, before = time.perf_counter(), worked()
    work()
    return time.perf_counter() - began, worked() - before


def most_memory(store: Store, asked: Asked) -> float:
    """The most memory that Python takes for a report, in megabytes."""
    tracemalloc.start()
    make_report(store, ReportWish(asked.kind, by=asked.by, account=asked.account, now=NOW))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def measure(url: str, cases: int, worked: Worked) -> dict[str, Any]:
    """Each report over a tenth of the cases, and over all."""
    found: dict[str, dict[str, float]] = {}
    with Store.open(url) as store:
        store.catalog.apply(Catalog.model_validate(CATALOG), by="bench")
        for first, last in ((0, cases // 10), (cases // 10, cases)):
            fill(store, first, last)
            with store.reports._database.write() as connection:  # noqa: SLF001  so that the planner knows what there is
                connection.execute(text("ANALYZE"))
            for asked in REPORTS:
                name = "tenth" if last < cases else "all"
                clock, busy = timed(store, asked, worked)
                found.setdefault(asked.name, {}).update({name: round(clock, 3), f"{name}_worked": round(busy, 3)})
        for asked in REPORTS:
            found[asked.name]["megabytes"] = round(most_memory(store, asked), 1)
    return {"cases": cases, "milestones": 4 * cases, "events": 10 * cases, "seconds": found}


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--database", help="default: a SQLite file of its own")
    parser.add_argument("--postgresql", action="store_true", help="on a server of its own, which keeps nothing")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url, worked = asked.database or f"sqlite:///{folder}/milepost.db", time.process_time
        if asked.postgresql:
            server = stack.enter_context(private_postgresql())
            url, worked = server.new(), lambda: time.process_time() + server.worked()
        result = measure(url, asked.cases, worked)
    print(f"{result['cases']:,} cases, {result['milestones']:,} milestones, {result['events']:,} events")
    for name, one in result["seconds"].items():
        print(
            f"{name:>40}: {one['all']:>7.3f} s ({one['all_worked']:.3f} worked), a tenth {one['tenth']:.3f} s "
            f"({one['tenth_worked']:.3f}), {one['megabytes']:.1f} MB"
        )
    kind = url.partition(":")[0]
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({**before, kind: result}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
