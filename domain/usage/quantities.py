"""Quantities of a unit as people declare them: whole numbers, and of hours also ``7.5`` or ``7h30m``.

A quantity is an int, or an exact fraction that comes to whole minutes; no binary float is ever reckoned with.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import isfinite
from typing import Annotated, Any

from pydantic import Field, PlainSerializer, PlainValidator

from domain.bounds import MOST_AMOUNT, quoted
from domain.usage.units import HOURS, MINUTES_PER_HOUR, measures_per_unit

EXPECTED = "write a whole number, or of hours whole minutes, such as 7.5 or 7h30m"

_PERCENTAGE = re.compile(r"[0-9]{1,4}(\.[0-9]{1,3})?%")
_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_HOURS_AND_MINUTES = re.compile(r"(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m)?")


def read_quantity(value: Any) -> int | Fraction:
    """Read a quantity from YAML or JSON. ``7.5`` is read by its digits, so that it is exact.

    Raises:
        ValueError: it is none; the message says what would be right.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _fraction(value)
    if found is None or (found * MINUTES_PER_HOUR).denominator != 1:
        raise ValueError(f"{_shown(value)} is no amount; {EXPECTED}")
    # What is written in hours and minutes stays a fraction, so that `2h` is no number of visits.
    is_plain = not (isinstance(value, str) and value[-1:] in {"h", "m"}) and not isinstance(value, Fraction)
    return found.numerator if is_plain and found.denominator == 1 else found


def _fraction(value: Any) -> Fraction | None:
    if isinstance(value, Fraction):
        return value
    if isinstance(value, float):
        # The shortest digits that mean this float are those that were written.
        return Fraction(repr(value)) if isfinite(value) and abs(value) <= MOST_AMOUNT else None
    if not isinstance(value, str):
        return None
    if _DECIMAL.fullmatch(value):
        return Fraction(value)
    parts = _HOURS_AND_MINUTES.fullmatch(value)
    if parts is None or not value:
        return None
    return int(parts[1] or 0) + Fraction(int(parts[2] or 0), MINUTES_PER_HOUR)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, int | float):
        return "nothing" if value is None else str(value)
    return quoted(value) if isinstance(value, str) else f"a {type(value).__name__}"


def quantity_text(quantity: int | Fraction) -> str:
    """A quantity as it is declared: ``8``, ``7h30m``."""
    if quantity.denominator == 1:
        return str(int(quantity))
    hours, minutes = divmod(int(quantity * MINUTES_PER_HOUR), MINUTES_PER_HOUR)
    return f"{hours}h{minutes}m" if hours else f"{minutes}m"


def quantity_data(quantity: int | Fraction) -> int | str:
    """A quantity as it travels in JSON."""
    return int(quantity) if quantity.denominator == 1 else quantity_text(quantity)


def measured(quantity: int | Fraction, unit: str) -> int:
    """A quantity in the smallest measure of its unit."""
    return int(quantity * measures_per_unit(unit))


def check_whole(quantity: int | Fraction | None, unit: str, name: str) -> None:
    """Check that only hours have a fraction.

    Raises:
        ValueError: another unit has.
    """
    if isinstance(quantity, Fraction) and unit != HOURS:
        written = f"{quantity}h" if quantity.denominator == 1 else quantity_text(quantity)
        raise ValueError(f"{name} {written}: {unit} are whole; only unit: hours takes 7.5 or 7h30m")


def read_most(value: Any) -> int | Fraction | str:
    """Read an upper bound: a quantity, or a percentage of something, which stays text.

    Raises:
        ValueError: it is none; the message says what would be right.
    """
    if isinstance(value, str) and _PERCENTAGE.fullmatch(value):
        return value
    try:
        amount = read_quantity(value)
    except ValueError:
        raise ValueError(
            f"{_shown(value)} is no amount; write a whole number, of hours also 7.5 or 7h30m, or a percentage of the "
            "cap such as '40%'"
        ) from None
    if not 0 <= amount <= MOST_AMOUNT:
        raise ValueError(f"{quantity_text(amount)} is no amount to carry over; at most {MOST_AMOUNT:,}")
    return amount


def most_measured(most: int | Fraction | str, cap: int, unit: str) -> int:
    """An upper bound in the smallest measure of a unit; of a percentage no more than it comes to.

    Args:
        most: the bound.
        cap: what a percentage is of, in the smallest measure.
        unit: of both.
    """
    return int(Fraction(most[:-1]) * cap / 100) if isinstance(most, str) else measured(most, unit)


Most = Annotated[
    int | Fraction | str,
    PlainValidator(read_most, json_schema_input_type=int | float | str),
    PlainSerializer(lambda most: most if isinstance(most, str) else quantity_data(most), return_type=int | str),
]
"""An upper bound: a quantity of a unit, or a percentage (``40%``)."""

Quantity = Annotated[
    int | Fraction,
    PlainValidator(read_quantity, json_schema_input_type=int | float | str),
    PlainSerializer(quantity_data, return_type=int | str),
    Field(ge=0, le=MOST_AMOUNT),
]
"""A quantity of a unit, from 0 on."""
