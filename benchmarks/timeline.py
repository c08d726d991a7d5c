"""What a timeline costs: a copy of an ordinary case, and catching up after an outage, by how much was missed.

    python benchmarks/timeline.py

`catching up` opens a case of so many milestones of ten triggers each, nine hours late. The time per due should stay the
same from line to line.
"""
# ruff: noqa: E402 - the path is put right before anything is imported

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if Path(sys.path[0]).resolve() == ROOT / "benchmarks":
    sys.path[0] = str(ROOT)  # else calendar.py would stand before the standard library's module

from domain.calendar import BusinessHours
from domain.process import EntitlementProcess
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan

OPENED_AT = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)
NINE_HOURS = timedelta(hours=9)
MILESTONES = (25, 50, 100, 200)
COPIES = 20_000


def opened(milestones: int) -> Timeline:
    """A case of so many milestones, each with nine warnings and a violation trigger."""
    hours = BusinessHours.model_validate({"name": "X", "week": "always"})
    triggers = [{"kind": "warning", "at": f"{10 * n}m"} for n in range(1, 10)]
    process = EntitlementProcess.model_validate(
        {
            "name": "P",
            "milestones": [
                {"name": f"M{n}", "within": "4h", "triggers": [*triggers, {"kind": "violation", "at": "0"}]}
                for n in range(milestones)
            ],
        }
    )
    frozen = hours.freeze(OPENED_AT - timedelta(days=30), OPENED_AT + timedelta(days=365))
    plan = Plan(process=process, business_hours="X", calendars={"X": frozen})
    return Timeline.enter(plan, Case(case_id="c"), OPENED_AT)


def main() -> None:
    """Measure, and print a table."""
    ordinary = opened(2)
    ordinary.advance(OPENED_AT + timedelta(hours=1))
    began = time.perf_counter()
    for _ in range(COPIES):
        ordinary.fork()
    print(f"a copy of a case of two milestones: {(time.perf_counter() - began) / COPIES * 1000:.4f} ms\n")
    print(f"{'milestones':>10} {'dues':>6} {'catching up':>12} {'per due':>9}")
    for milestones in MILESTONES:
        timeline = opened(milestones)
        began = time.perf_counter()
        timeline.advance(OPENED_AT + NINE_HOURS)
        took = time.perf_counter() - began
        dues = 11 * milestones
        print(f"{milestones:>10} {dues:>6} {took * 1000:>9.1f} ms {took / dues * 1e6:>6.1f} us")


if __name__ == "__main__":
    main()
