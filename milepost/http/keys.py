"""Keys of the API over HTTP: made, listed and revoked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Unpack

from domain.scopes import Scope
from milepost.http.connection import Connection, known, path_of
from milepost.http.keywords import Person
from starters.http.admin_answers import KeyList, KeyMade, KeyRevoked, ShownKey


class Keys:
    """Makes keys of the API, lists and revokes them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self,
        name: str,
        scopes: Sequence[Scope | str],
        *,
        accounts: Sequence[str] | None = None,
        expires_at: datetime | None = None,
        **person: Unpack[Person],
    ) -> KeyMade:
        """Make a key; its `secret` is told once. Where that answer was lost it is refused from then on (`made_before`).

        Args:
            name: who uses it; on record for what is done with it.
            scopes: what it may do.
            accounts: of these accounts only; None: of all.
            expires_at: until when it counts; None: until it is revoked.
            **person: who makes it, and under which id it is sent.
        """
        said = known(name=name, scopes=scopes, accounts=accounts, expires_at=expires_at, **person)
        return self._connection.post(KeyMade, "/v1/keys", said)

    def all(self, *, limit: int | None = None) -> Iterator[ShownKey]:
        """Every key, the newest first, page by page; also those that are revoked or have expired.

        Args:
            limit: of a page.
        """
        after, is_last = None, False
        while not is_last:
            page = self._connection.get(KeyList, "/v1/keys", after=after, limit=limit)
            yield from page.keys
            after, is_last = page.next, page.next is None

    def revoke(self, key: str, **person: Unpack[Person]) -> KeyRevoked:
        """Revoke a key, by its id: from now on it counts for nothing."""
        return self._connection.post(KeyRevoked, path_of("/v1/keys/{}/revoke", key), known(**person))
