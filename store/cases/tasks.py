"""Tasks: which there are, and who ticked them off. Actions make them, one under each key."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, literal, select, tuple_, update

from domain.bounds import cut_for_search
from domain.errors import NotFound
from store import tables
from store.database import Database, insert
from store.reading import read_stored
from store.types import Instant
from store.values import TaskEntry, TaskTick


class Tasks:
    """The tasks that actions made for people."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self,
        case_id: str | None = None,
        *,
        done: bool | None = None,
        owner: str | None = None,
        account: str | None = None,
        accounts: Collection[str] | None = None,
        due_before: datetime | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = 1000,
    ) -> list[TaskEntry]:
        """Tasks in the order in which they were made; of very many the first `limit`.

        Args:
            case_id: of this case, or of the entitlement of this id, only.
            done: those that are done only, or with False those that are open only.
            owner: of this owner only; empty: those that are nobody's.
            account: of this account only.
            accounts: of these accounts only.
            due_before: to be done before this instant; those that say nothing of it are left out.
            after: that come after the task that was made then, under that key.
            limit: at most so many.
        """
        table = tables.tasks
        wanted = _with_case().order_by(table.c.at, table.c.key).limit(limit)
        whose = None if owner is None else cut_for_search(owner)
        for name, value in (("case_id", case_id), ("assign_to", whose), ("account", account)):
            if value is not None:
                wanted = wanted.where(table.c[name] == value)
        if done is not None:
            wanted = wanted.where(table.c.done_at.isnot(None) if done else tables.UNDONE)
        if accounts is not None:
            wanted = wanted.where(table.c.account.in_(accounts))
        if due_before is not None:
            wanted = wanted.where(table.c.due_at < due_before)
        if after is not None:
            at, key = after
            wanted = wanted.where(tuple_(table.c.at, table.c.key) > tuple_(literal(at, Instant()), literal(key)))
        with self._database.read() as connection:
            return [read_stored(TaskEntry, dict(row)) for row in connection.execute(wanted).mappings()]

    def tick(self, key: str, *, done: bool, by: str, at: datetime) -> bool:
        """Tick a task off, or take that back. Returns False of one that is so already: nothing changes.

        Args:
            key: of the task.
            done: whether it is done now.
            by: who says so.
            at: now.

        Raises:
            NotFound: there is no such task.
        """
        table, made = tables.tasks, tables.task_ticks
        other = table.c.done_at.is_(None) if done else table.c.done_at.isnot(None)
        now = {"done_at": at if done else None, "done_by": by if done else None}
        with self._database.write() as connection:
            changed = update(table).where(table.c.key == key, other).values(now).returning(table.c.key)
            if connection.execute(changed).first() is None:
                _known(connection, key)
                return False
            before = select(func.count()).select_from(made).where(made.c.key == key)
            number = connection.execute(before).scalar_one() + 1
            tick = {"key": key, "number": number, "is_done": done, "at": at, "by": by}
            connection.execute(insert(connection, made).values(tick))
            return True

    def get(self, key: str) -> TaskEntry:
        """A task by its key.

        Raises:
            NotFound: there is none.
        """
        table = tables.tasks
        with self._database.read() as connection:
            row = connection.execute(_with_case().where(table.c.key == key)).mappings().first()
            if row is None:
                _known(connection, key)
        return read_stored(TaskEntry, dict(row or {}))

    def ticks(self, key: str) -> list[TaskTick]:
        """Each time that a task was done or undone, in order; nothing for a task that is not known."""
        table = tables.task_ticks
        wanted = select(table).where(table.c.key == key).order_by(table.c.number)
        with self._database.read() as connection:
            return [read_stored(TaskTick, dict(row)) for row in connection.execute(wanted).mappings()]


def _with_case() -> Select[Any]:
    """Tasks, each with what its case is called elsewhere."""
    task, case = tables.tasks, tables.cases
    return select(task, case.c.external_id).join_from(task, case, case.c.case_id == task.c.case_id, isouter=True)


def _known(connection: Connection, key: str) -> None:
    table = tables.tasks
    if connection.execute(select(table.c.key).where(table.c.key == key)).first() is None:
        raise NotFound(f"unknown task {key!r}; milepost tasks lists them with their keys")
