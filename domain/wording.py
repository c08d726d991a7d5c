"""How people read instants, spans and numbers of things: one way of each, for whatever is written to them.

    stamp     2025-06-09 09:00:05Z, in the notes of a case
    instant   Mon 2025-06-09 09:00 UTC, or with seconds where there are any: Mon 2025-06-09 09:00:05 UTC
    span      2h05m, 45s, 2h
    plural    1 case, 2 cases

A zone is an argument: nothing here looks one up. Nor is `strftime` asked: it imports a module each time it is called,
which a workflow's sandbox makes dear.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo

_MIDNIGHT = "00:00"
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_STAMP = re.compile(r"\b[0-9]{4}-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z")


# --- instants ---


def instant(at: datetime, zone: tzinfo = UTC) -> str:
    """An instant on the wall clock of a zone, which is named: ``Mon 2025-06-09 09:00 America/New_York``."""
    try:
        return f"{_written_out(at.astimezone(zone))} {zone_name(zone)}"
    except OverflowError:  # at an end of the years that there are: in that zone it would lie in none of them
        return at.isoformat()


def second(at: datetime, zone: tzinfo = UTC) -> str:
    """The same to the second."""
    return instant(at.replace(microsecond=0), zone)


def clock(at: datetime, zone: tzinfo = UTC) -> str:
    """An instant on the wall clock of a zone that is named elsewhere: ``Mon 2025-06-09 09:00``."""
    try:
        return _written_out(at.astimezone(zone))
    except OverflowError:
        return _written_out(at)


def _written_out(local: datetime) -> str:
    return f"{day_text(local.date())} {time_text(local)}"


def zone_name(zone: tzinfo) -> str:
    """The name of a zone."""
    return "UTC" if zone is UTC else str(zone)


def stamp(at: datetime) -> str:
    """An instant in UTC, as short notes have it: ``2025-06-09 09:00:00Z``."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(' ', 'seconds')}Z"


def with_stamps_in(text: str, zone: tzinfo) -> str:
    """A note with its stamps on the wall clock of a zone, as `instant` writes them; what is no stamp stays."""
    return _STAMP.sub(lambda found: _written(found[0], lambda at: instant(at, zone)), text)


def with_moments_in(text: str, zone: tzinfo) -> str:
    """The same, as `moment` writes them."""
    return _STAMP.sub(lambda found: _written(found[0], lambda at: moment(at.astimezone(zone))), text)


def _written(stamped: str, write: Callable[[datetime], str]) -> str:
    try:
        return write(datetime.fromisoformat(stamped))
    except ValueError:  # it looks like one, and is something that somebody wrote
        return stamped


def moment(at: datetime) -> str:
    """An instant on the wall clock that it carries, and in UTC: ``Mon 2025-06-09 09:00 (13:00Z)``."""
    local = f"{day_text(at.date())} {time_text(at)}"
    if not at.utcoffset():
        return f"{local}Z"
    utc = at.astimezone(UTC)
    there = time_text(utc) if utc.date() == at.date() else f"{_WEEKDAYS[utc.weekday()]} {time_text(utc)}"
    return f"{local} ({there}Z)"


def time_text(at: datetime) -> str:
    """The time of day, with seconds if there are any."""
    return at.time().isoformat("seconds" if at.second else "minutes")


def day_text(day: date) -> str:
    """A date with its weekday."""
    return f"{_WEEKDAYS[day.weekday()]} {day.isoformat()}"


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


# --- spans, and numbers of things ---


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


def plural(count: int, word: str) -> str:
    """So many of a thing: ``1 case``, ``1,200 cases``."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def numbered(name: str, occurrence: int) -> str:
    """The name of something that comes again, with its number from the second on: ``First response (2)``."""
    return name if occurrence == 1 else f"{name} ({occurrence})"


def who(by: str | None, reason: str | None) -> str:
    """Who did it and what they said of it, to be said right after what was done."""
    return (f" by {by}" if by else "") + (f', "{reason}"' if reason else "")
