"""Open cases: what is promised for each, and when it is due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.reports.asking import ReportAsked
from domain.reports.grouping import NONE, text_of
from domain.reports.kinds import parts
from domain.reports.result import Cell, Column, ColumnKind, Days, Report
from domain.timeline.instances import InstanceState
from domain.wording import numbered, plural

MOST_CASES = 500
"""Cases that are listed: those that were opened last."""

NOTES = (
    "Listed are cases that are open, each with the milestones that are open and whose target is a promise.",
    "Late: past its target. Waiting: its clock stands, and the target moves by as long as it does.",
)


@dataclass(frozen=True)
class OpenPromise:
    """A milestone instance that is open.

    Attributes:
        target_at: None: past the horizon of its calendar.
    """

    milestone: str
    occurrence: int
    state: InstanceState
    target_at: datetime | None
    violated: bool

    def is_late(self, now: datetime) -> bool:
        """Whether it is past its target."""
        runs = self.state is InstanceState.RUNNING
        return self.violated or (runs and self.target_at is not None and self.target_at < now)


@dataclass(frozen=True)
class OpenCase:
    """A case that is open.

    Attributes:
        external_id: the id of another system that its own was made of.
    """

    case_id: str
    account: str | None
    opened_at: datetime
    fields: Mapping[str, Any] = field(default_factory=dict)
    promises: Sequence[OpenPromise] = ()
    external_id: str | None = None


@dataclass(frozen=True)
class OpenCases:
    """Cases that are open.

    Attributes:
        cases: at most `MOST_CASES`.
        count: how many there are.
    """

    cases: Sequence[OpenCase]
    count: int


def open_cases_report(asked: ReportAsked, found: OpenCases, fields: Sequence[str] = ()) -> Report:
    """Open cases as a report: a row for each open promise, the last case first.

    The ids of other systems have a column if one of the cases has such an id.

    Args:
        asked: of which, and for which instant.
        found: the cases.
        fields: of the cases, shown beside their ids.
    """
    foreign = any(case.external_id for case in found.cases)
    late = sum(any(one.is_late(asked.now) for one in case.promises) for case in found.cases)
    columns = (
        Column("case", "Case", ColumnKind.TEXT, is_group=True),
        *([Column("external_id", "External id", ColumnKind.TEXT)] if foreign else []),
        *(Column(f"field_{name}", parts.heading(name), ColumnKind.TEXT) for name in fields),
        Column("opened_at", "Opened", ColumnKind.INSTANT),
        Column("milestone", "Milestone", ColumnKind.TEXT),
        Column("due_at", "Due", ColumnKind.INSTANT),
        Column("state", "State", ColumnKind.TEXT),
    )
    notes = list(NOTES)
    if found.count > len(found.cases):
        notes.append(f"The last {len(found.cases):,} are listed, of {found.count:,}.")
    return Report(
        kind=asked.kind,
        title="Open cases",
        finding=_finding(found.count, late),
        columns=columns,
        rows=tuple(row for case in found.cases for row in _rows(case, fields, asked.now, with_foreign=foreign)),
        notes=tuple(notes),
        days=Days(None, None, asked.days.zone),
        as_of=asked.now,
        filters=asked.filters,
    )


def _finding(count: int, late: int) -> str:
    if not count:
        return "No case is open"
    said = plural(count, "open case")
    return f"{said}, {late:,} late" if late else f"{said}, none late"


def _rows(case: OpenCase, fields: Sequence[str], now: datetime, *, with_foreign: bool) -> Iterator[tuple[Cell, ...]]:
    values = [text_of(case.fields.get(name)) for name in fields]
    ids = [case.case_id, case.external_id or ""] if with_foreign else [case.case_id]
    head: list[Cell] = [*ids, *("" if value == NONE else value for value in values), case.opened_at]
    for promise in case.promises:
        yield (*head, numbered(promise.milestone, promise.occurrence), promise.target_at, _state(promise, now))
    if not case.promises:
        yield (*head, None, None, None)


def _state(promise: OpenPromise, now: datetime) -> str:
    if promise.is_late(now):
        return "late"
    match promise.state:
        case InstanceState.PAUSED:
            return "waiting"
        case InstanceState.SCHEDULED:
            return "ahead"
        case _:
            return "running"
