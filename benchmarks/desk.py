"""What a list of open cases takes with very many cases in the store: each filter alone, and those that fit badly.

    python -m benchmarks.desk [--cases 100000] [--database URL]

Cases are written as their records are; a twentieth of them is closed. They have a thousand accounts, fifty owners, four
priorities, and two milestones each. Most of one account's are gathered in one: `big`.
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
from domain.messages.case_state import CaseState
from domain.timeline.machine import Case, Timeline
from starters.operations.desk import Desk
from store import Store, tables
from store.cases.listing import CaseFilter
from store.listed import milestone_row

RESULTS = Path(__file__).parent / "results" / "desk.json"
ROUNDS = 7
BOUND = 50
"""Milliseconds of work within which each has to answer."""
T0 = datetime(2025, 6, 9, 13, tzinfo=UTC)
AT_ONCE = 5000
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
        print(f"{cases:,} cases written in {time.perf_counter() - begun:.0f} s")
        desk = Desk(store)
        return {
            name: round(took(partial(desk.cases, CaseFilter(**which), now=T0, limit=50)), 1)
            for name, which in ASKED.items()
        }


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
