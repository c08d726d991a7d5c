"""Orders: each with every revision of it, and what it made, in one transaction."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, select

from domain.catalog.declarations import Account
from domain.catalog.problems import CatalogProblems
from domain.catalog.status import zone_of
from domain.errors import NotFound, Refused
from domain.orders.making import declared
from domain.orders.placing import Order, OrderProblems, PlacedOrder, account_of, place
from store import tables
from store.catalog.applying import write_catalog
from store.catalog.reading import StoredCatalog
from store.catalog.values import Diff
from store.database import CATALOG_LOCK, Database
from store.reading import read_stored


class AnyRevision(Enum):
    """Whichever it is."""

    ANY = "*"


class OrderTaken(BaseModel):
    """What came of an order.

    Attributes:
        order: as it stands.
        diff: what it changed; nothing if it was placed before just so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: PlacedOrder
    diff: Diff


class Orders:
    """The orders that were placed, each with every revision."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def place(
        self,
        order: Order,
        *,
        by: str,
        at: datetime,
        dry_run: bool = False,
        amends: int | AnyRevision | None = AnyRevision.ANY,
    ) -> OrderTaken:
        """Makes or amends what an order says, all of it or nothing. The same order again changes nothing.

        Args:
            order: as it came.
            by: who placed it; goes on record.
            at: now.
            dry_run: says what would change, and changes nothing.
            amends: the revision that it is a change of, if it is one; None: whoever sends it has not said.

        Raises:
            OrderProblems: with everything that is wrong; nothing of it was made.
            Refused: it was amended since that revision, or is a change and nobody has said of which.
        """
        with self._database.write() as connection:
            self._database.lock(connection, CATALOG_LOCK)
            taken = _place(connection, order, by, at, AnyRevision.ANY if dry_run and amends is None else amends)
            if dry_run:
                connection.rollback()
                return taken.model_copy(update={"diff": taken.diff.model_copy(update={"dry_run": True})})
            return taken

    def get(self, name: str) -> PlacedOrder:
        """An order as it was taken the last time.

        Raises:
            NotFound: there is none.
        """
        with self._database.read() as connection:
            found = _latest(connection, name)
        if found is None:
            raise NotFound(f"no order {name!r} was placed")
        return found


def _place(connection: Connection, order: Order, by: str, at: datetime, amends: int | AnyRevision | None) -> OrderTaken:
    stored = StoredCatalog(connection)
    zone = zone_of(account_of(order, stored) or Account(id="nobody"), stored.organisation())
    before = _latest(connection, order.id)
    placed = place(order, before, stored, at, zone)
    _check_revision(order.id, before, amends, changes=placed != before)
    try:
        why = f"order {placed.id}, revision {placed.revision}"
        made = declared(before, placed, stored, at.astimezone(zone).date())
        diff = write_catalog(connection, made, by=by, at=at, tell=why)
    except CatalogProblems as problems:  # something that it relies on was retired since
        raise OrderProblems(problems.problems) from None
    if placed != before:
        row = {
            "id": placed.id,
            "revision": placed.revision,
            "account": placed.account,
            "at": at,
            "by": by,
            "definition": placed.model_dump(mode="json"),
        }
        connection.execute(tables.orders.insert().values(row))
    return OrderTaken(order=placed, diff=diff)


def _check_revision(name: str, before: PlacedOrder | None, amends: int | AnyRevision | None, *, changes: bool) -> None:
    """Refuse a change of another revision than the one that stands, and one of which nobody has said so.

    Raises:
        Refused: it is one.
    """
    now = before.revision if before else 0
    if isinstance(amends, int) and amends != now and (changes or before is None):
        of_none = f"is revision {now}; what it is said to be a change of is none of its revisions"
        amended = f"was amended: it is revision {now}, not {amends}" if amends else of_none
        stands = amended if now else "was never placed"
        raise Refused("changed_meanwhile", f"order {name!r} {stands}")
    if amends is None and before is not None and changes:
        said = f'say by If-Match of which this is a change: "{now}", its ETag; or *, whatever it is'
        raise Refused("if_match_missing", f"order {name!r} was placed before, as revision {now}; {said}")


def _latest(connection: Connection, name: str) -> PlacedOrder | None:
    table = tables.orders
    wanted = select(table.c.definition).where(table.c.id == name).order_by(table.c.revision.desc()).limit(1)
    found: Any = connection.execute(wanted).scalar()
    return None if found is None else read_stored(PlacedOrder, found)
