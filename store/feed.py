"""The event feed, read by cursor. `store.events` writes it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, or_, select, update

from domain.errors import Refused
from domain.feed.case_data import subject_of
from domain.feed.envelope import FeedEvent, schema_uri
from domain.feed.redeliveries import begins_with
from store import tables
from store.events import last_of_others
from store.reading import read_stored

if TYPE_CHECKING:
    from store.database import Database

_EVENTS, _FEED = tables.events, tables.feed
_SHOWN = ("id", "type", "subject", "time", "sequence", "data")
_DIGITS = 12
_POSITIONS = range(2**63)
"""That a database can look for."""

MOST_AT_ONCE = 1000
"""Events of one page."""


class FeedPage(NamedTuple):
    """Events in the order in which they were written.

    Attributes:
        cursor: from here the next page is read.
        is_last: there is nothing more yet.
        positions: of the events, in their order.
        end: the position of the cursor.
        behind: how many events were written after it, of any kind.
        cursors: of each event, from which what comes after it is read.
    """

    events: list[FeedEvent]
    cursor: str
    is_last: bool
    positions: list[int]
    end: int
    behind: int
    cursors: list[str]


class Feed:
    """The event feed, read by cursor."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(
        self,
        after: str | None = None,
        *,
        types: Collection[str] = (),
        account: str | None = None,
        accounts: Collection[str] = (),
        subject: str | None = None,
        marks_gaps: bool = False,
        limit: int = MOST_AT_ONCE,
    ) -> FeedPage:
        """What was written after a cursor.

        Args:
            after: the cursor of the page before; None: from the oldest event that is kept.
            types: of these types only; one that ends with ``*`` stands for all that begin so.
            account: of this account only.
            accounts: of one of these accounts only; none named: of all.
            subject: of this subject only, such as ``case/4711``; of a case with what was delivered again of it.
            marks_gaps: an event says which one it follows, where what lies between is of none of `accounts`.
            limit: at most so many.

        Raises:
            Refused: it is no cursor of this feed, or what comes after it is not kept any more.
        """
        table = _EVENTS.c
        with self._database.read() as connection:
            feed = connection.execute(select(_FEED)).one()
            begin = feed.pruned if after is None else _position(connection, feed, after)
            wanted = _after(begin, types, accounts)
            if account is not None:
                wanted = wanted.where(table.account == account)
            if subject is not None:
                wanted = wanted.where(_is_about(subject))
            rows = connection.execute(wanted.order_by(table.position).limit(limit)).mappings().all()
            is_last = len(rows) < limit
            end = feed.last if is_last else rows[-1]["position"]
            cursor = _cursor(connection, feed, end)
            follows = _followed(connection, rows, accounts) if marks_gaps else {}
        positions = [row["position"] for row in rows]
        events = [_event(row, feed.source, follows=follows.get(row["position"])) for row in rows]
        cursors = [_cursor_at(feed, row["position"], row["id"]) for row in rows]
        return FeedPage(events, cursor, is_last, positions, end, feed.last - end, cursors)

    def rest_of(
        self,
        subject: str,
        *,
        after: int,
        until: int,
        types: Collection[str] = (),
        accounts: Collection[str] = (),
        limit: int = MOST_AT_ONCE,
    ) -> list[tuple[int, FeedEvent]]:
        """The events of one subject between two positions, each with its own, in order.

        Args:
            subject: such as ``case/4711``.
            after: the position before the first.
            until: the last position.
            types: as in `read`.
            accounts: as in `read`.
            limit: at most so many.
        """
        table = _EVENTS.c
        wanted = _after(after, types, accounts).where(table.subject == subject, table.position <= until)
        with self._database.read() as connection:
            source = connection.execute(select(_FEED.c.source)).scalar_one()
            rows = connection.execute(wanted.order_by(table.position).limit(limit)).mappings().all()
        return [(row["position"], _event(row, source)) for row in rows]

    def source(self) -> str:
        """Names the installation, and with it the store: that of every event."""
        with self._database.read() as connection:
            return str(connection.execute(select(_FEED.c.source)).scalar_one())

    def end(self) -> str:
        """The cursor of the end: what is written from now on comes after it."""
        with self._database.read() as connection:
            feed = connection.execute(select(_FEED)).one()
            return _cursor(connection, feed, feed.last)

    def last(self) -> int:
        """The last position that was handed out."""
        with self._database.read() as connection:
            return int(connection.execute(select(_FEED.c.last)).scalar_one())

    def position(self, cursor: str | None) -> int:
        """The position of a cursor; None: the one before the oldest event that is kept.

        Raises:
            Refused: it is no cursor of this feed, or what comes after it is not kept any more.
        """
        with self._database.read() as connection:
            feed = connection.execute(select(_FEED)).one()
            return int(feed.pruned) if cursor is None else _position(connection, feed, cursor)

    def at(self, position: int) -> FeedEvent | None:
        """The event at a position; None: it is not kept any more, or was superseded."""
        wanted = _after(position - 1, (), ()).where(_EVENTS.c.position == position)
        with self._database.read() as connection:
            source = connection.execute(select(_FEED.c.source)).scalar_one()
            row = connection.execute(wanted).mappings().first()
        return None if row is None else _event(row, source)

    def last_before(self, case_id: str, run_id: str) -> int:
        """The number of the last event of a case that another run of its workflow has written; 0: there is none."""
        with self._database.read() as connection:
            return last_of_others(connection, subject_of(case_id), run_id)

    def prune(self, before: datetime, still_to_send: Mapping[str, int] | None = None) -> int:
        """Forget events that were written before an instant. Says how many; of each subject the number stays known.

        Args:
            before: the instant.
            still_to_send: of the subjects of which subscriptions still have to send something the position up to which
                that is done: what comes after it stays, and goes once it was sent.
        """
        behind = still_to_send or {}
        table = _EVENTS.c
        with self._database.write() as connection:
            kept = connection.execute(select(func.min(table.position)).where(table.recorded_at >= before)).scalar()
            feed = connection.execute(select(_FEED)).one()
            until = feed.last if kept is None else kept - 1
            if until <= feed.pruned:
                return 0
            newest = select(func.max(table.position)).where(table.superseded.is_(False)).group_by(table.subject)
            old = and_(table.position <= until, table.position.not_in(newest))
            which: list[ColumnElement[bool]] = [table.subject.not_in(behind)]
            which += [and_(table.subject == subject, table.position <= done) for subject, done in behind.items()]
            gone = sum(connection.execute(delete(_EVENTS).where(old, one)).rowcount for one in which)
            connection.execute(update(_FEED).values(pruned=until))
        return gone


def _event(row: Any, source: str, *, follows: int | None = None) -> FeedEvent:
    kept = {name: row[name] for name in _SHOWN}
    also = {"source": source, "dataschema": schema_uri(row["type"]), "recordedtime": row["recorded_at"]}
    return read_stored(FeedEvent, kept | also | {"follows": follows})


def _after(position: int, types: Collection[str], accounts: Collection[str]) -> Select[Any]:
    """What stands of the events after a position, of these types and accounts; none named: of all."""
    table = _EVENTS.c
    wanted = select(*(table[name] for name in _SHOWN), table.position, table.recorded_at)
    wanted = wanted.where(table.position > position, table.superseded.is_(False))
    if types:
        wanted = wanted.where(or_(*(_is_of(name) for name in types)))
    if accounts:
        wanted = wanted.where(table.account.in_(accounts))
    return wanted


def _followed(connection: Connection, rows: Sequence[Any], accounts: Collection[str]) -> dict[int, int]:
    """Of each event that does not follow the one right before it the number that it follows, by its position.

    It is the newest of its subject before it that is of one of some accounts, whatever else is asked for; 0: none is.
    """
    here = {(row["subject"], row["sequence"]) for row in rows} | {(row["subject"], 0) for row in rows}
    asked = [row["position"] for row in rows if (row["subject"], row["sequence"] - 1) not in here]
    if not asked:
        return {}
    found = connection.execute(_newest_before(asked, accounts))
    return {row.position: row.newest for row in found if row.newest != row.sequence - 1}


def _newest_before(positions: Collection[int], accounts: Collection[str]) -> Select[Any]:
    """Of the events at some positions the number of the newest before each, of its subject and of these accounts."""
    table, earlier = _EVENTS.c, _EVENTS.alias("earlier")
    newest = select(func.max(earlier.c.sequence)).where(
        earlier.c.subject == table.subject,
        earlier.c.sequence < table.sequence,
        earlier.c.superseded.is_(False),
        earlier.c.account.in_(accounts),
    )
    number = func.coalesce(newest.correlate(_EVENTS).scalar_subquery(), 0).label("newest")
    return select(table.position, table.sequence, number).where(table.position.in_(positions))


def _is_of(name: str) -> Any:
    column = _EVENTS.c.type
    return column.startswith(name[:-1], autoescape=True) if name.endswith("*") else column == name


def _is_about(subject: str) -> ColumnElement[bool]:
    own = _EVENTS.c.subject == subject
    kind, _, name = subject.partition("/")
    return or_(own, _EVENTS.c.subject.startswith(begins_with(name), autoescape=True)) if kind == "case" else own


# --- cursors ---


def _cursor(connection: Connection, feed: Any, position: int) -> str:
    return _cursor_at(feed, position, _id_at(connection, position))


def _cursor_at(feed: Any, position: int, event_id: str) -> str:
    """A cursor: the feed, a position, and the event there, by which a feed that was restored is told from this one."""
    said = [_digits_of(feed.source), position, event_id[-_DIGITS:]]
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")


def _position(connection: Connection, feed: Any, cursor: str) -> int:
    try:
        source, position, event_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if type(position) is not int or position not in _POSITIONS or not isinstance(event_id, str):
            raise ValueError
    except (ValueError, TypeError, binascii.Error, UnicodeDecodeError, RecursionError):
        raise Refused("bad_cursor", "this is no cursor of an event feed; take one as it was given") from None
    if source != _digits_of(feed.source):
        raise Refused("cursor_of_another_feed", "the cursor is of the event feed of another installation")
    if position < feed.pruned:
        why = "the cursor is older than what is kept: events after it were forgotten. Read from the beginning"
        raise Refused("cursor_too_old", f"{why}, and take how things stand from there")
    is_known = position == feed.pruned or _id_at(connection, position)[-_DIGITS:] == event_id
    if position > feed.last or not is_known:
        why = "the cursor is from before a restore: the events that it has seen are not in the feed any more"
        raise Refused("cursor_before_restore", f"{why}. Read from the beginning; who knows an event's id has seen it")
    return position


def _digits_of(source: str) -> str:
    return source[-_DIGITS:]


def _id_at(connection: Connection, position: int) -> str:
    return connection.execute(select(_EVENTS.c.id).where(_EVENTS.c.position == position)).scalar() or ""
