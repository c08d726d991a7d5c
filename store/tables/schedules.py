"""The table of reports that are sent: what the schedule of each was made of."""

from __future__ import annotations

from sqlalchemy import Column, Table

from store.tables.metadata import metadata
from store.types import Instant, Line

report_schedules = Table(
    "report_schedules",
    metadata,
    Column("report", Line, primary_key=True),
    Column("digest", Line, nullable=False),
    Column("at", Instant, nullable=False),
)
"""The schedules that Temporal was given, each with a digest of what it says: another one is out of date."""
