"""In which time zones the declared names of the catalog lie, for whoever shows instants and asks for nothing else."""

from __future__ import annotations

from sqlalchemy import select

from store import tables
from store.database import Database


class TimeZones:
    """Reads the names of zones from the declarations as they are stored, without making the declarations of them.

    Every command asks for one, and the models of the whole catalog take longer to load than most of them to answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_organisation(self) -> str:
        """The organisation's; UTC if it names none."""
        with self._database.read() as connection:
            declared = connection.execute(select(tables.organisation.c.definition)).scalar() or {}
        return str(declared.get("time_zone") or "UTC")

    def of_account(self, account: str) -> str | None:
        """The one that an account names; None: it names none, or is unknown."""
        table = tables.accounts.c
        with self._database.read() as connection:
            declared = connection.execute(select(table.definition).where(table.id == account)).scalar() or {}
        named = declared.get("time_zone")
        return None if named is None else str(named)

    def account_of(self, entitlement: str) -> str | None:
        """The account whose zone an entitlement's dates are in; None: it is unknown."""
        table = tables.entitlements.c
        with self._database.read() as connection:
            return connection.execute(select(table.account).where(table.id == entitlement)).scalar()
