"""Amounts as people type them."""

from __future__ import annotations

import re

from domain.errors import Refused
from domain.open_time.spans import Offset
from domain.usage.allowance import MOST
from domain.usage.units import HOURS

_SECONDS_PER_MINUTE = 60
_WHOLE = re.compile(r"[0-9]{1,40}")


def read_amount(text: str, unit: str) -> int:
    """An amount as people type it, in the smallest measure of its unit: ``-90m`` or ``2h`` of hours, ``3`` of others.

    Raises:
        Refused: it is none.
    """
    digits = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    amount = _minutes(digits) if unit == HOURS else int(digits) if _WHOLE.fullmatch(digits) else None
    if amount is None:
        right = "hours and minutes: 2h, 90m, -1h30m" if unit == HOURS else "a whole number, such as 2 or -1"
        raise Refused("bad_amount", f"{text!r} is no amount of {unit}; write {right}")
    if amount > MOST:
        raise Refused("bad_amount", f"{text} is a slip of the pen; at most {MOST:,} at once")
    return -amount if text.startswith("-") else amount


def _minutes(text: str) -> int | None:
    try:
        minutes, rest = divmod(Offset.parse(text).seconds, _SECONDS_PER_MINUTE)
    except ValueError:
        return None
    return None if rest else minutes
