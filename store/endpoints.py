"""How the endpoints of outbound messages do: which fail, which are left alone for a while, which are switched off."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, or_, select, update

from domain.catalog.endpoints import Endpoint
from domain.delivery.circuit import is_given_up, open_for
from domain.wording import instant
from store import tables
from store.catalog.reading import StoredCatalog
from store.database import Database, insert_new
from store.reading import read_stored
from store.values import EndpointState

_WELL: dict[str, Any] = {
    "failures": 0,
    "failing_since": None,
    "open_until": None,
    "off_at": None,
    "told_at": None,
    "said": "",
}


class Endpoints:
    """The endpoints, declared and as they do. All workers share what is known of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> Endpoint:
        """An endpoint as it is declared now.

        Raises:
            NotFound: there is none.
        """
        with self._database.read() as connection:
            return StoredCatalog(connection).get(Endpoint, name)

    def state(self, name: str) -> EndpointState:
        """How an endpoint does; well, if nothing is known of it."""
        table = tables.endpoint_states
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.endpoint == name)).mappings().first()
        return read_stored(EndpointState, {"endpoint": name, **_WELL} if row is None else dict(row))

    def states(self) -> list[EndpointState]:
        """The endpoints that something is known of, by name."""
        table = tables.endpoint_states
        with self._database.read() as connection:
            rows = connection.execute(select(table).order_by(table.c.endpoint)).mappings()
            return [read_stored(EndpointState, dict(row)) for row in rows]

    def failed(
        self, name: str, said: str, at: datetime, *, alone_for: timedelta = timedelta(), pace: float = 1
    ) -> None:
        """An attempt failed; after some in a row the endpoint is left alone for a while, after days it is switched off.

        Args:
            name: the endpoint's id.
            said: what happened, in one line.
            at: now.
            alone_for: for which it asks to be left alone, by whoever sends it something.
            pace: divides the while for which it is left alone, for tests.
        """
        table = tables.endpoint_states
        with self._database.write() as connection:
            _known(connection, name)
            failed = {
                "failures": table.c.failures + 1,
                "said": said,
                "failing_since": func.coalesce(table.c.failing_since, at),
            }
            of_it = update(table).where(table.c.endpoint == name, table.c.off_at.is_(None))
            now = connection.execute(of_it.values(failed).returning(table.c.failures, table.c.failing_since)).first()
            if now is None:  # it is switched off, and stays so with the reason that it has
                return
            span = max(open_for(now.failures, pace=pace) or timedelta(), alone_for / pace)
            if span:
                connection.execute(of_it.values({"open_until": at + span}))
            if is_given_up(now.failing_since, at):
                since = f"it has failed since {instant(now.failing_since)}, at last: {said}"
                connection.execute(of_it.values({"off_at": at, "said": since}))

    def answered(self, name: str) -> None:
        """It took something: nothing is held against it any more. One that is switched off stays so."""
        table = tables.endpoint_states
        well = {key: value for key, value in _WELL.items() if key != "off_at"}
        held = or_(table.c.failures > 0, table.c.open_until.is_not(None))
        ailing = (table.c.endpoint == name, table.c.off_at.is_(None), held)
        with self._database.read() as connection:
            if connection.execute(select(table.c.endpoint).where(*ailing)).first() is None:
                return
        with self._database.write() as connection:
            connection.execute(update(table).where(*ailing).values(well))

    def try_again(self, name: str, at: datetime, until: datetime) -> bool:
        """Whether one that is left alone may be tried now: one attempt may, of all workers'.

        One that has answered meanwhile is not left alone: whoever looked before that goes ahead like all others.

        Args:
            name: the endpoint's id.
            at: now.
            until: when the next one may, if nothing is heard of this one.
        """
        table = tables.endpoint_states
        one = table.c.endpoint == name
        with self._database.write() as connection:
            tried = update(table).where(one, table.c.open_until <= at).values({"open_until": until})
            if connection.execute(tried.returning(table.c.endpoint)).first() is not None:
                return True
            is_well = select(table.c.endpoint).where(one, table.c.open_until.is_(None))
            return connection.execute(is_well).first() is not None

    def untold(self) -> list[EndpointState]:
        """Those that are switched off, and of which nobody has been told."""
        return [state for state in self.states() if state.off_at is not None and state.told_at is None]

    def told(self, state: EndpointState, at: datetime) -> None:
        """Note that somebody was told that an endpoint is switched off; nothing if it was switched on meanwhile."""
        table = tables.endpoint_states
        same = (table.c.endpoint == state.endpoint, table.c.off_at == state.off_at)
        with self._database.write() as connection:
            connection.execute(update(table).where(*same).values({"told_at": at}))

    def switch(self, name: str, *, off_at: datetime | None, said: str = "") -> None:
        """Switches an endpoint off, or on again with nothing held against it.

        Args:
            name: the endpoint's id.
            off_at: since when it is off; None: it is on.
            said: why it is off.
        """
        table = tables.endpoint_states
        with self._database.write() as connection:
            _known(connection, name)
            connection.execute(
                update(table).where(table.c.endpoint == name).values({**_WELL, "off_at": off_at, "said": said})
            )


def _known(connection: Connection, name: str) -> None:
    insert_new(connection, tables.endpoint_states, [{"endpoint": name, **_WELL}])
