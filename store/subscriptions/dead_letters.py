"""What subscriptions gave up, on record with its reason, and what of it is sent again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, func, select, update

from domain.errors import Refused
from domain.subscriptions.state import DeadLetter
from store import tables
from store.database import Database, insert
from store.reading import read_stored

_LETTERS = tables.dead_letters
_OF_A_LETTER = tuple(DeadLetter.model_fields)

MOST_AT_ONCE = 1000
"""Dead letters of one list."""


class StoredLetter(BaseModel):
    """A dead letter as it is on record.

    Attributes:
        status: `given_up`; `waits`: it is to be sent again; `sent`: it was, and arrived.
        said: what came of sending it again.
        settled_at: when that was.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    letter: DeadLetter
    status: Literal["given_up", "waits", "sent"]
    said: str = ""
    settled_at: datetime | None = None


class DeadLetters:
    """The dead letters of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def listed(self, subscription: str, *, limit: int = MOST_AT_ONCE) -> list[StoredLetter]:
        """The dead letters of a subscription that did not arrive later, in the order of the feed."""
        wanted = select(_LETTERS).where(_LETTERS.c.subscription == subscription, _LETTERS.c.status != "sent")
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(_LETTERS.c.position).limit(limit)).mappings().all()
        return [_stored(row) for row in rows]

    def send_again(self, subscription: str, event_ids: Collection[str] | None = None) -> int:
        """Have dead letters sent again; says how many.

        Args:
            subscription: whose.
            event_ids: these alone; None: all of them.

        Raises:
            Refused: one of them is no dead letter of the subscription.
        """
        of_it = _LETTERS.c.subscription == subscription
        with self._database.write() as connection:
            if event_ids is not None:
                known = set(connection.execute(select(_LETTERS.c.event_id).where(of_it)).scalars())
                for event_id in event_ids:
                    if event_id not in known:
                        raise Refused(
                            "unknown_event", f"{event_id!r} is no dead letter of subscription {subscription!r}"
                        )
                of_it = of_it & _LETTERS.c.event_id.in_(event_ids)
            again = update(_LETTERS).where(of_it, _LETTERS.c.status == "given_up").values(status="waits")
            return len(connection.execute(again.returning(_LETTERS.c.event_id)).all())

    def waiting(self, subscription: str, limit: int) -> list[DeadLetter]:
        """Those that are to be sent again, in the order of the feed."""
        wanted = select(_LETTERS).where(_LETTERS.c.subscription == subscription, _LETTERS.c.status == "waits")
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(_LETTERS.c.position).limit(limit)).mappings().all()
        return [_stored(row).letter for row in rows]

    def settle(
        self, subscription: str, event_id: str, *, arrived: bool, said: str, at: datetime, batch: str = ""
    ) -> None:
        """Note what came of sending one again.

        Args:
            subscription: whose.
            event_id: of the letter.
            arrived: whether it did.
            said: what came of it, in words.
            at: now.
            batch: names what sent it, alike for every attempt at that.
        """
        one = (_LETTERS.c.subscription == subscription, _LETTERS.c.event_id == event_id)
        became = {"status": "sent" if arrived else "given_up", "said": said, "settled_at": at, "batch": batch}
        with self._database.write() as connection:
            connection.execute(update(_LETTERS).where(*one).values(became))

    def arrived_with(self, subscription: str, batch: str) -> int:
        """How many arrived with a batch, over all attempts at it."""
        of_it = (_LETTERS.c.subscription == subscription, _LETTERS.c.batch == batch, _LETTERS.c.status == "sent")
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(_LETTERS).where(*of_it)).scalar_one()

    def prune(self, before: datetime) -> int:
        """Forget those that were given up before an instant. Says how many."""
        with self._database.write() as connection:
            gone = _LETTERS.delete().where(_LETTERS.c.at < before)
            return len(connection.execute(gone.returning(_LETTERS.c.event_id)).all())


def put_dead_letters(connection: Connection, subscription: str, letters: Sequence[DeadLetter]) -> None:
    """Put events that were given up on record; one that is there already is given up anew.

    Args:
        connection: of a transaction.
        subscription: whose.
        letters: what it gave up.
    """
    for letter in letters:
        row = {**letter.model_dump(), "status": "given_up", "said": "", "settled_at": None, "batch": None}
        statement = insert(connection, _LETTERS).values({"subscription": subscription, **row})
        keys = [_LETTERS.c.subscription, _LETTERS.c.event_id]
        # Told again by a run that did not hear that it was on record: what became of it since stays.
        changed = _LETTERS.c.at < letter.at
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=row, where=changed))


def _stored(row: Any) -> StoredLetter:
    letter = read_stored(DeadLetter, {name: row[name] for name in _OF_A_LETTER})
    return StoredLetter(letter=letter, status=row["status"], said=row["said"], settled_at=row["settled_at"])
