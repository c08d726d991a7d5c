"""The statements of records and actions, each built once for a kind of database.

A record is written at every step of every case. Building its statements anew each time took more of a worker's
processor than all else that a step does there.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    delete,
    or_,
    select,
    tuple_,
    update,
)

from store import tables
from store.database import insert_for

if TYPE_CHECKING:
    from store.database import Upsert

ASKED_AT = "record_asked_at"
"""The parameter of `put_case` that says when an opening was asked for."""
CASE_ID = "of_case"
"""The parameter of what looks at the rows of one case, or forgets some."""
KNOWN = "known"
"""The parameter of `forget_milestones`: the keys of those that stay, without the case's."""
SETTLED_AT = "settled_at"
"""The parameter of `fired_since`: the instant."""
NOTES_FROM = "notes_from"
"""The parameter of `forget_notes`: the first number that goes."""
LAST = ("last_run_id", "last_run", "last_history", "last_number", "last_began_at")
"""The parameters of `follow`: which record is stored."""


@cache
def put_case(dialect: str, names: tuple[str, ...], *, is_opening: bool) -> Any:
    """Insert a case, or replace it if what comes is newer; returns a row if it is stored.

    Of one task, which has one length of the history, several attempts may have written, each from the same number on:
    the one that has begun later counts, also while a worker that was stopped goes on with the one before it.

    Args:
        dialect: of the database.
        names: of the columns that come.
        is_opening: whether `ASKED_AT` comes too.
    """
    table = tables.cases
    statement = insert_for(dialect, table)
    new = statement.excluded
    same_run = table.c.run == new.run
    same_task = and_(same_run, table.c.history == new.history)
    began_at = table.c.began_at
    is_not_told = or_(began_at.is_(None), new.began_at.is_(None))
    is_newer = [
        table.c.run < new.run,
        and_(same_run, table.c.history < new.history),
        and_(same_task, began_at < new.began_at),
        and_(same_task, or_(is_not_told, began_at == new.began_at), table.c.number <= new.number),
        _begins_anew(new),
    ]
    if is_opening:
        is_newer.append(_is_asked_for_later(new))
    changed: dict[str, Any] = {name: new[name] for name in names if name != "case_id"}
    newer = statement.on_conflict_do_update(index_elements=[table.c.case_id], set_=changed, where=or_(*is_newer))
    return newer.returning(table.c.case_id)


@cache
def follow() -> Update:
    """Replace a case by the columns that come, if its last record is the one that is named."""
    table = tables.cases
    columns = (table.c.run_id, table.c.run, table.c.history, table.c.number, table.c.began_at)
    is_last = [column.is_not_distinct_from(bindparam(name)) for column, name in zip(columns, LAST, strict=True)]
    return update(table).where(_of_case(table), *is_last)


def _begins_anew(new: Any) -> ColumnElement[bool]:
    """Whether another workflow takes the case up where none goes on: what it records counts from its first word on.

    That is the opening of a case whose workflow was ended, and whatever comes after that end was marked.
    """
    cases, marks = tables.cases.c, tables.ended_cases.c
    same = (marks[name] == cases[name] for name in ("case_id", "run_id", "run", "history", "number"))
    is_marked = select(marks.case_id).where(*same).correlate(tables.cases).exists()
    is_opening = and_(cases.run == new.run, new.history == 0, new.number == 1)
    return and_(cases.run_id != new.run_id, cases.closed_at.is_(None), or_(is_opening, is_marked))


def _is_asked_for_later(new: Any) -> ColumnElement[bool]:
    """Whether this is the opening of a workflow that began after everything that is stored, whatever its run was.

    The late attempt of an opening was asked for before what came of it was written.
    """
    cases = tables.cases.c
    return and_(cases.run_id != new.run_id, cases.recorded_at < bindparam(ASKED_AT, type_=cases.recorded_at.type))


@cache
def put(dialect: str, table: Table, *changed: str, unless_done: bool = False) -> Upsert:
    """Insert rows; of those that are there already, change some columns.

    Args:
        dialect: of the database.
        table: whose rows.
        changed: the columns that change; if none do, those rows stay as they are.
        unless_done: but not in a row whose status is `done`.
    """
    statement = insert_for(dialect, table)
    if not changed:
        return statement.on_conflict_do_nothing(index_elements=list(table.primary_key.columns))
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: statement.excluded[name] for name in changed},
        where=table.c.status != "done" if unless_done else None,
    )


@cache
def forget_milestones(*, folded: bool) -> Delete:
    """Delete the milestones of a case that it does not know (any more).

    Args:
        folded: also those that it has folded: nothing of what it said before counts.
    """
    table = tables.milestones
    there = tuple_(table.c.process, table.c.milestone, table.c.occurrence)
    gone = delete(table).where(_of_case(table), there.not_in(bindparam(KNOWN, expanding=True)))
    return gone if folded else gone.where(tables.KEPT)


@cache
def fired_since() -> Select[Any]:
    """The keys of the triggers of a case that fired from an instant on."""
    table = tables.triggers
    at = bindparam(SETTLED_AT, type_=table.c.at.type)
    return select(table.c.key).where(_of_case(table), table.c.at >= at)


@cache
def forget_notes() -> Delete:
    """Delete the notes of a case from a number on."""
    table = tables.notes
    return delete(table).where(_of_case(table), table.c.number >= bindparam(NOTES_FROM))


@cache
def forget_hours() -> Delete:
    """Delete the business hours that a case goes by."""
    return delete(tables.case_hours).where(_of_case(tables.case_hours))


@cache
def look(table: Table, names: Collection[str]) -> Select[Any]:
    """Some columns of the rows of a case."""
    return select(*(table.c[name] for name in names)).where(_of_case(table))


def _of_case(table: Table) -> ColumnElement[bool]:
    return table.c.case_id == bindparam(CASE_ID)
