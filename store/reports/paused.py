"""Pauses, counted: by cause and by person, with those that began close to a target or after it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, case, func, true

from domain.reports.asking import ReportAsked
from domain.reports.pausing import PauseTally
from store import tables
from store.reports.clocks import AT_ONCE, Clocks
from store.reports.selecting import Group, Subject, cells, chunks

_PAUSES = tables.pauses.c
_MEASURES = tables.measures.c
_NAMES = {"cause": _PAUSES.cause, "person": _PAUSES.by}
_SAME = and_(*(_MEASURES[name] == _PAUSES[name] for name in ("case_id", "process", "milestone", "occurrence")))
PAUSES = Subject(tables.pauses, _PAUSES.from_at, names=_NAMES)
GROWING = Subject(tables.pauses, _PAUSES.from_at, lambda source: source.join(tables.measures, _SAME), _NAMES)

Pauses = dict[Group, PauseTally]
"""What was counted, by group."""


def pauses(connection: Connection, asked: ReportAsked) -> Pauses:
    """Count the pauses that are asked for; those that go on are as long as they are by now."""
    found: Pauses = {}
    close = _PAUSES.left_seconds.between(0, 60 * asked.minutes)
    sums: list[Any] = [
        func.count(),
        func.sum(_PAUSES.open_seconds),
        func.sum(case((close, 1), else_=0)),
        func.sum(case((_PAUSES.left_seconds < 0, 1), else_=0)),
    ]
    for group, _, (many, seconds, near, after) in cells(connection, asked, PAUSES, [], sums=sums):
        tally = found.setdefault(group, PauseTally())
        tally.add(many=many or 0, open_seconds=seconds or 0, close=near or 0, after=after or 0)
    clocks = Clocks(connection)
    running = [_PAUSES.case_id, _PAUSES.business_hours, _PAUSES.from_at, _MEASURES.measured_at]
    for some in chunks(cells(connection, asked, GROWING, running, _PAUSES.goes_on == true()), AT_ONCE):
        clocks.know(case_id for _, (case_id, *_), _ in some)
        for group, (case_id, hours, since, measured_at), (many,) in some:
            grown = clocks.elapsed(case_id, hours, max(since, measured_at), asked.now)
            found[group].add(open_seconds=many * grown)
    return found
