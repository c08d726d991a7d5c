"""Lists of cases out of 100,000: the time of a page of 50, by every filter, on SQLite.

    python -m benchmarks.lists [--cases 100000]

A tenth of the cases is open, with two milestones each; they belong to 500 accounts. Of a busy
machine the processor's time is what counts.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from domain.timeline.views import MilestoneStatus
from store import Store, tables
from store.cases.listing import CaseFilter

T0 = datetime(2026, 6, 1, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ACCOUNTS = 500
AGENTS = 60
OPEN_SHARE = 10
AT_ONCE = 5_000

A_FEW = [f"a-{number}" for number in range(3)]
FILTERS: dict[str, dict[str, Any]] = {
    "none": {},
    "state=open": {"state": "open"},
    "state=closed": {"state": "closed"},
    "state=stopped": {"state": "stopped"},
    "account": {"account": "a-7"},
    "entitlement": {"entitlement": "e-7"},
    "status": {"status": MilestoneStatus.OPEN_VIOLATION},
    "violated=true": {"violated": True},
    "violated=false": {"violated": False},
    "milestone": {"milestone": "Resolution"},
    "due_before": {"due_before": T0 + 10**6 * MINUTE},
    "due_before, milestone": {"due_before": T0 + 10**6 * MINUTE, "milestone": "Resolution"},
    "due_before, account": {"due_before": T0 + 10**6 * MINUTE, "account": "a-7"},
    "due_before, entitlement": {"due_before": T0 + 10**6 * MINUTE, "entitlement": "e-7"},
    "due_before, stopped": {"due_before": T0 + 10**6 * MINUTE, "state": "stopped"},
    "due_before, violated": {"due_before": T0 + 10**6 * MINUTE, "violated": True},
    "due_before, not violated": {"due_before": T0 + 10**6 * MINUTE, "violated": False},
    "milestone, account": {"milestone": "Resolution", "account": "a-7"},
    "account, open": {"account": "a-7", "state": "open"},
    "account, violated": {"account": "a-7", "violated": True},
    "owner": {"owner": "agent-7"},
    "owner, open": {"owner": "agent-7", "state": "open"},
    "owner, due_before": {"owner": "agent-7", "due_before": T0 + 10**6 * MINUTE},
    "priority": {"priority": "High"},
    "priority, due_before": {"priority": "High", "due_before": T0 + 10**6 * MINUTE},
    "priority, violated": {"priority": "High", "violated": True},
    "paused=true": {"paused": True},
    "paused=true, due_before": {"paused": True, "due_before": T0 + 10**6 * MINUTE},
    "paused=false": {"paused": False},
    "a bound key": {"accounts": A_FEW},
    "a bound key, due_before": {"accounts": A_FEW, "due_before": T0 + 10**6 * MINUTE},
    "a bound key, milestone": {"accounts": A_FEW, "milestone": "Resolution"},
    "a bound key, open": {"accounts": A_FEW, "state": "open"},
    "a bound key, account of another": {"accounts": A_FEW, "account": "a-77"},
    "a bound key of nothing, due_before": {"accounts": ["nobody"], "due_before": T0 + 10**6 * MINUTE},
}


def main() -> None:
    """Fill a store, and print the time of each filter."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cases", type=int, default=100_000)
    options.add_argument("--pages", type=int, default=15)
    options.add_argument("--all-open", action="store_true", help="none of the cases is closed")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{Path(folder) / 'lists.db'}") as store:
        fill(store, given.cases, 1 if given.all_open else OPEN_SHARE)
        print(f"{given.cases:,} cases, a page of 50: ms by the clock, and of the processor; medians of {given.pages}")
        for name, which in FILTERS.items():
            times = list(_times(store, which, given.pages))
            wall, processor = (statistics.median(one) for one in zip(*times, strict=True))
            print(f"{name:36} {wall:8.2f} {processor:8.2f}")


def fill(store: Store, count: int, share: int) -> None:
    """Write cases, as they are after years; one in `share` is open."""
    chance = random.Random(1)
    for begin in range(0, count, AT_ONCE):
        numbers = range(begin, min(begin + AT_ONCE, count))
        with store._database.write() as connection:  # noqa: SLF001  a benchmark writes no case the slow way
            connection.execute(tables.cases.insert(), [_case(number, chance, share) for number in numbers])
            connection.execute(
                tables.milestones.insert(), [row for number in numbers for row in _rows(number, chance, share)]
            )


def _times(store: Store, which: dict[str, Any], pages: int) -> Iterator[tuple[float, float]]:
    """The times of pages one after the other, from the first on again at the end: by the clock, of the processor."""
    after = None
    for _ in range(pages):
        begun, used = time.perf_counter(), time.process_time()
        page = store.listing.page(CaseFilter(**which), after=after, limit=50)
        yield (time.perf_counter() - begun) * 1000, (time.process_time() - used) * 1000
        after = page.end


def _case(number: int, chance: random.Random, share: int) -> dict[str, Any]:
    is_open = number % share == 0
    status = chance.choices(["compliant", "open violation" if is_open else "closed violation"], [9, 1])[0]
    account = chance.randrange(ACCOUNTS)
    is_stopped = is_open and chance.random() < 1 / OPEN_SHARE
    return {
        "case_id": f"c-{number:07}",
        "run": 1,
        "history": 1,
        "number": 1,
        "run_id": "r",
        "view": {},
        "carried": {},
        "account": f"a-{account}",
        "entitlement": f"e-{account}",
        "process": "P",
        "process_version": 1,
        "status": status,
        "owner": f"agent-{account % AGENTS}",
        "priority": "High" if number % 7 == 0 else "Low",
        "stopped": is_stopped,
        "paused": is_stopped,
        "next_due": None,
        "due_at": T0 + (number + 240) * MINUTE if is_open else None,
        "due_milestone": "First response" if is_open else None,
        "opened_at": T0 + number * MINUTE,
        "closed_at": None if is_open else T0 + (number + 900) * MINUTE,
    }


def _rows(number: int, chance: random.Random, share: int) -> Iterator[dict[str, Any]]:
    is_open = number % share == 0
    for name, hours in (("First response", 4), ("Resolution", 16)):
        yield {
            "case_id": f"c-{number:07}",
            "process": "P",
            "milestone": name,
            "occurrence": 1,
            "view": {},
            "state": "running" if is_open else "completed",
            "violated": chance.random() < 1 / OPEN_SHARE,
            "start_at": T0 + number * MINUTE,
            "target_at": T0 + (number + hours * 60) * MINUTE,
        }


if __name__ == "__main__":
    main()
