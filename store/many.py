"""One statement for many rows, compiled once: SQLAlchemy works out for every row anew which value goes where."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, CursorResult, Delete, Dialect, Insert, Update

Process = Callable[[Any], Any] | None
"""What a driver is given for a value; None: the value itself."""


class _Compiled(NamedTuple):
    """A statement as a driver takes it.

    Attributes:
        text: of the statement.
        values: of each of its parameters the name, and what is done with a value, in their order.
        by_place: the driver takes them by their places, and not by their names.
    """

    text: str
    values: tuple[tuple[str, Process], ...]
    by_place: bool

    def of(self, row: Mapping[str, Any]) -> Any:
        """The parameters of a row."""
        given = [row[name] if process is None else process(row[name]) for name, process in self.values]
        return tuple(given) if self.by_place else dict(zip((name for name, _ in self.values), given, strict=True))


def execute_many(
    connection: Connection, statement: Insert | Update | Delete, rows: Sequence[Mapping[str, Any]]
) -> CursorResult[Any]:
    """Execute a statement with each of some rows.

    Args:
        connection: of a transaction.
        statement: one that is built once, and returns nothing.
        rows: at least one, each with a value for every parameter; all have the same names.
    """
    compiled = _compiled(statement, connection.dialect, tuple(rows[0]))
    return connection.exec_driver_sql(compiled.text, [compiled.of(row) for row in rows])


@lru_cache(maxsize=256)
def _compiled(statement: Insert | Update | Delete, dialect: Dialect, names: tuple[str, ...]) -> _Compiled:
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(names))
    order = compiled.positiontup if compiled.positional else list(compiled.binds)
    values = tuple((name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in order)
    return _Compiled(str(compiled), values, compiled.positional)
