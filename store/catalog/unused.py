"""Which entitlements go on of which nothing was ever taken, so that perhaps nobody counts them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select

from domain.catalog.declarations import Account, Entitlement
from domain.catalog.kinds import Kind
from domain.catalog.status import zone_of
from domain.model import Value
from store import tables
from store.catalog.reading import StoredCatalog, declaration_of
from store.database import Database
from store.reading import read_stored

PAGE = 500
"""How many are read at once."""


class UnusedEntitlement(Value):
    """An entitlement without a ledger.

    Attributes:
        declared: as it is.
        time_zone: of its dates.
    """

    declared: Entitlement
    time_zone: str

    @property
    def zone(self) -> ZoneInfo:
        """Its time zone."""
        return ZoneInfo(self.time_zone)


class UnusedEntitlements:
    """The entitlements that go on and have no ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, now: datetime, *, after: str = "", limit: int = PAGE) -> list[UnusedEntitlement]:
        """The next of them, by id: not retired, nor their accounts, and neither over nor still to begin.

        A count that has begun and wrote nothing yet leaves no trace here: its entitlement is among them.

        Args:
            now: an aware instant; what its date is in some zone counts.
            after: those with later ids only.
            limit: at most so many. After the last of them comes an empty page.
        """
        table, accounts, ledger = tables.entitlements, tables.accounts, tables.ledger
        day = timedelta(days=1)  # no zone's date is further from that in UTC
        today = now.astimezone(UTC).date()
        has_begun = or_(table.c.starts_on.is_(None), table.c.starts_on <= today + day)
        goes_on = or_(table.c.ends_on.is_(None), table.c.ends_on >= today - day)
        has_rows = select(ledger.c.number).where(ledger.c.entitlement == table.c.id).exists()
        wanted = (
            select(table, accounts.c.definition.label("of_account"))
            .join(accounts)
            .where(table.c.id > after, table.c.retired.is_(False), accounts.c.retired.is_(False))
            .where(has_begun, goes_on, ~has_rows)
            .order_by(table.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            organisation = StoredCatalog(connection).organisation()
            rows = connection.execute(wanted).mappings().all()
        return [
            UnusedEntitlement(
                declared=declared, time_zone=zone_of(read_stored(Account, row["of_account"]), organisation).key
            )
            for row in rows
            if isinstance(declared := declaration_of(Kind.ENTITLEMENTS, row), Entitlement)
        ]
