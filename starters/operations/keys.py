"""Making keys of the HTTP API: whichever way somebody asks for one, it is for accounts that there are."""

from __future__ import annotations

from datetime import datetime

from domain.access import NewKey
from store import Store
from store.access import MadeKey


def make_key(store: Store, asked: NewKey, *, by: str, at: datetime, known_as: str | None = None) -> MadeKey:
    """Make a key; see `AccessKeys.create`.

    Args:
        store: of the keys, and of the accounts.
        asked: whose it is, and what it may do.
        by: who makes it.
        at: now.
        known_as: its id; None: one that nobody had.

    Raises:
        NotFound: there is no such account.
        Refused: it would have expired already, or a key was made by that id before.
    """
    for account in asked.accounts or ():
        store.catalog.account(account)  # says so itself if there is none
    return store.keys.create(asked, by=by, at=at, known_as=known_as)
