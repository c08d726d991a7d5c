"""Reads the catalog as it is stored."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, Select, Table, func, select

from domain.catalog.declarations import MODELS, Declaration, Organisation
from domain.catalog.kinds import Kind
from domain.criteria.fields import FieldType, nearest
from domain.errors import NotFound
from store import tables
from store.catalog.remembered import Read
from store.reading import read_stored

Declared = TypeVar("Declared", bound=Declaration)
T = TypeVar("T")

_KINDS: dict[type[Any], Kind] = {model: kind for kind, model in MODELS.items()}
_LISTED = 5000
"""Names among which a near miss is looked for; no more, so that an error stays quick."""


class StoredCatalog:
    """What is declared already, within one transaction (`domain.catalog.references.Known`).

    Args:
        connection: of the transaction.
        read: what is known of the very catalog that it sees; None: it may change meanwhile, so nothing is remembered.
    """

    def __init__(self, connection: Connection, read: Read | None = None) -> None:
        self._connection = connection
        self._read = read

    def organisation(self) -> Organisation:
        """As declared, or the defaults."""
        return self._once(Organisation, self._organisation)

    def fields(self) -> dict[str, FieldType]:
        """The declared fields of a case."""
        return dict(self._once(FieldType, self._fields))

    def values(self) -> dict[str, list[str | int]]:
        """The values of those fields of which they are listed."""
        table = tables.case_fields.c
        return {
            name: listed for name, listed in self._connection.execute(select(table.name, table["values"])) if listed
        }

    def find(self, kind: Kind, name: str, version: int | None = None) -> Declaration | None:
        """The declaration of that name, in its latest version unless another is asked for."""
        return self._once((kind, name, version), lambda: self._find(kind, name, version))

    def _once(self, what: Hashable, read: Callable[[], T]) -> T:
        if self._read is None:
            return read()
        if what not in self._read:
            self._read[what] = read()
        found: T = self._read[what]
        return found

    def _organisation(self) -> Organisation:
        found = self._connection.execute(select(tables.organisation.c.definition)).scalar()
        return Organisation() if found is None else read_stored(Organisation, found)

    def _fields(self) -> dict[str, FieldType]:
        rows = self._connection.execute(select(tables.case_fields.c.name, tables.case_fields.c.type))
        return {name: FieldType(declared) for name, declared in rows}

    def _find(self, kind: Kind, name: str, version: int | None) -> Declaration | None:
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

    def names(self, kind: Kind, *, retired: bool = True) -> list[str]:
        """Names of a kind, with those that are retired or without; of very many the first."""
        table = tables.DECLARED[kind]
        name = table.c.id if "version" not in table.c else table.c.name
        wanted = select(name).distinct().order_by(name).limit(_LISTED)
        if not retired:
            wanted = wanted.where(table.c.retired.is_(False))
        return list(self._connection.execute(wanted).scalars())

    def version(self, kind: Kind, name: str) -> int:
        """The latest version of business hours or a process; 0: there is none."""
        return self._once((kind, name), lambda: self._version(kind, name))

    def _version(self, kind: Kind, name: str) -> int:
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
