"""Applies a catalog as one transaction: everything of it or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, overload

from sqlalchemy import Connection, delete, select, update

from domain.catalog.amendments import with_what_was_written
from domain.catalog.checks import check_catalog
from domain.catalog.declarations import Account, Catalog, Declaration, Entitlement, name_of
from domain.catalog.kinds import Kind
from domain.catalog.problems import CatalogProblems
from domain.catalog.status import EntitlementStatus, status, zone_of
from store import tables
from store.catalog.counted import Counted
from store.catalog.files import AppliedFiles
from store.catalog.reading import StoredCatalog
from store.catalog.retiring import Retiring
from store.catalog.values import Change, Diff, DroppedValue
from store.database import insert
from store.having import count_having, versions_naming
from store.listed import name_owners_anew
from store.usage.unsynchronised import concerns_its_count, concerns_its_counts, note_untold

APPLIED = "the catalog was applied"
_LONGEST_SHOWN = 40


def write_catalog(
    connection: Connection, catalog: Catalog, *, by: str, at: datetime, tell: str | None, of_order: bool = True
) -> Diff:
    """Checks a catalog and writes it, within a transaction that holds `CATALOG_LOCK`.

    Args:
        connection: of the transaction.
        catalog: all declarations, or those that are to be added or changed.
        by: who applies it.
        at: now.
        tell: why, for the counts of changed entitlements; None: they know.
        of_order: whether an order amends what it made, or people declare it.

    Raises:
        CatalogProblems: with everything that is wrong; nothing of it was written.
    """
    stored = StoredCatalog(connection)
    files = AppliedFiles(connection, stored) if tell is not None and not of_order else None
    if files is not None:
        catalog = files.merged(catalog)
    problems = [*check_catalog(catalog, stored, years=tell is not None), *(files.problems if files else [])]
    problems += Retiring(connection, stored, catalog, at).problems()
    if tell is not None:
        problems += Counted(connection, stored, catalog, at).problems(of_order=of_order)
    if problems:
        raise CatalogProblems(problems)
    diff = _Application(connection, stored, by, at, tell).run(catalog)
    if files is None:
        return diff
    files.keep()
    return diff.model_copy(update={"against": files.against})


@dataclass
class _Application:
    """One catalog on its way into the database."""

    connection: Connection
    stored: StoredCatalog
    by: str
    at: datetime
    tell: str | None
    changes: list[Change] = field(default_factory=list)
    dropped: list[DroppedValue] = field(default_factory=list)
    unchanged: int = 0

    def run(self, catalog: Catalog) -> Diff:
        self._organisation(catalog)
        self._fields(catalog)
        for kind, declaration in catalog.everything():
            if kind in (Kind.BUSINESS_HOURS, Kind.PROCESSES):
                self._version(kind, declaration)
            else:
                self._declaration(kind, declaration)
        if self.changes:
            changes = [change.model_dump(mode="json") for change in self.changes]
            row = {"at": self.at, "by": self.by, "changes": changes}
            self.connection.execute(tables.applications.insert().values(row))
        return Diff(changes=self.changes, unchanged=self.unchanged, dropped=self.dropped)

    def _organisation(self, catalog: Catalog) -> None:
        if catalog.organisation is None:
            return
        table = tables.organisation
        before = self.connection.execute(table.select()).mappings().first()
        new = catalog.organisation.model_dump(mode="json")
        old = None if before is None else before["definition"]
        if self._unless_same("organisation", catalog.organisation.name or "organisation", old, new):
            statement = insert(self.connection, table).values({"id": 1, "definition": new})
            self.connection.execute(
                statement.on_conflict_do_update(index_elements=[table.c.id], set_={"definition": new})
            )
            if (old or {}).get("roles") != new.get("roles"):
                name_owners_anew(self.connection)

    def _fields(self, catalog: Catalog) -> None:
        before, listed = self.stored.fields(), self.stored.values()
        table = tables.case_fields
        for name, declared in catalog.fields.items():
            old = {"type": before[name].value, "values": listed.get(name)} if name in before else None
            new = {"type": declared.value, "values": catalog.values.get(name)}
            if self._unless_same("fields", name, old, new):
                statement = insert(self.connection, table).values({"name": name, **new})
                self.connection.execute(statement.on_conflict_do_update(index_elements=[table.c.name], set_=new))
        dropped = {name: gone for name in catalog.fields if (gone := _gone(listed.get(name), catalog.values.get(name)))}
        if dropped:
            having, naming = count_having(self.connection, dropped), versions_naming(self.connection, dropped)
            self.dropped = [
                DroppedValue(field=name, value=value, cases=having[name, value], processes=naming[name, value])
                for name, values in dropped.items()
                for value in values
            ]
            self.changes = [_with_dropped(change, self.dropped) for change in self.changes]

    def _version(self, kind: Kind, declaration: Declaration) -> None:
        table = tables.DECLARED[kind]
        name = name_of(declaration)
        old = self.stored.find(kind, name)
        version = self.stored.version(kind, name)
        before, after = None if old is None else _content(old), _content(declaration)
        if before != after:
            version += 1
            row = {"version": version, "applied_at": self.at, "applied_by": self.by}
            self._put(kind, declaration, row)
        if old is not None and old.retired != declaration.retired:
            self.connection.execute(update(table).where(table.c.name == name).values(retired=declaration.retired))
        self._unless_same(kind.value, name, _whole(old), _whole(declaration), version)

    def _declaration(self, kind: Kind, declaration: Declaration) -> None:
        old = self.stored.find(kind, name_of(declaration))
        if isinstance(old, Entitlement) and isinstance(declaration, Entitlement):
            declaration = with_what_was_written(old, declaration)
        if not self._unless_same(kind.value, name_of(declaration), _whole(old), _whole(declaration)):
            return
        self._put(kind, declaration, {})
        if isinstance(declaration, Entitlement):
            self._entitlement(old if isinstance(old, Entitlement) else None, declaration)
        if isinstance(declaration, Account):
            self._account(old if isinstance(old, Account) else None, declaration)

    def _entitlement(self, old: Entitlement | None, new: Entitlement) -> None:
        table = tables.entitlement_contacts
        self.connection.execute(delete(table).where(table.c.entitlement == new.id))
        rows = [{"entitlement": new.id, "contact": contact} for contact in set(new.contacts)]
        if rows:
            self.connection.execute(table.insert(), rows)
        if self.tell is not None and concerns_its_count(old, new):
            note_untold(self.connection, new.id, by=self.by, reason=self.tell)

    def _account(self, old: Account | None, new: Account) -> None:
        if self.tell is None or not concerns_its_counts(old, new):
            return
        table, zone = tables.entitlements, zone_of(new, self.stored.organisation())
        for name in self.connection.execute(select(table.c.id).where(table.c.account == new.id)).scalars().all():
            declared = self.stored.find(Kind.ENTITLEMENTS, name)
            if not isinstance(declared, Entitlement) or declared.allowance is None:
                continue
            if status(declared, self.at, zone) in {EntitlementStatus.INACTIVE, EntitlementStatus.ACTIVE}:
                note_untold(self.connection, name, by=self.by, reason=self.tell)

    def _put(self, kind: Kind, declaration: Declaration, also: dict[str, Any]) -> None:
        table = tables.DECLARED[kind]
        row = {
            **{
                column.name: getattr(declaration, column.name)
                for column in table.c
                if hasattr(declaration, column.name)
            },
            **({"for_contacts": bool(declaration.contacts)} if isinstance(declaration, Entitlement) else {}),
            **also,
            "definition": _content(declaration),
        }
        statement = insert(self.connection, table).values(row)
        keys = [column.name for column in table.primary_key.columns]
        changed = {name: statement.excluded[name] for name in row if name not in keys}
        self.connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))

    def _unless_same(
        self, kind: str, name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any], version: int | None = None
    ) -> bool:
        """Notes what becomes of a declaration; False if it stays as it is."""
        if old == new:
            self.unchanged += 1
            return False
        if old is None:
            self.changes.append(Change(kind=kind, name=name, what="created", version=version))
            return True
        before, after = bool(old.get("retired")), bool(new.get("retired"))
        details = [line for line in _differences(old, new) if not line.startswith("retired:")]
        if before == after:
            change = Change(kind=kind, name=name, what="changed", version=version, details=details)
        else:
            what = "retired" if after else "restored"
            change = Change.model_validate(
                {"kind": kind, "name": name, "what": what, "version": version, "details": details}
            )
        self.changes.append(change)
        return True


def _gone(before: Sequence[str | int] | None, after: Sequence[str | int] | None) -> list[str | int]:
    """The values that are listed no longer; none where any value fits now."""
    return [] if before is None or after is None else [value for value in before if value not in after]


def _with_dropped(change: Change, dropped: Sequence[DroppedValue]) -> Change:
    """The change of a field, with the values that it lists no longer and who has each."""
    said = [str(one) for one in dropped if (change.kind, change.name) == ("fields", one.field)]
    return change.model_copy(update={"details": [*change.details, *said]}) if said else change


@overload
def _whole(declaration: Declaration) -> dict[str, Any]: ...
@overload
def _whole(declaration: None) -> None: ...
def _whole(declaration: Declaration | None) -> dict[str, Any] | None:
    if declaration is None:
        return None
    return declaration.model_dump(mode="json", exclude={"version"})


def _content(declaration: Declaration) -> dict[str, Any]:
    """What makes a version: all but the version itself and whether it is retired."""
    return declaration.model_dump(mode="json", exclude={"version", "retired"})


def _differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """What is different, a line each: ``allowance.cap: 50 -> 60``."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one, other, f"{path}[{number}]")
    elif old != new:
        yield f"{path}: {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    match value:
        case None | "":
            return "none"
        case list():
            return f"{len(value)} entries"
        case Mapping():
            return "other"
        case _:
            text = str(value)
            return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
