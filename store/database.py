"""The connection to the database: SQLite or PostgreSQL, brought up to date when it is opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from sqlalchemy import Connection, Engine, Executable, Table, create_engine, event, make_url, text
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, SQLAlchemyError

from store.addresses import shown_address, without_password
from store.errors import BadAddress, NothingThere, StoreError, Unstorable, is_of_a_row
from store.schema import MAKES, check_up_to_date, is_up_to_date, migrate, versions
from store.sqlite import BUSY_SECONDS, sqlite_engine, use_wal
from store.turns import Turns

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

    Upsert = sqlite.Insert | postgresql.Insert

_MIGRATION_LOCK = 0x6D696C65  # "mile", in PostgreSQL's one space of advisory locks
CATALOG_LOCK = _MIGRATION_LOCK + 1
MAIL_LOCK = 0x6D61696C

Schema = Literal["upgraded", "made", "there"]
"""What whoever opens a database wants of its schema: that it is brought up to date; that it is made where there is
none, and is up to date where there is one; or the latter alone. Workers upgrade. What people and other programs run
beside them does not: no database is upgraded under workers of an older build by a look at it."""

_EXPECTED = "expected sqlite:///path/to/milepost.db or postgresql://user@host/name"


class Database:
    """An engine, and the two ways in which it is used: to read, and to write."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        postgres = engine.dialect.name == "postgresql"
        self._reading = engine.execution_options(isolation_level="REPEATABLE READ") if postgres else engine
        self._writing = engine.execution_options(milepost_writes=True)
        # Of this process's writers SQLite lets one in at a time, and has the others look again and again.
        self._turns = None if postgres else Turns()

    @classmethod
    def open(cls, url: str, schema: Schema = "upgraded") -> Database:
        """Connects, and looks at the schema or brings it up to date; several processes may do so at once.

        Raises:
            BadAddress: no database can be there.
            StoreError: nobody answers there, it can't be opened, a newer Milepost has been here, or the schema is not
                as it is wanted.
        """
        address = _address(url)
        if schema == "there":
            _refuse_missing_file(address)
        engine = _engine(address)
        database = cls(engine)
        try:
            if schema == "there":
                with database.read() as connection:
                    check_up_to_date(connection)
                return database
            if engine.dialect.name == "sqlite":
                use_wal(engine)
            with database.read() as connection:
                ready = is_up_to_date(connection)
            if not ready:
                with database.write() as connection:
                    database.lock(connection, _MIGRATION_LOCK)
                    if schema == "made" and versions(connection):
                        check_up_to_date(connection)
                    migrate(connection)
        except SQLAlchemyError as error:
            engine.dispose()
            cause = error.orig if isinstance(error, DBAPIError) else error
            shown = shown_address(engine.url.set(drivername=engine.url.get_backend_name()))
            raise StoreError(f"cannot open the database {shown}: {without_password(str(cause), engine.url)}") from error
        except StoreError:
            engine.dispose()
            raise
        return database

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One view of the database, which stands still however many statements look at it."""
        with self._reading.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, patience: float | None = None) -> Iterator[Connection]:
        """One transaction, of which all or nothing is stored.

        Args:
            patience: seconds to wait for another writer; as long as it takes, or on SQLite 30 s, if left out. Of the
                writers of this process one that says it goes first on SQLite.
        """
        writing = self._writing if patience is None else self._writing.execution_options(milepost_patience=patience)
        if self._turns is None:
            with writing.begin() as connection:
                yield connection
            return
        waits, in_a_hurry = BUSY_SECONDS if patience is None else patience, patience is not None
        if not self._turns.acquire(waits, in_a_hurry=in_a_hurry):
            raise StoreError("the database is locked: other writers of this process have not let go of it in time")
        try:
            with writing.begin() as connection:
                yield connection
        finally:
            self._turns.release()

    def lock(self, connection: Connection, number: int) -> None:
        """Lets one writer at a time pass until the end of its transaction. On SQLite there is only ever one."""
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})

    def close(self) -> None:
        """Closes every connection."""
        self._engine.dispose()


class Standing(Database):
    """A database as it stands at one moment: whoever reads gets the same view. Nothing is written to it.

    Args:
        connection: one that is being read.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.engine)
        self._connection = connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """See `Database`."""
        yield self._connection

    def write(self, *, patience: float | None = None) -> NoReturn:  # noqa: ARG002  as a `Database` is asked
        """Refuse to write.

        Raises:
            StoreError: always.
        """
        raise StoreError("a snapshot is read, and not written to")


def insert(connection: Connection, table: Table) -> Upsert:
    """An insert that knows what to do `on_conflict`; both databases spell it alike."""
    return insert_for(connection.dialect.name, table)


def insert_for(dialect: str, table: Table) -> Upsert:
    """The same for a dialect by its name."""
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - only that of the database in use is loaded

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - the same

    return postgresql.insert(table)


def insert_new(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """Inserts those rows whose primary key is new, and says how many."""
    # By what is returned: the count of rows is not told by every driver.
    return len(connection.execute(_insert_new(connection.dialect.name, table), list(rows)).all()) if rows else 0


@cache
def _insert_new(dialect: str, table: Table) -> Executable:
    keys = list(table.primary_key.columns)
    return insert_for(dialect, table).on_conflict_do_nothing(index_elements=keys).returning(*keys)


# --- how it is opened ---


def _address(url: str) -> URL:
    shown = shown_address(url)
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):  # the second one for a port that is no number
        raise BadAddress(f"{shown!r} is no address of a database; {_EXPECTED}") from None
    match address.get_backend_name():
        case "postgresql" | "postgres":
            return address.set(drivername="postgresql+psycopg")
        case "sqlite" if address.database in (None, "", ":memory:"):
            raise BadAddress(
                f"{shown!r} names no file; a database that several threads share is kept in one; {_EXPECTED}"
            )
        case "sqlite" if address.query:
            options = ", ".join(address.query)
            raise BadAddress(
                f"{shown!r} has options ({options}), and a SQLite database takes none; end it before the ?"
            )
        case "sqlite":
            file = Path(str(address.database)).absolute()
            folder = file.parent
            if file.is_dir():
                raise BadAddress(
                    f"{shown!r} names a folder; expected a file in it, such as {shown.rstrip('/')}/milepost.db"
                )
            if folder.exists() and not folder.is_dir():
                raise BadAddress(f"{folder} is a file, so the database {shown!r} can't be in it; expected a folder")
            if not folder.is_dir():
                raise BadAddress(f"there is no folder {folder} for the database {shown!r}; make it first")
            return address.set(drivername="sqlite+pysqlite")
        case other:
            raise BadAddress(f"{other!r} is no database that Milepost knows; {_EXPECTED}")


def _engine(address: URL) -> Engine:
    if address.get_backend_name() == "sqlite":
        engine = sqlite_engine(address)
        event.listen(engine, "handle_error", _fault_of_a_row)
        return engine
    engine = create_engine(address, pool_pre_ping=True, hide_parameters=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        patience = connection.get_execution_options().get("milepost_patience")
        if patience is not None:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{int(1000 * patience)}ms'")

    @event.listens_for(engine, "handle_error")
    def keep_values_out(context: ExceptionContext) -> None:
        # PostgreSQL quotes the row that it complains of: addresses, and what a mail says.
        for error in (context.original_exception, context.sqlalchemy_exception):
            if error is not None and error.args and isinstance(error.args[0], str):
                error.args = (error.args[0].partition("\nDETAIL:")[0], *error.args[1:])

    event.listen(engine, "handle_error", _fault_of_a_row)
    return engine


def _fault_of_a_row(context: ExceptionContext) -> Exception | None:
    """What takes the place of an error that is no fault of the database.

    Drivers tell some as they tell an outage: psycopg's ProgramLimitExceeded is an OperationalError.
    """
    original = context.original_exception
    if isinstance(context.sqlalchemy_exception, DataError) or is_of_a_row(getattr(original, "sqlstate", None)):
        return Unstorable(str(original).partition("\n")[0])
    return None


def _refuse_missing_file(address: URL) -> None:
    """Whoever only looks makes no file."""
    if address.get_backend_name() == "sqlite" and not Path(str(address.database)).exists():
        shown = shown_address(address.set(drivername="sqlite"))
        raise NothingThere(f"there is no database {shown} yet; {MAKES}")
