"""Logs with a row for each state: every row shows its whole case as it stood from one instant on.

An event is what differs from the row before. The case is opened at its `opened_at` with the values of its first row, in
the mapping's opening state.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from domain.criteria.fields import utc_text
from starters.logs.doubled import doubled, doubled_text
from starters.logs.mapping import LogError
from starters.logs.oddities import OddityKind
from starters.logs.reading import Reading, Row, Unreadable, whole_number
from starters.logs.records import records
from starters.logs.stories import LoggedCase, Opening, Step, story, tell_states_at_once

_LOOKED_AT = 50
"""Rows of a log of another shape in which columns of times are looked for."""


class _Standing(NamedTuple):
    """A case as it stood from one instant on; without a state its row says nothing about that."""

    at: datetime
    order: int
    line: int
    opened_at: datetime
    by: str | None
    state: str | None
    values: dict[str, Any]
    kept: bool | None


def state_cases(reading: Reading) -> list[LoggedCase]:
    """Read the cases of a log with a row for each state.

    Raises:
        LogError: a row can't be read, or every case has one row only, but for ids that stand twice by a slip, so that
            it is no history.
    """
    by_case: dict[str, list[_Standing]] = {}
    seen: list[Row] = []
    for line, cells in records(reading):
        reading.count += 1
        if not cells:
            continue
        row = Row(line, cells)
        if len(seen) < _LOOKED_AT:
            seen.append(row)
        if found := _standing(reading, row):
            case_id, standing = found
            by_case.setdefault(case_id, []).append(standing)
    whole = not reading.mapping.state.where
    if whole and by_case and not reading.problems and (rows := _one_row_a_case(reading, by_case)):
        raise LogError([_no_history(reading, seen, rows)])
    return [_case(reading, case_id, sorted(rows, key=_sorted_by)) for case_id, rows in by_case.items()]


def _sorted_by(standing: _Standing) -> tuple[datetime, int, int]:
    return standing.at, standing.order, standing.line


def _standing(reading: Reading, row: Row) -> tuple[str, _Standing] | None:
    """A row and whose it is. None if it can't be read, which is then among the problems."""
    mapping = reading.mapping
    case_id = reading.take(row, mapping.case_id, reading.case_id, required=True)
    says = all(row.cells[column].strip() == value for column, value in mapping.state.where.items())
    state = reading.take(row, mapping.state.column, reading.state, required=True) if says else None
    at = reading.take(row, mapping.occurred_at, reading.instant, required=True)
    order = reading.take(row, mapping.order, whole_number, required=True)
    opened_at = reading.take(row, mapping.opened_at, reading.instant, required=True) if mapping.opened_at else at
    by = reading.take(row, mapping.by, reading.who)
    kept = reading.kept(row)
    values: dict[str, Any] = {}
    for name, declared in mapping.fields.items():
        values[name] = reading.field(row, declared) if declared.column else declared.initial
    if not row.sound:
        return None
    reading.settle(row, case_id)
    return case_id, _Standing(at, order or 0, row.line, opened_at, by, state, values, kept)


def _case(reading: Reading, case_id: str, rows: list[_Standing]) -> LoggedCase:
    mapping, first = reading.mapping, rows[0]
    opened_in = mapping.state.opened if mapping.state.opened is not None else first.state
    states = _carried(rows, opened_in)
    opening = Opening(case_id, first.opened_at, {**first.values, mapping.state.field: opened_in}, first.line)
    for row in rows:
        if mapping.opened_at and row.opened_at != opening.at:
            text = f"opened at {utc_text(row.opened_at)} by this row; its first row, {utc_text(opening.at)}, counts"
            reading.odd(OddityKind.OPENED_TWICE, case_id, row.line, text)
    steps = [
        Step(row.at, row.line, row.by, {**row.values, mapping.state.field: state}, row.state)
        for row, state in zip(rows, states, strict=True)
    ]
    tell_states_at_once(reading, case_id, steps)
    return story(reading, opening, steps, rows[-1].kept)


def _carried(rows: list[_Standing], state: str | None) -> list[str | None]:
    """The state in each row: its own, or that of the row before."""
    found = []
    for row in rows:
        state = row.state if row.state is not None else state
        found.append(state)
    return found


def _one_row_a_case(reading: Reading, by_case: dict[str, list[_Standing]]) -> str | None:
    """That every case has one row, but for ids that stand twice by a slip; None: it is a history of states.

    Where few cases have more rows, the rows of the others decide: one that tells how its case began is of a history.
    """
    lines = {reading.foreign.get(name, name): [row.line for row in rows] for name, rows in by_case.items()}
    if all(len(rows) == 1 for rows in lines.values()):
        return "every case has one row"
    ids = doubled(lines)
    if not ids or _all_begin(reading, [rows[0].state for rows in by_case.values() if len(rows) == 1]):
        return None
    return f"no case has more than one row but {doubled_text(ids, lines)} (leave one of these)"


def _all_begin(reading: Reading, states: list[str | None]) -> bool:
    """Whether these may be the states in which cases were opened."""
    opened, closed = reading.mapping.state.opened, reading.mapping.state.closed
    return set(states) <= {opened} if opened is not None else len(set(states)) == 1 and states[0] not in closed


def _no_history(reading: Reading, seen: list[Row], rows: str) -> str:
    """Why a log with one row a case is not read, and the shape that it has.

    Args:
        reading: of the log.
        seen: its first rows.
        rows: how many rows its cases have, in words.
    """
    mapping = reading.mapping
    known = {mapping.case_id, mapping.opened_at, mapping.state.column}
    names = [name for name in (seen[0].cells if seen else {}) if name not in known]
    columns = [name for name in names if _holds_times(reading, seen, name)]
    events = f" for {', '.join(columns)}" if columns else " for each column that says when something happened"
    return (
        f"{reading.path}: {rows}, so the log is no history of states: what it holds in the end would "
        "count from the opening on. It has the shape 'one row a case'; write in the mapping shape: cases, and "
        f"events:{events}. `milepost logs look {reading.path}` proposes such a mapping"
    )


def _holds_times(reading: Reading, rows: list[Row], column: str) -> bool:
    nothing = {"", *reading.mapping.no_value}
    texts = [text for row in rows if (text := row.cells[column].strip()) not in nothing]
    try:
        return bool(texts) and all(reading.instant(text) for text in texts)
    except Unreadable:
        return False
