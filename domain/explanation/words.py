"""Windows and weeks as an explanation writes them, and its lines."""

from __future__ import annotations

import textwrap
from datetime import date, datetime

from domain.open_time.windows import DAYS, Week

LABEL = 12
"""Columns of the label in front of what a part says."""


def windows_text(windows: tuple[str, ...]) -> str:
    """The windows of a day."""
    return ", ".join(windows) or "closed"


def week_text(week: Week) -> str:
    """The windows of a week, days with the same ones together: ``Mon-Fri 09:00-17:00``."""
    if week.always:
        return "open day and night"
    groups: list[tuple[list[str], tuple[str, ...]]] = []
    for name, windows in zip(DAYS, week.days, strict=True):
        if groups and groups[-1][1] == windows:
            groups[-1][0].append(name.capitalize())
        else:
            groups.append(([name.capitalize()], windows))
    said = []
    for names, windows in groups:
        days = names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}"
        said.append(f"{days} {windows_text(windows)}")
    return "; ".join(said)


def day_begin(day: date, like: datetime) -> datetime:
    """The first instant of a date, at the UTC offset of another instant; to put it in order."""
    return datetime(day.year, day.month, day.day, tzinfo=like.tzinfo)


def labelled(label: str, paragraphs: list[str], width: int, indent: int = 2) -> list[str]:
    """Paragraphs beside their label; none without a paragraph. Leading spaces of a paragraph stay."""
    lines: list[str] = []
    for paragraph in paragraphs:
        own = " " * (len(paragraph) - len(paragraph.lstrip()))
        hanging = own + ("  " if len(paragraphs) > 1 else "")
        lines += textwrap.wrap(paragraph, width - indent - LABEL, subsequent_indent=hanging)
    return under(label, lines, indent)


def under(label: str, lines: list[str], indent: int = 2) -> list[str]:
    """Lines beside their label; none without a line."""
    labels = [label, *[""] * len(lines)]
    return [f"{'':{indent}}{name:<{LABEL}}{line}".rstrip() for name, line in zip(labels, lines, strict=False)]
