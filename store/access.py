"""API keys: made, looked up by what a caller shows, listed and revoked; and the tokens of the API's pages."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, NamedTuple, NoReturn

from sqlalchemy import and_, bindparam, delete, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from domain.access import ApiKey, NewKey
from domain.errors import NotFound, Refused
from store import tables
from store.database import Database, insert_new
from store.errors import StoreError
from store.reading import read_stored

KEY_BEGINS = "mp_"
"""So begins every key: who finds one somewhere knows what it is."""

ID_DIGITS = 10
"""Hexadecimal digits of the id of a key."""

_SECRET_BYTES = 32
_TOLD_EVERY = timedelta(minutes=1)
_IN_A_HURRY = 0.5
_SHOWN = tuple(column for column in tables.api_keys.c if column.name != "digest")
_BY_DIGEST = select(*_SHOWN).where(tables.api_keys.c.digest == bindparam("of_digest"))
"""Asked by every request: made once."""


class MadeKey(NamedTuple):
    """A key that was just made.

    Attributes:
        text: what its holder shows. It is kept nowhere.
    """

    key: ApiKey
    text: str


class AccessKeys:
    """The keys with which programs and people may use the HTTP API."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, asked: NewKey, *, by: str, at: datetime, known_as: str | None = None) -> MadeKey:
        """Make a key of 256 random bits.

        Args:
            asked: whose it is, and what it may do.
            by: who makes it.
            at: now.
            known_as: its id; None: one that nobody had.

        Raises:
            Refused: it would have expired already, or a key was made by that id before: what that one is shown as
                nobody can be told again.
        """
        if asked.expires_at is not None and asked.expires_at <= at:
            raise Refused("bad_dates", "a key expires in the future, or never")
        known_as = known_as or secrets.token_hex(ID_DIGITS // 2)
        text = f"{KEY_BEGINS}{known_as}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        row: dict[str, Any] = {
            **asked.model_dump(mode="json", exclude={"expires_at"}),
            "id": known_as,
            "digest": digest_of(text),
            "expires_at": asked.expires_at,
            "created_at": at,
            "created_by": by,
        }
        with self._database.write() as connection:
            is_new = insert_new(connection, tables.api_keys, [row])
        key = self.get(known_as)
        if not is_new:
            _refuse_again(key, asked)
        return MadeKey(key, text)

    def authenticate(self, text: str, now: datetime) -> ApiKey | None:
        """The key that somebody shows, whether it still counts or not; None: there is no such key.

        When it was last used is written down once a minute, and not at all while others hold the database up.
        """
        with self._database.read() as connection:
            row = connection.execute(_BY_DIGEST, {"of_digest": digest_of(text)}).mappings().first()
        if row is None:
            return None
        key = read_stored(ApiKey, dict(row))
        if key.why_not(now) is None and (key.last_used_at is None or key.last_used_at <= now - _TOLD_EVERY):
            self._note_use(key.id, now)
        return key

    def _note_use(self, known_as: str, now: datetime) -> None:
        table = tables.api_keys
        try:
            with self._database.write(patience=_IN_A_HURRY) as connection:
                connection.execute(update(table).where(table.c.id == known_as).values(last_used_at=now))
        except (SQLAlchemyError, StoreError):
            return  # the next minute's use will be written down

    def all(self, *, after: tuple[datetime, str] | None = None, limit: int | None = None) -> list[ApiKey]:
        """All keys, those that were made last first, also those that are revoked or have expired.

        Args:
            after: when the one was made behind which the list goes on, and its id; None: from the beginning.
            limit: at most so many.
        """
        table = tables.api_keys
        wanted = select(*_SHOWN).order_by(table.c.created_at.desc(), table.c.id).limit(limit)
        if after is not None:
            at, known_as = after
            is_later = and_(table.c.created_at == at, table.c.id > known_as)
            wanted = wanted.where(or_(table.c.created_at < at, is_later))
        with self._database.read() as connection:
            return [read_stored(ApiKey, dict(row)) for row in connection.execute(wanted).mappings()]

    def revoke(self, known_as: str, *, by: str, at: datetime) -> bool:
        """Revoke a key: from now on it counts for nothing. Returns False of one that was revoked before.

        Raises:
            NotFound: there is no such key.
        """
        table = tables.api_keys
        revoked = update(table).where(table.c.id == known_as, table.c.revoked_at.is_(None))
        with self._database.write() as connection:
            changed = connection.execute(revoked.values(revoked_at=at, revoked_by=by).returning(table.c.id)).first()
        if changed is None:
            self.get(known_as)
        return changed is not None

    def get(self, known_as: str) -> ApiKey:
        """A key by its id.

        Raises:
            NotFound: there is none.
        """
        with self._database.read() as connection:
            row = connection.execute(select(*_SHOWN).where(tables.api_keys.c.id == known_as)).mappings().first()
        if row is None:
            raise NotFound("there is no key of that id; milepost keys list has them all")
        return read_stored(ApiKey, dict(row))


def _refuse_again(made: ApiKey, asked: NewKey) -> NoReturn:
    """Refuse to make a key by the id of one that was made before."""
    if made.model_dump(include=set(NewKey.model_fields)) != asked.model_dump():
        said = "another key was made under this Idempotency-Key; a new request has a new one"
        raise Refused("key_used_otherwise", said)
    raise Refused(
        "made_before",
        f"key {made.id} was made by this request before, and its secret was told then alone; if that was lost, revoke "
        "the key, and make another under another Idempotency-Key",
    )


LINK_LASTS = timedelta(hours=12)
SESSION_LASTS = timedelta(hours=12)


class PageTokens:
    """The tokens that open the pages of the API: of links, each good once, and of the sessions that they begin."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make_link(self, now: datetime) -> str:
        """A token that is good once."""
        return self._make("link", now, LINK_LASTS)

    def take_link(self, text: str, now: datetime) -> bool:
        """Whether somebody shows the token of a link; it is good no more."""
        table = tables.page_tokens
        taken = delete(table).where(table.c.digest == digest_of(text), table.c.kind == "link", table.c.expires_at > now)
        with self._database.write() as connection:
            return connection.execute(taken.returning(table.c.digest)).first() is not None

    def make_session(self, now: datetime) -> str:
        """A token that is good for a while."""
        return self._make("session", now, SESSION_LASTS)

    def is_session(self, text: str, now: datetime) -> bool:
        """Whether somebody shows the token of a session."""
        table = tables.page_tokens
        same = (table.c.digest == digest_of(text), table.c.kind == "session", table.c.expires_at > now)
        with self._database.read() as connection:
            return connection.execute(select(table.c.digest).where(*same)).first() is not None

    def _make(self, kind: str, now: datetime, lasts: timedelta) -> str:
        """Make a token, and forget those whose time is over."""
        table, text = tables.page_tokens, secrets.token_urlsafe(_SECRET_BYTES)
        row = {"digest": digest_of(text), "kind": kind, "expires_at": now + lasts}
        with self._database.write() as connection:
            connection.execute(delete(table).where(table.c.expires_at <= now))
            connection.execute(table.insert().values(row))
        return text


def digest_of(text: str) -> str:
    """Under what a secret of 256 random bits is kept: nobody finds one by trying, so it needs no slower digest."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
