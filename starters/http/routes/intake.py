"""``/v1/intake``: what other systems tell, and what of it could not be taken."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Depends, Path, Query, Response
from pydantic import Field
from starlette.requests import Request

from domain.bounds import Words
from domain.ids import CaseName, Reference
from domain.model import Value
from domain.scopes import Scope
from starters.http.access import needs
from starters.http.answers import DeliveryList, DeliveryWithPayload, ShownDelivery
from starters.http.asking import ByAsking
from starters.http.backend import FromBackend
from starters.http.case_bodies import example
from starters.http.idempotency import REPLAYED
from starters.http.refusing import refuses
from starters.http.routing import guarded_router
from starters.http.signed import Arrived, signed_router
from store.intake import Delivery, DeliveryStatus

TAG = "Intake"
router = guarded_router("/v1/intake/deliveries", TAG)
open_router = signed_router("/v1/intake", TAG)

INTAKE, ADMIN = Scope.INTAKE, Scope.ADMIN
_STATES: tuple[DeliveryStatus, ...] = ("waits", "dead")
_ANY_JSON = {
    "required": True,
    "content": {"application/json": {"schema": {}, "example": {"ticket": {"id": 81, "state": "open"}}}},
}

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Of the delivery, as the list says it.", examples=[1])]


class DeliveryListing(Value):
    """Which deliveries are listed; each part that is given has to hold.

    Attributes:
        source: of this source.
        case: about this case.
        status: left out: those that wait or are dead.
        limit: at most so many.
        after: that came after the one of this number.
    """

    source: Reference | None = None
    case: CaseName | None = None
    status: DeliveryStatus | None = None
    after: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class Dropping(Value):
    """Who gives a dead letter up.

    Attributes:
        by: the person.
    """

    model_config = example(by="ann")

    by: Words | None = None


class TryingAgain(Value):
    """Who has a dead letter tried again.

    Attributes:
        by: the person.
    """

    model_config = example(by="ann")

    by: Words | None = None


async def _arrived(request: Request) -> Arrived:
    found: Arrived = request.state.arrived
    return found


@open_router.post(
    "/{source}",
    responses={202: {"model": ShownDelivery, "description": "It is kept: it waits, or it is a dead letter."}},
    openapi_extra={"requestBody": _ANY_JSON},
)
@refuses("bad_signature")
async def take_in(
    source: Annotated[str, Path(description="The id of an intake source of the catalog.", examples=["tickets"])],  # noqa: ARG001  in the path
    arrived: Annotated[Arrived, Depends(_arrived)],
    backend: FromBackend,
    response: Response,
) -> ShownDelivery:
    """Take in what another system tells. It shows no key, but signs as its source is declared to.

    A delivery is taken once by its id; sent again, it is answered as it stands. The command is that of a source that
    signs by `hub-sha256`: `SIGNED` is the HMAC of the body with its secret, in hexadecimal.
    """
    found, is_new = await backend.intake.receive(arrived.source, arrived.id, arrived.payload, arrived.headers)
    if found.status in _STATES:
        response.status_code = 202
    if not is_new:
        response.headers[REPLAYED] = "true"
    return shown(found)


@router.get("")
@needs(INTAKE, ADMIN)
@refuses("bound_key")
async def list_deliveries(asking: ByAsking, which: Annotated[DeliveryListing, Query()]) -> DeliveryList:
    """List deliveries: those that wait and dead letters, unless others are asked for."""
    asking.caller.check_unbound()
    case_id = which.case
    statuses: tuple[DeliveryStatus, ...] = _STATES if which.status is None else (which.status,)
    found = await asking.backend.ask(
        lambda store: store.intake.listed(
            statuses=statuses, source=which.source, case_id=case_id, after=which.after, limit=which.limit + 1
        )
    )
    page = found[: which.limit]
    return DeliveryList(
        deliveries=[shown(one) for one in page], next=page[-1].number if len(found) > which.limit else None
    )


@router.get("/{number}")
@needs(INTAKE, ADMIN)
@refuses("bound_key", "not_found")
async def show_delivery(number: Number, asking: ByAsking) -> DeliveryWithPayload:
    """Show a delivery with what was sent."""
    asking.caller.check_unbound()
    found = await asking.backend.ask(lambda store: store.intake.get(number))
    return DeliveryWithPayload(**_of(found), payload=found.payload, headers=found.headers)


@router.post("/{number}/retry")
@needs(INTAKE, ADMIN)
@refuses("bound_key", "no_dead_letter", "not_found")
async def retry_delivery(
    number: Number, asking: ByAsking, asked: Annotated[TryingAgain, Body(default_factory=TryingAgain)]
) -> ShownDelivery:
    """Have a dead letter tried again, say because the mapping was mended; with what waits behind it."""
    asking.caller.check_unbound()
    [again] = await asking.backend.intake.retry([number], by=asking.who(asked.by))
    return shown(again)


@router.post("/{number}/drop")
@needs(INTAKE, ADMIN)
@refuses("bound_key", "no_dead_letter", "not_found")
async def drop_delivery(
    number: Number, asking: ByAsking, asked: Annotated[Dropping, Body(default_factory=Dropping)]
) -> ShownDelivery:
    """Give a dead letter up for good; what waits behind it goes on."""
    asking.caller.check_unbound()
    return shown(await asking.backend.intake.drop(number, by=asking.who(asked.by)))


def shown(delivery: Delivery) -> ShownDelivery:
    """A delivery as callers see it."""
    return ShownDelivery(**_of(delivery))


def _of(delivery: Delivery) -> dict[str, Any]:
    return delivery.model_dump(include=set(ShownDelivery.model_fields))
