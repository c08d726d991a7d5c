"""Logs with one row a case, and a column for each event: when it was answered, resolved, closed; when it waited.

The row's other columns hold what was known at the opening. What is known later belongs to an event, which reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from domain.criteria.fields import utc_text
from starters.logs.columns import Effect
from starters.logs.oddities import OddityKind
from starters.logs.reading import Reading, Row
from starters.logs.records import records
from starters.logs.stories import LoggedCase, Opening, Step, story

_WAIT_ENDS, _EVENT, _WAIT_BEGINS = range(3)
"""The order of what happens to a case at one instant."""


class _Moment(NamedTuple):
    """An instant of a row at which something happened. Moments sort as they are ordered.

    Attributes:
        place: of its event or wait in the mapping.
        values: that fields get by it; of the end of a wait those that end.
    """

    at: datetime
    rank: int
    place: int
    values: dict[str, Any]
    reopens: bool = False


def ticket_cases(reading: Reading) -> list[LoggedCase]:
    """Read the cases of a log with one row each."""
    cases: list[LoggedCase] = []
    lines: dict[str, int] = {}
    for line, cells in records(reading):
        reading.count += 1
        row = Row(line, cells)
        case_id = reading.take(row, reading.mapping.case_id, reading.case_id, required=True) if cells else None
        if case_id is None:
            continue
        if case_id in lines:
            shown = reading.foreign.get(case_id, case_id)
            reading.complain(
                line,
                f"case {shown} has a row on line {lines[case_id]} already; in a log with several rows a case each row "
                "is a state (shape: states) or an activity (shape: activities)",
            )
            continue
        lines[case_id] = line
        if found := _case(reading, row, case_id):
            cases.append(found)
    return cases


def _case(reading: Reading, row: Row, case_id: str) -> LoggedCase | None:
    mapping = reading.mapping
    opened_at = reading.take(row, mapping.opened_at, reading.instant, required=True)
    values: dict[str, Any] = {mapping.state.field: mapping.state.opened} if mapping.has_state else {}
    for name, declared in mapping.fields.items():
        values[name] = reading.field(row, declared) if declared.column else declared.initial
    moments = sorted([*_events(reading, row, opened_at), *_waits(reading, row, case_id)], key=lambda moment: moment[:3])
    by, kept = reading.take(row, mapping.by, reading.who), reading.kept(row)
    if not row.sound:
        return None
    reading.settle(row, case_id)
    opening = Opening(case_id, opened_at, values, row.line)
    return story(reading, opening, list(_steps(reading, values, moments, row.line, by)), kept)


def _events(reading: Reading, row: Row, opened_at: datetime | None) -> Iterator[_Moment]:
    for place, event in enumerate(reading.mapping.events):
        at = reading.event_at(row, event, opened_at)
        if at is not None:
            read = {name: _read(reading, row, name, column) for name, column in event.read.items()}
            values = {**_values(reading, event), **read}
            yield _Moment(at, _EVENT, place, values, event.reopens)


def _read(reading: Reading, row: Row, name: str, column: str) -> Any:
    return reading.field(row, reading.mapping.fields[name], column)


def _values(reading: Reading, effect: Effect) -> dict[str, Any]:
    state = {reading.mapping.state.field: effect.state} if effect.state is not None else {}
    return {**state, **effect.set}


def _waits(reading: Reading, row: Row, case_id: str) -> Iterator[_Moment]:
    for place, wait in enumerate(reading.mapping.waits):
        since = reading.take(row, wait.since, reading.instant)
        until = reading.take(row, wait.until, reading.instant)
        if since is None and until is None:
            continue
        if since is None or (until is not None and until < since):
            begun = "has no begin" if since is None else f"begins at {utc_text(since)}"
            text = f"the wait until {wait.until!r} {begun} and ends at {utc_text(until)}; it counts for nothing"
            reading.odd(OddityKind.NO_WAIT, case_id, row.line, text)
            continue
        if since != until:
            yield _Moment(since, _WAIT_BEGINS, place, _values(reading, wait))
            if until is not None:
                yield _Moment(until, _WAIT_ENDS, place, _values(reading, wait))


def _steps(
    reading: Reading, opened_with: dict[str, Any], moments: list[_Moment], line: int, by: str | None
) -> Iterator[Step]:
    """What happened, in order.

    At the end of a wait the case is again what it was before, unless something else changed it meanwhile, or a wait
    that began later goes on yet. What ends at the very instant at which something else begins goes over into that:
    nothing lies between.
    """
    state_field = reading.mapping.state.field
    now, waits = dict(opened_with), dict[int, dict[str, Any]]()
    for at, together in groupby(moments, key=lambda moment: moment.at):
        at_once = list(together)
        followed = {name for moment in at_once if moment.rank != _WAIT_ENDS for name in moment.values}
        was: dict[str, Any] = {}
        for moment in at_once:
            values = moment.values
            if moment.rank == _WAIT_BEGINS:
                waits[moment.place] = {name: was.get(name, now.get(name)) for name in values}
            elif moment.rank == _WAIT_ENDS:
                ended = _given_back(waits, moment, now)
                was |= ended
                values = {name: value for name, value in ended.items() if name not in followed}
            if values:
                now |= values
                yield Step(at, line, by, values, values.get(state_field), moment.reopens)
            if moment.rank == _EVENT:
                was = {name: value for name, value in was.items() if name not in values}


def _given_back(waits: dict[int, dict[str, Any]], ending: _Moment, now: dict[str, Any]) -> dict[str, Any]:
    """What the fields become again at the end of a wait, which is taken out of those that go on.

    Under a wait that began later and goes on yet nothing shows: that one will give back, in its own time, what this
    one would have.

    Args:
        waits: that go on, in the order in which they began, each with what was before.
        ending: of one of them.
        now: the values that the fields have.
    """
    places = list(waits)
    later = [waits[place] for place in places[places.index(ending.place) + 1 :]]
    before = waits.pop(ending.place)
    given: dict[str, Any] = {}
    for name, value in ending.values.items():
        over = next((other for other in later if name in other), None)
        if over is None:
            if now.get(name) == value:
                given[name] = before[name]
        elif over[name] == value:
            over[name] = before[name]
    return given
