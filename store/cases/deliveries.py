"""What is sent to the outside: how often it was tried, and what the receiver said."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import select, update

from store import tables
from store.cases.records import case_of
from store.database import Database, insert_new
from store.reading import read_stored
from store.values import Delivery

_NEW = {"status": "waits", "attempts": 0, "answer": "", "last_at": None}


class Deliveries:
    """What was sent to the outside, each by its action's key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin_delivery(self, key: str, channel: str, to: str, at: datetime) -> Delivery:
        """How a delivery stands before an attempt. One that had failed for good begins anew.

        Args:
            key: the effect's.
            channel: the kind of action.
            to: its receivers, for people.
            at: now.
        """
        table = tables.deliveries
        row = {"key": key, "case_id": case_of(key), "channel": channel, "to": to, "first_at": at, **_NEW}
        with self._database.write() as connection:
            if not insert_new(connection, table, [row]):
                again = {"to": to, "first_at": at, **_NEW}
                failed = (table.c.key == key, table.c.status == "failed")
                connection.execute(update(table).where(*failed).values(again))
            found = connection.execute(select(table).where(table.c.key == key)).mappings().one()
            return read_stored(Delivery, dict(found))

    def hold_delivery(self, key: str, channel: str, to: str, why: str, at: datetime) -> None:
        """Something waits without an attempt being made. One that had failed for good begins anew.

        Args:
            key: the effect's.
            channel: the kind of action.
            to: its receivers, for people.
            why: and until when, in one line.
            at: now.
        """
        self.begin_delivery(key, channel, to, at)
        table = tables.deliveries
        with self._database.write() as connection:
            waits = (table.c.key == key, table.c.status == "waits")
            connection.execute(update(table).where(*waits).values({"answer": why}))

    def status(self, key: str) -> str | None:
        """How a delivery stands; None: nothing is known of it."""
        table = tables.deliveries
        with self._database.read() as connection:
            return connection.execute(select(table.c.status).where(table.c.key == key)).scalar()

    def record_attempt(self, key: str, status: Literal["waits", "sent", "failed"], answer: str, at: datetime) -> None:
        """What came of one more attempt; what was sent stays so.

        Args:
            key: the effect's.
            status: whether another attempt follows, it was sent, or it failed for good.
            answer: what the receiver said, or what went wrong, in one line.
            at: now.
        """
        table = tables.deliveries
        changed = {"status": status, "answer": answer, "last_at": at, "attempts": table.c.attempts + 1}
        with self._database.write() as connection:
            connection.execute(update(table).where(table.c.key == key, table.c.status != "sent").values(changed))

    def of_case(self, case_id: str) -> list[Delivery]:
        """What was sent for a case, in the order in which it began."""
        table = tables.deliveries
        wanted = select(table).where(table.c.case_id == case_id).order_by(table.c.first_at, table.c.key)
        with self._database.read() as connection:
            return [read_stored(Delivery, dict(row)) for row in connection.execute(wanted).mappings()]
