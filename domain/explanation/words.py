"""Spans, instants and dates as an explanation writes them, and its lines."""

from __future__ import annotations

import textwrap
from datetime import UTC, date, datetime, timedelta

from domain.open_time.windows import DAYS, Week

LABEL = 12
"""Columns of the label in front of what a part says."""
_MIDNIGHT = "00:00"


def span(seconds: int) -> str:
    """A span: ``2h05m``, ``45s``; a minus sign before a negative one."""
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{hours}h"] if hours else []
    if minutes or rest:
        parts.append(f"{minutes:02}m" if hours else f"{minutes}m" if minutes else "")
    if rest:
        parts.append(f"{rest:02}s" if hours or minutes else f"{rest}s")
    return sign + ("".join(parts) or "0m")


def moment(at: datetime) -> str:
    """An instant on the wall clock that it carries, and in UTC: ``Mon 2025-06-09 09:00 (13:00Z)``."""
    local = f"{at:%a %Y-%m-%d} {time_text(at)}"
    if not at.utcoffset():
        return f"{local}Z"
    utc = at.astimezone(UTC)
    there = time_text(utc) if utc.date() == at.date() else f"{utc:%a} {time_text(utc)}"
    return f"{local} ({there}Z)"


def time_text(at: datetime) -> str:
    """The time of day, with seconds if there are any."""
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"


def day_text(day: date) -> str:
    """A date with its weekday."""
    return f"{day:%a %Y-%m-%d}"


def period(begin: datetime, end: datetime) -> str:
    """From when until when, both on the wall clock and in UTC; of one day more briefly."""
    there = begin.astimezone(UTC), end.astimezone(UTC)
    if begin.date() != end.date() or not begin.utcoffset() or any(at.date() != begin.date() for at in there):
        return f"{moment(begin)} to {moment(end)}"
    utc = f"({time_text(there[0])}Z to {time_text(there[1])}Z)"
    return f"{day_text(begin.date())} {time_text(begin)} to {time_text(end)} {utc}"


def between(begin: datetime, end: datetime) -> str:
    """From when until when, the date of the end only if it is another one; midnight is 24:00 of the day before."""
    if end.date() == begin.date():
        return f"{time_text(begin)} - {time_text(end)}"
    if time_text(end) == _MIDNIGHT and end.date() - begin.date() == timedelta(days=1):
        return f"{time_text(begin)} - 24:00"
    return f"{time_text(begin)} - {day_text(end.date())} {time_text(end)}"


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


def who(by: str | None, reason: str | None) -> str:
    """Who did it and what they said of it, to be said right after what was done."""
    return (f" by {by}" if by else "") + (f', "{reason}"' if reason else "")


def plural(count: int, word: str) -> str:
    """So many of a thing."""
    return f"{count} {word}{'' if count == 1 else 's'}"


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
