"""Time zones by their IANA names. Reads the zone database, so that no workflow may import it."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

_NO_PLACE = frozenset({"localtime", "posixrules", "Factory"})
"""Files of the time-zone database that mean something else on every machine."""

_ABBREVIATION = re.compile(r"(?:[A-Z]{1,4}[SD]?T|WET|WEST|MSK|UTC|GMT|UCT|Zulu|Z)")


def zone_named(name: str) -> ZoneInfo | None:
    """The zone of an IANA name, or None."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return None


def checked_zone(name: str) -> str:
    """Refuse a name that is no IANA zone.

    Raises:
        ValueError: it is none; the text names one only if it is surely what was meant.
    """
    if name in _NO_PLACE or name.startswith(("posix/", "right/")):
        raise ValueError(f"{name!r} is no time zone of a place; write an IANA name, such as 'America/New_York'")
    if zone_named(name) is None:
        known = _zone_of_words(name)
        hint = f"did you mean {known!r}?" if known else "expected an IANA name, such as 'America/New_York', or UTC"
        raise ValueError(f"unknown time zone {name!r}; {hint}")
    return name


def _zone_of_words(name: str) -> str | None:
    """The one zone whose name differs only in case, blanks or one slip of the pen within its city."""
    from difflib import get_close_matches  # noqa: PLC0415 - only what is wrong needs it
    from zoneinfo import available_timezones  # noqa: PLC0415 - the same

    if _ABBREVIATION.fullmatch(name) or not re.search(r"[a-z]{3}", name):
        return None
    plain = name.replace(" ", "_").casefold()
    zones = {zone.casefold(): zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")}
    same = [zone for folded, zone in zones.items() if plain in (folded, folded.rpartition("/")[2])]
    if len(same) == 1:
        return same[0]
    close = get_close_matches(plain, zones, n=2, cutoff=0.9) if "/" in plain else []
    return zones[close[0]] if close else None
