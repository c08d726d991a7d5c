"""The filters that texts have beside Jinja2's own: an instant in a zone, a span in words, money.

What is null or not set stays empty, as everywhere in texts. The time-zone database of this machine is read here: a text
is rendered where it is sent, never in a workflow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Undefined, pass_context
from jinja2.filters import do_urlencode
from jinja2.runtime import Context

ZONE = "time_zone"
"""The name under which a text is given its zone."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_AMOUNT = re.compile(r"([+-]?[\d,]*\.?\d+)\s*([A-Za-z]{3})?")
_MOST_DECIMALS = 4


@pass_context
def local(context: Context, value: Any, zone: Any = None) -> str:
    """An instant on the wall clock of a zone, or a date, in words: ``Tue 1 Dec 2026, 14:25 CET``.

    Args:
        context: of the text; it says in which zone its account is.
        value: ISO 8601.
        zone: an IANA name; the account's, if left out or null.

    Raises:
        ValueError: it is no instant and no date, or there is no such zone.
    """
    if _is_nothing(value):
        return ""
    text = str(value)
    try:
        if _DATE.fullmatch(text):
            return _day(date.fromisoformat(text))
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"local is for instants and dates, not for {text[:40]!r}") from None
    name = context.get(ZONE) or "UTC" if _is_nothing(zone) else str(zone)
    if at.utcoffset() is None:
        raise ValueError(f"local needs an instant with an offset from UTC, not {text[:40]!r}")
    return instant_in_words(at, name)


def instant_in_words(at: datetime, zone: str) -> str:
    """An instant on the wall clock of a zone.

    Raises:
        ValueError: there is no such zone.
    """
    there = at.astimezone(_zone(zone))
    return f"{_day(there.date())}, {there:%H:%M} {_zone_in_words(there)}"


def duration(value: Any, to: Any = None) -> str:
    """A span in words: ``2 hours 5 minutes``.

    Args:
        value: seconds, a span such as ``1h30m``, or the instant at which it begins.
        to: the instant at which it ends.

    Raises:
        ValueError: it is none of these.
    """
    if _is_nothing(value) or isinstance(to, Undefined):
        return ""
    if to is not None:
        return _in_words(int((_instant(to) - _instant(value)).total_seconds()))
    if isinstance(value, int | float):
        return _in_words(int(value))
    found = _SPAN.fullmatch(str(value))
    if found is None or not any(found.groups()):
        raise ValueError(f"duration is for seconds and spans such as 1h30m, not for {str(value)[:40]!r}")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return _in_words(3600 * hours + 60 * minutes + seconds)


def money(value: Any, currency: Any = None) -> str:
    """An amount of money with its thousands apart and at least two decimals: ``1,234.50 EUR``.

    Args:
        value: a number, or a text such as ``85.00 EUR``.
        currency: goes after it, unless the text has one.

    Raises:
        ValueError: it is no amount.
    """
    if _is_nothing(value):
        return ""
    text = f"{Decimal(repr(value)):f}" if isinstance(value, float) else str(value).strip()
    found = _AMOUNT.fullmatch(text)
    try:
        amount = Decimal(found[1].replace(",", "")) if found else Decimal("nan")
    except InvalidOperation:
        amount = Decimal("nan")
    if found is None or not amount.is_finite():
        raise ValueError(f"money is for amounts, not for {str(value)[:40]!r}")
    decimals = min(max(2, -int(amount.normalize().as_tuple().exponent)), _MOST_DECIMALS)
    unit = found[2] or ("" if _is_nothing(currency) else str(currency))
    return f"{amount:,.{decimals}f} {unit}".rstrip()


def urlencode(value: Any) -> str:
    """A value as one part of a path, or of a query; a mapping as a whole query.

    Jinja's own leaves the slashes of a text as they are: a ticket called ``INC/7`` would be another path, and what
    somebody wrote into a field could lead anywhere.

    Raises:
        ValueError: it would lead up from where it stands.
    """
    if isinstance(value, Mapping | list | tuple):
        return do_urlencode(value)
    if _is_nothing(value):
        return ""
    if (text := str(value)) in {".", ".."}:
        raise ValueError(f"urlencode: {text!r} is no part of a path")
    return quote(text, safe="")


FILTERS: dict[str, Callable[..., str]] = {"local": local, "duration": duration, "money": money}
"""That Jinja has none of."""


def _is_nothing(value: Any) -> bool:
    return value is None or isinstance(value, Undefined) or value == ""


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b} {day.year}"


def _instant(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        at = datetime.min  # noqa: DTZ901  an instant without an offset, which is refused below
    if at.utcoffset() is None:
        raise ValueError(f"duration(to=...) is between two instants; {str(value)[:40]!r} is none")
    return at


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError(f"{name[:40]!r} is no time zone; write an IANA name, such as 'Europe/Berlin'") from None


def _zone_in_words(at: datetime) -> str:
    """Its abbreviation; of a zone that has none how far it is from UTC."""
    name = at.tzname() or ""
    if name[:1].isalpha():
        return name
    return str(timezone(at.utcoffset() or timedelta()))


def _in_words(seconds: int) -> str:
    sign, seconds = ("minus ", -seconds) if seconds < 0 else ("", seconds)
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [
        f"{count:,} {unit}{'' if count == 1 else 's'}"
        for count, unit in ((hours, "hour"), (minutes, "minute"), (rest, "second"))
        if count
    ]
    return sign + (" ".join(parts) or "0 minutes")
