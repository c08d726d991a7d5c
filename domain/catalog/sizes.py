"""The bounds of what one declaration of a catalog may hold; of a catalog as a whole there are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import to_json

from domain.bounds import MOST_FIELDS_BYTES, MOST_LIST_ITEMS, MOST_MILESTONES, MOST_TEXT_BYTES, clean
from domain.criteria.fields import FieldsError, check_bounds
from domain.process import EntitlementProcess, FieldUpdate

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
