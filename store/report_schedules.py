"""Reports that are sent: as they are declared, what their schedules were made of, and what went out."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select

from domain.catalog.kinds import Kind
from domain.catalog.reports import ScheduledReport
from store import tables
from store.catalog.reading import StoredCatalog, declaration_of
from store.database import Database, insert

_SCHEDULES, _MAILS = tables.report_schedules, tables.mails


class ReportSchedules:
    """The reports of a store that are sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def declared(self, name: str) -> ScheduledReport | None:
        """A report as it is declared now; None of one that is retired, or that there is not."""
        with self._database.read() as connection:
            found = StoredCatalog(connection).find(Kind.REPORTS, name)
        return found if isinstance(found, ScheduledReport) and not found.retired else None

    def active(self) -> list[ScheduledReport]:
        """All that are declared and not retired, by id."""
        with self._database.read() as connection:
            rows = StoredCatalog(connection).latest(Kind.REPORTS)
            declared = [declaration_of(Kind.REPORTS, row) for row in rows]
        return [one for one in declared if isinstance(one, ScheduledReport) and not one.retired]

    def made(self) -> dict[str, str]:
        """The digest of what each schedule was made of that Temporal was given."""
        with self._database.read() as connection:
            rows = connection.execute(select(_SCHEDULES.c.report, _SCHEDULES.c.digest)).all()
        return {row.report: row.digest for row in rows}

    def keep(self, report: str, digest: str, at: datetime) -> None:
        """Note what a schedule was made of."""
        row = {"digest": digest, "at": at}
        with self._database.write() as connection:
            statement = insert(connection, _SCHEDULES).values({"report": report, **row})
            connection.execute(statement.on_conflict_do_update(index_elements=[_SCHEDULES.c.report], set_=row))

    def forget(self, report: str) -> None:
        """Note that there is no schedule of a report any more."""
        with self._database.write() as connection:
            connection.execute(delete(_SCHEDULES).where(_SCHEDULES.c.report == report))

    def last_due(self, report: str) -> datetime | None:
        """The last instant for which a report went out; None: none did, or the log of mail keeps it no more."""
        begins = f"report/{report}/"
        wanted = select(func.max(_MAILS.c.due_at)).where(_MAILS.c.key >= begins, _MAILS.c.key < f"report/{report}0")
        with self._database.read() as connection:
            last: datetime | None = connection.execute(wanted).scalar_one()
        return last
