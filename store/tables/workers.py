"""The tables of what all workers share: who does what, and which endpoints fail."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table

from store.tables.metadata import metadata
from store.types import Instant, Line

endpoint_states = Table(
    "endpoint_states",
    metadata,
    Column("endpoint", Line, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("failing_since", Instant),
    Column("open_until", Instant),
    Column("off_at", Instant),
    Column("said", Line, nullable=False),
)
"""What workers know of endpoints: those that fail, those that are left alone for a while, those that are off."""

leases = Table(
    "leases",
    metadata,
    Column("name", Line, primary_key=True),
    Column("holder", Line, nullable=False),
    Column("until", Instant, nullable=False),
)
"""What one of all processes does, and until when."""
