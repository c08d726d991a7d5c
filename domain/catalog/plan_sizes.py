"""How large what a catalog declares makes the plan of a case, which travels with it from run to run.

The server takes 2 MB of a case at once: its plan, its state and its fields. What is bounded here leaves 700 KB to these
two, if everything that is declared is as large as it may be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from pydantic_core import to_json

from domain.bounds import (
    MOST_CALENDARS_BYTES,
    MOST_DECLARED_BYTES,
    MOST_ENTITLEMENT_BYTES,
    MOST_HOURS_BYTES,
    MOST_PROCESS_BYTES,
)
from domain.calendar import BusinessHours
from domain.catalog.declarations import Declaration, DeclaredHours, Entitlement
from domain.open_time.windows import DateRange, YearlyDate
from domain.process import EntitlementProcess
from domain.years import FIRST_YEAR, LAST_YEAR

Path = tuple[str | int, ...]

_YEARS = 3
"""For which calendars are frozen when a case is opened: the year before, this one, and the next."""
_OF_A_DAY = len('"2025-01-01":,')
_OF_A_COUNTRY = 60
"""Days of a year, at most, that a country closes or has otherwise."""
_BESIDE = 1024
"""Bytes of names, ends and changes of the offset."""


def too_large(declaration: Declaration) -> Iterator[tuple[Path, str]]:
    """What of a declaration is larger than a plan has room for: where in it, and a sentence with the bound."""
    match declaration:
        case EntitlementProcess():
            yield from _process(declaration)
        case Entitlement() if (size := len(to_json(declaration.for_criteria()))) > MOST_ENTITLEMENT_BYTES:
            yield (), _over("what criteria see of an entitlement", MOST_ENTITLEMENT_BYTES, size)
        case DeclaredHours() if (size := frozen_bytes(declaration)) > MOST_HOURS_BYTES:
            said = f"three years of business hours {declaration.name!r}"
            yield (), _over(said, MOST_HOURS_BYTES, size)
        case _:
            pass


def fields_too_large(
    fields: Mapping[str, object],
    values: Mapping[str, Sequence[str | int]],
    before: tuple[Mapping[str, object], Mapping[str, Sequence[str | int]]],
) -> str | None:
    """What is wrong with the size of all fields and their values; None if they fit, or are no larger than before.

    Args:
        fields: all there are, with their types.
        values: of those of which they are listed.
        before: both as they are declared already.
    """
    size = len(to_json([fields, values]))
    if size <= max(MOST_DECLARED_BYTES, len(to_json(list(before)))):
        return None
    return _over("the fields of cases and their values", MOST_DECLARED_BYTES, size)


def calendars_too_large(hours: Iterable[BusinessHours]) -> str | None:
    """What is wrong with the size of all calendars that one process names; None if they fit."""
    size = sum(map(frozen_bytes, hours))
    if size <= MOST_CALENDARS_BYTES:
        return None
    return _over("three years of all business hours that a process names", MOST_CALENDARS_BYTES, size)


def frozen_bytes(hours: BusinessHours) -> int:
    """The bytes, at most, of a calendar that is frozen for a case: its own dates in the year that has most of them."""
    yearly, by_year = 0, Counter[int]()
    own = [*hours.dates.items(), *((days, ()) for days in hours.holidays.add)]
    for days, windows in own:
        size = _OF_A_DAY + len(to_json(windows))
        if isinstance(days, YearlyDate):
            yearly += size
        else:
            for year, count in _days_by_year(days):
                by_year[year] += count * size
    if hours.holidays.country is not None:
        windows = max(hours.holidays.half_days, hours.holidays.working_weekends, key=len)
        yearly += _OF_A_COUNTRY * (_OF_A_DAY + len(to_json(windows)))
    most = yearly + max(by_year.values(), default=0)
    return _BESIDE + len(to_json(hours.week)) + _YEARS * most + most // 10  # some days more at either end


def _days_by_year(days: DateRange) -> Iterator[tuple[int, int]]:
    for year in range(max(days.first.year, FIRST_YEAR), min(days.last.year, LAST_YEAR) + 1):
        begins, ends = max(days.first, date(year, 1, 1)), min(days.last, date(year, 12, 31))
        yield year, (ends - begins).days + 1


def _process(process: EntitlementProcess) -> Iterator[tuple[Path, str]]:
    size = len(process.model_dump_json().encode())
    if size <= MOST_PROCESS_BYTES:
        return
    sizes = [len(milestone.model_dump_json().encode()) for milestone in process.milestones]
    number = sizes.index(max(sizes))
    largest = f"the largest milestone, {process.milestones[number].name!r}, has {sizes[number]:,} of them"
    said = _over(f"process {process.name!r}", MOST_PROCESS_BYTES, size)
    yield ("milestones", number), f"{said}; {largest}. Long mails can be templates, which are named by their id"


def _over(what: str, most: int, size: int) -> str:
    return f"as JSON {what} may have at most {most // 1024} KB together, not {size:,} bytes"
