"""``/v1/customer-links``: links to customers' pages, made, listed and revoked. The pages are `customer_pages`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Body, Path, Query, Request
from pydantic import Field

from activities.reports.opening import PAGES, make_link
from domain.bounds import ANumber, Words
from domain.customer_links import ID_DIGITS, LONGEST_DAYS, USUAL_DAYS
from domain.errors import NotFound
from domain.ids import Reference
from domain.model import Value
from domain.scopes import Scope
from starters.http.access import needs
from starters.http.answers import LinkList, NewlyMade, Revoked, ShownLink
from starters.http.backend import ByCaller, FromBackend
from starters.http.case_bodies import example
from starters.http.idempotency import id_for, key_of
from starters.http.instants import IsoInstant
from starters.http.refusing import refuses
from starters.http.routing import guarded_router, unkept
from starters.http.sight import check_account
from store.customer_links import MadeLink

router = guarded_router("/v1/customer-links", "Customer links")

MANAGER = Scope.MANAGER

LINK = "0f1e2d3c4b5a6978"
LinkId = Annotated[
    str,
    Path(min_length=1, max_length=100, description="Of the link; the list has them all.", examples=[LINK]),
]


class NewLink(Value):
    """A link to be made.

    Attributes:
        account: whose page it opens; nothing of any other is on it.
        days: for how long it opens it.
        until: or until which instant, which then counts.
        by: the person who makes it.
    """

    model_config = example(account="acme", days=30, by="ann")

    account: Reference
    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS), ANumber] = USUAL_DAYS
    until: IsoInstant | None = None
    by: Words | None = None


class LinkListing(Value):
    """Which links are listed, of very many the newest.

    Attributes:
        account: to the page of this account.
        limit: at most so many.
    """

    model_config = example(account="acme")

    account: Reference | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class Revocation(Value):
    """Who revokes a link.

    Attributes:
        by: the person.
    """

    model_config = example(by="ann")

    by: Words | None = None


@router.post("", status_code=201)
@needs(MANAGER)
@unkept
@refuses("bad_dates", "not_found", "not_signed")
async def create_customer_link(request: Request, backend: FromBackend, caller: ByCaller, asked: NewLink) -> NewlyMade:
    """Make a link to the page of an account. Sent again under its Idempotency-Key it is the same link."""
    await check_account(backend, caller, asked.account)
    now, key = datetime.now(UTC), key_of(request)
    until = asked.until or now + timedelta(days=asked.days)
    known_as = None if key is None else id_for(caller, key, ID_DIGITS)
    made, text = await backend.ask(
        lambda store: make_link(store, asked.account, until=until, by=caller.who(asked.by), now=now, known_as=known_as)
    )
    link = await backend.ask(lambda store: store.customer_links.get(made.id))
    root: str = request.app.state.api_url or str(request.base_url)
    return NewlyMade(url=f"{root.rstrip('/')}{PAGES}/{text}", link=_shown(link, now))


@router.get("")
@needs(MANAGER)
async def list_customer_links(
    backend: FromBackend, caller: ByCaller, which: Annotated[LinkListing, Query()]
) -> LinkList:
    """List the links that were made: for whom, by whom, until when. None of them is shown itself."""
    accounts = None if caller.accounts is None else sorted(caller.accounts)
    found = await backend.ask(
        lambda store: store.customer_links.all(which.account, accounts=accounts, limit=which.limit)
    )
    now = datetime.now(UTC)
    return LinkList(links=[_shown(link, now) for link in found])


@router.post("/{link}/revoke")
@needs(MANAGER)
@refuses("not_found")
async def revoke_customer_link(
    link: LinkId,
    backend: FromBackend,
    caller: ByCaller,
    asked: Annotated[Revocation, Body(default_factory=Revocation)],
) -> Revoked:
    """Revoke a link: from now on it opens nothing."""
    known = await backend.ask_if_known(lambda store: store.customer_links.get(link))
    if known is None or not caller.may_see(known.account):
        raise NotFound(f"there is no link {link!r}")
    by, now = caller.who(asked.by), datetime.now(UTC)
    changed = await backend.ask(lambda store: store.customer_links.revoke(link, by=by, at=now))
    return Revoked(link=_shown(await backend.ask(lambda store: store.customer_links.get(link)), now), changed=changed)


def _shown(link: MadeLink, now: datetime) -> ShownLink:
    return ShownLink(**link.model_dump(), opens=link.why_not(now) is None)
