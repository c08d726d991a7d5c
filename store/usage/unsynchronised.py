"""Which entitlements' counts do not know yet what is declared of them.

It is written down with the change itself, in one transaction, and crossed out when the count knows: whatever fails
between the two, somebody tells it later.
"""

from __future__ import annotations

import uuid

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, delete, select

from domain.catalog.declarations import Account, Entitlement
from store import tables
from store.database import Database, insert
from store.reading import read_stored


class Unsynchronised(BaseModel):
    """An entitlement whose count is to be told.

    Attributes:
        change: an id of the last change, so that one that comes while another is told is not crossed out with it.
        by: who declared the last change.
        reason: why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    entitlement: str
    change: str
    by: str
    reason: str


class UnsynchronisedEntitlements:
    """The entitlements whose workflows are to be told of a change."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def entitlements(self) -> list[Unsynchronised]:
        """The entitlements whose counts are to be told, by id."""
        table = tables.untold_entitlements
        with self._database.read() as connection:
            found = connection.execute(select(table).order_by(table.c.entitlement)).mappings()
            return [read_stored(Unsynchronised, dict(row)) for row in found]

    def note(self, entitlement: str, *, by: str, reason: str) -> None:
        """Has the count of an entitlement told what is declared of it."""
        with self._database.write() as connection:
            note_untold(connection, entitlement, by=by, reason=reason)

    def cross_out(self, known: Unsynchronised) -> None:
        """Crosses out what a count knows now, unless more has changed since."""
        table = tables.untold_entitlements
        same = (table.c.entitlement == known.entitlement) & (table.c.change == known.change)
        with self._database.write() as connection:
            connection.execute(delete(table).where(same))


def concerns_its_count(old: Entitlement | None, new: Entitlement) -> bool:
    """Whether the count of an entitlement is to know of a change.

    One that was just declared begins to be counted when something is first taken, or its period ends soon, unless its
    term's end has consequences.
    """
    if new.allowance is None:
        return False
    if old is None:
        return new.term_end is not None and new.cancelled_at is None
    return any(
        getattr(old, name) != getattr(new, name) for name in ("allowance", "ends_on", "term_end", "cancelled_at")
    )


def concerns_its_counts(old: Account | None, new: Account) -> bool:
    """Whether the counts of an account's entitlements are to know of a change: they write to whom it names."""
    return old is not None and (old.manager_mail, old.renewals_mail) != (new.manager_mail, new.renewals_mail)


def note_untold(connection: Connection, entitlement: str, *, by: str, reason: str) -> None:
    """Writes down that the count of an entitlement is to be told."""
    table = tables.untold_entitlements
    last = {"change": str(uuid.uuid4()), "by": by, "reason": reason}
    statement = insert(connection, table).values({"entitlement": entitlement, **last})
    connection.execute(statement.on_conflict_do_update(index_elements=[table.c.entitlement], set_=last))
