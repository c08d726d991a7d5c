"""The tables of the event feed."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table

from store.tables.metadata import metadata, partial_index
from store.types import Document, Instant, Line

events = Table(
    "events",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", Line, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("id", Line, nullable=False),
    Column("type", Line, nullable=False),
    Column("time", Instant, nullable=False),
    Column("account", Line),
    Column("recorded_at", Instant, nullable=False),
    Column("run_id", Line, nullable=False),
    Column("superseded", Boolean, nullable=False),
    Column("data", Document, nullable=False),
    Index(None, "account", "position"),
)
"""Events in the order in which they were committed. What an attempt that came to nothing has left is superseded."""

_STANDING = events.c.superseded.is_(False)
partial_index(
    None,
    events.c.subject,
    events.c.sequence,
    unique=True,
    where=_STANDING,
)

feed = Table(
    "feed",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("source", Line, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("pruned", BigInteger, nullable=False),
)
"""One row: which installation it is, the last position that was handed out, and up to which events were forgotten."""
