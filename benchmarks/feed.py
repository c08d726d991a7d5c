"""What the event feed costs: the records of a standard case with their events, and the same records without.

    python -m benchmarks.feed [--cases 200] [--database URL]

The standard case has two milestones, a warning, a pause, two completions and a close. Its records are made once, as its
workflow makes them, and written to a store of their own; with and without by turns, so that both have the same machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event

from domain.calendar import ALWAYS
from domain.feed.cases import case_events
from domain.messages.case_state import ActionOutcome, CaseState
from domain.messages.steps import CaseRecord, FeedPart
from domain.process import EntitlementProcess
from domain.timeline import events
from domain.timeline.effects import Effect, Noted, TriggerFired
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from store import Store

RESULTS = Path(__file__).parent / "results" / "feed.json"
ROUNDS = 5
T0 = datetime(2025, 6, 9, 13, tzinfo=UTC)
PROCESS = EntitlementProcess.model_validate(
    {
        "name": "Gold",
        "milestones": [
            {
                "name": "First response",
                "within": "4h",
                "triggers": [{"kind": "warning", "at": "75%", "actions": [{"do": "task", "subject": "call"}]}],
            },
            {"name": "Resolution", "within": "8h"},
        ],
    }
)
PLAN = Plan(
    process=PROCESS, business_hours=ALWAYS.name, calendars={ALWAYS.name: ALWAYS.freeze(T0, T0 + timedelta(days=400))}
)


def standard_case(case_id: str, *, with_feed: bool) -> list[CaseRecord]:
    """The records of a standard case."""
    timeline = Timeline.enter(PLAN, Case(case_id=case_id), T0)
    records: list[CaseRecord] = []
    known = {"notes": 0, "events": 0}

    def record(effects: list[Effect], *outcomes: ActionOutcome) -> None:
        notes = [effect for effect in effects if isinstance(effect, Noted)]
        fired = [effect for effect in effects if isinstance(effect, TriggerFired)]
        part = FeedPart(first=known["events"] + 1, fired_after=[len(notes)] * len(fired), outcomes=list(outcomes))
        made = CaseRecord(
            history=5 * len(records),
            number=len(records) + 1,
            notes_from=known["notes"] + 1,
            run_id="run",
            account="acme",
            entitlement="acme-gold",
            view=timeline.view(timeline.state.last_at),
            notes=notes,
            fired=fired,
            carried=CaseState(plan=PLAN, state=timeline.state.fork()),
            feed=part if with_feed else None,
        )
        records.append(made)
        known["notes"] += len(notes)
        known["events"] += made.events

    def at(minutes: int) -> dict[str, Any]:
        return {"event_id": f"e-{minutes}", "occurred_at": T0 + timedelta(minutes=minutes), "by": "ann"}

    record(timeline.advance(T0))
    warned = timeline.advance(T0 + timedelta(hours=3))
    record(warned)
    key = next(call.key for effect in warned if isinstance(effect, TriggerFired) for call in effect.calls)
    done = ActionOutcome(key=key, do="task", milestone="First response", at=T0 + timedelta(hours=3))
    record(timeline.apply(events.ClockStopped(**at(190))))
    record(timeline.apply(events.ClockResumed(**at(250))), done)
    record(timeline.apply(events.MilestoneCompleted(milestone="First response", **at(260))))
    record(timeline.apply(events.MilestoneCompleted(milestone="Resolution", **at(270))))
    record(timeline.apply(events.CaseClosed(**at(280))))
    return records


@contextmanager
def counted(store: Store) -> Iterator[list[int]]:
    """Count the statements that the store executes meanwhile."""
    many = [0]

    def count(*_: object) -> None:
        many[0] += 1

    engine = store._database._engine  # noqa: SLF001  a benchmark may look inside
    event.listen(engine, "before_cursor_execute", count)
    try:
        yield many
    finally:
        event.remove(engine, "before_cursor_execute", count)


def written(store: Store, name: str, cases: int, *, with_feed: bool) -> dict[str, float]:
    """Write the records of so many cases; says how long that took for each, and how many statements it were."""
    made = [standard_case(f"{name}-{number}", with_feed=with_feed) for number in range(cases)]
    with counted(store) as statements:
        begun = time.perf_counter()
        for record in (one for case in made for one in case):
            store.cases.record(record)
        took = time.perf_counter() - begun
    return {"milliseconds": 1000 * took / cases, "statements": statements[0] / cases, "records": len(made[0])}


def measure(url: str, cases: int) -> dict[str, Any]:
    """Both ways by turns, after one round that does not count."""
    rounds: dict[bool, list[dict[str, float]]] = {True: [], False: []}
    with Store.open(url) as store:
        for number in range(ROUNDS + 1):
            for with_feed in (True, False):
                found = written(store, f"r{number}-{with_feed}", cases if number else 10, with_feed=with_feed)
                if number:
                    rounds[with_feed].append(found)

    def median(which: str, *, with_feed: bool) -> float:
        return statistics.median(one[which] for one in rounds[with_feed])

    said: dict[str, Any] = {
        which: {
            "with": round(median(which, with_feed=True), 2),
            "without": round(median(which, with_feed=False), 2),
            "ratio": round(median(which, with_feed=True) / median(which, with_feed=False), 2),
        }
        for which in ("milliseconds", "statements", "records")
    }
    drafts = [draft for record in standard_case("c", with_feed=True) for draft in case_events(record)]
    size = sum(len(json.dumps(draft.data)) for draft in drafts)
    return {"cases": cases, "events": len(drafts), "bytes": size, **said}


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--database", help="default: a SQLite file of its own")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(asked.database or f"sqlite:///{folder}/milepost.db", asked.cases)
    print(f"a standard case: {result['events']} events, {result['bytes']} bytes of data")
    for which in ("milliseconds", "statements", "records"):
        one = result[which]
        print(f"{which:>14}: {one['with']:>8} with the feed, {one['without']:>8} without: {one['ratio']}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
