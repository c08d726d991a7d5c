"""SQLite: one file, its owner's alone, that is noticed to be gone."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, PoolProxiedConnection, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from store.errors import StoreError

BUSY_SECONDS = 30.0
"""How long a writer waits for another one, unless it says otherwise."""

_PATIENCE = "milepost_patience"
"""How long a connection waits, as it was told last."""


def sqlite_engine(address: URL) -> Engine:
    """An engine for a file, which is made if it is not there: readable and writable for its owner alone.

    A file that is deleted or replaced while it is in use is noticed at the next transaction, which fails: the
    connections would go on with a file that has no name any more, and all that they write would be lost.
    """
    file = Path(str(address.database)).absolute()
    # Never open a file that is there: closing it lets go of all locks that this process has on it, those of SQLite too
    # (https://sqlite.org/howtocorrupt.html, 2.2), and the next program that ends takes the log from under it.
    with contextlib.suppress(OSError):  # SQLite says what is wrong
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    known = _identity(file)

    def must_be_there() -> None:
        if known is not None and _identity(file) != known:
            raise StoreError(
                f"the database file {file} was deleted or replaced while it was in use; nothing is written to it any "
                "more. Put it back, or end this process and begin with the one that is there"
            )

    engine = create_engine(address, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)

    @event.listens_for(engine, "do_connect")
    def connect(*_: object) -> None:
        must_be_there()

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin below, not where the driver guesses
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        must_be_there()
        options = connection.get_execution_options()
        patience, known = options.get("milepost_patience", BUSY_SECONDS), connection.connection.info
        if known.get(_PATIENCE) != patience:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(1000 * patience)}")
            known[_PATIENCE] = patience
        # A transaction that reads first and then wants to write would fail at once if another one wrote in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("milepost_writes") else "BEGIN")

    return engine


def use_wal(engine: Engine) -> None:
    """Let readers and a writer work side by side; kept in the file, so it is said once.

    The change wants the file for itself and does not wait for it, so two processes that start at once take turns here.
    """
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        connection: PoolProxiedConnection | None = None
        try:
            connection = engine.raw_connection()
            cursor = connection.cursor()
            if cursor.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
                return
            if cursor.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                return
        except engine.dialect.loaded_dbapi.Error as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise DBAPIError("PRAGMA journal_mode = WAL", {}, error) from error
        finally:
            if connection is not None:
                connection.close()
        time.sleep(0.02)


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
