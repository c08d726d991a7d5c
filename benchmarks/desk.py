"""What lists take with very many cases in the store: of cases, of tasks, of what goes out, and of entitlements.

    python -m benchmarks.desk [--cases 100000] [--database URL]

Each filter alone, and those that fit badly. Cases are written as their records are; a twentieth of them is closed. They
have a thousand accounts, fifty owners, four priorities, and two milestones each. Most of one account's are gathered in
one: `big`. Each case made a task, of which nine in ten are done, and something that goes out: one in a thousand waits,
one in a thousand failed, and one in a thousand is no mail. Each account has an entitlement, two in three of them with a
ledger, of fifty rows or two thousand.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.feed import PLAN
from domain.catalog.declarations import Catalog
from domain.messages.case_state import CaseState
from domain.timeline.machine import Case, Timeline
from domain.usage.effects import UsageRecords
from domain.usage.rows import LedgerRow, RowKind
from starters.operations.desk import Desk
from starters.operations.running_out import RunningOut
from store import Store, tables
from store.cases.listing import CaseFilter
from store.listed import milestone_row

RESULTS = Path(__file__).parent / "results" / "desk.json"
ROUNDS = 7
BOUND = 50
"""Milliseconds of work within which each has to answer."""
T0 = datetime(2025, 6, 9, 13, tzinfo=UTC)
AT_ONCE = 5000
CAP = 4000
PRIORITIES = ("Critical", "High", "Moderate", "Low")

ASKED: dict[str, dict[str, Any]] = {
    "all": {"order": "due"},
    "account": {"order": "due", "account": "a-7"},
    "a big account": {"order": "due", "account": "big"},
    "owner": {"order": "due", "owner": "o-7"},
    "priority": {"order": "due", "priority": "High"},
    "due within 4h": {"order": "due", "due_before": T0 + timedelta(hours=4)},
    "violated": {"order": "due", "violated": True},
    "paused": {"order": "due", "paused": True},
    "milestone": {"order": "due", "milestone": "Resolution"},
    "milestone, account": {"order": "due", "milestone": "Resolution", "account": "a-7"},
    "milestone, owner": {"order": "due", "milestone": "Resolution", "owner": "o-7"},
    "big account, rare priority": {"order": "due", "account": "big", "priority": "None"},
    "account, owner, priority": {"order": "due", "account": "a-7", "owner": "o-7", "priority": "High"},
    "newest": {"order": "newest", "state": "open"},
    "oldest": {"order": "oldest", "state": "open"},
}


LISTED: dict[str, Callable[[Store], object]] = {
    "tasks": lambda store: store.tasks.find(limit=51),
    "tasks: open": lambda store: store.tasks.find(done=False, limit=51),
    "tasks: open, of one": lambda store: store.tasks.find(done=False, owner="o-7", limit=51),
    "tasks: of an account": lambda store: store.tasks.find(account="a-7", limit=51),
    "tasks: open, a big account": lambda store: store.tasks.find(done=False, account="big", limit=51),
    "tasks: due before": lambda store: store.tasks.find(done=False, due_before=T0 + timedelta(hours=4), limit=51),
    "outbox": lambda store: store.outbox.newest(limit=50),
    "outbox: mails": lambda store: store.outbox.newest(channel="email", limit=50),
    "outbox: rare kind": lambda store: store.outbox.newest(channel="outbound_message", limit=50),
    "outbox: what waits": lambda store: store.outbox.newest(status="waits", limit=50),
    "outbox: what failed": lambda store: store.outbox.newest(status="failed", limit=50),
    "outbox: what is kept": lambda store: store.outbox.newest(status="kept", limit=50),
    "entitlements by end": lambda store: RunningOut(store).soonest(now=T0, limit=50),
    "entitlements by what is left": lambda store: RunningOut(store).soonest(now=T0, by="left", limit=50),
    "entitlements of an account": lambda store: RunningOut(store).soonest(now=T0, account="a-7", by="left", limit=50),
}


def fill_lists(store: Store, cases: int) -> None:
    """Write the tasks and mails of so many cases, and the entitlements of their accounts."""
    for begin in range(0, cases, AT_ONCE):
        tasks, mails, deliveries = [], [], []
        for number in range(begin, min(begin + AT_ONCE, cases)):
            case_id, at = f"c-{number:06}", T0 + timedelta(seconds=number * 7919 % 864_000)
            account, is_done = "big" if number % 5 == 1 else f"a-{number % 1000}", bool(number % 10)
            said = {"key": f"{case_id}/task", "case_id": case_id, "subject": "call them", "body": "", "at": at}
            said |= {"assign_to": f"o-{number % 50}", "account": account, "due_at": at + timedelta(hours=8)}
            tasks.append(said | {"done_at": at if is_done else None, "done_by": "o-1" if is_done else None})
            said = {"key": f"{case_id}/mail", "case_id": case_id}
            sent = {"to": ["desk@example.org"], "subject": "late", "body": "It is late.", "at": at, "written_at": at}
            mails.append({**said, **sent, "answer": "250 OK"})
            status = {0: "waits", 1: "failed"}.get(number % 1000, "sent")
            tried = {"first_at": at, "last_at": at, "status": status, "attempts": 1, "answer": "250 OK"}
            channel = "outbound_message" if not number % 997 else "email"
            deliveries.append({**said, **tried, "to": "desk@example.org", "channel": channel})
        with store._database.write() as connection:  # noqa: SLF001  a benchmark may look inside
            for table, rows in ((tables.tasks, tasks), (tables.mails, mails), (tables.deliveries, deliveries)):
                connection.execute(table.insert(), rows)
    names = [f"a-{number}" for number in range(min(cases, 1000))]
    allowance = {"unit": "cases", "cap": CAP}
    entitlements = [
        {"id": f"e-{number}", "account": name, "starts_on": "2025-01-01", "ends_on": f"2026-{number % 12 + 1:02}-01"}
        | ({"allowance": allowance} if number % 3 else {})
        for number, name in enumerate(names)
    ]
    said = {"accounts": [{"id": name} for name in names], "entitlements": entitlements}
    store.catalog.apply(Catalog.model_validate(said), by="benchmark")
    for number, name in enumerate(names):
        if number % 3:
            store.ledgers.record(_news(f"e-{number}", name, rows=50 if number % 7 else 2000))


def _news(entitlement: str, account: str, *, rows: int) -> UsageRecords:
    return UsageRecords(
        entitlement_id=entitlement,
        account=account,
        unit="cases",
        count="r",
        periods=[],
        rows=[
            LedgerRow(
                number=number,
                kind=RowKind.TAKEN,
                reference=f"{entitlement}-{number}",
                period=1,
                first_day=None,
                amount=1,
                used=1,
                used_after=number,
                overage_after=0,
                cap_after=CAP,
                balance_after=CAP - number,
                at=T0,
                recorded_at=T0,
            )
            for number in range(1, rows + 1)
        ],
    )


def fill(store: Store, cases: int) -> None:
    """Write so many cases."""
    timeline = Timeline.enter(PLAN, Case(case_id="c"), T0)
    view = timeline.view(T0)
    shown = view.model_dump(mode="json")
    carried = CaseState(plan=PLAN, state=timeline.state).model_dump(mode="json")
    plain = {"run": 1, "history": 1, "number": 1, "run_id": "r", "process": "Gold", "process_version": 1}
    for begin in range(0, cases, AT_ONCE):
        rows, milestones = [], []
        for number in range(begin, min(begin + AT_ONCE, cases)):
            case_id, ahead = f"c-{number:06}", timedelta(seconds=number * 7919 % 864_000)
            closed, stands = not number % 20, not number % 11
            row = {"case_id": case_id, "opened_at": T0 + ahead, "closed_at": T0 + ahead if closed else None}
            row |= {"account": "big" if number % 5 == 1 else f"a-{number % 1000}", "owner": f"o-{number % 50}"}
            row |= {"entitlement": "e", "priority": PRIORITIES[number % 4], "paused": stands}
            row |= {"status": "open violation" if number % 9 == 0 else "compliant", "stopped": stands}
            row |= {"next_due": None if closed else T0 + ahead, "view": shown, "carried": carried}
            row |= {"due_at": None if closed else T0 + ahead, "due_milestone": None if closed else "First response"}
            rows.append({**plain, **row, "recorded_at": T0})
            for place, milestone in enumerate(view.milestones):
                one = milestone_row(case_id, milestone) | {"target_at": T0 + ahead + place * timedelta(hours=4)}
                milestones.append(one | {"state": "completed" if closed else "running"})
        with store._database.write() as connection:  # noqa: SLF001  a benchmark may look inside
            connection.execute(tables.cases.insert(), rows)
            connection.execute(tables.milestones.insert(), milestones)


def took(ask: Callable[[], object]) -> float:
    """The median of some rounds in milliseconds of the processor, after one that does not count."""
    rounds = []
    for _ in range(ROUNDS + 1):
        begun = time.process_time()
        ask()
        rounds.append(1000 * (time.process_time() - begun))
    return statistics.median(rounds[1:])


def measure(url: str, cases: int) -> dict[str, Any]:
    """Each question, answered with what is left of the time."""
    with Store.open(url) as store:
        begun = time.perf_counter()
        fill(store, cases)
        fill_lists(store, cases)
        print(f"{cases:,} cases written in {time.perf_counter() - begun:.0f} s")
        desk = Desk(store)
        asked: dict[str, Callable[[], object]] = {
            name: partial(desk.cases, CaseFilter(**which), now=T0, limit=50) for name, which in ASKED.items()
        }
        asked |= {name: partial(ask, store) for name, ask in LISTED.items()}
        return {name: round(took(ask), 1) for name, ask in asked.items()}


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--database", help="default: a SQLite file of its own")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(asked.database or f"sqlite:///{folder}/milepost.db", asked.cases)
    for name, milliseconds in found.items():
        print(f"{name:>28}: {milliseconds:>7.1f} ms{'' if milliseconds < BOUND else '  TOO SLOW'}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"cases": asked.cases, "milliseconds": found}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
