"""What is sent to the outside: how often it was tried, and what the receiver said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, select, update

from domain.delivery.schedule import ATTEMPT
from domain.delivery.turns import Earlier, Wait, wait_for_turn
from store import tables
from store.cases.outcomes import case_of
from store.database import Database, insert_new
from store.reading import read_stored
from store.values import Delivery, SentRequest

_NEW = {"status": "waits", "attempts": 0, "answer": "", "last_at": None}
_OUT_OF_TURN = {"lane": None, "tried_until": None}
_AT_ONCE = 500
"""Keys that a query has."""


class Turn(NamedTuple):
    """How a delivery stands before an attempt.

    Attributes:
        wait: until when it waits for another one, and for which; None: it is its turn.
    """

    delivery: Delivery
    wait: Wait | None


class Deliveries:
    """What was sent to the outside, each by its action's key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin_delivery(self, key: str, channel: str, to: str, at: datetime) -> Delivery:
        """How a delivery stands before an attempt. One that had failed for good begins anew.

        Args:
            key: the effect's.
            channel: the kind of action.
            to: its receivers, for people.
            at: now.
        """
        with self._database.write() as connection:
            return read_stored(Delivery, _begun(connection, key, channel, to, at))

    def take_turn(  # noqa: PLR0917  as `begin_delivery`, and what decides its turn
        self, key: str, channel: str, to: str, at: datetime, due_at: datetime, pace: float = 1
    ) -> Turn:
        """Begin a delivery as `begin_delivery` does, unless an earlier one of the same case goes before it.

        Args:
            key: the effect's.
            channel: the kind of action.
            to: its receivers, for people.
            at: now.
            due_at: when its trigger was due.
            pace: divides every delay.
        """
        table, lane = tables.deliveries, lane_of(channel, to)
        with self._database.write() as connection:
            row = _begun(connection, key, channel, to, at)
            delivery = read_stored(Delivery, row)
            if delivery.status == "sent":
                return Turn(delivery, None)
            is_expected = row["tried_until"] is not None and row["tried_until"] >= at
            earlier = _earlier(connection, delivery, due_at, lane)
            if not is_expected:
                earlier += _not_begun(connection, delivery, due_at)
            wait = wait_for_turn(at, delivery.first_at, earlier, is_expected=is_expected, pace=pace)
            changed: dict[str, Any] = {"due_at": due_at, "lane": lane}
            changed["tried_until"] = (at if wait is None else wait.until) + ATTEMPT
            if wait is not None and not delivery.attempts:
                changed["answer"] = f"waits for {wait.key}, which was due earlier"
            connection.execute(update(table).where(table.c.key == key).values(changed))
            return Turn(delivery, wait)

    def hold_delivery(self, key: str, channel: str, to: str, why: str, at: datetime) -> None:
        """Something waits without an attempt being made, and holds up nothing else. One that had failed begins anew.

        Args:
            key: the effect's.
            channel: the kind of action.
            to: its receivers, for people.
            why: and until when, in one line.
            at: now.
        """
        self.begin_delivery(key, channel, to, at)
        table = tables.deliveries
        with self._database.write() as connection:
            waits = (table.c.key == key, table.c.status == "waits")
            connection.execute(update(table).where(*waits).values({"answer": why, **_OUT_OF_TURN}))

    def status(self, key: str) -> str | None:
        """How a delivery stands; None: nothing is known of it."""
        table = tables.deliveries
        with self._database.read() as connection:
            return connection.execute(select(table.c.status).where(table.c.key == key)).scalar()

    def record_attempt(
        self,
        key: str,
        status: Literal["waits", "sent", "failed"],
        answer: str,
        at: datetime,
        *,
        again_at: datetime | None = None,
        lane: str | None = None,
        request: SentRequest | None = None,
    ) -> None:
        """What came of one more attempt; what was sent stays so.

        Args:
            key: the effect's.
            status: whether another attempt follows, it was sent, or it failed for good.
            answer: what the receiver said, or what went wrong, in one line.
            at: now.
            again_at: when another attempt follows.
            lane: in which others wait for that; None: they go on.
            request: what an endpoint has got, to be kept.
        """
        table = tables.deliveries
        changed = {"status": status, "answer": answer, "last_at": at, "attempts": table.c.attempts + 1}
        changed |= {"lane": lane, "tried_until": None if again_at is None else again_at + ATTEMPT}
        with self._database.write() as connection:
            connection.execute(update(table).where(table.c.key == key, table.c.status != "sent").values(changed))
            if request is not None:
                _keep(connection, key, request, at)

    def record_end(self, key: str, status: Literal["sent", "failed"], to: str, answer: str, at: datetime) -> None:
        """What came of a mail once its digests have ended too, whatever was said of it before.

        Args:
            key: the effect's.
            status: whether it was sent, or failed for good.
            to: all its recipients, for people.
            answer: what became of its recipients, in one line.
            at: now.
        """
        table = tables.deliveries
        changed = {"status": status, "to": to, "answer": answer, "last_at": at, **_OUT_OF_TURN}
        is_new = (table.c.key == key, (table.c.status != status) | (table.c.answer != answer))
        with self._database.write() as connection:
            connection.execute(update(table).where(*is_new).values(changed))

    def get(self, key: str) -> Delivery | None:
        """What is known of a delivery; None: nothing."""
        table = tables.deliveries
        with self._database.read() as connection:
            found = connection.execute(select(table).where(table.c.key == key)).mappings().first()
        return None if found is None else read_stored(Delivery, dict(found))

    def answers(self, keys: Sequence[str]) -> dict[str, str]:
        """What was last said of some deliveries, by their keys; without those that are not on record."""
        table, found = tables.deliveries.c, dict[str, str]()
        with self._database.read() as connection:
            for begin in range(0, len(keys), _AT_ONCE):
                wanted = select(table.key, table.answer).where(table.key.in_(keys[begin : begin + _AT_ONCE]))
                found |= {row.key: row.answer for row in connection.execute(wanted)}
        return found

    def arrived_at(self, endpoint: str, since: datetime) -> list[str]:
        """The keys of what has arrived at an endpoint since an instant, in the order in which it was due."""
        table = tables.deliveries
        arrived = (table.c.channel == "outbound_message", table.c.to == endpoint, table.c.status == "sent")
        wanted = select(table.c.key).where(*arrived, table.c.last_at >= since)
        with self._database.read() as connection:
            return list(connection.execute(wanted.order_by(table.c.due_at, table.c.last_at, table.c.key)).scalars())

    def request(self, key: str) -> SentRequest | None:
        """What an endpoint has got, as it was sent; None: it is not kept, or not any more."""
        table = tables.sent_requests
        with self._database.read() as connection:
            found = connection.execute(select(table.c.request).where(table.c.key == key)).scalar()
        return None if found is None else read_stored(SentRequest, found)

    def of_case(self, case_id: str) -> list[Delivery]:
        """What was sent for a case, in the order in which it began."""
        table = tables.deliveries
        wanted = select(table).where(table.c.case_id == case_id).order_by(table.c.first_at, table.c.key)
        with self._database.read() as connection:
            return [read_stored(Delivery, dict(row)) for row in connection.execute(wanted).mappings()]


def lane_of(channel: str, to: str, *, recipients_alone: bool = False) -> str:
    """What goes in the order in which it was due, within a case: all its mails, or all to one endpoint or workflow.

    Args:
        channel: the kind of action.
        to: its receivers, for people.
        recipients_alone: of mails those to these recipients only.
    """
    if channel == "email":
        return f"email to {to}" if recipients_alone else "email"
    return f"{channel} to {to}"


def _begun(connection: Connection, key: str, channel: str, to: str, at: datetime) -> dict[str, Any]:
    table = tables.deliveries
    row = {"key": key, "case_id": case_of(key), "channel": channel, "to": to, "first_at": at, **_NEW}
    if not insert_new(connection, table, [row]):
        again = {"to": to, "first_at": at, **_NEW, **_OUT_OF_TURN}
        failed = (table.c.key == key, table.c.status == "failed")
        connection.execute(update(table).where(*failed).values(again))
    return dict(connection.execute(select(table).where(table.c.key == key)).mappings().one())


def _earlier(connection: Connection, delivery: Delivery, due_at: datetime, lane: str) -> list[Earlier]:
    """What of the same lane was due earlier, and is being tried."""
    table = tables.deliveries
    lanes = {lane, lane_of(delivery.channel, delivery.to, recipients_alone=True)}
    same = (table.c.case_id == delivery.case_id, table.c.status == "waits", table.c.lane.in_(lanes))
    wanted = select(table.c.key, table.c.tried_until).where(*same, table.c.due_at < due_at)
    return [read_stored(Earlier, dict(row)) for row in connection.execute(wanted).mappings()]


def _not_begun(connection: Connection, delivery: Delivery, due_at: datetime) -> list[Earlier]:
    """What of the same kind was ordered and due earlier, and of which nobody has begun anything."""
    acts, fired, table = tables.actions, tables.triggers, tables.deliveries
    joined = acts.join(fired, fired.c.key == acts.c.trigger_key).outerjoin(table, table.c.key == acts.c.key)
    same = [acts.c.case_id == delivery.case_id, acts.c.action["do"].as_string() == delivery.channel]
    if delivery.channel == "outbound_message":
        same.append(acts.c.action["endpoint"].as_string() == delivery.to)
    new = (acts.c.status == "ordered", fired.c.due_at < due_at, table.c.key.is_(None))
    found = connection.execute(select(acts.c.key).select_from(joined).where(*same, *new)).scalars()
    return [Earlier(key=key, tried_until=None) for key in found]


def _keep(connection: Connection, key: str, request: SentRequest, at: datetime) -> None:
    row = {"key": key, "case_id": case_of(key), "endpoint": request.endpoint, "request": request.model_dump()}
    insert_new(connection, tables.sent_requests, [{**row, "written_at": at}])
