"""The table of orders."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, Table

from store.tables.metadata import metadata
from store.types import Document, Instant, Line

orders = Table(
    "orders",
    metadata,
    Column("id", Line, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("account", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("by", Line, nullable=False),
    Column("definition", Document, nullable=False),
)
"""Orders, each revision as it was taken."""
