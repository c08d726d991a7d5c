"""Orders: each with every revision of it, and what it made, in one transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter
from sqlalchemy import Connection, select, update

from domain.catalog import Account
from domain.catalog_check import CatalogProblems
from domain.catalog_status import zone_of
from domain.errors import NotFound
from domain.order_making import ToldEntitlement, amendments, declared
from domain.orders import Order, OrderProblems, PlacedOrder, account_of, place
from store import tables
from store.applying import write_catalog
from store.database import CATALOG_LOCK, Database
from store.reading import StoredCatalog
from store.values import Diff

_TOLD = TypeAdapter(list[ToldEntitlement])


class OrderTaken(BaseModel):
    """What came of an order.

    Attributes:
        order: as it stands.
        diff: what it changed; nothing if it was placed before just so.
        untold: what entitlements that count already are still to be told of it, in this order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: PlacedOrder
    diff: Diff
    untold: list[ToldEntitlement]


class OrderTaking:
    """The store's side that takes orders."""

    _database: Database

    def place_order(self, order: Order, *, by: str, at: datetime, dry_run: bool = False) -> OrderTaken:
        """Makes or amends what an order says, all of it or nothing. The same order again changes nothing.

        Args:
            order: as it came.
            by: who placed it; goes on record.
            at: now.
            dry_run: says what would change, and changes nothing.

        Raises:
            OrderProblems: with everything that is wrong; nothing of it was made.
        """
        with self._database.write() as connection:
            self._database.lock(connection, CATALOG_LOCK)
            taken = _place(connection, order, by, at)
            if dry_run:
                connection.rollback()
                return taken.model_copy(update={"diff": taken.diff.model_copy(update={"dry_run": True}), "untold": []})
            return taken

    def order(self, name: str) -> PlacedOrder:
        """An order as it was taken the last time.

        Raises:
            NotFound: there is none.
        """
        with self._database.read() as connection:
            found = _latest(connection, name)
        if found is None:
            raise NotFound(f"no order {name!r} was placed")
        return found

    def order_told(self, name: str, revision: int, at: datetime) -> None:
        """Notes that the entitlements that run already know of a revision, and of those before it."""
        table = tables.orders
        of_it = (table.c.id == name) & (table.c.revision <= revision) & table.c.told_at.is_(None)
        with self._database.write() as connection:
            connection.execute(update(table).where(of_it).values(told_at=at))


def _place(connection: Connection, order: Order, by: str, at: datetime) -> OrderTaken:
    stored = StoredCatalog(connection)
    zone = zone_of(account_of(order, stored) or Account(id="nobody"), stored.organisation())
    before = _latest(connection, order.id)
    placed = place(order, before, stored, at, zone)
    try:
        diff = write_catalog(connection, declared(before, placed, stored), by=by, at=at)
    except CatalogProblems as problems:  # something that it relies on was retired since
        raise OrderProblems(problems.problems) from None
    if placed != before:
        told = amendments(before, placed, by=by)
        row = {
            "id": placed.id,
            "revision": placed.revision,
            "account": placed.account,
            "at": at,
            "by": by,
            "definition": placed.model_dump(mode="json"),
            "amendments": _TOLD.dump_python(told, mode="json"),
            "told_at": None if told else at,
        }
        connection.execute(tables.orders.insert().values(row))
    return OrderTaken(order=placed, diff=diff, untold=_untold(connection, order.id))


def _latest(connection: Connection, name: str) -> PlacedOrder | None:
    table = tables.orders
    wanted = select(table.c.definition).where(table.c.id == name).order_by(table.c.revision.desc()).limit(1)
    found: Any = connection.execute(wanted).scalar()
    return None if found is None else PlacedOrder.model_validate(found)


def _untold(connection: Connection, name: str) -> list[ToldEntitlement]:
    """What entitlements are still to be told of an order, in the sequence of its revisions."""
    table = tables.orders
    wanted = select(table.c.amendments).where(table.c.id == name, table.c.told_at.is_(None)).order_by(table.c.revision)
    return [told for found in connection.execute(wanted).scalars() for told in _TOLD.validate_python(found)]
