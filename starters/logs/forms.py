"""The forms in which logs write their times, and which of them the texts of a column have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType

from starters.logs.times import ISO, BadTime, TimeFormat, TimeReader

_DATES = ("%d-%m-%Y", "%m-%d-%Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y-%m-%d", "%Y.%m.%d", "%d.%m.%y",
          "%d/%m/%y", "%m/%d/%y", "%d/%b/%y", "%d/%b/%Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d %Y",
          "%b %d, %Y", "%B %d, %Y", "%Y%m%d", "%a %d %b %Y", "%a, %d %b %Y", "%a %d/%m/%Y", "%a %m/%d/%Y",
          "%A, %B %d, %Y")  # fmt: skip
_CLOCKS = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", "%H.%M", "%H%M%S", "%Hh%M")
_JOINTS = (" ", ", ", "T", " - ", "  ", " at ", " um ", " à ")
_ENDS = ("", " %z", "%z", " %Z", " Uhr")
_WHOLE = ("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %Z %Y", "%a, %d %b %Y %H:%M:%S %z", "%Y%m%d%H%M%S")
_ZONED = ("%z", "%Z")
_TRIED = 40
"""Values on which formats are tried before all are read."""

NO_ZONES: Mapping[str, str] = MappingProxyType({})
"""No zone words."""

_EPOCH = {"epoch": re.compile(r"1[0-9]{9}(\.\d+)?"), "epoch_ms": re.compile(r"1[0-9]{12}")}
_HALF_DAY = re.compile(r"[AP]\.?\s?M(?![A-Z])", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def formats_of(texts: list[str], zones: Mapping[str, str] = NO_ZONES) -> list[TimeFormat]:
    """Every format in which all of the texts are times; the first is the likeliest.

    Args:
        texts: of one column, at least one.
        zones: what zone words most likely mean.
    """
    first = texts[:: max(1, len(texts) // _TRIED)][: _TRIED * 2]
    for as_iso in (True, False):
        found = _candidates(first[0], zones, as_iso=as_iso)
        if fitting := [times for times in found if reads(times, first) and reads(times, texts)]:
            return fitting
    return []


def _candidates(text: str, zones: Mapping[str, str], *, as_iso: bool) -> Iterator[TimeFormat]:
    """The formats in which one text is a time.

    Args:
        text: of a column.
        zones: what zone words most likely mean.
        as_iso: one that is ISO 8601 is that alone; else others of the column may lack its offset, or the 0 of an hour.
    """
    for name, pattern in _EPOCH.items():
        if pattern.fullmatch(text):
            yield TimeFormat(format=name)
    if _NUMBER.fullmatch(text) and len(text) not in (8, 14):
        return
    if not any(sign.isdigit() for sign in text):
        return
    iso, own = (TimeFormat(format=ISO, time_zone=zone, zones=dict(zones)) for zone in ("UTC", None))
    if re.match(r"\d{4}-\d\d-\d\d", text) and reads(iso, [text]):
        yield own if as_iso and reads(own, [text]) else iso
        if as_iso:
            return
    for codes, signs in _forms():
        if signs <= set(text) and ("%p" not in codes or _HALF_DAY.search(text)):
            zone = None if any(code in codes for code in _ZONED) else "UTC"
            times = TimeFormat(format=codes, time_zone=zone, zones=dict(zones))
            if reads(times, [text]):
                yield times


@cache
def _forms() -> list[tuple[str, frozenset[str]]]:
    """Every format that is tried, with the signs that a text in it has."""
    written = (f"{day}{joint}{clock}" for day in _DATES for joint in _JOINTS for clock in _CLOCKS)
    forms = (codes + end for codes in (*_WHOLE, *_DATES, *written) for end in _ENDS if not _twice(codes, end))
    return [(codes, frozenset(re.sub(r"%.", "", codes))) for codes in forms]


def _twice(codes: str, end: str) -> bool:
    """Whether a format with such an end would say its zone twice."""
    return any(code in codes for code in _ZONED) and any(code in end for code in _ZONED)


def reads(times: TimeFormat, texts: Sequence[str]) -> bool:
    """Whether all of the texts are times in a format."""
    reader = TimeReader(times)
    try:
        for text in texts:
            reader.read(text)
    except BadTime:
        return False
    return True
