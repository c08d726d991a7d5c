"""The events of entitlements, written in the transaction of the rows of the ledger that they are.

Rows of one entitlement are recorded side by side, and come in any order. What comes too early waits in the ledger: the
transaction that brings the missing row writes the events of all that follow it as well. What became of an action has
the next number of all; the rows that come after it go on behind it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, func, select

from domain.feed.envelope import Draft
from domain.feed.usage import CountedEntitlement, UsageOutcome, outcome_event, row_event, snapshot, subject_of
from domain.usage.effects import UsageRecords
from domain.usage.rows import LedgerRow
from store import tables
from store.events import lock_events, put_events
from store.reading import read_stored

_EVENTS, _LEDGER = tables.events.c, tables.ledger.c


class _Known(NamedTuple):
    """How far the events of a count have come.

    Attributes:
        offset: the events of the counts before it.
        row: the last of its rows that is an event; 0: none.
        is_over: another count has begun since.
    """

    offset: int
    row: int
    is_over: bool


def rows_before_feed(connection: Connection, news: UsageRecords) -> int:
    """The last row of a count that was stored before its first event; 0 if there is none, or no row."""
    if _known(connection, news).row:
        return 0
    numbers = select(func.min(_LEDGER.number).label("first"), func.max(_LEDGER.number).label("last"))
    found = connection.execute(numbers.where(*_of_count(news))).one()
    # A row that came too early waits for the first: only a count from before the feed has that one and no event.
    return int(found.last) if found.first == 1 else 0


def put_usage_events(connection: Connection, news: UsageRecords, *, before_feed: int) -> None:
    """Write the events of all rows of a count that have come, up to the first that is missing.

    Args:
        connection: of the transaction that has stored the rows; it writes nothing else afterwards.
        news: names the count.
        before_feed: the last row from before the feed, for which a snapshot stands.
    """
    lock_events(connection)  # whoever else records rows of this entitlement waits here
    known = _known(connection, news)
    if known.is_over:
        return
    whose = CountedEntitlement(entitlement=news.entitlement_id, account=news.account, unit=news.unit)
    drafts: list[Draft] = []
    after = known.row
    if not after and before_feed:
        (row,) = _rows(connection, news, before_feed, before_feed)
        drafts.append(snapshot(whose, row, offset=known.offset))
        after = before_feed
    for number, row in enumerate(_rows(connection, news, after + 1), after + 1):
        if row.number != number:
            break
        drafts.append(row_event(whose, row, offset=known.offset))
    if drafts:
        put_events(connection, drafts, run_id=news.count)


def put_outcome_event(connection: Connection, outcome: UsageOutcome) -> None:
    """Write the event of what became of an action of an entitlement, behind all that it has.

    Args:
        connection: of the transaction that has stored the outcome, under `lock_events`; it writes nothing else
            afterwards.
        outcome: one that is not stored already.
    """
    newest = connection.execute(_newest(outcome.entitlement)).first()
    sequence, row, run_id = (0, 0, "") if newest is None else (newest.sequence, newest.data["row"], newest.run_id)
    put_events(connection, [outcome_event(outcome, row=row, sequence=sequence + 1)], run_id=run_id)


def _newest(entitlement: str) -> Select[Any]:
    return _of(entitlement).order_by(_EVENTS.sequence.desc()).limit(1)


def _of(entitlement: str) -> Select[Any]:
    """The events of an entitlement."""
    wanted = select(_EVENTS.sequence, _EVENTS.run_id, _EVENTS.data)
    return wanted.where(_EVENTS.subject == subject_of(entitlement), _EVENTS.superseded.is_(False))


def _known(connection: Connection, news: UsageRecords) -> _Known:
    newest = connection.execute(_newest(news.entitlement_id)).first()
    if newest is None:
        return _Known(0, 0, is_over=False)
    if newest.run_id == news.count:
        row = newest.data["row"]
        return _Known(newest.sequence - row, row, is_over=False)
    earlier = _of(news.entitlement_id).where(_EVENTS.run_id == news.count).limit(1)
    return _Known(newest.sequence, 0, is_over=connection.execute(earlier).first() is not None)


def _rows(connection: Connection, news: UsageRecords, first: int, last: int | None = None) -> list[LedgerRow]:
    wanted = select(*(_LEDGER[name] for name in LedgerRow.model_fields)).where(*_of_count(news))
    wanted = wanted.where(_LEDGER.number >= first)
    if last is not None:
        wanted = wanted.where(_LEDGER.number <= last)
    found = connection.execute(wanted.order_by(_LEDGER.number)).mappings()
    return [read_stored(LedgerRow, dict(row)) for row in found]


def _of_count(news: UsageRecords) -> tuple[ColumnElement[bool], ...]:
    return (_LEDGER.entitlement == news.entitlement_id, _LEDGER["count"] == news.count)
