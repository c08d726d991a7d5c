"""The bounds of what one declaration of a catalog may hold; of a catalog as a whole there are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from pydantic_core import to_json

from domain.bounds import (
    MOST_FIELDS_BYTES,
    MOST_LIST_ITEMS,
    MOST_MILESTONES,
    MOST_NAME,
    MOST_TEXT_BYTES,
    clean,
    is_within_the_years,
)
from domain.catalog.declarations import ContractLineItem, Declaration, Entitlement, ServiceContract
from domain.criteria.fields import FieldsError, check_bounds
from domain.process import EntitlementProcess, FieldUpdate
from domain.years import FIRST_YEAR, LAST_YEAR, is_promised

Path = tuple[str | int, ...]


def oversized(declaration: Any) -> Iterator[tuple[Path, str]]:
    """What of a declaration is over a bound: where in it, and a sentence with the bound.

    Args:
        declaration: as it was read.
    """
    if isinstance(declaration, EntitlementProcess) and len(declaration.milestones) > MOST_MILESTONES:
        count = len(declaration.milestones)
        yield ("milestones",), f"a process has at most {MOST_MILESTONES} milestones, not {count:,}"
        return
    found = list(_parts((), declaration.model_dump()))
    yield from found
    if not found and isinstance(declaration, EntitlementProcess):
        yield from _what_updates_set(declaration)


def overlong_name(name: str) -> str | None:
    """What is wrong with a name that is no id: it is too long to be found by; None if nothing is."""
    return None if len(name) <= MOST_NAME else f"a name has at most {MOST_NAME} characters, not {len(name):,}"


def outside_the_years(declaration: Declaration | None) -> list[tuple[Path, str]]:
    """The dates and instants of a declaration in whose years nothing is promised: where in it, and a sentence."""
    found = ((path, beyond_the_years(path[-1], day)) for path, day in _days(declaration))
    return [(path, said) for path, said in found if said is not None]


def beyond_the_years(key: str | int, day: date) -> str | None:
    """What is wrong with the year of a date or instant; None if nothing is. A last date of 9999-12-31 is no end."""
    years = f"in the years {FIRST_YEAR} to {LAST_YEAR}, not {day.isoformat()}"
    if isinstance(day, datetime):
        return None if is_within_the_years(day) else f"an instant lies {years}"
    if key == "ends_on":
        no_end = f"or is {date.max}, which means that there is none"
        return None if is_promised(day) or day == date.max else f"a last date lies {years}, {no_end}"
    return None if is_promised(day) else f"a date lies {years}"


def _days(declaration: Declaration | None) -> Iterator[tuple[Path, date]]:
    """The dates and instants of what has any."""
    if isinstance(declaration, Entitlement | ServiceContract | ContractLineItem):
        for name in type(declaration).model_fields:
            if isinstance(day := getattr(declaration, name), date):
                yield (name,), day
    if isinstance(declaration, Entitlement) and declaration.opening is not None:
        yield ("opening", "as_of"), declaration.opening.as_of


def _what_updates_set(process: EntitlementProcess) -> Iterator[tuple[Path, str]]:
    largest: dict[str, int] = {}
    for place, update in _field_updates(process):
        largest[update.field] = max(largest.get(update.field, 0), len(to_json(update.value, inf_nan_mode="strings")))
        try:
            check_bounds({update.field: update.value})
        except FieldsError as error:
            yield (*place, "value"), str(error)
    if sum(largest.values()) > MOST_FIELDS_BYTES:
        allowed = f"{MOST_FIELDS_BYTES // 1024} KB together, not {sum(largest.values()):,} bytes"
        yield ("milestones",), f"the values that field_update sets have at most {allowed}"


def _field_updates(process: EntitlementProcess) -> Iterator[tuple[Path, FieldUpdate]]:
    for number, milestone in enumerate(process.milestones):
        for position, trigger in enumerate(milestone.triggers):
            for which, action in enumerate(trigger.actions):
                if isinstance(action, FieldUpdate):
                    yield ("milestones", number, "triggers", position, "actions", which), action


def _parts(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield from _text(path, value)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _parts((*path, str(key)), part)
    elif isinstance(value, list | tuple):
        if len(value) > MOST_LIST_ITEMS:
            yield path, f"a list has at most {MOST_LIST_ITEMS:,} items, not {len(value):,}"
            return
        for number, part in enumerate(value):
            yield from _parts((*path, number), part)


def _text(path: Path, text: str) -> Iterator[tuple[Path, str]]:
    try:
        size = len(clean(text).encode())
    except ValueError as error:
        yield path, str(error)
        return
    if size > MOST_TEXT_BYTES:
        yield path, f"a text has at most {MOST_TEXT_BYTES:,} bytes, not {size:,}"
