"""How the subscriptions stand, as each has last told, beside what is declared."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, RowMapping, func, select, update

from domain.catalog.kinds import Kind
from domain.catalog.subscriptions import Subscription
from domain.errors import Refused
from domain.subscriptions.state import SubscriptionState
from store import tables
from store.catalog.reading import StoredCatalog, declaration_of
from store.database import Database, insert
from store.feed import Feed
from store.reading import read_stored
from store.subscriptions.dead_letters import put_dead_letters
from store.subscriptions.places import place_in

Status = Literal["running", "paused", "ended"]

_STATES, _LETTERS = tables.subscription_states, tables.dead_letters


class Standing(NamedTuple):
    """A subscription, as it is declared and as it stands.

    Attributes:
        state: as it has last told; None: it has not begun.
        status: None: it has not begun.
        told_at: when it told so.
        dead: how many dead letters are neither sent nor on their way.
    """

    declared: Subscription
    state: SubscriptionState | None
    status: Status | None
    told_at: datetime | None
    dead: int


class Unsynchronised(NamedTuple):
    """What workflows are to be told.

    Attributes:
        to_begin: declared, and not begun, or ended.
        to_end: retired, and not ended.
        to_resume: paused because their endpoint was switched off, which is on again.
    """

    to_begin: list[str]
    to_end: list[str]
    to_resume: list[str]

    def __bool__(self) -> bool:
        return bool(self.to_begin or self.to_end or self.to_resume)


class Subscriptions:
    """The subscriptions of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def declared(self, name: str) -> Subscription | None:
        """A subscription as it is declared now; None of one that is retired, or that there is not."""
        with self._database.read() as connection:
            found = StoredCatalog(connection).find(Kind.SUBSCRIPTIONS, name)
        return found if isinstance(found, Subscription) and not found.retired else None

    def active(self) -> list[str]:
        """The ids of all that are declared and not retired."""
        table = tables.subscriptions
        with self._database.read() as connection:
            wanted = select(table.c.id).where(table.c.retired.is_(False)).order_by(table.c.id)
            return list(connection.execute(wanted).scalars())

    def state(self, name: str) -> SubscriptionState | None:
        """How a subscription stands, as it has last told; None: it has not."""
        with self._database.read() as connection:
            row = connection.execute(select(_STATES).where(_STATES.c.subscription == name)).mappings().first()
        return None if row is None else read_stored(SubscriptionState, row["state"])

    def keep(self, name: str, state: SubscriptionState, at: datetime, *, is_ended: bool = False) -> None:
        """Keep how a subscription stands, and put the events that it has given up on record.

        Args:
            name: its id.
            state: as it stands.
            at: now.
            is_ended: nothing goes on with it.
        """
        status: Status = "ended" if is_ended else "paused" if state.paused is not None else "running"
        told = state.model_copy(update={"given_up": []}).model_dump(mode="json")
        row = {"status": status, "state": told, "at": at}
        with self._database.write() as connection:
            put_dead_letters(connection, name, state.given_up)
            statement = insert(connection, _STATES).values({"subscription": name, **row})
            connection.execute(statement.on_conflict_do_update(index_elements=[_STATES.c.subscription], set_=row))

    def has_ended(self, name: str) -> None:
        """Note that nothing goes on with a subscription."""
        with self._database.write() as connection:
            connection.execute(update(_STATES).where(_STATES.c.subscription == name).values(status="ended"))

    def behind(self, standing: Standing) -> int:
        """How many events were written after the cursor of a subscription, chosen or not; 0 before it begins."""
        state = standing.state
        if state is None:
            return 0
        feed = Feed(self._database)
        try:
            return feed.last() - feed.position(place_in(feed, state.cursor))
        except Refused:  # the cursor is not of this feed any more: what it says itself is all there is
            return state.behind

    def still_to_send(self) -> dict[str, int]:
        """Of each subject that a subscription is behind with the position of the feed up to which that is done."""
        wanted = select(_STATES.c.state).where(_STATES.c.status != "ended")
        with self._database.read() as connection:
            states = [read_stored(SubscriptionState, one) for one in connection.execute(wanted).scalars()]
        found: dict[str, int] = {}
        for lane in (lane for state in states for lane in state.lanes):
            found[lane.subject] = min(lane.done, found.get(lane.subject, lane.done))
        return found

    def standings(self) -> list[Standing]:
        """Every subscription that is declared, by id, retired ones that have ended left out."""
        with self._database.read() as connection:
            states = {row["subscription"]: row for row in connection.execute(select(_STATES)).mappings()}
            dead = _dead(connection)
            rows = StoredCatalog(connection).latest(Kind.SUBSCRIPTIONS)
            declared = [declaration_of(Kind.SUBSCRIPTIONS, row) for row in rows]
        found = [_standing(one, states.get(one.id), dead) for one in declared if isinstance(one, Subscription)]
        return [one for one in found if not (one.declared.retired and one.status in {None, "ended"})]

    def standing(self, name: str) -> Standing:
        """One of them.

        Raises:
            NotFound: there is none of that id.
        """
        with self._database.read() as connection:
            declared = StoredCatalog(connection).get(Subscription, name)
            row = connection.execute(select(_STATES).where(_STATES.c.subscription == name)).mappings().first()
            return _standing(declared, row, _dead(connection))

    def unsynchronised(self) -> Unsynchronised:
        """What the workflows of subscriptions do not know yet."""
        standings = self.standings()
        begin = [s.declared.id for s in standings if not s.declared.retired and s.status in {None, "ended"}]
        end = [s.declared.id for s in standings if s.declared.retired and s.status is not None]
        off = self._endpoints_off() if any(_is_paused_by_endpoint(s) for s in standings) else set()
        resume = [
            s.declared.id
            for s in standings
            if _is_paused_by_endpoint(s) and not s.declared.retired and s.declared.endpoint not in off
        ]
        return Unsynchronised(begin, end, resume)

    def _endpoints_off(self) -> set[str]:
        table = tables.endpoint_states
        with self._database.read() as connection:
            return set(connection.execute(select(table.c.endpoint).where(table.c.off_at.is_not(None))).scalars())


def _dead(connection: Connection) -> dict[str, int]:
    wanted = select(_LETTERS.c.subscription, func.count()).where(_LETTERS.c.status == "given_up")
    rows = connection.execute(wanted.group_by(_LETTERS.c.subscription)).all()
    return {row[0]: row[1] for row in rows}


def _standing(declared: Subscription, row: RowMapping | None, dead: dict[str, int]) -> Standing:
    given_up = dead.get(declared.id, 0)
    if row is None:
        return Standing(declared, None, None, None, given_up)
    known: Any = row["status"]
    return Standing(declared, read_stored(SubscriptionState, row["state"]), known, row["at"], given_up)


def _is_paused_by_endpoint(standing: Standing) -> bool:
    state = standing.state
    return state is not None and state.paused is not None and state.paused.why == "endpoint"
