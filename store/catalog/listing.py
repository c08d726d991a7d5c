"""Lists of entitlements that go on: the soonest to end first, each with what its ledger last said is left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sqlalchemy import Connection, or_, select

from domain.catalog.declarations import Entitlement
from domain.catalog.kinds import Kind
from domain.model import Value
from store import tables
from store.catalog.reading import declaration_of
from store.database import Database
from store.usage.ledgers import newest_count


class Counted(Value):
    """What the ledger of an entitlement last said of its current period, in the smallest measure of the unit.

    Attributes:
        used: None: the period is over and of the next one nothing was taken yet, so all of its cap is left.
        left: of the cap; None: unlimited, or the period is over.
    """

    used: int | None
    overage: int
    cap: int | None
    left: int | None


class EntitlementListing:
    """Lists entitlements."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def going_on(self, since: date, account: str | None, limit: int) -> list[Entitlement]:
        """Entitlements that are not retired and have not ended before a date, the soonest to end first.

        Those without an end come last. One that was cancelled is among them: its dates do not say so.

        Args:
            since: the date.
            account: of this account only.
            limit: at most so many.
        """
        table = tables.entitlements
        wanted = select(table).where(table.c.retired.is_(False)).limit(limit)
        if account is not None:
            wanted = wanted.where(table.c.account == account)
        with self._database.read() as connection:
            ending = wanted.where(table.c.ends_on >= since).order_by(table.c.ends_on, table.c.id)
            rows = list(connection.execute(ending).mappings())
            if len(rows) < limit:
                endless = wanted.where(table.c.ends_on.is_(None)).order_by(table.c.id).limit(limit - len(rows))
                rows += connection.execute(endless).mappings()
        found = [declaration_of(Kind.ENTITLEMENTS, row) for row in rows]
        return [one for one in found if isinstance(one, Entitlement)]

    def ids(self, prefix: str, limit: int) -> list[str]:
        """The ids of entitlements that begin so and are not retired, in their order."""
        table = tables.entitlements
        named = table.c.id.startswith(prefix, autoescape=True)
        wanted = select(table.c.id).where(table.c.retired.is_(False), table.c.id >= prefix, named)
        with self._database.read() as connection:
            return list(connection.execute(wanted.order_by(table.c.id).limit(limit)).scalars())

    def counted(self, entitlements: Mapping[str, date]) -> dict[str, Counted]:
        """What the newest count of each said last of its current period; without those that have no ledger of it.

        Args:
            entitlements: the date for each, on the wall clock of its account.
        """
        with self._database.read() as connection:
            found = {one: _counted(connection, one, today) for one, today in entitlements.items()}
        return {name: counted for name, counted in found.items() if counted is not None}


def _counted(connection: Connection, entitlement: str, today: date) -> Counted | None:
    ledger, periods = tables.ledger.c, tables.usage_periods.c
    count = newest_count(connection, entitlement)
    has_begun = or_(ledger.first_day.is_(None), ledger.first_day <= today)  # a visit may be planned for a later one
    latest = (
        select(ledger.period, ledger.used_after, ledger.overage_after, ledger.cap_after, ledger.balance_after)
        .where(ledger.entitlement == entitlement, ledger["count"] == count, has_begun)
        .order_by(ledger.period.desc(), ledger.number.desc())
        .limit(1)
    )
    row = connection.execute(latest).first()
    if row is None:
        return None
    ended = select(periods.period).where(
        periods.entitlement == entitlement, periods["count"] == count, periods.period == row.period
    )
    if connection.execute(ended).first() is not None:
        return Counted(used=None, overage=0, cap=None, left=None)
    return Counted(used=row.used_after, overage=row.overage_after, cap=row.cap_after, left=row.balance_after)
