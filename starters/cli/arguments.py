"""What people type, read: instants, fields, and which option was wrong if it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import typer

from domain.years import FIRST_YEAR, LAST_YEAR, is_promised

AN_INSTANT = "2025-06-13T16:45-04:00 or 2025-06-13T20:45Z"


def instant(text: str, of: str) -> datetime:
    """The instant that somebody typed, in UTC.

    Raises:
        BadParameter: it is none, has no offset from UTC, or lies in a year in which nothing is promised.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no ISO 8601 instant; write one like {AN_INSTANT}", param_hint=of
        ) from None
    if at.utcoffset() is None:
        raise typer.BadParameter(f"{text!r} has no offset from UTC; write one like {AN_INSTANT}", param_hint=of)
    if not is_promised(at):
        raise typer.BadParameter(f"{text!r} is outside the years {FIRST_YEAR} to {LAST_YEAR}", param_hint=of)
    return at.astimezone(UTC)


def fields(pairs: list[str]) -> dict[str, Any]:
    """The fields of ``name=value`` pairs. A value that is JSON is read as such, anything else is text.

    Raises:
        BadParameter: a pair has no name or no ``=``, or a name comes twice.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter(f"{pair!r} is no name=value, such as priority=High", param_hint="--field")
        if name.strip() in found:
            raise typer.BadParameter(f"{name.strip()!r} is given twice", param_hint="--field")
        found[name.strip()] = _value(value)
    return found


def _value(text: str) -> Any:
    try:
        value = json.loads(text, parse_constant=lambda _: text)
    except ValueError:
        return text
    return value
