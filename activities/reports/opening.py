"""Links to customers' pages: made, and opened by whoever has one.

What is wrong with a link is told to nobody who shows it: each that opens nothing is the same work and the same answer.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from activities.actions.secret_sources import signing_secret
from activities.delivery.outcomes import NotDelivered
from activities.reports.customer_page import customer_page
from domain.catalog.customer_page import CustomerPage
from domain.catalog.endpoints import SecretSource
from domain.customer_links import LONGEST_DAYS, CustomerLink, LinkKey, read_link, signed_link
from domain.errors import Refused
from store import Store

PAGES = "/pages"
"""Before a link it is the path of the page that it opens."""

_NOBODYS = CustomerLink(id="0" * 16, account="nobody", expires_at=datetime(1970, 1, 1, tzinfo=UTC))
"""Asked for in place of a link that says nothing, so that the store is asked the same of every link."""

_LOG = logging.getLogger(__name__)


def make_link(
    store: Store, account: str, *, until: datetime, by: str, now: datetime, known_as: str | None = None
) -> tuple[CustomerLink, str]:
    """Make a link to the page of an account.

    Args:
        store: knows the account.
        account: whose page it opens.
        until: the first instant at which it opens nothing.
        by: who makes it.
        now: the instant.
        known_as: its id; asked for again under the same one it is the same link. None: an id that nobody had.

    Returns:
        What it says, and the link itself.

    Raises:
        NotFound: there is no such account.
        Refused: nothing signs links here, it would have expired already, or would open its page for too long; or
            another account has a link of that id.
    """
    store.catalog.account(account)
    secrets = _secrets(store)
    if not secrets:
        raise Refused(
            "not_signed", "nothing signs links; give the organisation customer_page: {secrets: [{env: NAME}]}"
        )
    try:
        key = _key(secrets[0])
    except NotDelivered as error:
        raise Refused("not_signed", f"no link can be signed here: {error}") from None
    if until > now + timedelta(days=LONGEST_DAYS):
        raise Refused("bad_dates", f"a link opens a page for at most {LONGEST_DAYS} days; give an earlier instant")
    link = store.customer_links.make(account, until=until, by=by, at=now, known_as=known_as)
    return link, signed_link(link, key)


def opened_page(store: Store, text: str, now: datetime) -> str | None:
    """The page that a link opens; None: it opens none, for whatever reason."""
    link = read_link(text, list(_keys(_secrets(store))), now)
    asked = link or _NOBODYS
    stands = store.customer_links.stands(asked.id, asked.account)
    return customer_page(store, asked.account, now) if link is not None and stands else None


def _secrets(store: Store) -> Sequence[SecretSource]:
    return (store.catalog.organisation().customer_page or CustomerPage()).secrets


def _keys(secrets: Sequence[SecretSource]) -> Iterator[LinkKey]:
    """The keys that count; one that can't be read counts for nothing, and the log says so."""
    for source in secrets:
        try:
            yield _key(source)
        except NotDelivered as error:
            _LOG.warning("links to customers' pages: %s", error)


def _key(source: SecretSource) -> LinkKey:
    secret = signing_secret(source)
    if secret.is_private:
        raise NotDelivered(f"the {source.named} holds one half of a pair; links take a whsec_ secret", for_good=True)
    return LinkKey.of(secret)
