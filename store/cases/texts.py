"""What was said to the outside and back, word for word: kept for a while, in tables and columns of its own.

What was sent, when and to whom is on record elsewhere (`deliveries`), and stays.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Table, Update, delete, select, update

from store import tables
from store.database import Database


class Texts:
    """Mails as they were rendered, requests as they were sent, actions that failed, and what receivers answered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def erase(self, before: datetime) -> int:
        """Erase what was written before an instant; says how many mails and requests that were. Touches no event."""
        mails, requests = tables.mails, tables.sent_requests
        held, digests = tables.held_mails, tables.digests
        with self._database.write() as connection:
            # Of a Milepost that does not say when: it is kept as if it were of today.
            unknown = update(mails).where(mails.c.written_at.is_(None))
            connection.execute(unknown.values({"written_at": datetime.now(UTC)}))
            old = [
                delete(table).where(table.c.written_at < before).returning(table.c.key) for table in (mails, requests)
            ]
            erased = sum(len(connection.execute(statement).all()) for statement in old)
            failed = tables.failed_orders
            connection.execute(delete(failed).where(failed.c.failed_at < before))
            made = select(digests.c.key).where(digests.c.made_at < before)
            connection.execute(delete(held).where(held.c.digest.in_(made)))
            connection.execute(delete(digests).where(digests.c.made_at < before))
            for table in (tables.deliveries, tables.redeliveries):
                connection.execute(_silent(table, before))
            said = tables.mail_recipients
            old_words = update(said).where(said.c.at < before, said.c.answer != "")
            connection.execute(old_words.values({"answer": ""}))
        return erased


def _silent(table: Table, before: datetime) -> Update:
    over = (table.c.status != "waits", table.c.last_at < before, table.c.answer != "")
    return update(table).where(*over).values({"answer": ""})
