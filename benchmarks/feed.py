"""What the event feed costs: the records of a standard case with their events, and the same records without.

    python -m benchmarks.feed [--cases 200] [--database URL]

The standard case has two milestones, a warning, a pause, two completions and a close. Its records are made once, as its
workflow makes them, and written to a store of their own; with and without by turns, so that both have the same machine.

What the feed costs the workflow is counted in the histories of such cases that live on a real server, one as it is and
one that never begins its feed, as in a build from before there was one: its records carry no events, and all else is
the same. What became of an action goes with the next record; only where the case is closed by then it has one of its
own, so that is counted too. Billed actions are the start, timers, search attributes, updates, activities and markers,
as in Temporal Cloud; a marker is a local activity or the mark of a patch.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import event
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from activities import opening
from benchmarks.workflows import CATALOG, STEPS, Milepost
from domain.calendar import ALWAYS
from domain.feed.cases import case_events
from domain.messages.case_state import ActionOutcome, CaseState
from domain.messages.steps import CaseRecord, FeedPart, OpenedCase
from domain.process import EntitlementProcess
from domain.timeline import events
from domain.timeline.effects import Effect, Noted, TriggerFired
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from store import Store
from worker.embedded import running_server
from worker.process import working
from workflows.case import recorder

AFTER, BEFORE = "closed after its action was done", "closed while its action was under way"
OPENING_AND_TASK = 2
"""The activities that a standard case has before it is asked anything."""
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


class _BeforeTheFeed:
    """What a case's recorder sees of Temporal in a build that knows no feed."""

    def __getattr__(self, name: str) -> Any:
        return getattr(workflow, name)

    def patched(self, mark: str) -> bool:
        """Whether a change holds; the feed does not."""
        return not mark.startswith(recorder.FEED) and workflow.patched(mark)


@contextmanager
def records_without_feed() -> Iterator[None]:
    """Have cases of this process write records without events: that of the opening, and all that follow."""
    opens = opening.Opening._opened  # noqa: SLF001  a benchmark may look inside

    def opened(*asked: Any) -> tuple[OpenedCase, CaseRecord]:
        made, record = opens(*asked)
        begun = record.carried.model_copy(update={"events": 0})
        return made.model_copy(update={"feed_after": None}), record.model_copy(update={"feed": None, "carried": begun})

    with (
        patch.object(opening.Opening, "_opened", opened),
        patch.object(recorder, "workflow", _BeforeTheFeed()),
    ):
        yield


async def history(client: Client, queue: str, case: str, *, waits: bool) -> Counter[str]:
    """Take a standard case through its life; how many events of each type its history has.

    Args:
        client: of the server.
        queue: that a worker polls.
        case: its id.
        waits: until its warning's task is done before it is asked anything; else it is closed while that is under way.
    """
    milepost = Milepost(client, queue)
    await milepost.open(case)
    while waits and (await _kinds(client, case))["ACTIVITY_TASK_COMPLETED"] < OPENING_AND_TASK:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    for request, about in STEPS:
        await milepost.ask(case, request, **about)
    await client.get_workflow_handle(f"case/{case}").result()
    return await _kinds(client, case)


async def _kinds(client: Client, case: str) -> Counter[str]:
    found = await client.get_workflow_handle(f"case/{case}").fetch_history()
    return Counter(EventType.Name(one.event_type).removeprefix("EVENT_TYPE_") for one in found.events)


def billed(history: Counter[str]) -> int:
    """The billed actions of a history."""
    kinds = ("TIMER_STARTED", "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", "WORKFLOW_EXECUTION_UPDATE_ACCEPTED")
    return 1 + sum(history[kind] for kind in (*kinds, "ACTIVITY_TASK_SCHEDULED", "MARKER_RECORDED"))


async def histories(url: str) -> dict[str, dict[bool, Counter[str]]]:
    """The histories of standard cases, with the feed and without: closed after its action was done, and before.

    Raises:
        RuntimeError: the feed was not there, or not away; then the figures say nothing.
    """
    found: dict[str, dict[bool, Counter[str]]] = {AFTER: {}, BEFORE: {}}
    with Store.open(url) as store:
        store.catalog.apply(CATALOG, by="benchmark")
        async with running_server(virtual_clock=False) as server:
            for number, (closed, with_feed) in enumerate(product(found, (True, False))):
                case = f"history-{number}"
                with nullcontext() if with_feed else records_without_feed():
                    async with working(server.client, store, task_queue=case):
                        lived = await history(server.client, case, case, waits=closed == AFTER)
                found[closed][with_feed] = lived
                told = [one for one in store.feed.read(None).events if one.subject == f"case/{case}"]
                if bool(told) != with_feed:
                    raise RuntimeError(f"{case} has {len(told)} events in the feed")
    return found


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


def compared(with_feed: Counter[str], without: Counter[str]) -> dict[str, Any]:
    """Two histories side by side, and the types of which the feed has more or fewer."""
    kinds = sorted(with_feed.keys() | without.keys())
    more = {kind: with_feed[kind] - without[kind] for kind in kinds if with_feed[kind] != without[kind]}
    said: dict[str, Any] = {"for the feed": ", ".join(f"{many:+} {kind}" for kind, many in more.items()) or "nothing"}
    for which, count in (("history events", Counter.total), ("billed actions", billed)):
        pair = {"with": count(with_feed), "without": count(without)}
        said[which] = {**pair, "ratio": round(pair["with"] / pair["without"], 2)}
    return said


def shown(which: str, one: dict[str, Any]) -> str:
    """A line of the table."""
    return f"{which:>14}: {one['with']:>8} with the feed, {one['without']:>8} without: {one['ratio']}"


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--database", help="default: a SQLite file of its own")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = asked.database or f"sqlite:///{folder}/milepost.db"
        lived = {closed: compared(found[True], found[False]) for closed, found in asyncio.run(histories(url)).items()}
        result = measure(url, asked.cases)
    print(f"a standard case: {result['events']} events, {result['bytes']} bytes of data")
    for which in ("milliseconds", "statements", "records"):
        print(shown(which, result[which]))
    for closed, found in lived.items():
        print(f"its workflow, {closed}; more with the feed: {found['for the feed']}")
        for which in ("history events", "billed actions"):
            print(shown(which, found[which]))
    result["workflow"] = lived
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
