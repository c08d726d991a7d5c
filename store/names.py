"""Names by which somebody narrows down what is asked for: whether anybody knows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, select

from domain.bounds import cut_for_search
from domain.catalog.declarations import Account, Entitlement
from domain.catalog.intake import IntakeSource
from domain.catalog.mailing import Role, field_of
from domain.criteria.fields import nearest
from domain.errors import NotFound
from domain.process.declaration import EntitlementProcess
from store import tables
from store.catalog.reading import StoredCatalog
from store.database import Database

Named = type[Account] | type[Entitlement] | type[EntitlementProcess] | type[IntakeSource]

_CASES, _LEDGER, _LINKS = tables.cases.c, tables.ledger.c, tables.customer_links.c
_ON_RECORD: dict[Named, tuple[ColumnElement[str | None], ...]] = {
    Account: (_CASES.account, _LEDGER.account, _LINKS.account),
    Entitlement: (_CASES.entitlement, _LEDGER.entitlement),
    EntitlementProcess: (_CASES.process,),
    IntakeSource: (tables.intake_deliveries.c.source,),
}
"""Where each is named besides the catalog, which may have it no longer."""


class Names:
    """Refuses names that nobody knows: a slip of the pen would look as if there were nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def check(
        self,
        *,
        account: str | None = None,
        entitlement: str | None = None,
        process: str | None = None,
        source: str | None = None,
        case: str | None = None,
        subject: str | None = None,
    ) -> None:
        """Refuse what neither the catalog nor a record has.

        Args:
            account: its id.
            entitlement: its id.
            process: its name.
            source: the id of a source of intake.
            case: its id.
            subject: the id of a case, or of an entitlement.

        Raises:
            NotFound: nobody knows one of them.
        """
        with self._database.read() as connection:
            _check(connection, Account, account)
            _check(connection, Entitlement, entitlement)
            _check(connection, EntitlementProcess, process)
            _check(connection, IntakeSource, source)
            if case is not None and not _is_on_record(connection, _CASES.case_id, case):
                raise NotFound(f"unknown case {case!r}")
            if subject is not None and not _is_subject(connection, subject):
                raise NotFound(f"there is no case and no entitlement {subject!r}")

    def check_values(self, *, owner: str | None = None, priority: str | None = None) -> None:
        """Refuse values that no case can have by its declared fields, unless one is on record with them.

        Args:
            owner: whom the field that names owners would name.
            priority: of the field `priority`.

        Raises:
            NotFound: the field is not declared, or has its values listed without this one.
        """
        with self._database.read() as connection:
            stored = StoredCatalog(connection)
            fields, listed = stored.fields(), stored.values()
            if owner is not None and not _is_on_record(connection, _CASES.owner, cut_for_search(owner)):
                _check_value(field_of(Role.OWNER, stored.organisation().roles), owner, fields, listed)
            if priority is not None and not _is_on_record(connection, _CASES.priority, cut_for_search(priority)):
                _check_value("priority", priority, fields, listed)

    def milestone(self, name: str, declared: list[str]) -> str:
        """The milestone that is meant, in any case of letters.

        Args:
            name: as somebody wrote it.
            declared: the milestones of the catalog.

        Raises:
            NotFound: neither the catalog nor a record has it.
        """
        with self._database.read() as connection:
            if name in declared or _is_on_record(connection, tables.measures.c.milestone, name):
                return name
        alike = [one for one in declared if one.casefold() == name.casefold()]
        if len(alike) == 1:
            return alike[0]
        raise NotFound(f"unknown milestone {name!r}; {nearest(name, declared)}")


def _check(connection: Connection, kind: Named, name: str | None) -> None:
    if name is None:
        return
    try:
        StoredCatalog(connection).get(kind, name)
    except NotFound:
        if not any(_is_on_record(connection, column, name) for column in _ON_RECORD[kind]):
            raise


def _check_value(
    field: str, value: str, fields: Mapping[str, object], listed: Mapping[str, Sequence[str | int]]
) -> None:
    if field not in fields:
        raise NotFound(f"cases have no field {field!r}; {nearest(field, fields)}")
    possible = [str(one) for one in listed.get(field, ())]
    if possible and value not in possible:
        raise NotFound(f"no case can have the {field} {value!r}; {nearest(value, possible)}")


def _is_subject(connection: Connection, name: str) -> bool:
    if _is_on_record(connection, _CASES.case_id, name):
        return True
    try:
        _check(connection, Entitlement, name)
    except NotFound:
        return False
    return True


def _is_on_record(connection: Connection, column: ColumnElement[str | None], value: str) -> bool:
    return connection.execute(select(column).where(column == value).limit(1)).first() is not None
