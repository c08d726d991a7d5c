"""Leases: of any number of processes one at a time does something, and another when it is over."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete

from store import tables
from store.database import Database, insert


class Leases:
    """Who does what of all processes, and until when."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, name: str, holder: str, *, now: datetime, lasts: timedelta) -> bool:
        """Take a lease that nobody has, or whose time is over; False if somebody has it, the holder included.

        Args:
            name: what is to be done by one.
            holder: who asks.
            now: the time by the clock of the machine. Those who share a lease have clocks that differ by far less than
                it lasts.
            lasts: until when nobody else gets it.
        """
        table = tables.leases
        taken = {"holder": holder, "until": now + lasts}
        with self._database.write() as connection:
            statement = insert(connection, table).values({"name": name, **taken})
            free = statement.on_conflict_do_update(
                index_elements=[table.c.name], set_=taken, where=table.c.until <= now
            )
            return connection.execute(free.returning(table.c.name)).first() is not None

    def release(self, name: str, holder: str) -> None:
        """Give a lease back before its time; nothing happens if another has it by now."""
        table = tables.leases
        with self._database.write() as connection:
            connection.execute(delete(table).where(table.c.name == name, table.c.holder == holder))
