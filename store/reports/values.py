"""All values of a group at once: a database hands them over as one text, which is far cheaper than a row for each."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, Text, cast
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


class _AllValues(GenericFunction[str]):
    """The values of a group as a JSON list."""

    type = Text()
    inherit_cache = True


@compiles(_AllValues, "sqlite")
def _sqlite(element: _AllValues, compiler: SQLCompiler, **named: Any) -> str:
    return f"json_group_array({compiler.process(element.clauses, **named)})"


@compiles(_AllValues, "postgresql")
def _postgresql(element: _AllValues, compiler: SQLCompiler, **named: Any) -> str:
    return f"json_agg({compiler.process(element.clauses, **named)})"


def all_of(column: ColumnElement[Any]) -> ColumnElement[str]:
    """All values of a column in a group; `listed` reads them."""
    return cast(_AllValues(column), Text)


def listed(values: str) -> list[int]:
    """The values that `all_of` hands over."""
    found: list[int] = json.loads(values)
    return found
