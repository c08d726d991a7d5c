"""How many cases have a value of a field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

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
