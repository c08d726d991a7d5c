"""What an allowance counts: in which measure amounts are kept, and how people read them.

Amounts are whole numbers, so that adding up never rounds: minutes for ``hours``, one by one for everything else.
"""

from domain.wording import span

HOURS = "hours"
MINUTES_PER_HOUR = 60


def measures_per_unit(unit: str) -> int:
    """How many of the smallest measure make one of the unit."""
    return MINUTES_PER_HOUR if unit == HOURS else 1


def in_units(amount: int, unit: str) -> int | float:
    """An amount in its unit, as people count: 90 minutes are 1.5 hours; to a hundredth."""
    return round(amount / MINUTES_PER_HOUR, 2) if unit == HOURS else amount


def number_text(amount: int, unit: str) -> str:
    """An amount in its unit, without it: ``3``, ``18.5``; ``1h20m`` of hours that hundredths do not hold."""
    if _needs_minutes(amount, unit):
        return span(amount * 60)
    return f"{in_units(amount, unit)}".removesuffix(".0")


def amount_text(amount: int, unit: str) -> str:
    """An amount as people read it: ``3 cases``, ``18.5 hours``, ``1h20m``, ``1 visit``."""
    number = number_text(amount, unit)
    if _needs_minutes(amount, unit):
        return number
    return f"{number} {unit.removesuffix('s') if number == '1' else unit}"


def worked_text(minutes: int) -> str:
    """Work, before anything is counted, as it is written where it is logged: ``2h30m``."""
    return span(minutes * 60)


def _needs_minutes(amount: int, unit: str) -> bool:
    return unit == HOURS and amount * 100 % MINUTES_PER_HOUR != 0
