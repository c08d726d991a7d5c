"""The catalog as it would be if some files were applied: for looking ahead, with nothing stored."""

from __future__ import annotations

from domain.calendar import BusinessHours
from domain.catalog.declarations import Catalog
from domain.catalog.kinds import Kind
from domain.criteria.fields import FieldType
from domain.messages.migrations import Versions
from domain.process import EntitlementProcess
from store.catalog.declared import DeclaredCatalog
from store.catalog.values import Diff, VersionedHours
from store.database import Database
from store.store import Store


class ProspectiveCatalog(DeclaredCatalog):
    """A catalog that answers as if another had been applied to it. Only for reading."""

    def __init__(self, database: Database, catalog: Catalog, diff: Diff) -> None:
        super().__init__(database)
        self._fields, self._values = catalog.fields, catalog.values
        changed = {(change.kind, change.name): change.version for change in diff.changes}
        self._processes = {
            declared.name: declared.model_copy(update={"version": version})
            for declared in catalog.processes
            if (version := changed.get((Kind.PROCESSES.value, declared.name))) is not None
        }
        self._hours = {
            declared.name: VersionedHours(
                version, BusinessHours.model_validate(declared.model_dump(exclude={"retired"}))
            )
            for declared in catalog.business_hours
            if (version := changed.get((Kind.BUSINESS_HOURS.value, declared.name))) is not None
        }

    def fields(self) -> dict[str, FieldType]:
        """The declared fields of a case, with their types."""
        return {**super().fields(), **self._fields}

    def values(self) -> dict[str, list[str | int]]:
        """The values of those fields of which they are listed."""
        kept = {name: listed for name, listed in super().values().items() if name not in self._fields}
        return {**kept, **self._values}

    def process(self, name: str, version: int | None = None) -> EntitlementProcess:
        """As the files declare it, if they change it; else as it is stored."""
        found = self._processes.get(name)
        return found if found is not None and version in (None, found.version) else super().process(name, version)

    def business_hours(self, name: str, version: int | None = None) -> VersionedHours:
        """As the files declare them, if they change them; else as they are stored."""
        found = self._hours.get(name)
        if found is not None and version in (None, found.version):
            return found
        return super().business_hours(name, version)

    def versions(self) -> Versions:
        """The versions that would be the latest."""
        stored = super().versions()
        return Versions(
            processes={**stored.processes, **{name: found.version for name, found in self._processes.items()}},
            business_hours={**stored.business_hours, **{name: found.version for name, found in self._hours.items()}},
        )


class Prospect(Store):
    """A store that answers as if a catalog had been applied to it. Only for reading."""

    def __init__(self, database: Database, catalog: Catalog, diff: Diff) -> None:
        super().__init__(database, ProspectiveCatalog(database, catalog, diff))
        self._applied = (catalog, diff)

    @classmethod
    def of(cls, store: Store, catalog: Catalog, by: str) -> Prospect:
        """What a store would say after applying a catalog. Shares its connections; closing either closes both.

        Raises:
            CatalogProblems: the catalog can't be applied.
        """
        return cls(store._database, catalog, store.catalog.apply(catalog, by=by, dry_run=True))  # noqa: SLF001 - of its own kind

    def _on(self, database: Database) -> Store:
        return Prospect(database, *self._applied)
