"""Reports for programs: CSV and JSON, with everything as it is, not as people read it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from domain.reports.result import Cell, Column, Report

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A text that begins so is a formula to a spreadsheet."""


def as_csv(report: Report) -> str:
    """A report as CSV (RFC 4180), without its total; spans in seconds, shares in per cent, instants in UTC.

    A text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([_text(column.name) for column in report.columns])
    writer.writerows([_cell(cell) for cell in row] for row in report.rows)
    return written.getvalue()


def _cell(cell: Cell) -> str | int | float:
    match cell:
        case None:
            return ""
        case datetime():
            return _instant(cell)
        case str():
            return _text(cell)
        case _:
            return cell


def _text(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULAS) or text.lstrip().startswith(_FORMULAS) else text


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def as_data(report: Report) -> dict[str, Any]:
    """A report as JSON has it: rows are objects with a key for each column."""
    days = report.days
    return {
        "report": report.kind.value,
        "title": report.title,
        "finding": report.finding,
        "as_of": _instant(report.as_of),
        "days": {
            "first": None if days.first is None else days.first.isoformat(),
            "last": None if days.last is None else days.last.isoformat(),
            "time_zone": str(days.zone),
        },
        "by": list(report.by),
        "filters": dict(report.filters),
        "columns": [{"name": one.name, "heading": one.heading, "kind": one.kind.value} for one in report.columns],
        "rows": [_row(row, report.columns) for row in report.rows],
        "total": None if report.total is None else _row(report.total, report.columns, groups=False),
        "periods": list(report.periods),
        "notes": list(report.notes),
    }


def _row(row: Sequence[Cell], columns: Sequence[Column], *, groups: bool = True) -> dict[str, Any]:
    pairs = zip(columns, row, strict=True)
    return {
        column.name: _instant(cell) if isinstance(cell, datetime) else cell
        for column, cell in pairs
        if groups or not column.is_group
    }


def as_json(report: Report) -> str:
    """A report as JSON text."""
    return json.dumps(as_data(report), indent=2, ensure_ascii=False)
