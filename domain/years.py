"""The years in which something may be promised; any other is a slip of the pen, and runs out of dates soon."""

from __future__ import annotations

from datetime import date

FIRST_YEAR, LAST_YEAR = 1900, 2999


def is_promised(day: date) -> bool:
    """Whether a date, or an instant, lies in these years."""
    return FIRST_YEAR <= day.year <= LAST_YEAR
