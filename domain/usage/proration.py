"""What a first period has of its cap where it is shorter than the calendar's: its share by days."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

from domain.usage.allowance import Allowance
from domain.usage.periods import FrozenPeriods
from domain.usage.term_length import months_later


def prorated(measures: int, allowance: Allowance, periods: FrozenPeriods, period: int) -> int:
    """A cap in the smallest measure of its unit, or what a first period has of it: rounded up, once.

    Args:
        measures: the cap of a whole period.
        allowance: by whose rules the period is counted.
        periods: of the entitlement.
        period: its number.
    """
    if allowance.first_period != "prorated":
        return measures
    first_day = periods.first_day(period)
    if first_day is None or not (period == 0 or period in periods.term_starts):
        return measures
    return -(-measures * share(allowance, periods, first_day) // 1)


def share(allowance: Allowance, periods: FrozenPeriods, first_day: date) -> Fraction:
    """Which part a term's first period has of the calendar's period, by days; the term's end may cut it, too."""
    months = allowance.period.months
    whole_from = date(first_day.year, (first_day.month - 1) // months * months + 1, 1)
    whole_until = until = months_later(whole_from, months)
    term = periods.term
    last_day = term.ends_on
    if term.length is not None:
        last_day = term.length.last_day(first_day, term.reckoned_from or term.starts_on)
    if last_day is not None and last_day < until:
        until = last_day + timedelta(days=1)
    return Fraction((until - first_day).days, (whole_until - whole_from).days)
