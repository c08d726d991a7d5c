"""Writing what reports are made from, in the transaction of the record that it follows from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Insert,
    Select,
    Table,
    Tuple,
    bindparam,
    delete,
    func,
    insert,
    not_,
    or_,
    select,
    true,
    tuple_,
)

from domain.reports.holding import FieldChange, held_value
from domain.reports.persons import begins_by_stop, who_paused
from domain.timeline.effects import Noted
from domain.years import FIRST_YEAR
from store import tables
from store.database import insert_for
from store.many import execute_many
from store.reports.rows import (
    CaseToMeasure,
    Row,
    begun_by,
    changes_of,
    holding_rows,
    measure_rows,
    of_record,
    pause_rows,
    with_changes,
)
from store.types import Line

if TYPE_CHECKING:
    from domain.messages.steps import CaseRecord

MOST_CHANGES = 2000
"""The newest changes of a case's fields by which its time is divided; before them it counts as held by the first."""

_CASE, _CASES, _KEYS, _FROM, _SINCE = "of_case", "of_cases", "keys", "from_number", "since"
_FIELD, _VALUE = "of_field", "of_value"
_EVER = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
_KEY = ("case_id", "process", "milestone", "occurrence")
_OF_ONE = ("of_case", "of_process", "of_milestone", "of_occurrence")


def put_measures(connection: Connection, record: CaseRecord) -> None:
    """Write the rows of a record, in place of what was written of the instances that its case keeps.

    The rows of its milestones are written by then: those of instances that were folded before stay.
    """
    case = of_record(record)
    which = {_CASE: case.case_id}
    connection.execute(_forget_changes(), {**which, _FROM: record.notes_from})
    _insert(connection, tables.field_changes, changes_of(case.case_id, record.notes))
    case = with_changes(case, _changes(connection, case.case_id))
    by: dict[tuple[datetime, bool], str | None] = {}
    if any(view.pauses for view in case.views):  # who was on record stays: later news of the instant began nothing
        by = begun_by(who_paused(record.notes)) | _who_paused(connection, case.case_id)
    keys = [(view.process, view.milestone, view.occurrence) for view in case.views]
    for table, rows in ((tables.measures, measure_rows(case)), (tables.holdings, holding_rows(case))):
        connection.execute(_forget(table), {**which, _KEYS: keys})
        _insert(connection, table, rows)
    _hold_folded(connection, record, case)
    connection.execute(_forget_unknown(tables.pauses), {**which, _KEYS: keys})
    _replace_pauses(connection, [case], pause_rows(case, by))


def put_following_measures(
    connection: Connection, records: Sequence[CaseRecord], *, paused: Collection[str], changed: Collection[str]
) -> None:
    """Write the rows of records, each of another case, that follow what is stored and leave nothing to forget.

    Args:
        connection: of a transaction.
        records: of the cases.
        paused: the cases of which pauses are stored.
        changed: the cases of which changes of fields are stored, or may be.
    """
    _insert(connection, tables.field_changes, [row for r in records for row in changes_of(r.view.case_id, r.notes)])
    cases = [of_record(record) for record in records]
    perhaps = [r.view.case_id for r in records if r.view.case_id in changed or has_changes(r.notes)]
    known = set(connection.execute(_with_changes(), {_CASES: perhaps}).scalars()) if perhaps else set()
    divided = [with_changes(c, _changes(connection, c.case_id)) for c in cases if c.case_id in known]
    _replace(connection, tables.holdings, divided, [row for case in divided for row in holding_rows(case)])
    by_id = {case.case_id: case for case in divided}
    for record in records:
        if record.view.case_id in by_id:
            _hold_folded(connection, record, by_id[record.view.case_id])
    _put_pauses(connection, records, cases, paused)
    measures = [row for case in cases for row in measure_rows(case)]
    if measures:
        execute_many(connection, _put(connection.dialect.name, tables.measures), measures)
    if len(measures) < sum(len(case.views) for case in cases):
        measured = {tuple(row[name] for name in _KEY) for row in measures}
        left = [key for case in cases for key in _keys_of(case) if tuple(key.values()) not in measured]
        execute_many(connection, _forget_each(tables.measures), left)


def _hold_folded(connection: Connection, record: CaseRecord, case: CaseToMeasure) -> None:
    """Give the instances that were folded before a field changed for the first time to the value that it had then.

    They have no rows of it: until then one value had held them all, and that was the case's.

    Args:
        connection: of a transaction.
        record: without changes of fields, or of a case that folded nothing before, it leaves nothing to do.
        case: of the record, with its changes.
    """
    if not record.carried.state.folded or not has_changes(record.notes):
        return
    first: dict[str, FieldChange] = {}
    for change in case.changes:
        for name in change.fields:
            first.setdefault(name, change)
    for name, change in first.items():
        held = {_FIELD: name, _VALUE: held_value(change.before.get(name))}
        connection.execute(_hold(), {_CASE: case.case_id, **held})


def _put_pauses(
    connection: Connection, records: Sequence[CaseRecord], cases: Sequence[CaseToMeasure], paused: Collection[str]
) -> None:
    touched = [c.case_id in paused or any(view.pauses for view in c.views) for c in cases]
    some = [each for each, is_touched in zip(zip(records, cases, strict=True), touched, strict=True) if is_touched]
    if not some:
        return
    begun: dict[str, dict[tuple[datetime, bool], str | None]] = {}
    for row in connection.execute(_all_begun_by(), {_CASES: [case.case_id for _, case in some]}):
        begun.setdefault(row.case_id, {})[row.from_at, begins_by_stop(row.cause)] = row.by
    by = {c.case_id: begun_by(who_paused(record.notes)) | begun.get(c.case_id, {}) for record, c in some}
    rows = [row for _, case in some for row in pause_rows(case, by[case.case_id])]
    _replace_pauses(connection, [case for _, case in some], rows)


def _replace_pauses(connection: Connection, cases: Sequence[CaseToMeasure], rows: Sequence[Row]) -> None:
    """As `_replace`, but for those that an instance keeps as their sum: of them there is no more than what is there."""
    keys = [key | {_SINCE: since} for c in cases for key, since in zip(_keys_of(c), one_by_one_since(c), strict=True)]
    if keys:
        execute_many(connection, _forget_pauses_of_each(), keys)
    _insert(connection, tables.pauses, rows)


def one_by_one_since(case: CaseToMeasure) -> Iterator[datetime]:
    """From when on each of its instances keeps its pauses one by one."""
    for view in case.views:
        instance = case.instances.get((view.process, view.milestone, view.occurrence))
        yield instance.rested.to_at if instance is not None and instance.rested is not None else _EVER


def _replace(connection: Connection, table: Table, cases: Sequence[CaseToMeasure], rows: Sequence[Row]) -> None:
    """Write rows in place of all that is there of the instances of cases."""
    if keys := [key for case in cases for key in _keys_of(case)]:
        execute_many(connection, _forget_each(table), keys)
    _insert(connection, table, rows)


def _keys_of(case: CaseToMeasure) -> list[Row]:
    """The parameters by which each of its instances is named."""
    keys = ((case.case_id, view.process, view.milestone, view.occurrence) for view in case.views)
    return [dict(zip(_OF_ONE, key, strict=True)) for key in keys]


def has_changes(notes: Sequence[Noted]) -> bool:
    """Whether they tell of a change of fields that has a row."""
    return bool(changes_of("", notes))


def _insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    if rows:
        execute_many(connection, _into(table), rows)


def _who_paused(connection: Connection, case_id: str) -> dict[tuple[datetime, bool], str | None]:
    """Who began the pauses of a case that are on record."""
    begun = connection.execute(_begun_by(), {_CASE: case_id})
    return {(row.from_at, begins_by_stop(row.cause)): row.by for row in begun}


def _changes(connection: Connection, case_id: str) -> list[FieldChange]:
    """The changes of a case's fields, in order."""
    newest = connection.execute(_newest_changes(), {_CASE: case_id}).all()
    return [FieldChange(row.at, row.fields, row.before) for row in reversed(newest)]


# --- statements, each built once --------------------------------------------------------------------------------------


@cache
def _into(table: Table) -> Insert:
    return insert(table)


@cache
def _put(dialect: str, table: Table) -> Insert:
    """Insert rows, in place of those that are there."""
    statement, keys = insert_for(dialect, table), list(table.primary_key.columns)
    changed = {column.name: statement.excluded[column.name] for column in table.c if column not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


@cache
def _forget_changes() -> Delete:
    table = tables.field_changes
    return delete(table).where(table.c.case_id == bindparam(_CASE), table.c.number >= bindparam(_FROM))


@cache
def _forget(table: Table) -> Delete:
    """Drop the rows of the instances that are written now, and of those that the case does not know (any more)."""
    is_written = _the_key(table).in_(bindparam(_KEYS, expanding=True))
    return delete(table).where(table.c.case_id == bindparam(_CASE), or_(is_written, _is_not_folded(table)))


@cache
def _forget_unknown(table: Table) -> Delete:
    """Drop the rows of the instances that the case does not know (any more)."""
    is_other = _the_key(table).not_in(bindparam(_KEYS, expanding=True))
    return delete(table).where(table.c.case_id == bindparam(_CASE), is_other, _is_not_folded(table))


def _is_not_folded(table: Table) -> ColumnElement[bool]:
    """Whether a row is of an instance that was not folded before."""
    folded = tables.milestones
    is_folded = select(*_key(folded)).where(folded.c.case_id == bindparam(_CASE), folded.c.explained.is_not(None))
    return _the_key(table).not_in(is_folded)


@cache
def _hold() -> Insert:
    """Give one value all folded instances of a case of which no value of a field has any."""
    measures, holdings = tables.measures, tables.holdings
    field, value = bindparam(_FIELD, type_=Line()), bindparam(_VALUE, type_=Line())
    same = (one == other for one, other in zip(_key(holdings), _key(measures), strict=True))
    is_held = select(holdings.c.field).where(holdings.c.case_id == measures.c.case_id, *same, holdings.c.field == field)
    figures = (field, value, func.coalesce(measures.c.actual_seconds, 0), true())
    is_folded = not_(_is_not_folded(measures))
    wanted = select(measures.c.case_id, *_key(measures), *figures)
    names = [*_KEY, "field", "value", "open_seconds", "is_last"]
    which = (measures.c.case_id == bindparam(_CASE), is_folded, not_(is_held.exists()))
    return insert(holdings).from_select(names, wanted.where(*which))


@cache
def _forget_pauses_of_each() -> Delete:
    """Drop the pauses of one instance that began at an instant or after it."""
    return _forget_each(tables.pauses).where(tables.pauses.c.from_at >= bindparam(_SINCE))


@cache
def _forget_each(table: Table) -> Delete:
    """Drop the rows of one instance."""
    columns = [table.c.case_id, *_key(table)]
    return delete(table).where(*(column == bindparam(name) for column, name in zip(columns, _OF_ONE, strict=True)))


@cache
def _with_changes() -> Select[Any]:
    table = tables.field_changes.c
    return select(table.case_id).where(table.case_id.in_(bindparam(_CASES, expanding=True))).distinct()


@cache
def _all_begun_by() -> Select[Any]:
    table = tables.pauses.c
    wanted = select(table.case_id, table.from_at, table.cause, table.by)
    return wanted.where(table.case_id.in_(bindparam(_CASES, expanding=True)), table.by.is_not(None))


def _key(table: Table) -> list[Any]:
    return [table.c.process, table.c.milestone, table.c.occurrence]


def _the_key(table: Table) -> Tuple:
    return tuple_(*_key(table))


@cache
def _begun_by() -> Select[Any]:
    table = tables.pauses.c
    return select(table.from_at, table.cause, table.by).where(table.case_id == bindparam(_CASE), table.by.is_not(None))


@cache
def _newest_changes() -> Select[Any]:
    table = tables.field_changes.c
    wanted = select(table.at, table.fields, table.before).where(table.case_id == bindparam(_CASE))
    return wanted.order_by(table.number.desc()).limit(MOST_CHANGES)
