"""Holding cases against the reports and the feed: a page of cases at a time, read and never written to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from domain.feed.case_data import subject_of
from domain.messages.case_state import CaseState
from domain.reports.agreeing import disagreements, outcome_by
from domain.reports.comparing import said
from domain.reports.compliance import Outcome
from domain.reports.retelling import Place, Retold, retold
from domain.timeline.machine import Timeline
from domain.timeline.views import CaseView, MilestoneView
from store import tables
from store.database import Database
from store.errors import StoreError
from store.reading import read_stored
from store.reports.anew import row_differences
from store.reports.listed_anew import listed_differences
from store.reports.rows import Row
from store.reports.stored import StoredPage, StoredRows

_AT_ONCE = 100
_CASES = tables.cases.c
_SHOWN = (
    _CASES.case_id,
    _CASES.view,
    _CASES.carried,
    _CASES.fields,
    _CASES.account,
    _CASES.entitlement,
    _CASES.process,
    _CASES.channel,
)


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
            wanted = select(*_SHOWN).where(_CASES.case_id > after).order_by(_CASES.case_id).limit(_AT_ONCE)
            found = connection.execute(wanted).all()
            if found:
                page = StoredPage(connection, after, found[-1].case_id)
                yield from [_audited(connection, row, page.of(row.case_id)) for row in found]
        if len(found) < _AT_ONCE:
            return
        after = found[-1].case_id


def _audited(connection: Connection, row: Any, stored: StoredRows) -> AuditedReports:
    try:
        recorded, carried = read_stored(CaseView, row.view), read_stored(CaseState, row.carried)
        kept = {(one.process, one.milestone, one.occurrence) for one in carried.state.instances}
        views = {_place_of(each): read_stored(MilestoneView, each["view"]) for each in stored.milestones}
    except StoreError as error:
        return AuditedReports(row.case_id, 0, [str(error)])
    folded = [
        views[place] for each in stored.milestones if each["is_folded"] and (place := _place_of(each)) not in kept
    ]
    worked_out = Timeline(carried.plan, carried.state).view(recorded.now)
    counted = _counted(stored.measures, recorded)
    told = _told(connection, row.case_id)
    found = [
        *disagreements(recorded, worked_out, counted, told, folded=folded, changes=stored.changes),
        *_of_case(row, carried, worked_out),
        *row_differences(connection, carried, worked_out, stored, folded),
        *listed_differences(worked_out, stored.milestones, views, folded),
    ]
    return AuditedReports(row.case_id, len(counted), found)


def _told(connection: Connection, case_id: str) -> Retold | None:
    events = tables.events.c
    which = (events.subject == subject_of(case_id), events.superseded.is_(False))
    wanted = select(events.type, events.time, events.data).where(*which).order_by(events.sequence)
    return retold((event.type, event.time, event.data) for event in connection.execute(wanted))


def _counted(measures: Sequence[Row], recorded: CaseView) -> dict[Place, Outcome]:
    """The outcomes that reports count at the instant of the record."""
    return {
        _place_of(row): outcome_by(Outcome(row["outcome"]), row["violated_after"], recorded.now) for row in measures
    }


def _place_of(row: Row) -> Place:
    return row["process"], row["milestone"], row["occurrence"]


def _of_case(row: Any, carried: CaseState, worked_out: CaseView) -> Iterator[str]:
    """What groups and filters say of a case."""
    for name, stored, expected in (
        ("fields are", row.fields, carried.state.fields),
        ("account is", row.account, carried.account),
        ("entitlement is", row.entitlement, carried.entitlement),
        ("process is", row.process, worked_out.process),
        ("channel is", row.channel, carried.state.channel),
    ):
        if stored != expected:
            yield f"the {name} {said(stored)} as stored, and {said(expected)} as worked out"
