"""Actions over HTTP: what was sent for cases, what failed for good, and trying that again."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Unpack

from milepost.http.connection import Connection, known, path_of
from milepost.http.keywords import Person
from starters.http.answers import ActionList, RetrySaid
from store.cases.stored_actions import StoredAction

ActionKind = Literal["email", "task", "field_update", "outbound_message", "signal"]


class Actions:
    """Lists actions, and has them tried again."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(
        self,
        *,
        case: str | None = None,
        since: datetime | None = None,
        kind: ActionKind | None = None,
        limit: int | None = None,
    ) -> list[StoredAction]:
        """What was sent for a case, as it fell due; or, of all cases and entitlements, what failed for good.

        Args:
            case: its id.
            since: those that failed then or later; so with `kind`, of those that failed.
            kind: of this kind only.
            limit: of very many the first 200, unless this says how many.
        """
        return self._connection.get(ActionList, "/v1/actions", case=case, since=since, kind=kind, limit=limit).actions

    def retry(self, key: str, **person: Unpack[Person]) -> str:
        """Try an action that failed for good again, whosever it is; returns what came of it, in a line."""
        return self._connection.post(RetrySaid, path_of("/v1/actions/{}/retry", key, safe="/"), known(**person)).text
