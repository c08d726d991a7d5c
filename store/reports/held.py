"""Who held milestone instances for how long: what is on record of them, and what has passed since."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, and_, case, func, text, true

from domain.reports.asking import ReportAsked
from domain.reports.holding import HoldingTally
from store import tables
from store.reports.clocks import AT_ONCE, Clocks
from store.reports.selecting import Group, Subject, cells, chunks

_MEASURES, _HOLDINGS = tables.measures.c, tables.holdings.c
_PROMISE = _MEASURES.promise == true()

_ROOM = text("SET LOCAL work_mem = '64MB'")
"""With less PostgreSQL sorts all instances on disk, for it cannot know how few groups they come to."""

Holdings = dict[Group, HoldingTally]
"""What was counted, by group."""


def holdings(connection: Connection, asked: ReportAsked, holder: str) -> Holdings:
    """Count for how long the values of a field held instances.

    Where the field of a case ever changed, its time is divided already; where it never did, one value held it all. What
    was folded before it changed was held by the value that it had until then, which is written with the change.
    """
    found: Holdings = {}
    if connection.dialect.name == "postgresql":
        connection.execute(_ROOM)
    divided = _divided(holder)
    whole = Subject(tables.measures, _MEASURES.target_at, lambda source: _joined(source, holder, outer=True))
    is_whole = (_PROMISE, _HOLDINGS.case_id.is_(None))
    held, last = _HOLDINGS.open_seconds, _HOLDINGS.is_last
    _add(found, connection, asked, divided, seconds=held, is_last=last, where=(_PROMISE,))
    ran = func.coalesce(_MEASURES.actual_seconds, 0)
    _add(found, connection, asked, whole, seconds=ran, is_last=None, where=is_whole)
    _grow(found, connection, asked, divided, (_PROMISE, _HOLDINGS.is_last == true()))
    _grow(found, connection, asked, whole, is_whole)
    return found


def _divided(holder: str) -> Subject:
    names = {holder: _HOLDINGS.value}
    return Subject(tables.measures, _MEASURES.target_at, lambda source: _joined(source, holder, outer=False), names)


def _joined(source: FromClause, holder: str, *, outer: bool) -> FromClause:
    same = (_HOLDINGS[name] == _MEASURES[name] for name in ("case_id", "process", "milestone", "occurrence"))
    return source.join(tables.holdings, and_(*same, _HOLDINGS.field == holder), isouter=outer)


def _add(
    found: Holdings,
    connection: Connection,
    asked: ReportAsked,
    subject: Subject,
    *,
    seconds: ColumnElement[Any],
    is_last: ColumnElement[Any] | None,
    where: tuple[ColumnElement[bool], ...],
) -> None:
    span = _MEASURES.span_seconds
    sums = [
        func.count(),
        func.count() if is_last is None else func.sum(case((is_last, 1), else_=0)),
        func.sum(seconds),
        func.sum(case((span.is_not(None), seconds), else_=0)),
        func.sum(func.coalesce(span, 0)),
    ]
    for group, _, (many, ended, held, of_span, spans) in cells(connection, asked, subject, [], *where, sums=sums):
        if many:
            tally = found.setdefault(group, HoldingTally())
            tally.add(held=many, ended=int(ended), seconds=int(held), of_span=int(of_span), spans=int(spans))


def _grow(
    found: Holdings,
    connection: Connection,
    asked: ReportAsked,
    subject: Subject,
    where: tuple[ColumnElement[bool], ...],
) -> None:
    """Add what has passed since instances that run were recorded."""
    clocks = Clocks(connection)
    figures = [_MEASURES[name] for name in ("case_id", "business_hours", "measured_at", "start_at", "span_seconds")]
    for some in chunks(cells(connection, asked, subject, figures, *where, _MEASURES.runs.is_(True)), AT_ONCE):
        clocks.know(case_id for _, (case_id, *_), _ in some)
        for group, (case_id, hours, measured_at, start_at, span), (many,) in some:
            grown = many * clocks.elapsed(case_id, hours, max(measured_at, start_at), asked.now)
            found[group].add(seconds=grown, of_span=0 if span is None else grown)
