"""A report as plain text, for a mail: the finding, a table in columns, and what is counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from textwrap import wrap

from rich.cells import cell_len

from activities.reports.cells import cell_text, days_said, filters_said, group_text, shortened
from domain.reports.result import Cell, Column, ColumnKind, Report

MOST_ROWS = 100
"""Rows of a table; the report has them all."""

_WIDEST, _LINE = 40, 100


def as_text(report: Report) -> str:
    """A report as people read it in a mail."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield report.finding
    yield ""
    only = filters_said(report)
    yield f"{report.title}; {days_said(report)}{f'; only {only}' if only else ''}"
    if report.rows:
        yield ""
        yield from _table(report)
    if len(report.rows) > MOST_ROWS:
        yield f"... and {len(report.rows) - MOST_ROWS:,} more; milepost report {report.kind} has them all"
    yield ""
    for note in report.notes:
        yield from wrap(note, _LINE, initial_indent="- ", subsequent_indent="  ")


def _table(report: Report) -> Iterator[str]:
    zone, columns = report.days.zone, report.columns
    table = [[column.heading for column in columns]]
    table += [
        [shortened(cell_text(cell, column, zone), _WIDEST) for cell, column in zip(row, columns, strict=True)]
        for row in report.rows[:MOST_ROWS]
    ]
    if report.total is not None and len(report.rows) > 1:
        total = enumerate(zip(report.total, columns, strict=True))
        table.append([_total_text(cell, column, zone, is_first=place == 0) for place, (cell, column) in total])
    widths = [max(map(cell_len, cells)) for cells in zip(*table, strict=True)]
    lefts = [column.kind is ColumnKind.TEXT for column in columns]
    for line in table:
        yield _row(line, widths, lefts)


def _total_text(cell: Cell, column: Column, zone: tzinfo, *, is_first: bool) -> str:
    if column.is_group:
        return group_text(cell, column, zone, is_total=True, is_first=is_first)
    return cell_text(cell, column, zone)


def _row(cells: Sequence[str], widths: Sequence[int], lefts: Sequence[bool]) -> str:
    padded = (
        cell + " " * (width - cell_len(cell)) if is_left else " " * (width - cell_len(cell)) + cell
        for cell, width, is_left in zip(cells, widths, lefts, strict=True)
    )
    return "  ".join(padded).rstrip()
