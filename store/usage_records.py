"""The ledgers of entitlements and their periods, for reports and audits. The count itself is in their workflows."""

from __future__ import annotations

from sqlalchemy import select

from domain.ledger_rows import LedgerRow
from domain.usage_orders import UsageRecords as News
from domain.usage_state import PeriodRecord
from store import tables
from store.database import Database, insert, insert_new


class UsageRecords:
    """The store's side that keeps usage."""

    _database: Database

    def record_usage(self, news: News) -> int:
        """Stores rows of a ledger, each once by number, and periods as last reported; says how many rows are new."""
        whose = {"entitlement": news.entitlement_id, "account": news.account, "unit": news.unit}
        rows = [{**whose, **row.model_dump(), "kind": row.kind.value} for row in news.rows]
        table = tables.usage_periods
        keys = [table.c.entitlement, table.c.period]
        with self._database.write() as connection:
            new = insert_new(connection, tables.ledger, rows)
            for period in news.periods:
                statement = insert(connection, table).values({**whose, **period.model_dump()})
                changed = {c.name: statement.excluded[c.name] for c in table.c if not c.primary_key}
                connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=keys, set_=changed, where=table.c.number < statement.excluded.number
                    )
                )
        return new

    def ledger(self, entitlement: str) -> list[LedgerRow]:
        """The ledger of an entitlement, in the order in which its rows were written."""
        table = tables.ledger
        wanted = select(*(table.c[name] for name in LedgerRow.model_fields)).where(table.c.entitlement == entitlement)
        with self._database.read() as connection:
            found = connection.execute(wanted.order_by(table.c.number)).mappings()
            return [LedgerRow.model_validate(dict(row)) for row in found]

    def ledgers(self) -> list[str]:
        """The ids of the entitlements that have a ledger."""
        column = tables.ledger.c.entitlement
        with self._database.read() as connection:
            return list(connection.execute(select(column).distinct().order_by(column)).scalars())

    def usage_periods(self, entitlement: str) -> list[PeriodRecord]:
        """The periods of an entitlement that have ended, as they were last reported."""
        table = tables.usage_periods
        wanted = select(*(table.c[name] for name in PeriodRecord.model_fields)).where(
            table.c.entitlement == entitlement
        )
        with self._database.read() as connection:
            found = connection.execute(wanted.order_by(table.c.period)).mappings()
            return [PeriodRecord.model_validate(dict(row)) for row in found]
