"""Erasing a person over HTTP, from the texts that are kept for a while."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from milepost.http.connection import Connection, known
from milepost.http.keywords import Person
from starters.http.admin_answers import Erased


class Erasures:
    """Erases the texts that name a person."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def erase(
        self, who: str, *, also: Sequence[str] | None = None, dry_run: bool = False, **person: Unpack[Person]
    ) -> Erased:
        """Erase the texts that name one person: mails, messages and answers, deliveries of other systems.

        Args:
            who: an address, or the id of a person or a contact of the catalog.
            also: erase also texts that hold one of these, such as a name.
            dry_run: nothing is erased; the answer has what would be.
            **person: who does it, and under which id it is sent.
        """
        said = known(who=who, also=also, **person)
        return self._connection.post(Erased, "/v1/erasures", said, query={"dry_run": dry_run})
