"""Public holidays by the `holidays` package: the one place that asks it. No workflow may import it."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any

from domain.open_time.stretches import CalendarError

HALF_DAY = "half_day"
WORKED = ("workday", "unofficial")
"""Categories of days on which people work."""


def _package() -> Any:
    """The package, loaded when a calendar asks it: most commands have none to freeze."""
    import holidays  # noqa: PLC0415 - only what freezes a calendar needs it

    return holidays


_NO_CODES = frozenset({"BAH", "GUA", "MOR", "SZW", "VTU", "XKK"})
"""What the package has in place of a country's ISO 3166 code of three letters, though no country has that code."""


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    """Every ISO 3166 code under which the package lists a country, with that of two letters.

    The package names a country by its code of two letters, that of three, and then by whatever else it is called.
    """
    from holidays.registry import COUNTRIES  # noqa: PLC0415 - as the package itself

    named = [(two, three) for _, two, three, *_ in COUNTRIES.values()]
    return {code: two for two, three in named for code in (two, three) if code not in _NO_CODES}


def check_code(country: str) -> None:
    """Refuse a country that is named otherwise than by its ISO 3166 code.

    Raises:
        ValueError: the text says which code would be right, if the package knows a country by that name.
    """
    if country not in _codes():
        raise ValueError(f"unknown country {country!r}; {_hint(country)}")


def _hint(country: str) -> str:
    name = country.upper()
    if name in _codes():
        return f"did you mean {name!r}?"
    if name in _package().list_supported_countries():
        return f"write {_package().country_holidays(name).country}, its code of ISO 3166"
    return "expected a code such as 'US', of ISO 3166"


def check_country(country: str, subdivision: str | None, categories: tuple[str, ...]) -> None:
    """Refuse what the package does not know. What was stored may name a country in any of the package's ways.

    Raises:
        ValueError: the text says what it knows instead.
    """
    if country not in _package().list_supported_countries():
        raise ValueError(f"unknown country {country!r}; {_hint(country)}")
    calendar: Any = _package().country_holidays(country)
    if subdivision is not None:
        known = (*calendar.subdivisions, *calendar.subdivisions_aliases)
        if subdivision not in known:
            listed = ", ".join(calendar.subdivisions) or "none"
            raise ValueError(f"unknown subdivision {subdivision!r} of {country}; it has: {listed}")
    unknown = [category for category in categories if category not in calendar.supported_categories]
    if unknown:
        listed = ", ".join(category for category in calendar.supported_categories if category not in WORKED)
        raise ValueError(f"unknown category {unknown[0]!r} of the holidays of {country}; it has: {listed}")
    worked = [category for category in categories if category in WORKED]
    if worked:
        raise ValueError(
            f"people work on the days of category {worked[0]!r}, and it would close them; leave it out, and close "
            "single dates with add"
        )


def closed_days(country: str, subdivision: str | None, categories: tuple[str, ...], year: int) -> frozenset[date]:
    """A country's holidays of one year, one observed in it for the next year's first day among them.

    Raises:
        CalendarError: the package does not know the holidays of that year.
    """
    closing = tuple(category for category in categories if category != HALF_DAY)
    if categories and not closing:
        return frozenset()
    return frozenset(_known(country, subdivision, closing, year))


def half_days(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    """The days of one year on which a country works half the day."""
    return frozenset(_known(country, subdivision, (HALF_DAY,), year))


def moved_working_days(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    """The days of one year, most of them on a weekend, that a country works in place of others."""
    moved = getattr(_known(country, subdivision, (), year), "weekend_workdays", ())
    return frozenset(day for day in moved if day.year == year)


@lru_cache(maxsize=4096)
def _known(country: str, subdivision: str | None, categories: tuple[str, ...], year: int) -> Any:
    known: Any = _package().country_holidays(country, subdiv=subdivision, years=year, categories=categories or None)
    if not known.start_year <= year <= known.end_year:
        raise CalendarError(
            f"the holidays of {country} are known from {known.start_year} to {known.end_year}, not in {year}"
        )
    return known
