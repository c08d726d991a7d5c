"""Who of a mail's recipients has it, and who is refused for good, where it is not the same for all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, select

from store import tables
from store.database import Database, insert
from store.reading import read_stored
from store.values import MailRecipient

_TABLE = tables.mail_recipients


class MailRecipients:
    """What became of each recipient of mails that a server took for some only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, key: str) -> dict[str, MailRecipient]:
        """Those of a mail for whom nothing is left to do, by what their addresses are known by.

        Args:
            key: under which it is sent.
        """
        with self._database.read() as connection:
            return settled(connection, key)

    def record(self, key: str, became: Mapping[str, MailRecipient], at: datetime) -> None:
        """Note what became of some recipients.

        Args:
            key: under which the mail is sent.
            became: by what their addresses are known by.
            at: now.
        """
        with self._database.write() as connection:
            note(connection, key, became, at)

    def forgive(self, key: str) -> None:
        """Forget who was refused for good: the mail is tried again by hand. Who has it still has it."""
        with self._database.write() as connection:
            connection.execute(delete(_TABLE).where(_TABLE.c.key == key, _TABLE.c.has_it.is_(False)))


def settled(connection: Connection, key: str) -> dict[str, MailRecipient]:
    """As `MailRecipients.of`, within a transaction."""
    wanted = select(_TABLE).where(_TABLE.c.key == key).order_by(_TABLE.c.recipient)
    rows = connection.execute(wanted).mappings().all()
    return {row["recipient"]: read_stored(MailRecipient, dict(row)) for row in rows}


def note(connection: Connection, key: str, became: Mapping[str, MailRecipient], at: datetime) -> None:
    """As `MailRecipients.record`, within a transaction."""
    rows = [{"key": key, "recipient": known, "at": at, **one.model_dump()} for known, one in became.items()]
    statement = insert(connection, _TABLE)
    changed = {name: statement.excluded[name] for name in ("address", "has_it", "answer", "at")}
    keys = list(_TABLE.primary_key.columns)
    for row in rows:
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), row)
