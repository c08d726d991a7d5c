"""An event log as an intake: its rows, read by a column mapping, become cases and what happened to them.

Every row shows its whole case as it stood from one instant on, so that an event is what differs from the row before.

- A case is opened at its `opened_at` with the values of its first row, in the mapping's opening state.
- A row from before the case was opened counts at the opening, and is reported.
- A row in a closed state closes the case. A later one in a closed state changes nothing, and is reported.
- A log is taken whole or not at all: a row that can't be read refuses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from domain.criteria.fields import utc_text
from domain.messages.cases import CaseIntake
from domain.timeline.events import CaseClosed, FieldsChanged
from starters.logs.mapping import LogError, LogMapping
from starters.logs.rows import Oddity, OddityKind, Row, RowReader

__all__ = ["EventLog", "LogError", "LoggedCase", "Oddity", "OddityKind", "read_log"]


@dataclass(frozen=True, slots=True)
class LoggedCase:
    """A case of the log.

    Attributes:
        intake: what it is opened with.
        opened_at: the intake's.
        events: what happened to it, in order. Their ids are the case's id and the number of the row among its rows, so
            that they are the same in every copy of the log.
        kept: whether it kept its promises, by the system that wrote the log; None if that does not say.
    """

    intake: CaseIntake
    opened_at: datetime
    events: tuple[FieldsChanged | CaseClosed, ...]
    kept: bool | None = None

    @property
    def case_id(self) -> str:
        """The intake's."""
        return self.intake.case_id

    @property
    def ended_at(self) -> datetime:
        """When the last of it happened."""
        return self.events[-1].occurred_at if self.events else self.opened_at


@dataclass(frozen=True, slots=True)
class EventLog:
    """A log that was read.

    Attributes:
        cases: in the order in which they first appear.
        rows: how many rows they had.
        oddities: what was strange and read all the same.
    """

    cases: tuple[LoggedCase, ...]
    rows: int
    oddities: tuple[Oddity, ...]


def read_log(path: Path, mapping: LogMapping) -> EventLog:
    """Read a log.

    Raises:
        LogError: it can't be read, or not every row of it; with each line and column and what would be right.
    """
    reader = RowReader(path, mapping)
    by_case: dict[str, list[Row]] = {}
    for case_id, row in reader.rows():
        by_case.setdefault(case_id, []).append(row)
    if reader.count == 0:
        raise LogError([f"{path}:2: has a header, but no row below it"])
    cases = tuple(_case(reader, case_id, sorted(rows)) for case_id, rows in by_case.items())
    if reader.problems:
        raise LogError(reader.problems)
    return EventLog(cases=cases, rows=reader.count, oddities=tuple(reader.oddities))


def _case(reader: RowReader, case_id: str, rows: list[Row]) -> LoggedCase:
    """What happened to a case, from its rows in order."""
    mapping, opened_at = reader.mapping, rows[0].opened_at
    now = {**rows[0].values, mapping.state.field: mapping.state.opened}
    intake = CaseIntake(case_id=case_id, account=mapping.account, fields=dict(now), opened_at=opened_at)
    events: list[FieldsChanged | CaseClosed] = []
    closed: Row | None = None
    for number, row in enumerate(rows, 1):
        reader.oddities += _oddities(case_id, row, opened_at, rows[number - 2] if number > 1 else None)
        if closed is not None:
            _after_closing(reader, case_id, row, closed)
            continue
        at = max(row.at, opened_at)
        changed = {name: value for name, value in row.values.items() if now[name] != value}
        if changed:
            events.append(FieldsChanged(event_id=f"{case_id}/{number}", occurred_at=at, by=row.by, fields=changed))
            now |= changed
        if row.state in mapping.state.closed:
            closed = row
            events.append(CaseClosed(event_id=f"{case_id}/{number}/closed", occurred_at=at, by=row.by))
    if closed is None:
        text = f"the log ends with it in state {rows[-1].state!r}"
        reader.oddities.append(Oddity(OddityKind.NEVER_CLOSED, case_id, rows[-1].line, text))
    return LoggedCase(intake=intake, opened_at=opened_at, events=tuple(events), kept=rows[-1].kept)


def _oddities(case_id: str, row: Row, opened_at: datetime, before: Row | None) -> list[Oddity]:
    """What is strange about the times of a row."""
    found = []
    if row.at < opened_at:
        text = f"{utc_text(row.at)} is before the case was opened; the row counts at {utc_text(opened_at)}"
        found.append(Oddity(OddityKind.BEFORE_OPENING, case_id, row.line, text))
    if row.opened_at != opened_at:
        text = f"opened at {utc_text(row.opened_at)} by this row; its first row, {utc_text(opened_at)}, counts"
        found.append(Oddity(OddityKind.OPENED_TWICE, case_id, row.line, text))
    if before is not None and before.at == row.at and before.state != row.state:
        text = f"{before.state!r} and {row.state!r} both begin at {utc_text(row.at)}; taken in this order"
        found.append(Oddity(OddityKind.STATES_AT_ONCE, case_id, row.line, text))
    return found


def _after_closing(reader: RowReader, case_id: str, row: Row, closed: Row) -> None:
    if row.state in reader.mapping.state.closed:
        text = f"the case is closed since line {closed.line}; the row changes nothing"
        reader.oddities.append(Oddity(OddityKind.AFTER_CLOSING, case_id, row.line, text))
        return
    reader.complain(
        row.line,
        f"column {reader.mapping.state.column!r}: case {case_id} is closed since line {closed.line} and can't be "
        f"{row.state!r} after that; in a log whose cases are taken up again, the state before that is no closed one",
    )
