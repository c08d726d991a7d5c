"""Running cases that hold an older version: of their process, of business hours they go by, or of their fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, exists, func, or_, select, tuple_

from domain.catalog.declarations import Account, Entitlement
from domain.criteria.fields import FieldsError, check_values, nearest
from domain.errors import NotFound, Refused
from domain.messages.case_state import CaseState
from domain.messages.migrations import CaseSelection, OutdatedCase, Versions
from domain.timeline.views import CaseView
from store import tables
from store.cases.values import StoredCase
from store.catalog.declared import DeclaredCatalog
from store.catalog.reading import StoredCatalog
from store.database import Database
from store.reading import read_stored

_AT_ONCE = 500
"""Rows that are read at a time."""

_LISTED = 1000
"""Cases among whose ids a near miss is looked for."""


class _Declared(NamedTuple):
    """The fields of cases. In which order their values are listed matters to none that runs."""

    types: dict[str, str]
    values: dict[str, frozenset[str | int]]

    @classmethod
    def of(cls, fields: Mapping[str, str], values: Mapping[str, Sequence[str | int]]) -> _Declared:
        return cls(dict(fields), {name: frozenset(listed) for name, listed in values.items()})


class RunningCases:
    """The running cases that a migration is about.

    Args:
        database: where cases are.
        catalog: by which a selection is checked.
    """

    def __init__(self, database: Database, catalog: DeclaredCatalog) -> None:
        self._database = database
        self._catalog = catalog

    def checked(self, selection: CaseSelection) -> CaseSelection:
        """The selection, its fields' values as cases hold them.

        Raises:
            NotFound: a process, version, calendar, account, entitlement or case is unknown.
            Refused: a field is not declared, or could not have that value.
        """
        if selection.process is not None:
            self._catalog.process(selection.process, selection.process_version)
        if selection.calendar is not None:
            self._catalog.business_hours(selection.calendar)
        with self._database.read() as connection:
            stored, cases = StoredCatalog(connection), tables.cases.c
            for name in selection.accounts:
                if not _is_known(connection, cases.account, name):
                    stored.get(Account, name)
            for name in selection.entitlements:
                if not _is_known(connection, cases.entitlement, name):
                    stored.get(Entitlement, name)
            for name in selection.cases:
                if not _is_known(connection, cases.case_id, name):
                    known = connection.execute(select(cases.case_id).order_by(cases.case_id).limit(_LISTED)).scalars()
                    raise NotFound(f"unknown case {name!r}; {nearest(name, known)}")
        try:
            return selection.model_copy(update={"fields": dict(check_values(selection.fields, self._catalog.fields()))})
        except FieldsError as error:
            raise Refused("bad_field", str(error)) from None

    def outdated(
        self, selection: CaseSelection, goals: Versions, *, after: str = "", limit: int = 200
    ) -> list[OutdatedCase]:
        """Running cases that are selected and hold another version than the goals say, in the order of their ids.

        Args:
            selection: which of them.
            goals: the versions to which they are to go.
            after: those whose ids come after this one.
            limit: at most so many.
        """
        declared = self._declared(selection)
        with self._database.read() as connection:
            return list(islice(_outdated(connection, selection, goals, declared, after), limit))

    def count_outdated(self, selection: CaseSelection, goals: Versions) -> int:
        """How many cases `outdated` would give in all."""
        declared = self._declared(selection)
        with self._database.read() as connection:
            if selection.fields or declared is not None:
                return sum(1 for _ in _outdated(connection, selection, goals, declared, ""))
            wanted = select(func.count()).select_from(_wanted(selection, goals).subquery())
            return int(connection.execute(wanted).scalar_one())

    def _declared(self, selection: CaseSelection) -> _Declared | None:
        """The fields as they are declared now, where a selection asks for cases that go by others."""
        return _Declared.of(self._catalog.fields(), self._catalog.values()) if selection.redeclared else None

    def stored(self, case_ids: Sequence[str]) -> list[StoredCase]:
        """Cases as they were last recorded, in the order of their ids; those that are unknown are left out."""
        table = tables.cases
        with self._database.read() as connection:
            wanted = select(table).where(table.c.case_id.in_(case_ids)).order_by(table.c.case_id)
            return [_stored(found) for found in connection.execute(wanted).mappings()]


def _is_known(connection: Connection, column: Any, name: str) -> bool:
    return connection.execute(select(column).where(column == name).limit(1)).first() is not None


def _outdated(
    connection: Connection, selection: CaseSelection, goals: Versions, declared: _Declared | None, after: str
) -> Iterator[OutdatedCase]:
    """Page by page, so that a reader who wants few reads few."""
    while True:
        wanted = _wanted(selection, goals).where(tables.cases.c.case_id > after)
        rows = connection.execute(wanted.order_by(tables.cases.c.case_id).limit(_AT_ONCE)).all()
        for row in rows:
            if _has_fields(row, selection.fields) and (declared is None or _is_older(row, declared)):
                yield OutdatedCase(
                    case_id=row.case_id, process=row.process, process_version=goals.processes[row.process]
                )
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1].case_id


def _wanted(selection: CaseSelection, goals: Versions) -> Select[Any]:
    cases, hours = tables.cases.c, tables.case_hours.c
    columns: list[Any] = [cases.case_id, cases.process]
    if selection.fields:
        columns.append(cases.view)
    held = and_(
        hours.case_id == cases.case_id,
        hours.name.in_(list(goals.business_hours)),
        tuple_(hours.name, hours.version).not_in(list(goals.business_hours.items())),
    )
    of_process = tuple_(cases.process, cases.process_version).not_in(list(goals.processes.items()))
    is_older = or_(of_process, exists().where(held))
    if selection.redeclared:
        columns += [cases.carried, is_older.label("is_older")]
    wanted = select(*columns).where(tables.RUNNING, cases.process.in_(list(goals.processes)))
    if not selection.redeclared:  # what a case's fields are like no database compares
        wanted = wanted.where(is_older)
    if selection.process is not None:
        wanted = wanted.where(cases.process == selection.process)
    if selection.calendar is not None:
        wanted = wanted.where(exists().where(held, hours.name == selection.calendar))
    for column, values in (
        (cases.account, selection.accounts),
        (cases.entitlement, selection.entitlements),
        (cases.case_id, selection.cases),
    ):
        if values:
            wanted = wanted.where(column.in_(values))
    return wanted


def _is_older(row: Any, declared: _Declared) -> bool:
    """Also a case that goes by the fields as they were declared before."""
    if row.is_older:
        return True
    plan = row.carried["plan"]
    return declared != _Declared.of(plan.get("fields", {}), plan.get("values", {}))


def _has_fields(row: Any, fields: dict[str, Any]) -> bool:
    """By their values as JSON has them, which no database compares as the other one does."""
    if not fields:
        return True
    values = row.view["fields"]
    return all(name in values and _same(values[name], value) for name, value in fields.items())


def _same(one: Any, other: Any) -> bool:
    """Equal, and not only because Python takes true for 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _stored(found: Any) -> StoredCase:
    kept = ("case_id", "number", "run_id", "account", "entitlement")
    return StoredCase(
        **{name: found[name] for name in kept},
        view=read_stored(CaseView, found["view"]),
        carried=read_stored(CaseState, found["carried"]),
    )
