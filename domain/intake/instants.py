"""Instants as other systems write them: ISO 8601 in any of its forms, or numbers since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from domain.bounds import is_within_the_years, quoted
from domain.years import FIRST_YEAR, LAST_YEAR

_MILLISECONDS_FROM = 100_000_000_000
"""As seconds that would be the year 5138; as milliseconds it is 1973."""

_SPACED_OFFSET = re.compile(r" (?=[+-]\d{2}:?\d{2}$)")
_UTC = re.compile(r" ?(?:UTC|GMT)$", re.IGNORECASE)
_FRACTION = re.compile(r"(\.\d{6})\d+")


def instant_of(value: object, time_zone: str | None) -> datetime:
    """The instant that a value says, in UTC.

    Args:
        value: a text, seconds or milliseconds since 1970, or an instant.
        time_zone: of texts without an offset; None: they are refused. Of a time that a change of clocks brings twice it
            is the first, and one that it skips lies as far after the change.

    Raises:
        ValueError: it says none; the text is a sentence's end.
    """
    match value:
        case datetime():
            at = value if value.utcoffset() is not None else value.replace(tzinfo=UTC)
        case bool():
            raise ValueError("true and false are no instants")
        case int() | float():
            at = _since_1970(value)
        case str():
            at = _of_text(value, time_zone)
        case _:
            raise ValueError("it is no instant")
    if not is_within_the_years(at):
        raise ValueError(f"{at.isoformat()} lies outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return at.astimezone(UTC)


def _since_1970(number: float) -> datetime:
    seconds = number / 1000 if abs(number) >= _MILLISECONDS_FROM else number
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError(f"{number} is no number of seconds or milliseconds since 1970") from None


def _of_text(text: str, time_zone: str | None) -> datetime:
    written = _SPACED_OFFSET.sub("", _UTC.sub("Z", _FRACTION.sub(r"\1", text.strip())))
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        raise ValueError(f"{quoted(text)} is no ISO 8601 instant, such as 2026-12-01T09:30:00Z") from None
    if at.utcoffset() is not None:
        return at
    if time_zone is None:
        raise ValueError(f"{quoted(text)} has no offset from UTC; give the source a time_zone")
    return at.replace(tzinfo=ZoneInfo(time_zone))
