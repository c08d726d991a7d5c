"""What had arrived or failed and was delivered again by hand: who asked for it and when, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import select, update

from store import tables
from store.cases.outcomes import case_of
from store.cases.redelivery_feed import put_redelivery_event
from store.database import Database, insert_new
from store.events import lock_events
from store.reading import read_stored
from store.values import Redelivery

_TABLE = tables.redeliveries


class Redeliveries:
    """Deliveries by hand, each by its action's key and the workflow that makes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, key: str, run_id: str, *, by: str, asked_at: datetime) -> Redelivery:
        """How one stands before an attempt; from the first one on it is on record.

        Args:
            key: the effect's.
            run_id: of the workflow that does it.
            by: who asked for it.
            asked_at: when.
        """
        row = {"key": key, "run_id": run_id, "case_id": case_of(key), "by": by, "asked_at": asked_at}
        new = {"status": "waits", "attempts": 0, "answer": "", "last_at": None}
        with self._database.write() as connection:
            insert_new(connection, _TABLE, [{**row, **new}])
            wanted = select(_TABLE).where(_TABLE.c.key == key, _TABLE.c.run_id == run_id)
            return read_stored(Redelivery, dict(connection.execute(wanted).mappings().one()))

    def record_attempt(
        self, key: str, run_id: str, status: Literal["waits", "sent", "failed"], answer: str, at: datetime
    ) -> None:
        """What came of one more attempt; what was sent stays so. An end is an event of the feed.

        Args:
            key: the effect's.
            run_id: of the workflow that does it.
            status: whether another attempt follows, it was sent, or it failed for good.
            answer: what the receiver said, or what went wrong, in one line.
            at: now.
        """
        changed = {"status": status, "answer": answer, "last_at": at, "attempts": _TABLE.c.attempts + 1}
        this = (_TABLE.c.key == key, _TABLE.c.run_id == run_id)
        with self._database.write() as connection:
            lock_events(connection)
            before = connection.execute(select(_TABLE.c.status).where(*this)).scalar()
            if before == "sent":
                return
            ended = connection.execute(update(_TABLE).where(*this).values(changed).returning(_TABLE)).mappings().first()
            if ended is not None and status not in ("waits", before):
                put_redelivery_event(connection, read_stored(Redelivery, dict(ended)), at)

    def of_case(self, case_id: str) -> list[Redelivery]:
        """Those of a case or an entitlement, in the order in which they were asked for."""
        wanted = select(_TABLE).where(_TABLE.c.case_id == case_id).order_by(_TABLE.c.asked_at, _TABLE.c.run_id)
        with self._database.read() as connection:
            return [read_stored(Redelivery, dict(row)) for row in connection.execute(wanted).mappings()]
