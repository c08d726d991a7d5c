"""Cases whose workflows were ended from outside, while the store has them as open."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime
from sqlalchemy import and_, or_, select

from domain.model import Value
from domain.wording import instant
from store import tables
from store.database import Database, insert
from store.reading import read_stored

HowEnded = Literal["terminated", "cancelled", "timed out", "failed", "completed", "reset", "unknown to Temporal"]
"""What became of the workflow whose record is the last one of a case."""

_SAME = ("run_id", "run", "history", "number")


class OpenCase(Value):
    """A case that is open by its last record, and which record that is."""

    case_id: str
    run_id: str
    run: int
    history: int
    number: int


class EndedCase(OpenCase):
    """A case that was ended from outside: nothing goes on with it by itself.

    Attributes:
        ended_at: when its workflow ended; None: Temporal no longer knows.
        found_at: when it was noticed.
    """

    how: HowEnded
    ended_at: AwareDatetime | None
    found_at: AwareDatetime

    @property
    def text(self) -> str:
        """How and when, in one line."""
        when = f"at {instant(self.ended_at)}" if self.ended_at else f"by {instant(self.found_at)}"
        return f"ended from outside ({self.how}) {when}"


class EndedCases:
    """The cases that were ended from outside.

    A mark belongs to one record of a case and counts as long as that is the last one: whatever the case records
    later, be it in a run that an operator has begun, leaves the mark behind.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def unchanged(self, since: datetime, *, after: str = "", limit: int = 5000) -> list[OpenCase]:
        """Open cases that have recorded nothing from an instant on, by id; those that are marked already are left out.

        Args:
            since: the instant.
            after: the id of the last one of the page before.
            limit: the size of a page.
        """
        cases, marks = tables.cases, tables.ended_cases
        wanted = (
            select(*(cases.c[name] for name in OpenCase.model_fields))
            .select_from(cases.outerjoin(marks, _of_the_last_record()))
            .where(tables.RUNNING, marks.c.case_id.is_(None), cases.c.case_id > after)
            .where(or_(cases.c.recorded_at.is_(None), cases.c.recorded_at < since))
            .order_by(cases.c.case_id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [read_stored(OpenCase, dict(row)) for row in connection.execute(wanted).mappings()]

    def mark(self, case: OpenCase, how: HowEnded, ended_at: datetime | None) -> EndedCase | None:
        """Mark a case, unless it has recorded something since it was read; None then."""
        cases, marks = tables.cases, tables.ended_cases
        mark = EndedCase(**case.model_dump(), how=how, ended_at=ended_at, found_at=datetime.now(UTC))
        row = mark.model_dump()
        still = select(cases.c.case_id).where(
            cases.c.case_id == case.case_id, tables.RUNNING, *(cases.c[name] == row[name] for name in _SAME)
        )
        with self._database.write() as connection:
            if connection.execute(still.with_for_update()).first() is None:
                return None
            changed = {name: value for name, value in row.items() if name != "case_id"}
            statement = insert(connection, marks).values(row)
            connection.execute(statement.on_conflict_do_update(index_elements=[marks.c.case_id], set_=changed))
        return mark

    def rows(self, case_id: str | None = None) -> list[EndedCase]:
        """The cases that were ended from outside and have recorded nothing since, by id; or one of them."""
        cases, marks = tables.cases, tables.ended_cases
        wanted: Any = select(marks).join(cases, _of_the_last_record()).where(tables.RUNNING).order_by(marks.c.case_id)
        if case_id is not None:
            wanted = wanted.where(marks.c.case_id == case_id)
        with self._database.read() as connection:
            return [read_stored(EndedCase, dict(row)) for row in connection.execute(wanted).mappings()]


def _of_the_last_record() -> Any:
    cases, marks = tables.cases, tables.ended_cases
    return and_(cases.c.case_id == marks.c.case_id, *(cases.c[name] == marks.c[name] for name in _SAME))
