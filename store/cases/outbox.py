"""What goes out, of all cases and entitlements: the newest first, mails with their subjects."""

from __future__ import annotations

import operator
from typing import Any, Literal

from pydantic import AwareDatetime, Field
from sqlalchemy import Connection, exists, select

from domain.model import Value
from store import tables
from store.database import Database
from store.reading import read_stored

OutboxStatus = Literal["waits", "sent", "failed", "dropped", "kept"]


class Outgoing(Value):
    """A mail or a message to the outside.

    Attributes:
        case_id: of the case, or the id of the entitlement.
        external_id: the id of another system that the case's was made of; not written where there is none.
        channel: the kind of action, or `digest`.
        to: its receivers, for people.
        status: `kept`: a mail that was not handed in, since no mail server is set; it is in the log of mail alone.
        answer: what the receiver last said, or what it waits for.
        at: of the last attempt, or when it was begun.
        subject: of a mail whose text is still kept.
    """

    key: str
    case_id: str
    external_id: str | None = Field(default=None, exclude_if=operator.not_)
    channel: str
    to: str
    status: OutboxStatus
    attempts: int
    answer: str
    at: AwareDatetime
    subject: str | None = None


class Outbox:
    """Lists what goes out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(
        self,
        *,
        case_id: str | None = None,
        channel: str | None = None,
        status: OutboxStatus | None = None,
        limit: int,
    ) -> list[Outgoing]:
        """What goes or went out, what was touched last first.

        Args:
            case_id: of this case, or of the entitlement of this id, only.
            channel: of this kind of action only.
            status: that stands so only.
            limit: at most so many.
        """
        with self._database.read() as connection:
            rows: list[dict[str, Any]] = []
            if status != "kept":
                rows += _delivered(connection, case_id, channel, status, limit)
            if status in {None, "kept"} and channel in {None, "email"}:
                rows += _kept(connection, case_id, limit)
            rows = sorted(rows, key=lambda row: (row["at"], row["key"]), reverse=True)[:limit]
            subjects = _subjects(connection, [row["key"] for row in rows])
            foreign = _foreign_ids(connection, {row["case_id"] for row in rows})
        found = [{"subject": subjects.get(row["key"]), "external_id": foreign.get(row["case_id"])} for row in rows]
        return [read_stored(Outgoing, row | more) for row, more in zip(rows, found, strict=True)]


def _delivered(
    connection: Connection, case_id: str | None, channel: str | None, status: str | None, limit: int
) -> list[dict[str, Any]]:
    table = tables.deliveries.c
    shown = [table[name] for name in ("key", "case_id", "channel", "to", "status", "attempts", "answer")]
    same = {"case_id": case_id, "channel": channel, "status": status}
    conditions = [table[name] == value for name, value in same.items() if value is not None]
    tried = select(*shown, table.last_at.label("at")).where(table.last_at.isnot(None), *conditions)
    untried = select(*shown, table.first_at.label("at")).where(table.last_at.is_(None), *conditions)
    asked = (tried.order_by(table.last_at.desc()), untried.order_by(table.first_at.desc()))
    return [dict(row) for one in asked for row in connection.execute(one.limit(limit)).mappings()]


def _kept(connection: Connection, case_id: str | None, limit: int) -> list[dict[str, Any]]:
    table, sent = tables.mails.c, tables.deliveries.c
    wanted = select(table.key, table.case_id, table.to, table.written_at, table.at).where(
        tables.UNASKED, ~exists().where(sent.key == table.key), table.written_at.isnot(None)
    )
    if case_id is not None:
        wanted = wanted.where(table.case_id == case_id)
    return [
        {
            "key": row.key,
            "case_id": row.case_id,
            "channel": "email",
            "to": ", ".join(row.to),
            "status": "kept",
            "attempts": 0,
            "answer": "no mail server is set",
            "at": row.written_at,
        }
        for row in connection.execute(wanted.order_by(table.written_at.desc()).limit(limit))
    ]


def _foreign_ids(connection: Connection, case_ids: set[str]) -> dict[str, str]:
    table = tables.cases.c
    wanted = select(table.case_id, table.external_id).where(table.case_id.in_(case_ids), table.external_id.isnot(None))
    return {row.case_id: row.external_id for row in connection.execute(wanted)}


def _subjects(connection: Connection, keys: list[str]) -> dict[str, str]:
    table = tables.mails.c
    wanted = select(table.key, table.subject).where(table.key.in_(keys))
    return {row.key: row.subject for row in connection.execute(wanted)}
