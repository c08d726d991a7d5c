"""A report as a page: one file that loads nothing, prints, and reads in light and dark."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from activities.reports.cells import cell_text, days_said, filters_said, group_text
from domain.reports.result import Column, ColumnKind, Report

_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = (_TEMPLATES / "report.css").read_text(encoding="utf-8").strip()
STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
"""By which a page's style is let through."""

POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_DIGEST}'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""The content security policy of a page: it runs nothing and loads nothing."""


def page(reports: Sequence[Report], *, title: str | None = None, pictures: Sequence[Markup | None] = ()) -> str:
    """Some reports as one page.

    Args:
        reports: in their order.
        title: of the page; None: the first report's.
        pictures: of each, ready to be put in (a Markup); None: it has none.
    """
    drawn = [*pictures, *[None] * len(reports)]
    parts = [_part(report, picture) for report, picture in zip(reports, drawn, strict=False)]
    template = _environment().get_template("report.html")
    return template.render(title=title or reports[0].title, style=Markup(_STYLE), parts=parts)  # noqa: S704  our own


def _part(report: Report, picture: Markup | None) -> dict[str, object]:
    zone, columns = report.days.zone, report.columns
    rows = [
        [{"text": cell_text(cell, column, zone), "column": column} for cell, column in zip(row, columns, strict=True)]
        for row in report.rows
    ]
    total = None
    if report.total is not None and len(report.rows) > 1:
        total = [{"text": _total_text(report, place, column), "column": column} for place, column in enumerate(columns)]
    return {
        "report": report,
        "rows": rows,
        "total": total,
        "picture": picture,
        "days": days_said(report),
        "filters": filters_said(report),
    }


def _total_text(report: Report, place: int, column: Column) -> str:
    assert report.total is not None  # noqa: S101  else it has no text
    cell, zone = report.total[place], report.days.zone
    if column.is_group:
        return group_text(cell, column, zone, is_total=True, is_first=place == 0)
    return cell_text(cell, column, zone)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["figure"] = lambda column: column.kind is not ColumnKind.TEXT
    return environment
