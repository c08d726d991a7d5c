"""A report in a terminal: the finding, a table, and what is counted."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from activities.reports.cells import cell_text, days_said, filters_said, group_text, shortened
from domain.reports.result import ColumnKind, Report

_WIDEST = 40
"""Letters of a name in a table."""


def report_shown(report: Report) -> RenderableType:
    """A report for a terminal."""
    return Group(*_parts(report))


def _parts(report: Report) -> Iterator[RenderableType]:
    yield Text(report.finding, style="bold")
    only = filters_said(report)
    yield Text(f"{report.title}; {days_said(report)}{f'; only {only}' if only else ''}", style="dim")
    if report.rows:
        yield _table(report)
    for note in report.notes:
        yield Text(note, style="dim")


def _table(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for column in report.columns:
        is_text = column.kind is ColumnKind.TEXT
        table.add_column(
            Text(column.heading), justify="left" if is_text else "right", overflow="fold", no_wrap=not is_text
        )
    zone, last = report.days.zone, len(report.rows) - 1
    for number, row in enumerate(report.rows):
        cells = [shortened(cell_text(cell, c, zone), _WIDEST) for cell, c in zip(row, report.columns, strict=True)]
        table.add_row(*map(Text, cells), end_section=number == last)
    if report.total is not None and len(report.rows) > 1:
        total = [
            group_text(cell, c, zone, is_total=True, is_first=place == 0) if c.is_group else cell_text(cell, c, zone)
            for place, (cell, c) in enumerate(zip(report.total, report.columns, strict=True))
        ]
        table.add_row(*map(Text, total), style="bold")
    return table
