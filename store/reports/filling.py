"""Making the rows of reports for cases that were recorded before there were any."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Table, insert, inspect, select, update

from domain.feed.case_data import subject_of
from domain.feed.envelope import type_name
from domain.messages.case_state import CaseState
from domain.reports.holding import FieldChange
from domain.reports.persons import who_paused
from domain.timeline.effects import Noted
from domain.timeline.views import CaseView, MilestoneView
from store import tables
from store.errors import StoreError
from store.reading import read_stored
from store.reports.rows import Row, begun_by, holding_rows, measure_rows, of_stored, pause_rows, with_changes

_AT_ONCE = 200
_BEFORE_NOTES = 10**9
"""What is taken off the numbers of events, so that they come before those of notes, whatever those are."""


def fill(connection: Connection) -> int:
    """Write the rows of all cases that have none, from what is on record of them. Says how many cases they were.

    What cannot be read is left out: such a case writes its rows with its next record.
    """
    table, many = tables.cases.c, 0
    after = ""
    while True:
        wanted = select(table.case_id, table.view, table.carried).where(table.fields.is_(None), table.case_id > after)
        found = connection.execute(wanted.order_by(table.case_id).limit(_AT_ONCE)).all()
        for row in found:
            after = row.case_id
            many += _fill_case(connection, row)
        if len(found) < _AT_ONCE:
            return many


def _fill_case(connection: Connection, row: Any) -> bool:
    try:
        view, carried = read_stored(CaseView, row.view), read_stored(CaseState, row.carried)
        views = [read_stored(MilestoneView, one) for one in _views(connection, row.case_id)]
    except (StoreError, ValidationError):
        return False
    changes = list(_changes(connection, row.case_id))
    kept = [FieldChange(one["at"], one["fields"], one["before"]) for one in changes]
    notes = _notes(connection, row.case_id)
    case = with_changes(of_stored(carried, views, view.now, notes), kept)
    _insert(connection, tables.field_changes, changes)
    _insert(connection, tables.measures, measure_rows(case))
    _insert(connection, tables.pauses, pause_rows(case, begun_by(who_paused(notes))))
    _insert(connection, tables.holdings, holding_rows(case))
    table = tables.cases
    connection.execute(update(table).where(table.c.case_id == row.case_id).values(fields=view.fields))
    return True


def _views(connection: Connection, case_id: str) -> list[Any]:
    table = tables.milestones.c
    return list(connection.execute(select(table.view).where(table.case_id == case_id)).scalars())


def _notes(connection: Connection, case_id: str) -> list[Noted]:
    table = tables.notes.c
    names = ("number", "at", "kind", "text", "milestone", "by")
    wanted = select(*(table[name] for name in names)).where(table.case_id == case_id).order_by(table.number)
    return [read_stored(Noted, dict(row)) for row in connection.execute(wanted).mappings()]


def _changes(connection: Connection, case_id: str) -> Iterator[Row]:
    """The changes of fields that the event feed still has."""
    table = tables.events.c
    wanted = select(table.sequence, table.time, table.data).where(
        table.subject == subject_of(case_id),
        table.superseded.is_(False),
        table.type == type_name("case.fields_changed"),
    )
    for row in connection.execute(wanted.order_by(table.sequence)):
        at: datetime = row.time
        facts = {"fields": row.data.get("fields") or {}, "before": row.data.get("before") or {}}
        yield {"case_id": case_id, "number": row.sequence - _BEFORE_NOTES, "at": at, **facts}


def _insert(connection: Connection, table: Table, rows: list[Row]) -> None:
    """Insert rows, as far as the table knows their columns by now: a later revision may add to it."""
    if not rows:
        return
    known = {column["name"] for column in inspect(connection).get_columns(table.name)}
    connection.execute(insert(table), [{name: row[name] for name in row if name in known} for row in rows])
