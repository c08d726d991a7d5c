"""What a report may name: what the catalog has, and what is on record of what it has no longer."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, func, select

from domain.catalog.declarations import Account, Entitlement
from domain.criteria.fields import nearest
from domain.errors import NotFound
from domain.process.declaration import EntitlementProcess
from domain.reports.asking import ReportAsked
from store import tables
from store.catalog.reading import StoredCatalog

_CASES, _LEDGER, _EXPORTED = tables.cases.c, tables.ledger.c, tables.exported_overrides.c


def check_named(connection: Connection, asked: ReportAsked) -> None:
    """Refuse a report of what there is not: a slip of the pen would look as if nothing had happened.

    Raises:
        NotFound: it names an account, an entitlement, a process or an export that nobody knows.
    """
    catalog = StoredCatalog(connection)
    for kind, name, columns in (
        (Account, asked.account, (_CASES.account, _LEDGER.account)),
        (Entitlement, asked.entitlement, (_CASES.entitlement, _LEDGER.entitlement)),
        (EntitlementProcess, asked.process, (_CASES.process,)),
    ):
        if name is None:
            continue
        try:
            catalog.get(kind, name)
        except NotFound:
            if not any(_is_on_record(connection, column, name) for column in columns):
                raise
    if asked.export is not None and not _is_on_record(connection, _EXPORTED.export, asked.export):
        last = connection.execute(select(func.max(_EXPORTED.export))).scalar()
        stands = f"the last is {last}" if last else "nothing was exported yet"
        raise NotFound(f"there is no export {asked.export}; {stands}")


def milestone_named(connection: Connection, name: str, known: list[str]) -> str:
    """The milestone that is meant, in any case of letters.

    Args:
        connection: to read by.
        name: as somebody wrote it.
        known: the milestones of the catalog.

    Raises:
        NotFound: neither the catalog nor a record has it.
    """
    if name in known or _is_on_record(connection, tables.measures.c.milestone, name):
        return name
    alike = [one for one in known if one.casefold() == name.casefold()]
    if len(alike) == 1:
        return alike[0]
    raise NotFound(f"unknown milestone {name!r}; {nearest(name, known)}")


def _is_on_record(connection: Connection, column: ColumnElement[object], value: object) -> bool:
    return connection.execute(select(column).where(column == value).limit(1)).first() is not None
