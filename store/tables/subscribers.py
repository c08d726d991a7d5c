"""The tables of subscriptions to the event feed: how each stands, and what it gave up."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table

from store.tables.metadata import metadata
from store.types import Document, Instant, Line

subscription_states = Table(
    "subscription_states",
    metadata,
    Column("subscription", Line, primary_key=True),
    Column("status", Line, nullable=False),
    Column("state", Document, nullable=False),
    Column("at", Instant, nullable=False),
)
"""As each has last told: running, paused or ended, and all that another run of its workflow would begin with."""

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("subscription", Line, primary_key=True),
    Column("event_id", Line, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("subject", Line, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("type", Line, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", Line, nullable=False),
    Column("at", Instant, nullable=False),
    Column("status", Line, nullable=False),
    Column("said", Line, nullable=False),
    Column("settled_at", Instant),
    Column("batch", Line),
    Index(None, "subscription", "status", "position"),
)
"""Events that were given up: `given_up`, `waits` to be sent again, or `sent`. The events themselves are in the feed.
`batch` is the one that sent it again: tried once more, after its worker died, it knows what it has sent."""
