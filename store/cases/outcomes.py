"""What became of an action that failed for good, which both the action itself and the record of its case tell."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from store import tables
from store.cases import statements


def put_failure(connection: Connection, key: str, error: str, at: datetime) -> None:
    """An action failed for good; what is done stays done."""
    table = tables.actions
    row = {"key": key, "case_id": case_of(key), "status": "failed", "failed_at": at, "error": error}
    changed = ("status", "failed_at", "error")
    connection.execute(statements.put(connection.dialect.name, table, *changed, unless_done=True), row)


def case_of(key: str) -> str:
    """The case of an effect's key."""
    return key.partition("/")[0]
