# mypy: ignore-errors
"""What reports over the real incident log have to say, worked out from the log and the slow model alone.

Nothing of the engine is used here: the file is read as the specification says (§13), each incident walks through the
slow timeline with slow calendars, and what §12 names is counted from what that says, in plain lists. It was put on
record before it was run for the first time; what was mended afterwards is named at the end of this text.

    python -m tests.models.log_reports LOG CATALOG

Mended since: the first run had not ended after ten minutes, for the slow calendar walks step by step. Its days are now
added up once (`Days`), before anything was seen. A pause in closed time after the target counted as just before it, for
no open time lies between; it is after it now.
"""

from __future__ import annotations

import csv
import json
import sys
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.models.specified import slow_inputs
from tests.models.specified.slow_calendar import SlowCalendar
from tests.models.specified.slow_timeline import Model

FIELDS = {
    "priority": "priority",
    "impact": "impact",
    "urgency": "urgency",
    "category": "category",
    "assignment_group": "assignment_group",
    "assigned_to": "assigned_to",
    "reassignment_count": "reassignment_count",
    "reopen_count": "reopen_count",
}
"""The fields of a case, by the columns that they come from."""

WAITING = ("Awaiting User Info", "Awaiting Problem", "Awaiting Vendor", "Awaiting Evidence")


# --- the log (§13) ---


@dataclass
class Incident:
    """An incident: how it was opened, and the rows that changed it."""

    number: str
    opened_at: datetime
    fields: dict[str, Any]
    changes: list[tuple[datetime, str, dict[str, Any]]] = field(default_factory=list)
    """When, who, and the fields that are new."""
    closed_at: datetime | None = None


def _time(text: str) -> datetime:
    """Day-first, without a zone; the catalog of the log takes its clock as UTC."""
    return datetime.strptime(text, "%d-%m-%Y %H:%M").replace(tzinfo=UTC)


def _value(column: str, text: str) -> Any:
    """`?` is null; priorities and the like lose their number; counts are numbers."""
    if text in {"?", ""}:
        return None
    if column in {"priority", "impact", "urgency"}:
        return text.split(" - ", 1)[1]
    if column in {"reassignment_count", "reopen_count"}:
        return int(text)
    return text


def read(path: Path) -> list[Incident]:
    """The incidents, in the order of the file."""
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows[row["number"]].append(row)
    return [_incident(number, found) for number, found in rows.items()]


def _incident(number: str, rows: list[dict[str, str]]) -> Incident:
    """§13: rows are sorted by `sys_updated_at`, then `sys_mod_count`. The case is opened at `opened_at` with the first
    row's fields but state New; a row before `opened_at` counts at it. A second Closed row changes nothing."""
    rows = sorted(rows, key=lambda row: (_time(row["sys_updated_at"]), int(row["sys_mod_count"])))
    first = rows[0]
    opened_at = _time(first["opened_at"])
    now = {name: _value(column, first[column]) for name, column in FIELDS.items()} | {"state": "New"}
    incident = Incident(number, opened_at, dict(now))
    for row in rows:
        if incident.closed_at is not None:
            break
        at = max(_time(row["sys_updated_at"]), opened_at)
        said = {name: _value(column, row[column]) for name, column in FIELDS.items()} | {"state": row["incident_state"]}
        new = {name: value for name, value in said.items() if now[name] != value}
        if new:
            now |= new
            incident.changes.append((at, row["sys_updated_by"], new))
        if row["incident_state"] == "Closed":
            incident.closed_at = at
    return incident


# --- the promise ---


class Days:
    """A calendar in UTC as one list of open stretches, from what the slow calendar says of each date."""

    def __init__(self, hours: dict[str, Any], since: datetime, until: datetime) -> None:
        slow = SlowCalendar(hours, since, until)
        self.begins: list[datetime] = []
        self.ends: list[datetime] = []
        self.before: list[int] = []
        """Open seconds before each stretch."""
        total, day = 0, since.date()
        while day <= until.date():
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            for window in slow.windows_of(day):
                begin, end = midnight + window[0], midnight + window[1]
                self.begins.append(begin)
                self.ends.append(end)
                self.before.append(total)
                total += int((end - begin).total_seconds())
            day += timedelta(days=1)

    def until(self, t: datetime) -> int:
        """Open seconds up to an instant."""
        place = bisect_right(self.begins, t) - 1
        if place < 0:
            return 0
        return self.before[place] + int((min(t, self.ends[place]) - self.begins[place]).total_seconds())

    def elapsed(self, a: datetime, b: datetime) -> int:
        return self.until(b) - self.until(a)

    def add(self, t: datetime, seconds: int) -> datetime:
        """§1: the earliest instant at which so many open seconds have passed; `add(t, 0)` is t if open, else the next
        opening; backwards the latest from which they pass until t."""
        wanted = self.until(t) + seconds
        if seconds <= 0 and not (seconds == 0 and self._is_open(t)):
            place = bisect_right(self.before, wanted) - 1
            if seconds == 0:
                place = next(n for n, begin in enumerate(self.begins) if begin > t)
            return self.begins[place] + timedelta(seconds=wanted - self.before[place])
        if seconds == 0:
            return t
        place = bisect_left(self.before, wanted) - 1
        return self.begins[place] + timedelta(seconds=wanted - self.before[place])

    def _is_open(self, t: datetime) -> bool:
        place = bisect_right(self.begins, t) - 1
        return place >= 0 and t < self.ends[place]


@dataclass
class Policy:
    """The process of the catalog, and its calendars."""

    process: slow_inputs.EntitlementProcess
    calendars: dict[str, Days]
    actions: dict[tuple[str, str], list[str]]
    """What each trigger does, by milestone and trigger."""


def policy(catalog: Path, name: str, since: datetime, until: datetime) -> Policy:
    document = YAML(typ="safe").load(catalog.read_text(encoding="utf-8"))
    (declared,) = (process for process in document["processes"] if process["name"] == name)
    calendars = {"24x7": Days({"name": "24x7", "time_zone": "UTC", "week": "always"}, since, until)}
    for hours in document["business_hours"]:
        calendars[hours["name"]] = Days(hours, since, until)
    actions: dict[tuple[str, str], list[str]] = {}
    milestones = []
    for one in declared["milestones"]:
        triggers = []
        for place, trigger in enumerate(one.get("triggers", [])):
            triggers.append(_trigger(str(place), trigger))
            actions[one["name"], str(place)] = [action["do"] for action in trigger["actions"]]
        rows = [
            slow_inputs.Row(slow_inputs.span(row["span"]), row.get("when", ""), row.get("business_hours"))
            for row in one["within"]
        ]
        milestones.append(
            slow_inputs.Milestone(
                name=one["name"],
                within=rows,
                complete_when=one.get("complete_when", ""),
                pause_when=one.get("pause_when", ""),
                triggers=tuple(triggers),
            )
        )
    process = slow_inputs.EntitlementProcess(milestones, name=name, business_hours=declared["business_hours"])
    return Policy(process, calendars, actions)


def _trigger(name: str, declared: dict[str, Any]) -> slow_inputs.Trigger:
    at = str(declared.get("at", ""))
    if at.endswith("%"):
        return slow_inputs.Trigger(name, declared["kind"], percent=int(at.removesuffix("%")))
    offset = slow_inputs.span(at).seconds or 0 if at else 0
    return slow_inputs.Trigger(name, declared["kind"], offset=offset)


# --- what came of it ---


@dataclass
class Result:
    """A milestone of an incident in the end. Seconds are open seconds of its own calendar."""

    number: str
    milestone: str
    fields: dict[str, Any]
    outcome: str
    target: datetime
    span: int | None
    response: int | None
    margin: int | None
    overrun: int | None
    held: dict[str, dict[str, int]]
    """For each field, each value that it had while the milestone ran, with for how long."""


@dataclass
class Paused:
    """A pause of a milestone."""

    milestone: str
    by: str
    seconds: int
    left: int
    """Open seconds to the target as it stood when the pause began."""
    is_after: bool
    """It began after that target, also if no open time lay between."""
    begun_at: datetime


@dataclass
class Log:
    """Everything that came of a log."""

    results: list[Result]
    pauses: list[Paused]
    fired: dict[tuple[str, str], int]
    """How many actions of each kind each milestone ordered."""


def run(log: Path, catalog: Path, name: str = "Incident") -> Log:
    incidents = read(log)
    first = min(incident.opened_at for incident in incidents) - timedelta(days=10)
    last = max(at for incident in incidents for at, _, _ in incident.changes) + timedelta(days=900)
    promised = policy(catalog, name, first, last)
    found = Log([], [], defaultdict(int))
    for incident in incidents:
        _walk(incident, promised, found)
    return found


def _walk(incident: Incident, promised: Policy, found: Log) -> None:
    process, calendars = promised.process, promised.calendars
    model = Model.enter(process, calendars, "24x7", incident.fields, incident.opened_at, evaluate=slow_inputs.evaluate)
    begun: list[tuple[datetime, str, str, datetime]] = []
    state = "New"
    for place, (at, by, fields) in enumerate(incident.changes):
        model.apply(slow_inputs.FieldsChanged(f"{place}", at, fields=fields))
        before, state = state, fields.get("state", state)
        if state in WAITING and before not in WAITING:
            waiting = [one for one in model.instances if one.is_open and one.milestone.pause_when]
            begun += [(at, by, one.milestone.name, model._target(one, until=at)) for one in waiting]
    end = incident.closed_at or incident.changes[-1][0]
    if incident.closed_at is not None:
        model.apply(slow_inputs.CaseClosed("closed", incident.closed_at))
    model.advance(end)
    for instance in model.instances:
        found.results.append(_result(incident, model, instance, end))
        for at, by, milestone, target in begun:
            if milestone == instance.milestone.name:
                calendar = instance.term(instance.ended_at).calendar
                spent = [
                    (a, b)
                    for a, b in model._paused_times(instance, instance.term().start, instance.ended_at)
                    if a == at
                ]
                if spent:
                    seconds = sum(calendar.elapsed(a, b) for a, b in spent)
                    found.pauses.append(Paused(milestone, by, seconds, calendar.elapsed(at, target), at > target, at))
    for milestone, _, firing in model.fired:
        for do in promised.actions[milestone, firing.trigger]:
            found.fired[milestone, do] += 1


def _result(incident: Incident, model: Model, instance: Any, end: datetime) -> Result:
    seen = model._look_at(instance, end)
    term = instance.term(instance.completed_at)
    calendar, target, completed = term.calendar, seen["target"], seen["completed_at"]
    row = next(row for row in instance.milestone.within if not row.when or model._holds(row.when))
    fields = dict(incident.fields)
    for _, _, new in incident.changes:
        fields |= new
    return Result(
        number=incident.number,
        milestone=instance.milestone.name,
        fields=fields,
        outcome=_outcome(seen),
        target=target,
        span=model._span_seconds(term) if row is not None else None,
        response=seen["actual"] if completed else None,
        margin=calendar.elapsed(completed, target) if completed else None,
        overrun=max(calendar.elapsed(target, completed or end), 0) if seen["violated"] else None,
        held={name: _held(name, incident, model, instance, (seen["start"], end)) for name in fields},
    )


def _outcome(seen: dict[str, Any]) -> str:
    """§12: met, met late, violated, open, removed."""
    if seen["state"] == "completed":
        return "met late" if seen["violated"] else "met"
    if seen["violated"]:
        return "violated"
    return "removed" if seen["state"] == "removed" else "open"


def _held(
    name: str, incident: Incident, model: Model, instance: Any, life: tuple[datetime, datetime]
) -> dict[str, int]:
    """Open time less pauses for which each value of a field held while the milestone ran."""
    calendar = instance.term(instance.ended_at).calendar
    start, end = life[0], instance.ended_at or life[1]
    points = [(incident.opened_at, incident.fields.get(name))]
    points += [(at, new[name]) for at, _, new in incident.changes if name in new]
    held: dict[str, int] = defaultdict(int)
    for place, (since, value) in enumerate(points):
        until = points[place + 1][0] if place + 1 < len(points) else end
        a, b = max(since, start), min(until, end)
        if a < b:
            rested = sum(calendar.elapsed(x, y) for x, y in model._paused_times(instance, a, b))
            held[_text(value)] += calendar.elapsed(a, b) - rested
    return {value: seconds for value, seconds in held.items() if seconds}


def _text(value: Any) -> str:
    return "none" if value is None else str(value)


# --- what is reported (§12) ---

Group = Callable[[Result], tuple[str, ...]]


def by_milestone(result: Result) -> tuple[str, ...]:
    return (result.milestone,)


def by_milestone_and(name: str) -> Group:
    """By the milestone and a field as it is in the end."""
    return lambda result: (result.milestone, _text(result.fields[name]))


def by_month(result: Result) -> tuple[str, ...]:
    """By the month in which the target lies, in the zone of the organisation, which is UTC."""
    return (f"{result.target:%Y-%m}",)


def _grouped(results: list[Result], group: Group) -> dict[tuple[str, ...], list[Result]]:
    found: dict[tuple[str, ...], list[Result]] = defaultdict(list)
    for result in results:
        found[group(result)].append(result)
    return found


def compliance(results: list[Result], group: Group) -> dict[tuple[str, ...], dict[str, Any]]:
    table = {}
    for name, some in _grouped(results, group).items():
        count = {
            outcome: sum(r.outcome == outcome for r in some)
            for outcome in ("met", "met late", "violated", "open", "removed")
        }
        judged = count["met"] + count["met late"] + count["violated"]
        share = round(100 * count["met"] / judged, 1) if judged else None
        table[name] = {"instances": len(some), **count, "met_percent": share}
    return table


def _spread(values: list[int]) -> dict[str, float] | None:
    """Mean, median, and the values that a tenth and nine tenths of all are not above."""
    if not values:
        return None
    ordered, many = sorted(values), len(values)
    middle = ordered[many // 2] if many % 2 else (ordered[many // 2 - 1] + ordered[many // 2]) / 2
    tenth = next(v for place, v in enumerate(ordered, 1) if 10 * place >= many)
    ninetieth = next(v for place, v in enumerate(ordered, 1) if 10 * place >= 9 * many)
    return {"mean": round(sum(ordered) / many, 1), "median": middle, "p10": tenth, "p90": ninetieth}


def responses(results: list[Result], group: Group) -> dict[tuple[str, ...], Any]:
    done = [r for r in results if r.response is not None]
    return {name: (len(some), _spread([r.response for r in some])) for name, some in _grouped(done, group).items()}


def margins(results: list[Result], group: Group) -> dict[tuple[str, ...], Any]:
    met = [r for r in results if r.outcome == "met"]
    return {
        name: {
            "met": len(some),
            "spread": _spread([r.margin for r in some]),
            "two_hours_ahead": sum(r.margin >= 2 * 3600 for r in some),
            "last_fifth": sum(5 * r.margin < r.span for r in some),
            "last_hour": sum(r.margin < 3600 for r in some),
        }
        for name, some in _grouped(met, group).items()
    }


def overruns(results: list[Result], group: Group) -> dict[tuple[str, ...], Any]:
    late = [r for r in results if r.overrun is not None]
    return {name: (len(some), _spread([r.overrun for r in some])) for name, some in _grouped(late, group).items()}


def breakdown(results: list[Result], name: str) -> dict[tuple[str, str], int]:
    """For how long each value of a field held each milestone."""
    held: dict[tuple[str, str], int] = defaultdict(int)
    for result in results:
        for value, seconds in result.held[name].items():
            held[result.milestone, value] += seconds
    return dict(held)


def pauses(found: list[Paused], minutes: int) -> dict[tuple[str, str], dict[str, int]]:
    """By milestone and person: how many, for how long, how many began close to the target or after it."""
    table: dict[tuple[str, str], dict[str, int]] = {}
    for pause in found:
        row = table.setdefault((pause.milestone, pause.by), {"pauses": 0, "seconds": 0, "close": 0, "after": 0})
        row["pauses"] += 1
        row["seconds"] += pause.seconds
        row["after"] += pause.is_after
        row["close"] += not pause.is_after and pause.left <= 60 * minutes
    return table


def _rows(table: dict[tuple[str, ...], Any]) -> Iterator[str]:
    for name, row in sorted(table.items()):
        yield f"  {' / '.join(name)}: {json.dumps(row)}"


def main(log: str, catalog: str) -> None:
    found = run(Path(log), Path(catalog))
    group = by_milestone_and("priority")
    for title, table in (
        ("compliance", compliance(found.results, group)),
        ("response", responses(found.results, group)),
        ("margin", margins(found.results, group)),
        ("overrun", overruns(found.results, group)),
        ("pauses", pauses(found.pauses, 15)),
        ("actions", dict(found.fired)),
    ):
        sys.stdout.write("\n".join([title, *_rows(table), ""]))


if __name__ == "__main__":
    main(*sys.argv[1:])
