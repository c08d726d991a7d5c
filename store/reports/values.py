"""What SQLite and PostgreSQL each say in their own words: all values of a group at once, and whether a key is there.

All values come as one text, which is far cheaper than a row for each.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Text, cast, literal
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


class _HasKey(GenericFunction[bool]):
    """Whether a document has a key, be its value null or not."""

    type = Boolean()
    inherit_cache = True


@compiles(_HasKey, "sqlite")
def _has_key_sqlite(element: _HasKey, compiler: SQLCompiler, **named: Any) -> str:
    document, key = (compiler.process(each, **named) for each in element.clauses)
    return f"""(json_type({document}, '$."' || {key} || '"') IS NOT NULL)"""


@compiles(_HasKey, "postgresql")
def _has_key_postgresql(element: _HasKey, compiler: SQLCompiler, **named: Any) -> str:
    document, key = (compiler.process(each, **named) for each in element.clauses)
    return f"(({document} -> {key}) IS NOT NULL)"


def has_key(document: ColumnElement[Any], key: str) -> ColumnElement[bool]:
    """Whether a document has a key. Of one that it has not SQLite reads a null, and PostgreSQL nothing."""
    return _HasKey(document, literal(key, Text()))
