"""The incident log made into each other shape, with the mapping that reads it: the cases stay the same."""

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from domain.timeline.events import CaseClosed, FieldsChanged
from starters.logs.events import EventLog, LoggedCase
from starters.logs.mapping import LogMapping

WAITING = ("Awaiting User Info", "Awaiting Problem", "Awaiting Vendor", "Awaiting Evidence")
KEPT = {True: "TRUE", False: "FALSE", None: ""}
COMMON: dict[str, Any] = {
    "account": "workplace-it",
    "verdict": {"column": "made_sla", "met": ["TRUE"], "missed": ["FALSE"]},
}

Moment = tuple[datetime, dict[str, Any]]


def history(case: LoggedCase) -> Iterator[Moment]:
    """What a case's fields become, and when; without its closing, which its state says."""
    for event in case.events:
        if isinstance(event, FieldsChanged):
            yield event.occurred_at, event.fields


def as_cases(log: EventLog, path: Path) -> LogMapping:
    """One row a case: when it was answered, resolved and closed, when it waited, when its priority changed."""
    rows = [_ticket(case) for case in log.cases]
    columns = list(dict.fromkeys(["id", "opened", "priority", "made_sla", *(name for row in rows for name in row)]))
    _write(path, columns, rows)
    waits = [name.removesuffix(" since") for name in columns if name.endswith(" since")]
    changes = [name.removesuffix(" at") for name in columns if name.endswith(" at")]
    reads = {name: {"at": f"{name} at", "read": {"priority": name}} for name in changes}
    return LogMapping.model_validate(
        {
            **COMMON,
            "shape": "cases",
            "case_id": "id",
            "opened_at": "opened",
            "state": {"opened": "New", "closed": ["Closed"]},
            "fields": {"priority": {"column": "priority"}},
            "events": [
                {"at": "answered", "state": "Active"},
                *(event for name, event in reads.items() if not name.startswith("late")),
                {"at": "resolved", "state": "Resolved"},
                *(event for name, event in reads.items() if name.startswith("late")),
                {"at": "closed", "state": "Closed"},
            ],
            "waits": [
                {"since": f"{name} since", "until": f"{name} until", "state": name.rpartition(" ")[0]} for name in waits
            ],
        }
    )


def _ticket(case: LoggedCase) -> dict[str, str]:
    row = {"id": case.case_id, "opened": _text(case.opened_at), "made_sla": KEPT[case.kept]}
    row["priority"] = case.intake.fields["priority"]
    states = [(case.opened_at, "New")] + [(at, f["state"]) for at, f in history(case) if "state" in f]
    answered = next((at for at, state in states if state != "New"), None)
    resolved = next((at for at, state in states if state in ("Resolved", "Closed")), None)
    row |= {"answered": _text(answered), "resolved": _text(resolved)}
    closed = [event.occurred_at for event in case.events if isinstance(event, CaseClosed)]
    row["closed"] = _text(closed[0]) if closed else ""
    number = 0
    for (since, state), (until, _) in pairwise([*states, (case.ended_at, "")]):
        if state in WAITING and since < until:
            number += 1
            row |= {f"{state} {number} since": _text(since), f"{state} {number} until": _text(until)}
    is_resolved, numbers = False, Counter[str]()
    for at, fields in history(case):
        is_resolved = is_resolved or fields.get("state") in ("Resolved", "Closed")
        if "priority" in fields:  # of one minute, what came with the resolution or after it
            kind = "late priority" if is_resolved else "priority"
            numbers[kind] += 1
            row |= {f"{kind} {numbers[kind]} at": _text(at), f"{kind} {numbers[kind]}": fields["priority"]}
    return row


def as_activities(log: EventLog, path: Path) -> LogMapping:
    """Case, activity and time: the opening, and then whatever changed; a change of the priority alone is one, too."""
    columns = ["case", "activity", "time", "priority", "made_sla"]
    rows = [
        {
            "case": case.case_id,
            "activity": activity,
            "time": _text(at),
            "priority": priority,
            "made_sla": KEPT[case.kept],
        }
        for case in log.cases
        for at, activity, priority in _activities(case)
    ]
    _write(path, columns, rows)
    return LogMapping.model_validate(
        {
            **COMMON,
            "shape": "activities",
            "case_id": "case",
            "activity": "activity",
            "occurred_at": "time",
            **_meanings(),
        }
    )


def as_xes(log: EventLog, path: Path) -> LogMapping:
    """The same as an XES file."""
    with path.open("w", encoding="utf-8") as file:
        file.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n<log xes.version="1.0" xmlns="http://www.xes-standard.org/">\n'
        )
        for case in log.cases:
            file.write(f'<trace><string key="concept:name" value={quoteattr(case.case_id)}/>')
            file.write(f'<string key="made_sla" value="{KEPT[case.kept]}"/>\n')
            for at, activity, priority in _activities(case):
                file.write(f'<event><string key="concept:name" value={quoteattr(activity)}/>')
                file.write(f'<date key="time:timestamp" value="{at.isoformat(timespec="milliseconds")}"/>')
                file.write(
                    f'<string key="priority" value={quoteattr(priority)}/></event>\n' if priority else "</event>\n"
                )
            file.write("</trace>\n")
        file.write("</log>\n")
    verdict = {**COMMON["verdict"], "column": "case:made_sla"}
    return LogMapping.model_validate({**COMMON, "verdict": verdict, "shape": "xes", **_meanings()})


def _activities(case: LoggedCase) -> Iterator[tuple[datetime, str, str]]:
    yield case.opened_at, "Opened", case.intake.fields["priority"]
    for at, fields in history(case):
        yield at, fields.get("state", "Changed"), fields.get("priority", "")


def _meanings() -> dict[str, Any]:
    """What the activities mean: those of the incident log are its states, but for two."""
    states = ["New", "Active", *WAITING, "Resolved", "Closed"]
    return {
        "state": {"opened": "New", "closed": ["Closed"]},
        "activities": {**{state: state for state in states}, "Opened": None, "Changed": None},
        "fields": {"priority": {"column": "priority"}},
    }


SHAPES: dict[str, Callable[[EventLog, Path], LogMapping]] = {
    "cases": as_cases,
    "activities": as_activities,
    "xes": as_xes,
}


def _write(path: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _text(at: datetime | None) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else ""
