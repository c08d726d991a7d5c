"""Who has a value of a field: running cases, and processes that name it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from domain.catalog.documents import CRITERIA
from domain.catalog.kinds import Kind
from domain.criteria.values import values_compared
from store import tables

_AT_ONCE = 1000


def count_having(connection: Connection, values: Mapping[str, Sequence[str | int]]) -> Counter[tuple[str, str | int]]:
    """Count the running cases that have values of fields; of a list one of its items.

    Args:
        connection: of a transaction.
        values: by the names of their fields.

    Returns:
        How many there are, by field and value. Every running case is looked at.
    """
    wanted = select(tables.cases.c.fields).where(tables.RUNNING).execution_options(yield_per=_AT_ONCE)
    found: Counter[tuple[str, str | int]] = Counter()
    for fields in connection.execute(wanted).scalars():
        for name, asked in values.items():
            has = (fields or {}).get(name)
            found.update((name, value) for value in asked if value == has or (isinstance(has, list) and value in has))
    return found


def versions_naming(
    connection: Connection, values: Mapping[str, Sequence[str | int]]
) -> defaultdict[tuple[str, str | int], list[str]]:
    """The versions of processes that name values of fields, in criteria or as what a field is set to.

    Args:
        connection: of a transaction.
        values: by the names of their fields.

    Returns:
        By field and value, such as `Support 2`, in their order. Every version that is stored is looked at.
    """
    table = tables.DECLARED[Kind.PROCESSES]
    wanted = select(table.c.name, table.c.version, table.c.definition).order_by(table.c.name, table.c.version)
    asked = {(name, value) for name, those in values.items() for value in those}
    found: defaultdict[tuple[str, str | int], list[str]] = defaultdict(list)
    for name, version, definition in connection.execute(wanted):
        for named in asked.intersection(_named(definition, frozenset(values))):
            found[named].append(f"{name} {version}")
    return found


def _named(part: Any, fields: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """The fields that a part of a process compares with a value or sets to one, each with that value."""
    if isinstance(part, list):
        for item in part:
            yield from _named(item, fields)
    elif isinstance(part, Mapping):
        if part.get("do") == "field_update":
            sets = part["value"] if isinstance(part["value"], list) else [part["value"]]
            yield from ((part["field"], value) for value in sets if isinstance(value, str | int))
        for key, value in part.items():
            if key in CRITERIA and isinstance(value, str) and any(name in value for name in fields):
                yield from values_compared(value)
            else:
                yield from _named(value, fields)
