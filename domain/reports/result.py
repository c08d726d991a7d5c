"""What a report is: a finding in words, columns, rows of figures, and what is counted. Every form shows just that.

A report is made once, by `domain.reports.kinds`, and shown as a table, as CSV, as JSON, as a page or as a picture. So
no two of these ever say different numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from enum import StrEnum

Cell = str | int | float | datetime | None
"""A figure, or nothing. What it is, its column says."""


class ReportKind(StrEnum):
    """What can be reported."""

    COMPLIANCE = "compliance"
    RESPONSE = "response"
    MARGIN = "margin"
    OVERRUN = "overrun"
    USAGE = "usage"
    OVERRIDES = "overrides"
    ACTIONS = "actions"
    BREAKDOWN = "breakdown"
    PAUSES = "pauses"
    CASES = "cases"


class ColumnKind(StrEnum):
    """What the cells of a column are.

    Attributes:
        TEXT: a name, as somebody wrote it; it may hold anything.
        COUNT: how many.
        AMOUNT: in the unit of its row, as `number_text` writes it: 1.5 hours.
        SHARE: per cent, of 100.
        SPAN: open seconds.
        MONEY: an amount with its currency, as the catalog has it.
        INSTANT: an aware datetime.
    """

    TEXT = "text"
    COUNT = "count"
    AMOUNT = "amount"
    SHARE = "share"
    SPAN = "span"
    MONEY = "money"
    INSTANT = "instant"


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: for programs: the key in JSON, the head in CSV.
        heading: for people.
        is_group: it says what the row is about, and is no figure. A report's first columns are these.
    """

    name: str
    heading: str
    kind: ColumnKind
    is_group: bool = False


@dataclass(frozen=True)
class Days:
    """The period that a report is about, in whole days on the wall clock of each account; None: it is not bounded.

    Attributes:
        first: day, and `last`: both belong to it.
        zone: the organisation's, in which the report itself shows instants. An account with a zone of its own has its
            days there.
    """

    first: date | None
    last: date | None
    zone: tzinfo


@dataclass(frozen=True)
class Report:
    """A report.

    Attributes:
        title: what it is about, in words: ``Milestone compliance by account and month``.
        finding: what it comes to, in a sentence: ``92% in time, worst: Globex 71%``.
        by: what makes the groups, as it was asked for; each has a column of that name.
        periods: of a report by week, month, quarter or year: every period of it in order, the empty ones too; a picture
            leaves an empty place for those that no row has.
        rows: a cell for each column, in order.
        total: the same for everything together; None where that means nothing. Its groups are empty.
        notes: what is counted, a sentence each.
        filters: what was asked for, in words: ``priority: High``.
        as_of: the instant for which it holds.
    """

    kind: ReportKind
    title: str
    finding: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...]
    days: Days
    as_of: datetime
    by: tuple[str, ...] = ()
    periods: tuple[str, ...] = ()
    total: tuple[Cell, ...] | None = None
    filters: Mapping[str, str] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[Column, ...]:
        """The columns that say what a row is about."""
        return tuple(column for column in self.columns if column.is_group)

    def column(self, name: str) -> int:
        """The place of a column in every row.

        Raises:
            KeyError: there is none of that name.
        """
        for place, column in enumerate(self.columns):
            if column.name == name:
                return place
        raise KeyError(name)
