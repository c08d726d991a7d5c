"""``/v1/coverage``: is this customer entitled, and to what?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from domain.coverage.matching import CoverageQuestion
from domain.errors import NotFound, Refused
from domain.ids import Reference
from domain.model import Value
from domain.scopes import Scope
from starters.http.access import needs
from starters.http.backend import ByCaller, FromBackend
from starters.http.case_bodies import example
from starters.http.instants import IsoInstant
from starters.http.refusing import refuses
from starters.http.routing import guarded_router
from starters.http.sight import check_named
from starters.operations.verifying import Verified

router = guarded_router("/v1/coverage", "Coverage")


class CoverageAsked(Value):
    """What is known of a customer; one of these at least.

    Attributes:
        account: whose case it would be.
        contact: who calls.
        asset: what it is about.
        service_contract: under which it would be opened.
        contract_line_item: the line item of a contract.
        entitlement: it would be opened from this one.
        product: what it is about, where there is no asset.
        channel: on which it would come.
        at: when a case would be opened; now, if left out.
    """

    model_config = example(account="acme", asset="acme-router-1")

    account: Reference | None = None
    contact: Reference | None = None
    asset: Reference | None = None
    service_contract: Reference | None = None
    contract_line_item: Reference | None = None
    entitlement: Reference | None = None
    product: Reference | None = None
    channel: Reference | None = None
    at: IsoInstant | None = None


@router.get("")
@needs(Scope.DISPATCHER, Scope.MANAGER)
@refuses("no_such_time", "unknown_name")
async def verify(backend: FromBackend, caller: ByCaller, asked: Annotated[CoverageAsked, Query()]) -> Verified:
    """Say which entitlement covers a case that is opened then, what is left of it, and why no other does."""
    named = asked.model_dump(exclude={"at"}, exclude_none=True)
    if not set(named) - {"product", "channel"}:
        raise Refused("bad_message", "say who it is: account, contact, asset, service_contract or the like")
    await check_named(backend, caller, named)
    question = CoverageQuestion(**named, at=asked.at or datetime.now(UTC).replace(microsecond=0))
    try:
        return await backend.verifying().verify(question)
    except NotFound as unknown:
        raise Refused("unknown_name", str(unknown)) from None
