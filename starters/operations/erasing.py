"""Erasing one person from the texts that are kept for a while: who that is, and what is said in their place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.delivery.naming import Names
from domain.errors import Refused
from domain.wording import day_text
from store import Store
from store.erasing import NamedText

NOT_ERASED = (
    "what cases record (fields, notes, reasons, tasks, actions as declared), and events of the feed: for good",
    "Temporal's histories: until the retention of the namespace has passed since the end of the case",
    "answers of the HTTP API that are kept for repeated requests: for seven days",
    "declarations of the catalog: until they are applied without it",
    "what receivers and mail servers have, and backups: as long as whoever has them says",
)
"""What erasing does not reach, and for how long that is there."""


class Erasing:
    """Somebody who is to be erased.

    Args:
        store: where the texts are.
        who: an address, or the id of a person or a contact of the catalog.
        also: other words that name them, such as a name or a telephone number.

    Raises:
        NotFound: nobody is known by that id.
        Refused: no address is known of them, or one of the words is blank: every text holds that.
    """

    def __init__(self, store: Store, who: str, also: Sequence[str] = ()) -> None:
        if not all(word.split() for word in (who, *also)):
            raise Refused("bad_message", "there is nothing to look for in a blank text")
        self._store = store
        self._names = Names([*_addresses(store, who.strip()), *also])

    def naming(self, at: datetime) -> list[NamedText]:
        """The texts that name them, the oldest first.

        Args:
            at: now.
        """
        return self._store.erasing.naming(self._names, at)

    def erase(self, by: str, at: datetime) -> list[NamedText]:
        """Erase the texts that name them: all, or none.

        Args:
            by: who does so.
            at: now.

        Returns:
            What was erased, the oldest first.

        Raises:
            Refused: something that names them is still to be sent, or to be taken.
        """
        zone = ZoneInfo(self._store.catalog.organisation().time_zone)
        said = f"erased on {day_text(at.astimezone(zone).date())} by {self._names.taken_out_of(by)}"
        return self._store.erasing.erase(self._names, said, at)


def _addresses(store: Store, who: str) -> list[str]:
    if "@" in who:
        return [who]
    found = store.catalog.addresses_of(who)
    if not found:
        raise Refused("no_address", f"no address is known of {who!r}; give an address that was written to")
    return found
