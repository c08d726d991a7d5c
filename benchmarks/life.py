"""What a case costs as it grows old: an event, and the bytes of its state, its record and its answer, at several ages.

    python benchmarks/life.py [--ages 10,100,1000,10000] [LIFE ...]

Every life is one case that lives on and on: an hourly `independent` milestone completed again and again (`recurs`),
changes of a field (`fields`), pauses of one instance (`pauses`), messages that change nothing but are taken once
(`events`). An event is taken as the case's workflow takes it: tried on a copy, applied on another, looked at, put into
a record, which is written as JSON and confirmed; what can no longer change is folded then. The milliseconds are of the
processor, the median of the last events before each age.

`entitlement` is the life of an entitlement of hours: what a time entry, one beyond the cap with the decision on it, and
a change by hand cost, each on a copy that takes the entitlement's place, after so many time entries. By default they
are ten times as many as the events of a case.
"""
# ruff: noqa: E402 - the path is put right before anything is imported

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
if Path(sys.path[0]).resolve() == ROOT / "benchmarks":
    sys.path[0] = str(ROOT)  # else calendar.py would stand before the standard library's module

from domain.calendar import BusinessHours
from domain.criteria.fields import FieldType
from domain.messages.case_state import CaseState
from domain.messages.cases import Answer
from domain.messages.steps import CaseRecord, FoldedInstance
from domain.process import EntitlementProcess
from domain.timeline.effects import Effect, Noted, TriggerFired
from domain.timeline.events import ClockResumed, ClockStopped, Event, FieldsChanged, MilestoneCompleted
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from domain.timeline.views import look_at
from domain.usage.allowance import Allowance
from domain.usage.freezing import freeze
from domain.usage.machine import Usage
from domain.usage.periods import Term
from domain.usage.requests import EntitlementTerms, OverageDecision, TimeEntry, UsageAdjusted

OPENED_AT = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)
AGES = (10, 100, 1000, 10_000)
MEASURED = 50
"""Events before each age of which the median is taken."""

Life = Callable[[], Iterator[Event]]


class Age(NamedTuple):
    """What an event costs at an age, and how large things are."""

    age: int
    milliseconds: float
    state: int
    record: int
    answer: int


def plan() -> Plan:
    """One promise that recurs every hour, one that runs for years, and a field with a span table behind it."""
    week = {day: ["00:00-24:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    hours = BusinessHours.model_validate({"name": "X", "time_zone": "UTC", "week": week})
    warning = {"kind": "warning", "at": "50%"}
    within = [{"when": 'case.priority == "High"', "span": "40000h"}, {"span": "50000h"}]
    process = EntitlementProcess.model_validate(
        {
            "name": "P",
            "milestones": [
                {
                    "name": "Update",
                    "within": "1h",
                    "starts": "criteria",
                    "recurrence": "independent",
                    "triggers": [warning, {"kind": "success", "actions": [{"do": "task", "subject": "told"}]}],
                },
                {"name": "Resolution", "within": within, "triggers": [warning]},
            ],
        }
    )
    frozen = hours.freeze(OPENED_AT - timedelta(days=30), OPENED_AT + timedelta(days=4000))
    fields = dict.fromkeys(("priority", "note"), FieldType.STRING)
    return Plan(process=process, business_hours="X", calendars={"X": frozen}, fields=fields)


def _ids() -> Iterator[dict[str, Any]]:
    """The id of each event, and its time: one every hour, from half an hour after the opening."""
    at, number = OPENED_AT + timedelta(minutes=40), 0
    while True:
        number += 1
        yield {"event_id": f"0f3a{number:08d}-6c1e-4a52-9a53-3a7f1f8c9d10", "occurred_at": at, "by": "ann@example.com"}
        at += timedelta(hours=1)


def recurs() -> Iterator[Event]:
    """The hourly promise is kept, again and again."""
    for facts in _ids():
        yield MilestoneCompleted(milestone="Update", **facts)


def fields() -> Iterator[Event]:
    """Somebody changes a field that no rule reads, and every tenth time the priority, which changes a span."""
    for number, facts in enumerate(_ids(), 1):
        priority = {"priority": "High" if number // 10 % 2 else "Low"}
        yield FieldsChanged(fields={"note": f"{number}"} if number % 10 else priority, **facts)


def pauses() -> Iterator[Event]:
    """The clock of the case is stopped and goes on, so that every instance pauses; one pause is two events."""
    for number, facts in enumerate(_ids()):
        yield (ClockResumed if number % 2 else ClockStopped)(reason="waits for the customer", **facts)


def events() -> Iterator[Event]:
    """News that things are as they are: each is on record, and taken once."""
    for facts in _ids():
        yield ClockResumed(**facts)


LIVES: dict[str, Life] = {"recurs": recurs, "fields": fields, "pauses": pauses, "events": events}


class Living:
    """A case that takes events as its workflow does, with a store that is always at hand."""

    def __init__(self) -> None:
        self.timeline = Timeline.enter(plan(), Case(case_id="c", fields={"priority": "Low"}), OPENED_AT)
        self.timeline.advance(OPENED_AT)
        self.settled_at = OPENED_AT
        self.number = 1
        self.fired: dict[tuple[str, int, str, int], int] = {}

    def take(self, event: Event) -> tuple[str, str]:
        """Take an event; returns the record and the answer, as JSON."""
        now = event.occurred_at
        while (due := self.timeline.next_due) is not None and due < now:
            self._step(partial(Timeline.advance, now=due))
            self._record(due)
        self.timeline.fork().apply(event, now)
        effects = self._step(partial(Timeline.apply, event=event, noticed_at=now))
        record = self._record(now, effects)
        view = self.timeline.view(now).newest()
        notes = [effect.text for effect in effects if isinstance(effect, Noted)]
        return record, Answer(outcome="taken", notes=notes, case=view).model_dump_json()

    def _step(self, does: Callable[[Timeline], list[Effect]]) -> list[Effect]:
        copy = self.timeline.fork()
        effects = does(copy)
        self._note(effects)
        self.timeline = copy
        copy.covers(copy.state.last_at)  # the workflow asks at every step
        return effects

    def _note(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, TriggerFired):
                key = (effect.milestone, effect.occurrence, effect.trigger, effect.firing)
                self.fired[key] = self.fired.get(key, 0) + 1

    def _record(self, now: datetime, effects: Sequence[Effect] = ()) -> str:
        timeline = self.timeline
        leaving = timeline.foldable(self.settled_at, 100)
        rest = timeline.fork()
        rest.fold(leaving)
        self.number += 1
        record = CaseRecord(
            history=self.number,
            number=self.number,
            notes_from=timeline.state.notes,
            run_id="r",
            account="acme",
            entitlement="acme-1",
            view=rest.view(now).short(),
            notes=[effect for effect in effects if isinstance(effect, Noted)],
            fired=[effect for effect in effects if isinstance(effect, TriggerFired)],
            carried=CaseState(plan=timeline.plan, state=rest.state),
            folded=[FoldedInstance(instance=i, view=look_at(timeline.plan, i, now).short()) for i in leaving],
            settled_at=self.settled_at,
        )
        written = record.model_dump_json()
        timeline.fold(leaving)
        self.settled_at = timeline.state.last_at
        return written


def measured(life: Life, ages: list[int]) -> list[Age]:
    """Live a life, and look at it at each age."""
    case, found, took = Living(), [], [0.0]
    for number, event in enumerate(life(), 1):
        began = time.process_time()
        record, answer = case.take(event)
        took.append(time.process_time() - began)
        if number in ages:
            state = case.timeline.state.model_dump_json()
            milliseconds = statistics.median(took[-MEASURED:]) * 1000
            found.append(Age(number, milliseconds, len(state), len(record), len(answer)))
        if number == max(ages):
            break
    if any(count > 1 for count in case.fired.values()):
        raise RuntimeError("a trigger fired twice")
    return found


# --- an entitlement ---


class Count(NamedTuple):
    """What a time entry, a decision and a change cost an entitlement, in milliseconds, and the bytes of its state."""

    entries: int
    entry: float
    decision: float
    change: float
    state: int


def _usage() -> Usage:
    given = {"unit": "hours", "cap": 10**6, "period": "month", "overflow": "prompt", "overage_price": "90 EUR"}
    allowance = Allowance.model_validate(given)
    periods = freeze(allowance, Term(starts_on=OPENED_AT.date(), time_zone="UTC"), OPENED_AT + timedelta(days=4000))
    terms = EntitlementTerms(entitlement_id="e", account="acme", name="Hours", allowance=allowance, periods=periods)
    return Usage.begin(terms, OPENED_AT)


def counted(entries: list[int]) -> list[Count]:
    """Log so many time entries, and look at what more would cost."""
    usage, found = _usage(), []
    random = Random(1)
    for number in range(1, max(entries) + 1):
        at = OPENED_AT + timedelta(minutes=10 * number)
        entry = TimeEntry(id=f"entry-{number}", minutes=random.randrange(1, 480), worked_at=at, by="ann@example.com")
        usage.advance(at)
        usage.log_hours(entry, at)
        if number in entries:
            logged, adjusted = _cost(usage, at, _log), _cost(usage, at, _adjust)
            decided = _cost(_spent(usage, at), at, _decide)
            found.append(Count(number, logged, decided, adjusted, len(usage.state.model_dump_json())))
    return found


def _cost(usage: Usage, now: datetime, does: Callable[[Usage, datetime, int], object]) -> float:
    took = []
    for number in range(MEASURED):
        began = time.process_time()
        usage = usage.fork()
        usage.advance(now)
        usage = usage.fork()
        does(usage, now, number)
        usage = usage.fork()
        usage.advance(now)
        took.append(time.process_time() - began)
    return statistics.median(took) * 1000


def _spent(usage: Usage, now: datetime) -> Usage:
    """A copy with nothing left of its period."""
    copy, left = usage.fork(), usage.balance(now).current.remaining or 0
    copy.change(UsageAdjusted(event_id="all", by="bea", reason="used elsewhere", amount=left), now)
    return copy


def _log(usage: Usage, now: datetime, number: int) -> object:
    return usage.log_hours(TimeEntry(id=f"more-{number}", minutes=45, worked_at=now, by="ann@example.com"), now)


def _decide(usage: Usage, now: datetime, number: int) -> object:
    more = {"id": f"beyond-{number}", "minutes": 480, "worked_at": now, "by": "ann@example.com"}
    usage.log_hours(TimeEntry.model_validate(more), now)
    known = {"reference": more["id"], "event_id": f"d-{number}", "by": "bea", "reason": "agreed", "occurred_at": now}
    return usage.decide(OverageDecision.model_validate({**known, "approved": True}), now)


def _adjust(usage: Usage, now: datetime, number: int) -> object:
    return usage.change(UsageAdjusted(event_id=f"by-hand-{number}", by="bea", reason="was less", amount=-1), now)


def _entries(ages: list[int]) -> list[int]:
    return [10 * age for age in ages]


def main() -> None:
    """Measure, and print a table for each life."""
    lives = [*LIVES, "entitlement"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lives", nargs="*", metavar="LIFE", help=f"of {', '.join(lives)}; all, if left out")
    parser.add_argument("--ages", default=",".join(map(str, AGES)), help="how many events old the case is looked at")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    ages = [int(age) for age in given.ages.split(",")]
    results: dict[str, list[Age] | list[Count]] = {}
    for name in given.lives or lives:
        results[name] = counted(_entries(ages)) if name == "entitlement" else measured(LIVES[name], ages)
        if not given.json:
            _print(name, results[name])
    if given.json:
        print(json.dumps({name: [line._asdict() for line in found] for name, found in results.items()}))


def _print(name: str, found: list[Age] | list[Count]) -> None:
    if name == "entitlement":
        print(f"{'entries':>19} {'an entry':>12} {'decision':>12} {'change':>12} {'state':>10}")
    else:
        print(f"{name:<11} {'age':>7} {'an event':>12} {'state':>10} {'record':>10} {'answer':>10}")
    for line in found:
        if isinstance(line, Count):
            costs = " ".join(f"{cost:>9.3f} ms" for cost in (line.entry, line.decision, line.change))
            print(f"{line.entries:>19} {costs} {line.state / 1024:>7.1f} KB")
        else:
            sizes = " ".join(f"{size / 1024:>7.1f} KB" for size in (line.state, line.record, line.answer))
            print(f"{line.age:>19} {line.milliseconds:>9.2f} ms {sizes}")


if __name__ == "__main__":
    main()
