"""Links to customers' pages over HTTP: made, listed and revoked."""

from __future__ import annotations

from datetime import datetime
from typing import Unpack

from milepost.http.connection import Connection, known, path_of
from milepost.http.keywords import Person
from starters.http.answers import LinkList, NewlyMade, Revoked, ShownLink


class CustomerLinks:
    """Makes links to customers' pages, lists and revokes them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self, account: str, *, days: int | None = None, until: datetime | None = None, **person: Unpack[Person]
    ) -> NewlyMade:
        """Make a link to the page of an account, for some days or until an instant.

        Whoever has its `url` sees the page, so hand it over as you would a password.
        """
        said = known(account=account, days=days, until=until, **person)
        return self._connection.post(NewlyMade, "/v1/customer-links", said)

    def all(self, account: str | None = None, *, limit: int | None = None) -> list[ShownLink]:
        """The links that were made, the newest first; of very many the first 200, unless `limit` says how many."""
        return self._connection.get(LinkList, "/v1/customer-links", account=account, limit=limit).links

    def revoke(self, link: str, **person: Unpack[Person]) -> Revoked:
        """Revoke a link, by its id: from now on it opens nothing."""
        return self._connection.post(Revoked, path_of("/v1/customer-links/{}/revoke", link), known(**person))
