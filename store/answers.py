"""Answers that are kept, so that a request which is sent again under its key gets the same one.

A key is its sender's: two senders may use the same one. While a request is being worked on its row has no answer yet;
one whose process was killed is given up after a while, and the request runs again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from domain.errors import Refused
from store import tables
from store.database import Database, insert

KEPT_FOR = timedelta(days=7)
GIVEN_UP_AFTER = timedelta(minutes=1)
"""Longer than any request is waited for."""

_TABLE = tables.kept_answers
_IN_A_HURRY = 2.0


class Asked(NamedTuple):
    """A request that was sent under a key.

    Attributes:
        subject: whose key it is.
        key: as it was sent.
        digest: of all that was asked.
        attempt: names this attempt at it.
    """

    subject: str
    key: str
    digest: str
    attempt: str


class KeptAnswer(NamedTuple):
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: str


class KeptAnswers:
    """The answers of the last days."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, asked: Asked, now: datetime) -> KeptAnswer | None:
        """What was answered to the same request before; None: it is to be worked on now.

        Raises:
            Refused: the key was used for another request, or this one is still being worked on.
        """
        with self._database.write() as connection:
            row = {**asked._asdict(), "begun_at": now}
            new = insert(connection, _TABLE).values(row).on_conflict_do_nothing().returning(_TABLE.c.key)
            if connection.execute(new).first() is not None:
                return None
            found = connection.execute(select(_TABLE).where(_is(asked))).one()
            is_over = found.begun_at <= now - KEPT_FOR
            if not is_over and found.digest != asked.digest:
                said = "the Idempotency-Key was used for another request; a new request has a new one"
                raise Refused("key_used_otherwise", said)
            if not is_over and found.status is not None:
                return KeptAnswer(found.status, found.headers or {}, found.body or "")
            if found.begun_at > now - GIVEN_UP_AFTER:
                raise Refused("still_running", "the request is still being worked on; ask again in a moment")
            self._take_over(connection, asked, now)
            return None

    def finish(self, asked: Asked, answer: KeptAnswer) -> None:
        """Keep the answer of an attempt, unless another has taken its place meanwhile."""
        given: dict[str, Any] = answer._asdict()
        with self._database.write(patience=_IN_A_HURRY) as connection:
            connection.execute(update(_TABLE).where(_of_attempt(asked)).values(given))

    def forget(self, asked: Asked) -> None:
        """Forget an attempt that came to nothing: the same request runs again, and another may have its key."""
        with self._database.write(patience=_IN_A_HURRY) as connection:
            connection.execute(delete(_TABLE).where(_of_attempt(asked)))

    def prune(self, now: datetime) -> int:
        """Forget the answers that were kept for long enough; says how many."""
        with self._database.write() as connection:
            old = delete(_TABLE).where(_TABLE.c.begun_at <= now - KEPT_FOR).returning(_TABLE.c.key)
            return len(connection.execute(old).all())

    def _take_over(self, connection: Connection, asked: Asked, now: datetime) -> None:
        anew = {"digest": asked.digest, "attempt": asked.attempt, "begun_at": now}
        emptied = {"status": None, "headers": None, "body": None}
        connection.execute(update(_TABLE).where(_is(asked)).values(anew | emptied))


def _is(asked: Asked) -> ColumnElement[bool]:
    return and_(_TABLE.c.subject == asked.subject, _TABLE.c.key == asked.key)


def _of_attempt(asked: Asked) -> ColumnElement[bool]:
    return and_(_is(asked), _TABLE.c.attempt == asked.attempt)
