"""How people read the cells of reports: one way for the terminal, for pages and for mails."""

from __future__ import annotations

from datetime import datetime, tzinfo

from domain.bounds import visible
from domain.reports.result import Cell, Column, ColumnKind, Report
from domain.reports.shares import share_text
from domain.usage.units import MINUTES_PER_HOUR
from domain.wording import clock, day_text, instant, span

MOST_LETTERS = 120
"""Of a text that people read; programs get all of it."""
_MINUTE = 60


def cell_text(cell: Cell, column: Column, zone: tzinfo) -> str:
    """A cell as people read it; nothing for nothing."""
    match cell:
        case None:
            return ""
        case datetime():
            return clock(cell, zone)
        case str():
            return shortened(visible(cell))
        case _:
            return _number(cell, column.kind)


def _number(number: float, kind: ColumnKind) -> str:
    match kind:
        case ColumnKind.SHARE:
            return share_text(number)
        case ColumnKind.SPAN:
            whole = round(number)
            return span(whole if abs(whole) < _MINUTE else round(whole / _MINUTE) * _MINUTE)
        case ColumnKind.COUNT:
            return f"{number:,}"
        case _:
            return _amount(number)


def _amount(number: float) -> str:
    """An amount in its unit; hours, which alone have a fraction, to the minute, which a hundredth may not hold."""
    minutes = round(number * MINUTES_PER_HOUR)
    if minutes * 100 % MINUTES_PER_HOUR:
        return span(minutes * _MINUTE)
    return f"{number:,.2f}".rstrip("0").rstrip(".")


def shortened(text: str, most: int = MOST_LETTERS) -> str:
    """A text, or its beginning with an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def group_text(cell: Cell, column: Column, zone: tzinfo, *, is_total: bool, is_first: bool) -> str:
    """The cell of a column that says what a row is about; of a total, what that is called."""
    if is_total:
        return "all" if is_first else ""
    return cell_text(cell, column, zone)


def days_said(report: Report) -> str:
    """The days that a report is about, and for which instant it holds."""
    days, at = report.days, instant(report.as_of.replace(second=0, microsecond=0), report.days.zone)
    if days.first is None and days.last is None:
        return f"all days, as of {at}"
    if days.last is None and days.first is not None:
        return f"from {day_text(days.first)}, as of {at}"
    if days.first is None and days.last is not None:
        return f"up to {day_text(days.last)}, as of {at}"
    assert days.first is not None  # noqa: S101  both are there by now
    assert days.last is not None  # noqa: S101  as above
    return f"{day_text(days.first)} to {day_text(days.last)}, as of {at}"


def filters_said(report: Report) -> str:
    """What a report is only of."""
    return ", ".join(f"{name}: {shortened(visible(value))}" for name, value in report.filters.items())
