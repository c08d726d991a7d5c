"""Cases that are open, with what is promised for each: those that were opened last, by an index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Connection, func, select

from domain.reports.asking import ReportAsked
from domain.reports.kinds.open_cases import MOST_CASES, OpenCase, OpenCases, OpenPromise
from domain.timeline.instances import InstanceState
from store import tables
from store.database import Database
from store.reports.selecting import has_value

_CASES, _MILESTONES = tables.cases.c, tables.milestones.c
_IS_PROMISE = _MILESTONES.view["promise"].as_boolean().is_not(False)


class OpenCaseList:
    """Lists open cases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, asked: ReportAsked) -> OpenCases:
        """The open cases that are asked for, with their open promises; of a milestone those that have it open."""
        which = list(_which(asked))
        ids = (_CASES.case_id, _CASES.external_id)
        columns = (*ids, _CASES.account, _CASES.opened_at, _CASES.view["fields"].label("fields"))
        wanted = select(*columns).where(*which).order_by(_CASES.opened_at.desc(), _CASES.case_id.desc())
        with self._database.read() as connection:
            rows = connection.execute(wanted.limit(MOST_CASES)).all()
            count: int = connection.execute(select(func.count()).select_from(tables.cases).where(*which)).scalar_one()
            promises = _promises(connection, asked, [row.case_id for row in rows])
        cases = [
            OpenCase(
                case_id=row.case_id,
                external_id=row.external_id,
                account=row.account,
                opened_at=row.opened_at,
                fields=row.fields or {},
                promises=promises.get(row.case_id, ()),
            )
            for row in rows
        ]
        return OpenCases(cases, count)


def _which(asked: ReportAsked) -> Iterator[ColumnElement[bool]]:
    yield tables.RUNNING
    for name in ("account", "entitlement", "process"):
        if (value := getattr(asked, name)) is not None:
            yield _CASES[name] == value
    if asked.accounts is not None:
        yield _CASES.account.in_(asked.accounts)
    for name, value in asked.fields.items():
        yield has_value(name, value, asked.types[name])
    if asked.milestone is not None:
        of_case = select(_MILESTONES.case_id).where(_MILESTONES.case_id == _CASES.case_id)
        yield of_case.where(*_open_promise(asked)).exists()


def _open_promise(asked: ReportAsked) -> Iterator[ColumnElement[bool]]:
    yield tables.OPEN_MILESTONE
    yield _IS_PROMISE
    if asked.milestone is not None:
        yield _MILESTONES.milestone == asked.milestone


def _promises(connection: Connection, asked: ReportAsked, case_ids: Sequence[str]) -> dict[str, list[OpenPromise]]:
    columns = (_MILESTONES[name] for name in ("case_id", "milestone", "occurrence", "state", "target_at", "violated"))
    wanted = select(*columns).where(_MILESTONES.case_id.in_(case_ids), *_open_promise(asked))
    found: dict[str, list[OpenPromise]] = {}
    for row in connection.execute(wanted.order_by(_MILESTONES.start_at, _MILESTONES.milestone)):
        promise = OpenPromise(row.milestone, row.occurrence, InstanceState(row.state), row.target_at, row.violated)
        found.setdefault(row.case_id, []).append(promise)
    return found
