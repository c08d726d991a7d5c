"""Instants as people write them, read on the wall clock of their zone.

2025-06-13T16:45-04:00   an instant by itself
2025-06-13 16:45         on the wall clock of the zone; so with 2025-06-13T16:45 and 2025-06-13 (its midnight)
14:05, yesterday 16:00   on a date of the zone: today's, or today, yesterday, tomorrow
-10m, +1h30m, now        from now on, by the clock
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, tzinfo

from domain.wording import instant as shown
from domain.wording import time_text, zone_name
from domain.years import FIRST_YEAR, LAST_YEAR, is_promised

EXAMPLES = "14:05, yesterday 16:00, -10m, 2025-06-13 16:45, or 2025-06-13T16:45-04:00"

_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_CLOCK = re.compile(r"(?:(?P<day>yesterday|today|tomorrow)\s+)?(?P<time>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)")
_FROM_NOW = re.compile(r"(?P<sign>[+-])(?:(?P<h>[0-9]{1,5})h)?(?:(?P<m>[0-9]{1,6})m)?(?:(?P<s>[0-9]{1,8})s)?")


class BadInstant(ValueError):
    """A text that is no instant, or not one alone; says what would be right."""


def read_instant(text: str, now: datetime, zone: Callable[[], tzinfo | None]) -> datetime:
    """The instant that somebody wrote, in UTC.

    Args:
        text: what was written.
        now: from which it is reckoned.
        zone: on whose wall clock; asked only if the text does not say itself. None: nobody knows.

    Raises:
        BadInstant: it is none, lies in no promised year, or a change of the clock has it twice or not at all.
    """
    written = text.strip()
    at = _from_now(written.casefold(), now)
    if at is None:
        at = _on_a_day(written.casefold(), now, zone) or _iso(written, zone)
    if not is_promised(at):
        raise BadInstant(f"{text!r} is outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return at.astimezone(UTC)


def is_by_itself(text: str) -> bool:
    """Whether it is the same instant for whoever reads it, whenever and wherever."""
    try:
        return datetime.fromisoformat(text.strip()).utcoffset() is not None
    except ValueError:
        return False


def _from_now(text: str, now: datetime) -> datetime | None:
    if text == "now":
        return now
    found = _FROM_NOW.fullmatch(text)
    if found is None or not any(found[unit] for unit in "hms"):
        return None
    span = timedelta(hours=int(found["h"] or 0), minutes=int(found["m"] or 0), seconds=int(found["s"] or 0))
    try:
        return now - span if found["sign"] == "-" else now + span
    except OverflowError:
        raise BadInstant(f"{text!r} is outside the years {FIRST_YEAR} to {LAST_YEAR}") from None


def _on_a_day(text: str, now: datetime, zone: Callable[[], tzinfo | None]) -> datetime | None:
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    try:
        at = time.fromisoformat(found["time"].zfill(len("00:00:00" if found["time"].count(":") > 1 else "00:00")))
    except ValueError:
        raise BadInstant(f"{text!r} is no time of day; it goes from 00:00 to 23:59") from None
    there = _known(zone, text)
    day = now.astimezone(there).date() + timedelta(days=_DAYS[found["day"] or "today"])
    return _on_the_wall(datetime.combine(day, at), there)


def _iso(text: str, zone: Callable[[], tzinfo | None]) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInstant(f"{text!r} is no time; write one like {EXAMPLES}") from None
    return at if at.utcoffset() is not None else _on_the_wall(at, _known(zone, text))


def _known(zone: Callable[[], tzinfo | None], text: str) -> tzinfo:
    found = zone()
    if found is None:
        raise BadInstant(
            f"{text!r} has no offset from UTC, and no zone is known here: set MILEPOST_TIME_ZONE, "
            "or write it like 2025-06-13T16:45-04:00"
        )
    return found


def _on_the_wall(at: datetime, zone: tzinfo) -> datetime:
    """The one instant of a wall clock's time.

    Raises:
        BadInstant: the clock was put forward over it, or back and shows it twice.
    """
    try:
        first, second = at.replace(tzinfo=zone), at.replace(tzinfo=zone, fold=1)
        there = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        raise BadInstant(f"{at.isoformat()} is outside the years {FIRST_YEAR} to {LAST_YEAR}") from None
    if there != at:
        raise BadInstant(
            f"there is no {time_text(at)} on {at.date()} in {zone_name(zone)}: the clock is put forward over it"
        )
    if first.utcoffset() != second.utcoffset():
        both = " or ".join(one.isoformat(timespec="minutes") for one in (first, second))
        raise BadInstant(f"{time_text(at)} comes twice on {at.date()} in {zone_name(zone)}; write {both}")
    return first


def as_understood(text: str, at: datetime, zone: tzinfo | None) -> str:
    """What a text was taken for: ``14:05 is Mon 2025-06-09 14:05 Europe/Berlin``."""
    return f"{text} is {shown(at, zone or UTC)}"
