"""What files said of each declaration when they were last applied: the base of a three-way comparison."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection, select

from domain.catalog.amendments import WRITTEN
from domain.catalog.declarations import Catalog, Declaration, Organisation, name_of
from domain.catalog.kinds import Kind
from domain.catalog.problems import Problem
from domain.catalog.three_way import Against, Merging, Said, said_by
from domain.catalog.vanished import vanished, vanished_values
from domain.messages.inbox import problems
from store import tables
from store.catalog.reading import StoredCatalog
from store.database import insert

M = TypeVar("M", bound=BaseModel)

_AT_ONCE = 500
_ORGANISATION = "organisation"
_VERSIONED = (Kind.BUSINESS_HOURS, Kind.PROCESSES)
"""A changed one is another version, and whole; nobody amends these by hand."""


class AppliedFiles:
    """Compares what files say with what they said and with what stands, within one transaction.

    Attributes:
        against: what was found on the way.
        problems: of declarations that can't stand so.
    """

    def __init__(self, connection: Connection, stored: StoredCatalog) -> None:
        self.against: list[Against] = []
        self.problems: list[Problem] = []
        self._connection = connection
        self._stored = stored
        self._said: list[dict[str, Any]] = []

    def merged(self, catalog: Catalog) -> Catalog:
        """A catalog as it is to stand: what was amended by hand since stays where the file says what it said before."""
        self._look_for_vanished(catalog)
        merged: dict[str, Any] = {}
        if catalog.organisation is not None:
            before = self._before(_ORGANISATION, [_ORGANISATION])
            stands = self._stored.organisation() if self._is_there() else None
            merged[_ORGANISATION] = self._merge((_ORGANISATION,), _ORGANISATION, catalog.organisation, stands, before)
        for kind in Kind:
            declared = catalog.of(kind)
            if kind not in _VERSIONED and declared:
                before = self._before(kind.value, map(name_of, declared))
                merged[kind.value] = [
                    self._merge((kind.value, n), kind.value, one, self._stored.find(kind, name_of(one)), before)
                    for n, one in enumerate(declared)
                ]
        return catalog.model_copy(update=merged)

    def keep(self) -> None:
        """Keep what the files say, for the next time."""
        table = tables.applied_files
        for rows in _parts(self._said):
            statement = insert(self._connection, table).values(rows)
            changed = {"document": statement.excluded["document"]}
            self._connection.execute(
                statement.on_conflict_do_update(index_elements=[table.c.kind, table.c.name], set_=changed)
            )

    def _look_for_vanished(self, catalog: Catalog) -> None:
        self.against += vanished_values(catalog, self._stored.values())
        for kind in _VERSIONED:
            for declared in catalog.of(kind):
                stands = self._stored.find(kind, name_of(declared))
                if stands is not None:
                    self.against += vanished(kind, declared, stands)

    def _is_there(self) -> bool:
        return self._connection.execute(select(tables.organisation.c.id)).first() is not None

    def _merge(
        self,
        path: tuple[str | int, ...],
        kind: str,
        new: M,
        stands: Declaration | Organisation | None,
        before: dict[str, Any],
    ) -> M:
        name = new.id if hasattr(new, "id") else _ORGANISATION
        file = said_by(new)
        self._said.append({"kind": kind, "name": name, "document": file.keys})
        if stands is None:
            return new
        merging = Merging(kind, str(name))
        document = merging.merge(file, _said(type(new), before.get(str(name))), stands.model_dump(mode="json"))
        self.against += [one for one in merging.against if one.why != "amended" or one.key not in WRITTEN]
        try:
            return type(new).model_validate(document)
        except ValidationError as error:
            said_so = "; ".join(problems(error))
            self.problems.append(Problem(path, f"with what was amended since, this can't stand: {said_so}"))
            return new

    def _before(self, kind: str, names: Iterable[str]) -> dict[str, Any]:
        table = tables.applied_files
        found: dict[str, Any] = {}
        for part in _parts(list(names)):
            wanted = select(table.c.name, table.c.document).where(table.c.kind == kind, table.c.name.in_(part))
            found |= {row.name: row.document for row in self._connection.execute(wanted)}
        return found


def _said(model: type[BaseModel], keys: dict[str, Any] | None) -> Said | None:
    """What a file said; None if none did, or if it can't be read any more."""
    if keys is None:
        return None
    try:
        return said_by(model.model_validate(keys))
    except ValidationError:
        return None


def _parts(values: list[Any]) -> Iterator[list[Any]]:
    for begin in range(0, len(values), _AT_ONCE):
        yield values[begin : begin + _AT_ONCE]
