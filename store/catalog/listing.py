"""Lists of entitlements that go on: the soonest to end first, each with what its ledger last said is left."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date

from sqlalchemy import Connection, and_, or_, select, tuple_

from domain.catalog.declarations import Account, Entitlement
from domain.catalog.kinds import Kind
from domain.model import Value
from store import tables
from store.catalog.reading import declaration_of
from store.database import Database
from store.usage.ledgers import newest_count_of

_AT_ONCE = 500
"""Names that a query has."""


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

    def accounts(self, names: Collection[str]) -> dict[str, Account]:
        """The accounts of some ids, by these; without those that there are not."""
        table, wanted, found = tables.accounts, sorted(names), dict[str, Account]()
        with self._database.read() as connection:
            for begin in range(0, len(wanted), _AT_ONCE):
                some = select(table).where(table.c.id.in_(wanted[begin : begin + _AT_ONCE]))
                for row in connection.execute(some).mappings():
                    one = declaration_of(Kind.ACCOUNTS, row)
                    if isinstance(one, Account):
                        found[one.id] = one
        return found

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
        found: dict[str, Counted] = {}
        with self._database.read() as connection:
            for today in set(entitlements.values()):
                those = [one for one, day in entitlements.items() if day == today]
                for begin in range(0, len(those), _AT_ONCE):
                    found |= _counted(connection, those[begin : begin + _AT_ONCE], today)
        return found


def _counted(connection: Connection, entitlements: Sequence[str], today: date) -> Iterator[tuple[str, Counted]]:
    """The same of some on the same date, by two queries: each one's last row, and which of these end a period."""
    whose, periods = tables.entitlements, tables.usage_periods.c
    found, row = tables.ledger.alias("found"), tables.ledger.alias("row")
    count = newest_count_of(whose.c.id).correlate(whose).scalar_subquery()
    has_begun = or_(found.c.first_day.is_(None), found.c.first_day <= today)  # a visit may be planned for a later one
    begun = select(found.c.number).where(found.c.entitlement == whose.c.id, found.c["count"] == count, has_begun)
    last = begun.order_by(found.c.period.desc(), found.c.number.desc()).limit(1).correlate(whose).scalar_subquery()
    is_last = and_(row.c.entitlement == whose.c.id, row.c["count"] == count, row.c.number == last)
    period = (row.c.entitlement, row.c["count"], row.c.period)
    shown = (row.c.used_after, row.c.overage_after, row.c.cap_after, row.c.balance_after)
    wanted = select(*period, *shown).join_from(whose, row, is_last).where(whose.c.id.in_(entitlements))
    rows = {tuple(one[:3]): one[3:] for one in connection.execute(wanted)}
    ended = select(periods.entitlement, periods["count"], periods.period).where(
        tuple_(periods.entitlement, periods["count"], periods.period).in_(list(rows))
    )
    over = {tuple(one) for one in connection.execute(ended)}
    for key, (used, overage, cap, left) in rows.items():
        if key in over:
            yield key[0], Counted(used=None, overage=0, cap=None, left=None)
        else:
            yield key[0], Counted(used=used, overage=overage, cap=cap, left=left)
