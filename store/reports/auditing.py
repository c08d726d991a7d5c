"""Holding cases against the reports and the feed: a page of cases at a time, read and never written to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from domain.feed.cases import subject_of
from domain.messages.case_state import CaseState
from domain.reports.agreeing import Place, disagreements, outcome_by
from domain.reports.compliance import Outcome
from domain.reports.retelling import retold
from domain.timeline.views import CaseView, MilestoneView
from store import tables
from store.database import Database
from store.errors import StoreError
from store.reading import read_stored

_AT_ONCE = 100


class AuditedReports(NamedTuple):
    """What an audit of a case's reports came to.

    Attributes:
        instances: of milestones that it has.
        discrepancies: a line each; none if all agrees.
    """

    case_id: str
    instances: int
    discrepancies: list[str]


def audit_reports(database: Database) -> Iterator[AuditedReports]:
    """Hold every case against the rows that reports are made from, and against its events."""
    after = ""
    while True:
        with database.read() as connection:
            table = tables.cases.c
            wanted = select(table.case_id, table.view, table.carried).where(table.case_id > after)
            found = connection.execute(wanted.order_by(table.case_id).limit(_AT_ONCE)).all()
            yield from [_audited(connection, row) for row in found]
        if len(found) < _AT_ONCE:
            return
        after = found[-1].case_id


def _audited(connection: Connection, row: Any) -> AuditedReports:
    try:
        recorded, carried = read_stored(CaseView, row.view), read_stored(CaseState, row.carried)
    except StoreError as error:
        return AuditedReports(row.case_id, 0, [str(error)])
    counted = _counted(connection, recorded)
    events = tables.events.c
    wanted = select(events.type, events.data).where(
        events.subject == subject_of(row.case_id), events.superseded.is_(False)
    )
    told = retold((event.type, event.data) for event in connection.execute(wanted.order_by(events.sequence)))
    kept = {(view.process, view.milestone, view.occurrence) for view in recorded.milestones}
    folded = [view for view in _views(connection, row.case_id) if _place(view) not in kept]
    found = list(disagreements(recorded, carried, counted, told, folded=folded))
    return AuditedReports(row.case_id, len(counted), found)


def _place(view: MilestoneView) -> tuple[str, str, int]:
    return view.process, view.milestone, view.occurrence


def _views(connection: Connection, case_id: str) -> Iterator[MilestoneView]:
    table = tables.milestones.c
    for view in connection.execute(select(table.view).where(table.case_id == case_id)).scalars():
        yield read_stored(MilestoneView, view)


def _counted(connection: Connection, recorded: CaseView) -> dict[Place, Outcome]:
    """The outcomes that reports count at the instant of the record."""
    table = tables.measures.c
    wanted = select(table.process, table.milestone, table.occurrence, table.outcome, table.violated_after)
    found = connection.execute(wanted.where(table.case_id == recorded.case_id))
    return {
        (row.process, row.milestone, row.occurrence): outcome_by(Outcome(row.outcome), row.violated_after, recorded.now)
        for row in found
    }
