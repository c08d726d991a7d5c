"""The rows of a page of cases, as they are stored: read from a few statements as each case is come to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, select

from domain.reports.holding import FieldChange
from store import tables
from store.reports.rows import Row

_AT_ONCE = 500


class StoredRows(NamedTuple):
    """What is stored of a case for reports.

    Attributes:
        changes: of its fields, in order.
        milestones: its instances as they are listed; of those that it keeps no more `is_folded`.
    """

    measures: list[Row]
    pauses: list[Row]
    holdings: list[Row]
    changes: list[FieldChange]
    milestones: list[Row]


class StoredPage:
    """The rows of cases that follow one another, none of which is left out or asked for twice.

    No more of them is in memory than the rows of one case, and what a database hands over at a time.
    """

    def __init__(self, connection: Connection, after: str, last: str) -> None:
        """The cases after one, up to and including another."""
        changes, milestones = tables.field_changes, tables.milestones
        self._measures = _ByCase(connection, tables.measures, after, last)
        self._pauses = _ByCase(connection, tables.pauses, after, last)
        self._holdings = _ByCase(connection, tables.holdings, after, last)
        self._changes = _ByCase(connection, changes, after, last, order=changes.c.number)
        listed = [column for column in milestones.c if column is not milestones.c.explained]
        is_folded = milestones.c.explained.is_not(None).label("is_folded")
        self._milestones = _ByCase(connection, milestones, after, last, columns=(*listed, is_folded))

    def of(self, case_id: str) -> StoredRows:
        """The rows of the next case."""
        return StoredRows(
            measures=self._measures.of(case_id),
            pauses=self._pauses.of(case_id),
            holdings=self._holdings.of(case_id),
            changes=[FieldChange(row["at"], row["fields"], row["before"]) for row in self._changes.of(case_id)],
            milestones=self._milestones.of(case_id),
        )


class _ByCase:
    """Rows of a table, case by case."""

    def __init__(
        self,
        connection: Connection,
        table: Table,
        after: str,
        last: str,
        *,
        order: ColumnElement[Any] | None = None,
        columns: Sequence[ColumnElement[Any]] = (),
    ) -> None:
        case_id = table.c.case_id
        wanted = select(*(columns or table.c)).where(case_id > after, case_id <= last).order_by(case_id)
        if order is not None:
            wanted = wanted.order_by(order)
        rows = connection.execute(wanted.execution_options(yield_per=_AT_ONCE)).mappings()
        self._groups = groupby(rows, key=itemgetter("case_id"))
        self._next = next(self._groups, None)

    def of(self, case_id: str) -> list[Row]:
        """Those of a case; nothing if the next ones are of a later one."""
        if self._next is None or self._next[0] != case_id:
            return []
        found = [dict(row) for row in self._next[1]]
        self._next = next(self._groups, None)
        return found
