"""The queries of reports. Nothing is written, and nothing is read twice: each report is one view of the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from domain.reports.asking import ReportAsked
from domain.reports.billing import Override
from domain.reports.compliance import Outcome
from domain.reports.tally import Tally
from domain.reports.using import PeriodUse
from store import tables
from store.database import Database
from store.reports.acting import ActionCounts, actions
from store.reports.auditing import AuditedReports, audit_reports
from store.reports.billing import check_export, export_overrides, overrides
from store.reports.clocks import AT_ONCE, Clocks
from store.reports.held import Holdings, holdings
from store.reports.paused import Pauses, pauses
from store.reports.selecting import INSTANCES, Group, cells, chunks, outcome_now
from store.reports.using import usage
from store.reports.values import all_of, listed

_MEASURES = tables.measures.c
_PROMISE = _MEASURES.promise.is_(True)

_LATEST_PROCESSES = select(tables.processes.c.definition).order_by(
    tables.processes.c.name, tables.processes.c.version.desc()
)

_EXPORT_LOCK = 0x62696C6C  # "bill", in PostgreSQL's one space of advisory locks

Tallies = dict[Group, Tally]
"""What was counted, by group."""


class Reporting:
    """Counts what reports say."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def milestone_names(self) -> list[str]:
        """The milestones of all processes, each once, in the order in which processes have them."""
        with self._database.read() as connection:
            found = connection.execute(_LATEST_PROCESSES).scalars().all()
        return list(dict.fromkeys(one["name"] for process in found for one in process.get("milestones", ())))

    def check_export(self, number: int) -> None:
        """Refuse an export that was never made.

        Raises:
            NotFound: there is none of that number.
        """
        with self._database.read() as connection:
            check_export(connection, number)

    def outcomes(self, asked: ReportAsked) -> Tallies:
        """What became of the instances that are promises.

        Raises:
            Refused: there would be too many periods; so with all that follow.
        """
        return self._counted(asked, _outcomes)

    def responses(self, asked: ReportAsked) -> Tallies:
        """For how long those that are completed ran."""
        return self._counted(asked, _responses)

    def margins(self, asked: ReportAsked) -> Tallies:
        """How long before their targets those that were met were completed."""
        return self._counted(asked, _margins)

    def overruns(self, asked: ReportAsked) -> Tallies:
        """How far past their targets those went that were missed, and those that run still."""
        return self._counted(asked, _overruns)

    def pauses(self, asked: ReportAsked) -> Pauses:
        """How many pauses there were, for how long, and how many began close to a target or after it."""
        with self._database.read() as connection:
            return pauses(connection, asked)

    def holdings(self, asked: ReportAsked, holder: str) -> Holdings:
        """For how long the values of a field held milestone instances that are promises.

        Args:
            asked: among what makes the groups is the field.
            holder: the field.
        """
        with self._database.read() as connection:
            return holdings(connection, asked, holder)

    def actions(self, asked: ReportAsked) -> ActionCounts:
        """What became of the actions of cases and entitlements, by what they do."""
        with self._database.read() as connection:
            return actions(connection, asked)

    def usage(self, asked: ReportAsked) -> list[PeriodUse]:
        """What was used of entitlements, period by period."""
        with self._database.read() as connection:
            return usage(connection, asked)

    def overrides(self, asked: ReportAsked) -> list[Override]:
        """What is billed beyond caps."""
        with self._database.read() as connection:
            return overrides(connection, asked)

    def export_overrides(self, asked: ReportAsked, *, by: str) -> list[Override]:
        """Take what no export has taken yet: each override is taken once, by one export."""
        with self._database.write() as connection:
            self._database.lock(connection, _EXPORT_LOCK)
            return export_overrides(connection, asked, by=by, at=datetime.now(UTC))

    def audit(self) -> Iterator[AuditedReports]:
        """Hold every case against the rows that reports are made from, and against its events of the feed."""
        yield from audit_reports(self._database)

    def _counted(self, asked: ReportAsked, count: Callable[[Connection, ReportAsked, Tallies], None]) -> Tallies:
        found: Tallies = {}
        with self._database.read() as connection:
            count(connection, asked, found)
        return found


def _outcomes(connection: Connection, asked: ReportAsked, found: Tallies) -> None:
    for group, (outcome,), (many,) in cells(connection, asked, INSTANCES, [outcome_now(asked.now)], _PROMISE):
        found.setdefault(group, Tally()).outcomes[Outcome(outcome)] += many


def _responses(connection: Connection, asked: ReportAsked, found: Tallies) -> None:
    seconds = _MEASURES.response_seconds
    sums, where = (func.count(), all_of(seconds)), (_PROMISE, seconds.is_not(None))
    for group, (outcome,), (many, values) in cells(
        connection, asked, INSTANCES, [_MEASURES.outcome], *where, sums=sums
    ):
        tally = found.setdefault(group, Tally())
        tally.outcomes[Outcome(outcome)] += many
        tally.responses.update(listed(values))


def _margins(connection: Connection, asked: ReportAsked, found: Tallies) -> None:
    margin = _MEASURES.margin_seconds
    sums = (func.count(), all_of(margin))
    is_met = (_PROMISE, _MEASURES.outcome == Outcome.MET.value, margin.is_not(None))
    spans = [_MEASURES.span_seconds]
    for group, (span,), (many, values) in cells(connection, asked, INSTANCES, spans, *is_met, sums=sums):
        tally = found.setdefault(group, Tally())
        tally.outcomes[Outcome.MET] += many
        for value, times in Counter(listed(values)).items():
            tally.add_margins(value, span, times)


def _overruns(connection: Connection, asked: ReportAsked, found: Tallies) -> None:
    seconds = _MEASURES.overrun_seconds
    stands = (_PROMISE, _MEASURES.runs.is_(False), seconds.is_not(None))
    sums = (func.count(), all_of(seconds))
    for group, (outcome,), (many, values) in cells(
        connection, asked, INSTANCES, [_MEASURES.outcome], *stands, sums=sums
    ):
        tally = found.setdefault(group, Tally())
        tally.outcomes[Outcome(outcome)] += many
        tally.overruns.update(listed(values))
    clocks = Clocks(connection)
    late = (_PROMISE, _MEASURES.runs.is_(True), outcome_now(asked.now) == Outcome.VIOLATED.value)
    running = [_MEASURES.case_id, _MEASURES.business_hours, _MEASURES.target_at]
    for some in chunks(cells(connection, asked, INSTANCES, running, *late), AT_ONCE):
        clocks.know(case_id for _, (case_id, *_), _ in some)
        for group, (case_id, hours, target), (many,) in some:
            tally = found.setdefault(group, Tally())
            tally.outcomes[Outcome.VIOLATED] += many
            tally.overruns[_since(clocks, case_id, hours, target, asked.now)] += many


def _since(clocks: Clocks, case_id: str, hours: str, target: datetime | None, now: datetime) -> int:
    return 0 if target is None else clocks.elapsed(case_id, hours, target, now)
