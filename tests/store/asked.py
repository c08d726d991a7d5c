"""What a store asks its database, and how that goes about it."""

from __future__ import annotations

from typing import Any, Self

from sqlalchemy import event, text

from store import Store


class Asked:
    """What a store asks its database, in a context."""

    def __init__(self, store: Store) -> None:
        self.store, self.statements = store, dict[str, Any]()

    def __enter__(self) -> Self:
        event.listen(self.store._database._engine, "before_cursor_execute", self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self.store._database._engine, "before_cursor_execute", self._listen)

    def _listen(self, _c: Any, _u: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            self.statements[statement] = parameters

    def plans(self) -> dict[str, str]:
        """Of each statement, how it is carried out."""
        return {statement: _plan(self.store, statement, given) for statement, given in self.statements.items()}


def _plan(store: Store, statement: str, parameters: Any) -> str:
    with store._database.read() as connection:
        if connection.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return "\n".join(row[3] for row in rows)
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        return "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))
