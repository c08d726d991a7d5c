"""Places in the feed that have a name."""

from __future__ import annotations

from domain.subscriptions.state import NOW, START
from store.feed import Feed


def place_in(feed: Feed, cursor: str) -> str | None:
    """A cursor as the feed takes it: None is its beginning.

    Args:
        feed: of the installation.
        cursor: one of it, or a name of a place.
    """
    if cursor == START:
        return None
    return feed.end() if cursor == NOW else cursor
