"""The version of a database's schema, and how it is brought up to date.

Which version is the newest is read from the revisions themselves: the migration tool takes a while to load, and is
loaded where something is to be migrated.
"""

from __future__ import annotations

import re
import threading
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from store.errors import StoreError

_MIGRATIONS = Path(__file__).parent / "migrations"
_TABLE = "alembic_version"
_LINE = re.compile(r"^(revision|down_revision) = \"(\w+)\"$", re.MULTILINE)
_ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps the migration that is under way in a global variable."""


def is_up_to_date(connection: Connection) -> bool:
    """Whether the tables are those that this Milepost works with."""
    return versions(connection) == {newest()}


def versions(connection: Connection) -> set[str]:
    """At which version the tables are; nothing: there are none."""
    if not inspect(connection).has_table(_TABLE):
        return set()
    return set(connection.scalars(text(f"SELECT version_num FROM {_TABLE}")))  # noqa: S608  a constant


def check_up_to_date(connection: Connection) -> None:
    """Refuse tables that this Milepost does not know, or none. Nothing is changed.

    Raises:
        StoreError: with what would help.
    """
    here = versions(connection)
    if not here:
        raise StoreError(f"the database has no tables of Milepost yet; {MAKES}")
    if here == {newest()}:
        return
    known = ", ".join(sorted(here))
    if not all(any((_MIGRATIONS / "versions").glob(f"{version}_*.py")) for version in here):
        raise StoreError(f"the database is at version {known}, which a newer Milepost has made; use that one")
    raise StoreError(f"the database is at version {known}, and this Milepost needs {newest()}; {_UPGRADES}")


MAKES = "`milepost db upgrade` makes them, and so do `milepost worker` and `milepost dev`"
_UPGRADES = "`milepost db upgrade` brings it up to date, and so do `milepost worker` and `milepost dev` of this build"


@cache
def newest() -> str:
    """The revision that no other one goes on from."""
    made: set[str] = set()
    gone_on_from: set[str] = set()
    for file in (_MIGRATIONS / "versions").glob("*.py"):
        told = dict(_LINE.findall(file.read_text(encoding="utf-8")))
        made.add(told["revision"])
        gone_on_from.add(told.get("down_revision", ""))
    (last,) = made - gone_on_from
    return last


def migrate(connection: Connection) -> None:
    """Bring the schema up to date, in the transaction of the connection.

    Raises:
        StoreError: a newer Milepost has been here.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    current = set(MigrationContext.configure(connection).get_current_heads())
    if unknown := current - {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(
            f"the database is at version {', '.join(unknown)}, which a newer Milepost has made; use that one"
        )
    if current != set(scripts.get_heads()):
        with _ONE_AT_A_TIME:
            command.upgrade(config, "head")
