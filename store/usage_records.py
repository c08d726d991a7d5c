"""What was taken from entitlements, for reports. The ledger itself is the entitlement's workflow."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from store import tables
from store.database import Database, insert_new
from store.values import Consumption


class UsageRecords:
    """The store's side that keeps usage."""

    _database: Database

    def record_consumptions(self, consumptions: Iterable[Consumption]) -> int:
        """Stores takings, each once by entitlement, reference and kind; says how many were new."""
        rows = [consumption.model_dump() for consumption in consumptions]
        if not rows:
            return 0
        with self._database.write() as connection:
            return insert_new(connection, tables.consumptions, rows)

    def consumptions(self, entitlement: str) -> list[Consumption]:
        """What was taken from an entitlement, in the order of its own instants."""
        table = tables.consumptions
        wanted = select(table).where(table.c.entitlement == entitlement).order_by(table.c.at, table.c.reference)
        with self._database.read() as connection:
            return [Consumption.model_validate(dict(row)) for row in connection.execute(wanted).mappings()]
