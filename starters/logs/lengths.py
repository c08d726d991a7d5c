"""How long something took, as logs write it: a number of a unit, a clock (`1:30`), or `1d 2h 30m`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal

from domain.bounds import MOST_SPAN_SECONDS, cut

Unit = Literal["seconds", "minutes", "hours", "days"]
"""What a number of a column of lengths counts."""

_SECONDS: dict[Unit, int] = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}
_NUMBER = re.compile(r"[0-9]{1,12}([.][0-9]{1,12})?")
_CLOCK = re.compile(r"([0-9]{1,6}):([0-5][0-9])(?::([0-5][0-9]))?")
_PARTS = re.compile(r"(?:([0-9]{1,6}) ?d)? ?(?:([0-9]{1,6}) ?h)? ?(?:([0-9]{1,6}) ?m(?:in)?)? ?(?:([0-9]{1,9}) ?s)?")


class BadLength(ValueError):
    """A cell that shows no length; the text says what would be right."""


def length_of(text: str, unit: Unit | None, decimal: str = ".") -> timedelta:
    """The length that a cell shows, fractions of a second dropped.

    Args:
        text: of the cell.
        unit: of numbers; None: the cell says its units itself.
        decimal: the sign between whole and fraction of a number.

    Raises:
        BadLength: it shows none, or one of more than ten years.
    """
    seconds = _seconds(text, unit, decimal)
    if seconds > MOST_SPAN_SECONDS:
        raise BadLength(f"{cut(text, 80)!r} is longer than ten years")
    return timedelta(seconds=seconds)


def _seconds(text: str, unit: Unit | None, decimal: str) -> int:
    if _NUMBER.fullmatch(text.replace(decimal, ".")) and (decimal == "." or "." not in text):
        if unit is None:
            raise BadLength(f"{cut(text, 80)!r} says no unit; name it in the mapping, such as unit: minutes")
        return int(float(text.replace(decimal, ".")) * _SECONDS[unit])
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return (hours * 60 + minutes) * 60 + seconds
    parts = _PARTS.fullmatch(text.strip())
    if parts and any(parts.groups()):
        days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    raise BadLength(
        f"{cut(text, 80)!r} is no length, such as {_example(unit, decimal)} (hours and minutes) or 1d 2h 30m"
    )


def _example(unit: Unit | None, decimal: str) -> str:
    return f"90{decimal}5 ({unit}), 1:30" if unit else "1:30"
