"""What other systems have told, over HTTP: what of it waits, what could not be taken, and having that tried again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Unpack

from milepost.http.connection import Connection, known
from milepost.http.keywords import Person
from starters.http.answers import DeliveryList, DeliveryWithPayload, ShownDelivery
from store.intake import DeliveryStatus


class Deliveries:
    """Looks after deliveries, each by its number."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(
        self,
        *,
        source: str | None = None,
        case: str | None = None,
        status: DeliveryStatus | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> Iterator[ShownDelivery]:
        """Every delivery for which all holds that is given, in the order in which they came, page by page.

        Args:
            source: the id of an intake source.
            case: the id of a case.
            status: those that wait and dead letters, if left out.
            after: those that came after the one of this number.
            limit: of a page.
        """
        which = known(source=source, case=case, status=status, limit=limit)
        start = after
        while True:
            page = self._connection.get(DeliveryList, "/v1/intake/deliveries", after=start, **which)
            yield from page.deliveries
            if page.next is None:
                return
            start = page.next

    def show(self, number: int) -> DeliveryWithPayload:
        """A delivery with what was sent."""
        return self._connection.get(DeliveryWithPayload, f"/v1/intake/deliveries/{number}")

    def retry(self, number: int, **person: Unpack[Person]) -> ShownDelivery:
        """Have a dead letter tried again, say because the mapping was mended; with what waits behind it."""
        return self._connection.post(ShownDelivery, f"/v1/intake/deliveries/{number}/retry", known(**person))

    def drop(self, number: int, **person: Unpack[Person]) -> ShownDelivery:
        """Give a dead letter up for good; what waits behind it goes on."""
        return self._connection.post(ShownDelivery, f"/v1/intake/deliveries/{number}/drop", known(**person))
