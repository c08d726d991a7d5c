"""The indexes that migrations make are those that the tables declare."""

from __future__ import annotations

import subprocess
import sys

from sqlalchemy import Connection, Index, MetaData, inspect, text
from sqlalchemy.schema import CreateIndex

from store import Store, tables
from tests.starters.command_line import ROOT


def definition(connection: Connection, name: str) -> str:
    """As the database has it, in its own words, without its name."""
    asks = {
        "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'index' AND name = :name",
        "postgresql": "SELECT indexdef FROM pg_indexes WHERE indexname = :name",
    }
    said = connection.execute(text(asks[connection.dialect.name]), {"name": name}).scalar()
    return "" if said is None else " ".join(said.split()).replace(name, "", 1)


def twin_of(index: Index) -> Index:
    """The same index under another name, on a copy of its table, with its condition as SQLAlchemy wants it."""
    assert index.table is not None
    table = index.table.to_metadata(MetaData())
    where = index.info.get("where")
    columns = [table.c[column.name] for column in index.columns]
    return Index("twin", *columns, unique=index.unique, sqlite_where=where, postgresql_where=where)


def test_tables_have_the_indexes_that_they_declare(store: Store) -> None:
    """With the columns, in their order, and the rows that they say; and no others."""
    with store._database.write() as connection:
        for table in tables.metadata.sorted_tables:
            made = inspect(connection).get_indexes(table.name)
            named = {str(index["name"]) for index in made if "duplicates_constraint" not in index}
            assert named == {str(index.name) for index in table.indexes}
            for index in table.indexes:
                connection.execute(CreateIndex(twin_of(index)))
                assert definition(connection, str(index.name)) == definition(connection, "twin")
                connection.execute(text("DROP INDEX twin"))
        connection.rollback()


def test_the_tables_load_no_drivers_of_postgresql() -> None:
    """Which takes a tenth of a second, in every command."""
    asks = "import sys, store.tables; print('sqlalchemy.dialects.postgresql' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", asks], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said == "False\n"
