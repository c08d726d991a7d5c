"""``/v1/orders``: what a customer has ordered, as contract, line items and entitlements."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Body, Path, Response

from domain.errors import NotFound
from domain.orders.placing import Order, PlacedOrder
from domain.scopes import Scope
from starters.http.access import needs
from starters.http.asking import ByAsking
from starters.http.backend import Backend
from starters.http.matching import DryRun, IfMatch, Person, Seen, revision_of, seen, tag_of
from starters.http.refusing import refuses
from starters.http.routing import guarded_router
from starters.operations.ordering import OrderPlaced, place_order
from store.orders import AnyRevision

router = guarded_router("/v1/orders", "Orders")

EXAMPLE = {
    "id": "O-1204",
    "account": "acme",
    "lines": [{"product": "gold-support", "asset": "acme-router-1", "quantity": 2}],
}


@router.post("")
@needs(Scope.ADMIN)
@refuses("bad_order", "changed_meanwhile", "if_match_missing")
async def place(
    asked: Annotated[Order, Body(examples=[EXAMPLE])],
    asking: ByAsking,
    response: Response,
    dry_run: DryRun = False,
    by: Person = None,
    if_match: IfMatch = None,
) -> OrderPlaced:
    """Place an order: make the contract, the line items and the entitlements of each product's templates.

    The same order again changes nothing; a changed one under its id amends what it made. Such a change says by If-Match
    of which revision it is one: a change that came in between is not lost (412). `dry_run` only says what would change.
    """
    backend = asking.backend
    placed = await place_order(
        backend.store,
        asked,
        by=asking.who(by),
        at=datetime.now(UTC),
        connect=backend.connect,
        task_queue=backend.task_queue,
        dry_run=dry_run,
        amends=await _amended(backend, asked.id, seen(if_match)),
    )
    stands = placed.revision - 1 if dry_run and placed.changed.changes else placed.revision
    if stands:
        response.headers["ETag"] = tag_of(stands)
    return placed


@router.get("/{order}")
@needs(Scope.MANAGER, Scope.ADMIN)
@refuses("not_found")
async def show(
    order: Annotated[str, Path(min_length=1, max_length=300, description="The id of the order.", examples=["O-1204"])],
    asking: ByAsking,
    response: Response,
) -> PlacedOrder:
    """Show an order as it was taken the last time. Its ETag is what If-Match takes."""
    found = await asking.backend.ask_if_known(lambda store: store.orders.get(order))
    if found is None or not asking.caller.may_see(found.account):
        raise NotFound(f"no order {order!r} was placed")
    response.headers["ETag"] = tag_of(found.revision)
    return found


async def _amended(backend: Backend, order: str, shown: Seen | None) -> int | AnyRevision | None:
    """The revision that an order is a change of: of several the one that stands, if it is among them; 0: of none."""
    if shown is None or shown.is_any:
        return None if shown is None else AnyRevision.ANY
    stands = await backend.ask_if_known(lambda store: store.orders.get(order)) if len(shown.tags) > 1 else None
    return revision_of(shown.of(str(stands.revision) if stands else None)) or 0
