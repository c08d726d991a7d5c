"""Reads the catalog as it is stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, Select, Table, func, select

from domain.calendar import ALWAYS, BusinessHours
from domain.catalog.declarations import (
    MODELS,
    Account,
    Asset,
    Catalog,
    Contact,
    Declaration,
    DeclaredHours,
    Entitlement,
    Kind,
    Organisation,
)
from domain.criteria.fields import FieldType, nearest
from domain.errors import NotFound
from domain.process import EntitlementProcess
from store import tables
from store.database import Database
from store.reading import read_stored
from store.values import VersionedHours

Declared = TypeVar("Declared", bound=Declaration)

_KINDS: dict[type[Any], Kind] = {model: kind for kind, model in MODELS.items()}
_LISTED = 5000
"""Names among which a near miss is looked for; no more, so that an error stays quick."""


class StoredCatalog:
    """What is declared already, within one transaction (`domain.catalog.references.Known`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def organisation(self) -> Organisation:
        """As declared, or the defaults."""
        found = self._connection.execute(select(tables.organisation.c.definition)).scalar()
        return Organisation() if found is None else read_stored(Organisation, found)

    def fields(self) -> dict[str, FieldType]:
        """The declared fields of a case."""
        rows = self._connection.execute(select(tables.case_fields.c.name, tables.case_fields.c.type))
        return {name: FieldType(declared) for name, declared in rows}

    def find(self, kind: Kind, name: str, version: int | None = None) -> Declaration | None:
        """The declaration of that name, in its latest version unless another is asked for."""
        table = tables.DECLARED[kind]
        if "version" not in table.c:
            row = self._connection.execute(select(table).where(table.c.id == name)).mappings().first()
        else:
            wanted = select(table).where(table.c.name == name).order_by(table.c.version.desc()).limit(1)
            if version is not None:
                wanted = wanted.where(table.c.version == version)
            row = self._connection.execute(wanted).mappings().first()
        return None if row is None else declaration_of(kind, row)

    def get(self, model: type[Declared], name: str, version: int | None = None) -> Declared:
        """As `find`, of the kind that `model` declares.

        Raises:
            NotFound: there is none of that name, or not in that version.
        """
        kind = _KINDS[model]
        found = self.find(kind, name, version)
        if isinstance(found, model):
            return found
        if version is not None and (latest := self.version(kind, name)):
            raise NotFound(f"{kind.one} {name!r} has no version {version}; it has 1 to {latest}")
        raise NotFound(f"unknown {kind.one} {name!r}; {nearest(name, self.names(kind))}")

    def names(self, kind: Kind) -> list[str]:
        """Names of a kind; of very many the first."""
        table = tables.DECLARED[kind]
        name = table.c.id if "version" not in table.c else table.c.name
        return list(self._connection.execute(select(name).distinct().order_by(name).limit(_LISTED)).scalars())

    def version(self, kind: Kind, name: str) -> int:
        """The latest version of business hours or a process; 0: there is none."""
        table = tables.DECLARED[kind]
        return self._connection.execute(select(func.max(table.c.version)).where(table.c.name == name)).scalar() or 0

    def latest(self, kind: Kind) -> Iterable[RowMapping]:
        """The rows of a kind, each in its latest version."""
        return self._connection.execute(_latest(tables.DECLARED[kind])).mappings()


def _latest(table: Table) -> Select[Any]:
    if "version" not in table.c:
        return select(table).order_by(table.c.id)
    newest = select(table.c.name, func.max(table.c.version).label("version")).group_by(table.c.name).subquery()
    same = (table.c.name == newest.c.name) & (table.c.version == newest.c.version)
    return select(table).join(newest, same).order_by(table.c.name)


def declaration_of(kind: Kind, row: RowMapping) -> Declaration:
    """A declaration from its row."""
    definition = {**row["definition"], "retired": row["retired"]}
    if kind is Kind.PROCESSES:
        definition["version"] = row["version"]
    return read_stored(MODELS[kind], definition)


class CatalogReading:
    """The store's side that reads the catalog."""

    _database: Database

    def catalog(self) -> Catalog:
        """Everything that is declared, in the latest versions, retired declarations too."""
        with self._database.read() as connection:
            stored = StoredCatalog(connection)
            declared = {kind.value: [declaration_of(kind, row) for row in stored.latest(kind)] for kind in Kind}
            return Catalog.model_validate(
                {"organisation": stored.organisation(), "fields": stored.fields(), **declared}
            )

    def organisation(self) -> Organisation:
        """As declared, or the defaults."""
        with self._database.read() as connection:
            return StoredCatalog(connection).organisation()

    def fields(self) -> dict[str, FieldType]:
        """The declared fields of a case, with their types."""
        with self._database.read() as connection:
            return StoredCatalog(connection).fields()

    def process(self, name: str, version: int | None = None) -> EntitlementProcess:
        """A process, in its latest version unless another is asked for.

        Raises:
            NotFound: there is none of that name, or not in that version.
        """
        return self._get(EntitlementProcess, name, version)

    def business_hours(self, name: str, version: int | None = None) -> VersionedHours:
        """Business hours with their version, the latest unless another is asked for. `24x7` is always there.

        Raises:
            NotFound: there are none of that name, or not in that version.
        """
        with self._database.read() as connection:
            stored = StoredCatalog(connection)
            latest = stored.version(Kind.BUSINESS_HOURS, name)
            if name == ALWAYS.name and (version == 0 or (version is None and latest == 0)):
                return VersionedHours(0, ALWAYS)
            found = stored.get(DeclaredHours, name, version)
            wanted = latest if version is None else version
        return VersionedHours(wanted, BusinessHours.model_validate(found.model_dump(exclude={"retired"})))

    def account(self, name: str) -> Account:
        """An account by its id.

        Raises:
            NotFound: there is none.
        """
        return self._get(Account, name)

    def contact(self, name: str) -> Contact:
        """A contact by its id.

        Raises:
            NotFound: there is none.
        """
        return self._get(Contact, name)

    def asset(self, name: str) -> Asset:
        """An asset by its id.

        Raises:
            NotFound: there is none.
        """
        return self._get(Asset, name)

    def entitlement(self, name: str) -> Entitlement:
        """An entitlement by its id.

        Raises:
            NotFound: there is none.
        """
        return self._get(Entitlement, name)

    def entitlements_of(self, account: str) -> list[Entitlement]:
        """All entitlements of an account, by id.

        Raises:
            NotFound: there is no such account.
        """
        table = tables.entitlements
        with self._database.read() as connection:
            StoredCatalog(connection).get(Account, account)
            rows = connection.execute(select(table).where(table.c.account == account).order_by(table.c.id)).mappings()
            found = [declaration_of(Kind.ENTITLEMENTS, row) for row in rows]
        return [one for one in found if isinstance(one, Entitlement)]

    def _get(self, model: type[Declared], name: str, version: int | None = None) -> Declared:
        with self._database.read() as connection:
            return StoredCatalog(connection).get(model, name, version)
