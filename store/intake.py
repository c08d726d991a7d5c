"""What other systems sent: each delivery once, with what came of it, and what is known of each case by their clocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field
from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, or_, select, update

from domain.catalog.intake import IntakeSource
from domain.errors import NotFound, Refused
from domain.ids import case_id_of
from domain.intake.news import Place
from domain.intake.planning import Known
from domain.model import Value
from store import tables
from store.catalog.reading import StoredCatalog
from store.database import Database, insert
from store.reading import read_stored

DeliveryStatus = Literal["waits", "taken", "ignored", "dead", "dropped"]

NO_CASE = "no_case"
"""The code of a delivery for a case that there is not: it holds nothing up, and is tried again once there is one."""

MOST_AT_ONCE = 1000
"""Deliveries of one list."""

MOST_RETRIES_NAMED = 20
"""Of a delivery: who had it tried again, the newest."""

_TABLE, _CASES = tables.intake_deliveries, tables.intake_cases
_AGAIN: dict[str, Any] = {"status": "waits", "code": "", "reason": ""}
_WITH_LINES = update(_TABLE).where(_TABLE.c.number == bindparam("of")).values(did=bindparam("lines"))


class Delivery(Value):
    """What a source sent, once.

    Attributes:
        number: in the order in which they came.
        delivery: its id, as the source gives it.
        payload: JSON, as it came.
        headers: of the request, by their names in small letters; without secrets.
        case_id, external_id, occurred_at: where it belongs, as soon as that is known.
        status: it `waits`, was `taken`, does not concern us (`ignored`), is a `dead` letter, or was `dropped` by hand.
        code: of the reason.
        reason: why it waits, or is dead.
        did: who had it tried again, then what was done, and what was left out, a line each.
        retries: how many times somebody had it tried again.
        tried_at: when that was tried last.
        settled_at: since when it is as it is.
    """

    number: int
    source: str
    delivery: str
    received_at: AwareDatetime
    payload: str
    headers: dict[str, str]
    case_id: str | None = None
    external_id: str | None = None
    occurred_at: AwareDatetime | None = None
    status: DeliveryStatus = "waits"
    code: str = ""
    reason: str = ""
    did: list[str] = Field(default_factory=list)
    retries: int = 0
    tried_at: AwareDatetime | None = None
    settled_at: AwareDatetime | None = None


class Intake:
    """The deliveries of a store. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def source(self, name: str) -> IntakeSource:
        """A source as it is declared now.

        Raises:
            NotFound: there is none, or it is retired.
        """
        with self._database.read() as connection:
            found = StoredCatalog(connection).get(IntakeSource, name)
        if found.retired:
            raise NotFound(f"the intake source {name!r} is retired")
        return found

    def receive(
        self, source: str, delivery: str, payload: str, headers: Mapping[str, str], at: datetime
    ) -> tuple[Delivery, bool]:
        """Keep a delivery, unless it was kept before.

        Returns:
            It as it stands, and whether it is new.
        """
        row: dict[str, Any] = {"source": source, "delivery": delivery, "received_at": at, "payload": payload}
        row |= {"headers": dict(headers), "status": "waits", "code": "", "reason": "", "did": [], "retries": 0}
        with self._database.write() as connection:
            new = insert(connection, _TABLE).values(row).on_conflict_do_nothing().returning(_TABLE.c.number)
            is_new = connection.execute(new).first() is not None
            same = select(_TABLE).where(_TABLE.c.source == source, _TABLE.c.delivery == delivery)
            return _delivery(connection.execute(same).mappings().one()), is_new

    def get(self, number: int) -> Delivery:
        """One delivery.

        Raises:
            NotFound: there is none of that number.
        """
        with self._database.read() as connection:
            return _get(connection, number)

    def listed(
        self,
        *,
        statuses: Sequence[DeliveryStatus] = ("dead", "waits"),
        source: str | None = None,
        case_id: str | None = None,
        after: int = 0,
        limit: int = MOST_AT_ONCE,
    ) -> list[Delivery]:
        """Deliveries in the order in which they came.

        Args:
            statuses: of these.
            source: of this one; None: of all.
            case_id: of this case; None: of all, and of none.
            after: that came after the one of this number.
            limit: at most so many.
        """
        wanted = select(_TABLE).where(_TABLE.c.status.in_(statuses), _TABLE.c.number > after)
        if source is not None:
            wanted = wanted.where(_TABLE.c.source == source)
        if case_id is not None:
            wanted = wanted.where(_TABLE.c.case_id == case_id)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(_TABLE.c.number).limit(limit)).mappings().all()
        return [_delivery(row) for row in rows]

    def put_in_place(self, number: int, place: Place) -> None:
        """Note where a delivery belongs."""
        found = {"case_id": place.case_id, "external_id": place.external_id, "occurred_at": place.occurred_at}
        with self._database.write() as connection:
            connection.execute(update(_TABLE).where(_TABLE.c.number == number).values(found))

    def put_with_case(self, number: int, foreign: str | None) -> None:
        """Note of which case a delivery is, where it is not known when it happened.

        Args:
            number: which.
            foreign: the case, by its source's id; None: that is not known either.
        """
        case_id = None if foreign is None else case_id_of(foreign)
        found = {"case_id": case_id, "external_id": foreign, "occurred_at": None}
        with self._database.write() as connection:
            connection.execute(update(_TABLE).where(_TABLE.c.number == number).values(found))

    def next_of(self, case_id: str) -> Iterator[Delivery]:
        """The deliveries of a case that are to be taken, by the source's time; of one source up to a dead one.

        What holds: a dead letter of a source that is set to `hold` holds up what that source sent of the case later. Of
        one that does not say when it happened that is whatever came after it. One that is tried again and has no place
        yet holds up all that its source sent of the case: it may lie before any of it.
        """
        in_order = (_TABLE.c.occurred_at, _TABLE.c.number)
        of_case = select(_TABLE).where(_TABLE.c.case_id == case_id, _TABLE.c.status.in_(("waits", "dead")))
        with self._database.read() as connection:
            stored = StoredCatalog(connection)
            found = [_delivery(row) for row in connection.execute(of_case.order_by(*in_order)).mappings()]
            holding = {name for name in {one.source for one in found} if _holds(stored, name)}
        dead = [one for one in found if one.status == "dead" and one.source in holding and one.code != NO_CASE]
        undated: dict[str, int] = {}
        for one in dead:
            if one.occurred_at is None:
                undated[one.source] = min(one.number, undated.get(one.source, one.number))
        holds = {one.number for one in dead if one.occurred_at is not None}
        held = {one.source for one in found if one.status == "waits" and one.occurred_at is None}
        for one in found:
            if one.number in holds:
                held.add(one.source)
            elif one.status == "waits" and one.source not in held and one.number <= undated.get(one.source, one.number):
                yield one

    def known(self, case_id: str) -> Known:
        """As of when what is known of a case is."""
        with self._database.read() as connection:
            found = connection.execute(select(_CASES.c.known).where(_CASES.c.case_id == case_id)).scalar()
        return Known() if found is None else read_stored(Known, found)

    def settle(
        self,
        number: int,
        status: DeliveryStatus,
        at: datetime,
        *,
        code: str = "",
        reason: str = "",
        did: Sequence[str] = (),
        known: tuple[str, Known] | None = None,
    ) -> None:
        """Note what came of a delivery, unless somebody dropped it meanwhile.

        Those that came before there was the case wait again, once something was told to it.

        Args:
            number: which.
            status: as it is now.
            at: now.
            code: of the reason.
            reason: why it is so.
            did: what was done, a line each.
            known: what is known by now of which case.
        """
        now: dict[str, Any] = {"status": status, "code": code, "reason": reason, "tried_at": at, "settled_at": at}
        with self._database.write() as connection:
            one = (_TABLE.c.number == number, _TABLE.c.status == "waits")
            before = connection.execute(select(_TABLE.c.did).where(*one)).first()
            if before is None:
                return
            now["did"] = [*before.did, *did]  # before it was settled there are those alone who had it tried again
            if connection.execute(update(_TABLE).where(*one).values(now).returning(_TABLE.c.number)).first() is None:
                return
            if known is not None:
                case_id, document = known
                row = {"case_id": case_id, "known": document.model_dump(mode="json")}
                statement = insert(connection, _CASES).values(row)
                connection.execute(statement.on_conflict_do_update(index_elements=[_CASES.c.case_id], set_=row))
                early = (_TABLE.c.case_id == case_id, _TABLE.c.status == "dead", _TABLE.c.code == NO_CASE)
                connection.execute(update(_TABLE).where(*early).values(_AGAIN))

    def note_trouble(self, number: int, reason: str, at: datetime) -> None:
        """Note why a delivery still waits."""
        one = (_TABLE.c.number == number, _TABLE.c.status == "waits")
        with self._database.write() as connection:
            connection.execute(update(_TABLE).where(*one).values({"reason": reason, "tried_at": at}))

    def retry(self, numbers: Sequence[int] | None = None, *, by: str, source: str | None = None) -> list[Delivery]:
        """Have dead letters tried again, in the order in which they came.

        Args:
            numbers: these; None: all.
            by: who does; each says so from then on.
            source: of this source; None: of all.

        Raises:
            NotFound: there is no delivery of one of the numbers.
            Refused: one of them is no dead letter.
        """
        dead: ColumnElement[bool] = _TABLE.c.status == "dead"
        if source is not None:
            dead = and_(dead, _TABLE.c.source == source)
        with self._database.write() as connection:
            for number in numbers or ():
                _check_dead(_get(connection, number))
            if numbers is not None:
                dead = and_(dead, _TABLE.c.number.in_(numbers))
            # Until it has its place anew, what its source sent of the case that it was of waits for it.
            again = {**_AGAIN, "retries": _TABLE.c.retries + 1, "occurred_at": None, "tried_at": None}
            rows = connection.execute(update(_TABLE).where(dead).values(again).returning(_TABLE)).mappings().all()
            found = sorted((_tried_by(by, _delivery(row)) for row in rows), key=lambda one: one.number)
            if found:
                connection.execute(_WITH_LINES, [{"of": one.number, "lines": one.did} for one in found])
        return found

    def drop(self, number: int, *, by: str, at: datetime) -> Delivery:
        """Give a dead letter up for good: it holds nothing up any more.

        Raises:
            NotFound: there is no delivery of that number.
            Refused: it is no dead letter.
        """
        with self._database.write() as connection:
            before = _get(connection, number)
            _check_dead(before)
            dropped = {"status": "dropped", "reason": f"dropped by {by}: {before.reason}", "settled_at": at}
            connection.execute(update(_TABLE).where(_TABLE.c.number == number).values(dropped))
            return _get(connection, number)

    def left_waiting(self, before: datetime, limit: int, *, at: datetime) -> list[Delivery]:
        """Some deliveries that wait, which count as tried by that, in the order in which they came.

        Args:
            before: they were not tried since.
            limit: at most so many: those first that never were, then those that were longest ago, so that what is held
                up keeps nothing else from its turn.
            at: now.
        """
        untried = or_(and_(_TABLE.c.tried_at.is_(None), _TABLE.c.received_at < before), _TABLE.c.tried_at < before)
        in_turn = (_TABLE.c.tried_at.asc().nulls_first(), _TABLE.c.number)
        wanted = select(_TABLE).where(_TABLE.c.status == "waits", untried).order_by(*in_turn).limit(limit)
        with self._database.read() as connection:
            found = [_delivery(row) for row in connection.execute(wanted).mappings()]
        if found:
            which = _TABLE.c.number.in_([one.number for one in found])
            with self._database.write() as connection:
                connection.execute(update(_TABLE).where(which).values(tried_at=at))
        return sorted(found, key=lambda one: one.number)

    def wake(self) -> int:
        """Let those wait again that came before their case, once that is on record; says how many.

        Looked at are the newest `MOST_AT_ONCE` of them, so that it costs the same however many tickets are nobody's.
        """
        row, case = _TABLE.c, tables.cases.c
        early = select(row.number, row.case_id, row.settled_at).where(row.status == "dead", row.code == NO_CASE)
        newest = early.order_by(row.number.desc()).limit(MOST_AT_ONCE).subquery()
        is_there = and_(case.case_id == newest.c.case_id, case.recorded_at > newest.c.settled_at)
        with self._database.read() as connection:
            known = connection.execute(select(newest.c.number).join(tables.cases, is_there)).scalars().all()
        if known:
            with self._database.write() as connection:
                still = (row.number.in_(known), row.status == "dead")
                connection.execute(update(_TABLE).where(*still).values(_AGAIN))
        return len(known)

    def counts(self) -> dict[str, int]:
        """How many there are of each status."""
        counted = select(_TABLE.c.status, func.count()).group_by(_TABLE.c.status)
        with self._database.read() as connection:
            return {str(status): int(many) for status, many in connection.execute(counted)}

    def prune(self, before: datetime) -> int:
        """Forget the deliveries that came before an instant and wait no more; says how many."""
        done = (_TABLE.c.status != "waits", _TABLE.c.received_at < before)
        with self._database.write() as connection:
            return len(connection.execute(_TABLE.delete().where(*done).returning(_TABLE.c.number)).all())


def _tried_by(by: str, one: Delivery) -> Delivery:
    lines = [*one.did, f"tried again by {by}"]
    return one.model_copy(update={"did": lines[-MOST_RETRIES_NAMED:]})


def _check_dead(one: Delivery) -> None:
    if one.status != "dead":
        raise Refused("no_dead_letter", f"delivery {one.number} is no dead letter: it is {one.status}")


def _get(connection: Connection, number: int) -> Delivery:
    row = connection.execute(select(_TABLE).where(_TABLE.c.number == number)).mappings().first()
    if row is None:
        raise NotFound(f"there is no delivery {number}; milepost intake list says which there are")
    return _delivery(row)


def _holds(stored: StoredCatalog, name: str) -> bool:
    try:
        return stored.get(IntakeSource, name).on_error == "hold"
    except NotFound:
        return True


def _delivery(row: Any) -> Delivery:
    return read_stored(Delivery, dict(row))
