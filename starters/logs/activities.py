"""Logs of case, activity and time, as process mining has them, from CSV or XES: the first row opens its case.

Each row is something that happened. What it does to the case the mapping says; left out, the activity is the state. A
column that a row leaves empty keeps the value that its field has.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from starters.logs.oddities import OddityKind
from starters.logs.reading import Reading, Row, Unreadable, whole_number
from starters.logs.records import records
from starters.logs.stories import LoggedCase, Opening, Step, story, tell_states_at_once

JOINT = "+"
"""Between the parts of an activity that several columns make, as in the classifiers of process mining."""


class _Happening(NamedTuple):
    """Something that happened to a case. They sort as what happened is ordered."""

    at: datetime
    order: int
    line: int
    by: str | None
    state: str | None
    values: dict[str, Any]
    kept: bool | None


def activity_cases(reading: Reading) -> list[LoggedCase]:
    """Read the cases of a log of activities."""
    by_case: dict[str, list[_Happening]] = {}
    for line, cells in records(reading):
        reading.count += 1
        if cells and (found := _happening(reading, Row(line, cells))):
            case_id, happening = found
            by_case.setdefault(case_id, []).append(happening)
    return [_case(reading, case_id, sorted(rows, key=lambda row: row[:3])) for case_id, rows in by_case.items()]


def _happening(reading: Reading, row: Row) -> tuple[str, _Happening] | None:
    """A row and whose it is. None if it can't be read, which is then among the problems."""
    mapping = reading.mapping
    case_id = reading.take(row, mapping.case_id, reading.case_id, required=True)
    at = reading.take(row, mapping.occurred_at, reading.instant, required=True)
    order = reading.take(row, mapping.order, whole_number, required=True)
    activity = _activity(reading, row)
    by, kept = reading.take(row, mapping.by, reading.who), reading.kept(row)
    values = {}
    for name, declared in mapping.fields.items():
        value = reading.field(row, declared) if declared.column else None
        if value is not None:
            values[name] = value
    if not row.sound or activity is None:
        return None
    reading.settle(row, case_id)
    state = _effect(reading, row, case_id, activity, values)
    if state is not None:
        values[mapping.state.field] = state
    return case_id, _Happening(at, order or 0, row.line, by, state, values, kept)


def _activity(reading: Reading, row: Row) -> str | None:
    """What happened, by all of its columns together; None without any, which is then among the problems."""
    columns = reading.mapping.activity
    parts = [reading.take(row, column, str, required=len(columns) == 1) for column in columns]
    found = JOINT.join(part for part in parts if part)
    if not found and row.sound:
        row.sound = False
        reading.complain(row.line, f"columns {', '.join(columns)}: have no value, and every row needs one")
    return found or None


def _effect(reading: Reading, row: Row, case_id: str, activity: str, values: dict[str, Any]) -> str | None:
    """The state that an activity brings; puts the values that it sets beside those of its row."""
    mapping = reading.mapping
    if mapping.activities is None:
        try:
            return reading.state(activity)
        except Unreadable as error:
            reading.complain(row.line, f"activity: {error}")
            return None
    if activity not in mapping.activities:
        text = f"the activity {activity!r} is not in the mapping's activities; the state stays as it is"
        reading.odd(OddityKind.UNKNOWN_ACTIVITY, case_id, row.line, text)
        return None
    effect = mapping.activities[activity]
    if effect is None:
        return None
    values |= effect.set
    return effect.state


def _case(reading: Reading, case_id: str, rows: list[_Happening]) -> LoggedCase:
    mapping, first = reading.mapping, rows[0]
    initial = {name: declared.initial for name, declared in mapping.fields.items()}
    opened_in = mapping.state.opened if mapping.state.opened is not None else first.state
    values = {**initial, **first.values, mapping.state.field: opened_in}
    steps = [Step(row.at, row.line, row.by, row.values, row.state) for row in rows]
    tell_states_at_once(reading, case_id, steps)
    kept = next((row.kept for row in reversed(rows) if row.kept is not None), None)
    return story(reading, Opening(case_id, first.at, values, first.line), steps, kept)
