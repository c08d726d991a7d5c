"""Whom mails go to, and what they say, as the catalog declares it now."""

from __future__ import annotations

from sqlalchemy import select

from domain.catalog.declarations import Contact, Kind
from domain.catalog.mailing import MailTemplate, Person
from store import tables
from store.catalog.reading import StoredCatalog, declaration_of
from store.database import Database


class People:
    """The store's side that knows who gets mails. Who is retired is nobody."""

    _database: Database

    def person(self, name: str) -> Person | None:
        """One of the organisation's people, by id."""
        with self._database.read() as connection:
            found = StoredCatalog(connection).find(Kind.PEOPLE, name)
        return found if isinstance(found, Person) and not found.retired else None

    def team(self, name: str) -> list[Person]:
        """The people of a team, by id."""
        table = tables.people
        wanted = select(table).where(table.c.team == name, table.c.retired.is_(False)).order_by(table.c.id)
        with self._database.read() as connection:
            found = [declaration_of(Kind.PEOPLE, row) for row in connection.execute(wanted).mappings()]
        return [one for one in found if isinstance(one, Person)]

    def asker(self, name: str) -> Contact | None:
        """A contact, by id."""
        with self._database.read() as connection:
            found = StoredCatalog(connection).find(Kind.CONTACTS, name)
        return found if isinstance(found, Contact) and not found.retired else None

    def mail_template(self, name: str) -> MailTemplate:
        """A template of mails.

        Raises:
            NotFound: there is none.
        """
        with self._database.read() as connection:
            return StoredCatalog(connection).get(MailTemplate, name)
