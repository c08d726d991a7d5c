"""The catalog and orders over HTTP: read, and changed without overwriting what somebody else changed meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from domain.catalog.declarations import Catalog
from domain.catalog.documents import fields_declared
from domain.orders.placing import Order, PlacedOrder
from milepost.http.connection import Connection, path_of
from starters.operations.applying import Applied
from starters.operations.ordering import OrderPlaced


class ShownCatalog(NamedTuple):
    """Everything that is declared.

    Attributes:
        catalog: in the latest versions.
        revision: what a change of it is one of.
    """

    catalog: Catalog
    revision: int


class Catalogs:
    """Reads what an organisation declares, and applies what it is to declare."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def show(self) -> ShownCatalog:
        """Everything that is declared, with its revision."""
        answer = self._connection.send("GET", "/v1/catalog")
        document: dict[str, Any] = answer.json()
        own = {name: kind for name, kind in document["fields"].items() if isinstance(kind, dict)}
        fields = document["fields"] | {name: kind["type"] for name, kind in own.items()}
        said = {**document, "fields": fields, "values": {name: kind["values"] for name, kind in own.items()}}
        return ShownCatalog(Catalog.model_validate(said, extra="ignore"), int(answer.headers["etag"].strip('"')))

    def apply(
        self,
        document: Catalog | Mapping[str, Any],
        *,
        if_match: int | str | None = None,
        dry_run: bool = False,
        consent: bool = False,
        by: str | None = None,
    ) -> Applied:
        """Check a catalog whole, then store all of it or nothing.

        Args:
            document: as a catalog's file has it, or a catalog.
            if_match: the revision that it is a change of, or ``*``, whatever it is. A dry run needs none.
            dry_run: only say what would change.
            consent: take what the document says where it was amended by hand since, and the default of what it leaves
                out.
            by: the person who does it.
        """
        said = _document_of(document) if isinstance(document, Catalog) else document
        query = {"dry_run": dry_run, "consent": consent, "by": by}
        return self._connection.post(Applied, "/v1/catalog", said, query=query, if_match=if_match)


def _document_of(catalog: Catalog) -> dict[str, Any]:
    """A catalog as its file has it: without the versions of processes, which are counted when it is applied."""
    document = catalog.model_dump(mode="json", by_alias=True)
    for process in document["processes"]:
        del process["version"]
    return document | {"fields": fields_declared(catalog)}


class Orders:
    """Places orders of customers, and shows them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def place(
        self, order: Order, *, if_match: int | str | None = None, dry_run: bool = False, by: str | None = None
    ) -> OrderPlaced:
        """Make the contract, the line items and the entitlements of each product's templates.

        The same order again changes nothing; a changed one under its id amends what it made.

        Args:
            order: what an account has ordered.
            if_match: of a changed one, the revision that it is a change of, or ``*``, whatever it is.
            dry_run: only say what would change.
            by: the person who does it.
        """
        said, query = order.model_dump(mode="json", exclude_none=True), {"dry_run": dry_run, "by": by}
        return self._connection.post(OrderPlaced, "/v1/orders", said, query=query, if_match=if_match)

    def show(self, order: str) -> PlacedOrder:
        """An order as it was taken the last time."""
        return self._connection.get(PlacedOrder, path_of("/v1/orders/{}", order))
