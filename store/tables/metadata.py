"""The schema, which every table joins."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, Index, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def partial_index(name: str | None, *columns: Column[Any], where: ColumnElement[bool], unique: bool = False) -> Index:
    """An index of the rows of which a condition holds, kept as `where` in its info.

    Migrations make the indexes. SQLAlchemy's own options for it load the dialects that they are of, and that of
    PostgreSQL has a dozen drivers: no command on SQLite needs them.

    Args:
        name: None: by the convention.
        columns: in their order.
        where: the condition.
        unique: no two of these rows are alike.
    """
    return Index(name, *columns, unique=unique, info={"where": where})
