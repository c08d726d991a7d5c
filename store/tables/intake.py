"""The tables of intake: what other systems sent, and as of when what is known of each case is."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, UniqueConstraint

from store.tables.metadata import metadata
from store.types import Document, Instant, Line

intake_deliveries = Table(
    "intake_deliveries",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("source", Line, nullable=False),
    Column("delivery", Line, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("payload", Line, nullable=False),
    Column("headers", Document, nullable=False),
    Column("case_id", Line),
    Column("external_id", Line),
    Column("occurred_at", Instant),
    Column("status", Line, nullable=False),
    Column("code", Line, nullable=False),
    Column("reason", Line, nullable=False),
    Column("did", Document, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("tried_at", Instant),
    Column("settled_at", Instant),
    UniqueConstraint("source", "delivery"),
    Index(None, "status", "number"),
    Index(None, "case_id", "status", "occurred_at", "number"),
)
"""Each delivery once: it `waits`, was `taken`, was `ignored`, is a `dead` letter, or was `dropped`."""

intake_cases = Table(
    "intake_cases",
    metadata,
    Column("case_id", Line, primary_key=True),
    Column("known", Document, nullable=False),
)
"""As of when, by its sources' clocks, what is known of a case is."""
