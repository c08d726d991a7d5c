"""Changes one entitlement as it stands: read, decided and written in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from domain.catalog.declarations import Account, Catalog, Entitlement
from domain.catalog.status import zone_of
from store.catalog.applying import write_catalog
from store.catalog.reading import StoredCatalog
from store.database import CATALOG_LOCK, Database

Change = Callable[[Entitlement, ZoneInfo], Entitlement]
"""Makes of an entitlement as it stands, and of the zone of its dates, what it is to be; or refuses."""


class EntitlementChanging:
    """The store's side that changes entitlements."""

    _database: Database

    def change_entitlement(self, name: str, change: Change, *, by: str) -> Entitlement:
        """Change an entitlement as it stands. Nothing else changes the catalog between the look and the writing.

        What counts is not told: whoever changes it so has told it, or there is no count.

        Args:
            name: its id.
            change: says what becomes of it. What it raises leaves everything as it was.
            by: who changes it; goes on record.

        Returns:
            What it is now.

        Raises:
            NotFound: there is none of that name.
            CatalogProblems: it can't be so.
        """
        with self._database.write() as connection:
            self._database.lock(connection, CATALOG_LOCK)
            stored = StoredCatalog(connection)
            before = stored.get(Entitlement, name)
            zone = zone_of(stored.get(Account, before.account), stored.organisation())
            after = change(before, zone)
            if after != before:
                catalog = Catalog(entitlements=[after])
                write_catalog(connection, catalog, by=by, at=datetime.now(UTC), tell=None, of_order=False)
            return after
