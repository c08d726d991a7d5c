"""Amounts as people type them."""

from __future__ import annotations

import re

from domain.bounds import MOST_AMOUNT
from domain.errors import Refused
from domain.open_time.spans import Offset
from domain.usage.quantities import measured, read_quantity
from domain.usage.units import HOURS

_SECONDS_PER_MINUTE = 60
_WHOLE = re.compile(r"[0-9]{1,40}")
_DECIMAL = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}")
_DIGITS = 12


def read_amount(text: str, unit: str) -> int:
    """An amount as people type it, in the smallest measure: ``-90m``, ``2h`` or ``7.5`` of hours, ``3`` of others.

    Raises:
        Refused: it is none.
    """
    digits = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    amount = _minutes(digits) if unit == HOURS else int(digits) if _WHOLE.fullmatch(digits) else None
    if amount is None:
        right = "a whole number, such as 2 or -1"
        if unit == HOURS:
            right = "hours and minutes: 2h, 90m, -1h30m, or 7.5 for 7h30m"
            if _WHOLE.fullmatch(digits) and len(digits) <= _DIGITS:
                right = f"{digits}m for minutes, or {digits}h for hours"
        raise Refused("bad_amount", f"{text!r} is no amount of {unit}; write {right}")
    if amount > MOST_AMOUNT:
        raise Refused("bad_amount", f"{text} is a slip of the pen; at most {MOST_AMOUNT:,} at once")
    return -amount if text.startswith("-") else amount


def _minutes(text: str) -> int | None:
    if _DECIMAL.fullmatch(text):
        try:
            return measured(read_quantity(text), HOURS)
        except ValueError:
            return None
    try:
        minutes, rest = divmod(Offset.parse(text).seconds, _SECONDS_PER_MINUTE)
    except ValueError:
        return None
    return None if rest else minutes
