"""The queries of reports. Nothing is written, and nothing is read twice: each report is one view of the database."""

from __future__ import annotations

from sqlalchemy import Connection, select

from domain.reports.asking import ReportAsked
from domain.reports.compliance import Outcome
from domain.reports.tally import Tally
from store import tables
from store.database import Database
from store.reports.selecting import INSTANCES, Group, cells, outcome_now

_MEASURES = tables.measures.c
_PROMISE = _MEASURES.promise.is_(True)

_LATEST_PROCESSES = select(tables.processes.c.definition).order_by(
    tables.processes.c.name, tables.processes.c.version.desc()
)

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

    def outcomes(self, asked: ReportAsked) -> Tallies:
        """What became of the instances that are promises.

        Raises:
            Refused: there would be too many periods.
        """
        with self._database.read() as connection:
            return _outcomes(connection, asked)


def _outcomes(connection: Connection, asked: ReportAsked) -> Tallies:
    found: Tallies = {}
    for group, (outcome,), many in cells(connection, asked, INSTANCES, [outcome_now(asked.now)], _PROMISE):
        found.setdefault(group, Tally()).outcomes[Outcome(outcome)] += many
    return found
