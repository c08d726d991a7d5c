"""The store: the catalog, and the records of cases, actions and usage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from types import TracebackType
from typing import Self

from domain.catalog.references import Known
from store.cases.actions import ActionRecords
from store.cases.deliveries import Deliveries
from store.cases.ended import EndedCases
from store.cases.records import CaseRecords
from store.cases.running import RunningCases
from store.catalog.applying import CatalogApplying
from store.catalog.candidates import CoverageReading
from store.catalog.changing import EntitlementChanging
from store.catalog.reading import StoredCatalog
from store.database import Database, Standing
from store.endpoints import Endpoints
from store.leases import Leases
from store.orders import OrderTaking
from store.people import People
from store.quiet import Quiet
from store.usage.ledgers import UsageRecords
from store.usage.unsynchronised import UnsynchronisedEntitlements


class Store(
    CatalogApplying,
    EntitlementChanging,
    OrderTaking,
    UnsynchronisedEntitlements,
    RunningCases,
    CoverageReading,
    CaseRecords,
    EndedCases,
    ActionRecords,
    Deliveries,
    Endpoints,
    People,
    Quiet,
    UsageRecords,
    Leases,
):
    """A database, used from any number of threads and processes. Takes and gives domain values.

    Every method is one transaction; those of a `snapshot` share one. Instants are stored in UTC and come back aware.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, url: str) -> Self:
        """Opens a database and brings its schema up to date; several processes may do so at once.

        Args:
            url: ``sqlite:///path/to/file.db`` or ``postgresql://user@host/name``.

        Raises:
            StoreError: it is no address of a database, nobody answers there, or a newer Milepost has been here.
        """
        return cls(Database.open(url))

    def close(self) -> None:
        """Closes every connection."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def snapshot(self) -> Iterator[Self]:
        """The store as it stands now, to be read any number of times while the context lasts, and not written to.

        Everything that is read within belongs to one catalog: an `apply` meanwhile is not seen. A connection is held
        until then, so nothing is waited for within.
        """
        with self._database.read() as connection:
            standing = copy(self)  # with whatever a store of a narrower kind knows beside its database
            standing._database = Standing(connection)  # noqa: SLF001 - of its own kind
            yield standing

    @contextmanager
    def known(self) -> Iterator[Known]:
        """What is declared already, to read catalog files beside it."""
        with self._database.read() as connection:
            yield StoredCatalog(connection)
