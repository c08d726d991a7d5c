"""Tasks over HTTP: what triggers gave people to do, and ticking it off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Unpack

from milepost.http.connection import Connection, known, path_of
from milepost.http.keywords import Person
from starters.http.answers import TaskList, Ticked
from store.values import TaskEntry


class Tasks:
    """Lists tasks, and ticks them off."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(
        self,
        *,
        done: bool | None = None,
        owner: str | None = None,
        case: str | None = None,
        account: str | None = None,
        due_before: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[TaskEntry]:
        """Every task for which all holds that is given, in the order in which they were made, page by page.

        Args:
            done: None: those that are, and those that are not.
            owner: of theirs only; empty: those that are nobody's.
            case: of this case, or of the entitlement of this id.
            account: whose cases and entitlements they are about.
            due_before: those that are to be done before.
            limit: of a page.
        """
        which = known(done=done, owner=owner, case=case, account=account, due_before=due_before, limit=limit)
        after, is_last = None, False
        while not is_last:
            page = self._connection.get(TaskList, "/v1/tasks", after=after, **which)
            yield from page.tasks
            after, is_last = page.next, page.next is None

    def tick(self, key: str, **person: Unpack[Person]) -> Ticked:
        """Tick a task off."""
        return self._connection.post(Ticked, path_of("/v1/tasks/{}/done", key, safe="/"), known(**person))

    def untick(self, key: str, **person: Unpack[Person]) -> Ticked:
        """Take it back that a task is done."""
        return self._connection.post(Ticked, path_of("/v1/tasks/{}/undone", key, safe="/"), known(**person))
