"""Links to customers' pages, as they are on record: made for an account, with an end, and perhaps revoked."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime
from sqlalchemy import select, update

from domain.customer_links import ID_DIGITS, CustomerLink
from domain.errors import NotFound, Refused
from domain.model import Value
from store import tables
from store.database import Database, insert_new
from store.reading import read_stored

_ID_BYTES = ID_DIGITS // 2
_CUT = timedelta(seconds=1)
"""By which two that were asked for in the same way may differ: an end is cut to seconds."""


class MadeLink(Value):
    """A link as it is kept: everything but its signature.

    Attributes:
        id: names it, also to whoever revokes it.
    """

    id: str
    account: str
    created_at: AwareDatetime
    created_by: str
    expires_at: AwareDatetime
    revoked_at: AwareDatetime | None
    revoked_by: str | None

    def why_not(self, now: datetime) -> str | None:
        """Why it opens nothing at an instant; None: it opens its page."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= now else None


class CustomerLinks:
    """Links to customers' pages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make(
        self, account: str, *, until: datetime, by: str, at: datetime, known_as: str | None = None
    ) -> CustomerLink:
        """Put a new link on record; of one that was made by that id in the same way, what it says.

        Args:
            account: whose page it opens.
            until: the first instant at which it opens nothing; cut to seconds.
            by: who makes it.
            at: now.
            known_as: its id; None: one that nobody had.

        Raises:
            Refused: it would have expired already, or another link was made by that id, or that one is revoked.
        """
        until = until.replace(microsecond=0)
        if until <= at:
            raise Refused("bad_dates", "a link expires in the future; give a later instant")
        link = CustomerLink(id=known_as or secrets.token_hex(_ID_BYTES), account=account, expires_at=until)
        row: dict[str, Any] = {**link.model_dump(), "created_at": at, "created_by": by}
        with self._database.write() as connection:
            if insert_new(connection, tables.customer_links, [row]):
                return link
        there = self.get(link.id)
        if there.account != account:
            raise Refused("key_used_otherwise", "under this key a link to another account's page was made")
        longer = (until - at) - (there.expires_at - there.created_at)  # asked for in days, it ends later each time
        if there.expires_at != until and abs(longer) > _CUT:
            raise Refused("key_used_otherwise", "under this key a link that ends at another time was made")
        if there.revoked_at is not None:
            raise Refused("key_used_otherwise", "the link that was made under this key is revoked; take another key")
        return CustomerLink(id=there.id, account=there.account, expires_at=there.expires_at)

    def get(self, known_as: str) -> MadeLink:
        """A link by its id.

        Raises:
            NotFound: there is none.
        """
        wanted = select(tables.customer_links).where(tables.customer_links.c.id == known_as)
        with self._database.read() as connection:
            found = connection.execute(wanted).mappings().first()
        if found is None:
            raise NotFound("there is no link of that id; milepost links list has them all")
        return read_stored(MadeLink, dict(found))

    def stands(self, known_as: str, account: str) -> bool:
        """Whether a link of that id was made for an account, and is not revoked."""
        table = tables.customer_links
        wanted = (table.c.id == known_as, table.c.account == account, table.c.revoked_at.is_(None))
        with self._database.read() as connection:
            return connection.execute(select(table.c.id).where(*wanted)).first() is not None

    def all(
        self, account: str | None = None, *, accounts: Collection[str] | None = None, limit: int | None = None
    ) -> list[MadeLink]:
        """All links, those that were made last first, also those that open nothing any more.

        Args:
            account: of this one only.
            accounts: of these only; None: of all.
            limit: at most so many.
        """
        table = tables.customer_links
        wanted = select(table).order_by(table.c.created_at.desc(), table.c.id).limit(limit)
        if account is not None:
            wanted = wanted.where(table.c.account == account)
        if accounts is not None:
            wanted = wanted.where(table.c.account.in_(accounts))
        with self._database.read() as connection:
            return [read_stored(MadeLink, dict(row)) for row in connection.execute(wanted).mappings()]

    def revoke(self, known_as: str, *, by: str, at: datetime) -> bool:
        """Revoke a link: from now on it opens nothing. Returns False of one that was revoked before.

        Raises:
            NotFound: there is no such link.
        """
        table = tables.customer_links
        revoked = update(table).where(table.c.id == known_as, table.c.revoked_at.is_(None))
        with self._database.write() as connection:
            changed = connection.execute(revoked.values(revoked_at=at, revoked_by=by).returning(table.c.id)).first()
            known = connection.execute(select(table.c.id).where(table.c.id == known_as)).first()
        if known is None:
            raise NotFound("there is no link of that id; milepost links list has them all")
        return changed is not None
