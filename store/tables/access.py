"""The tables of who may do what over HTTP, and of what was answered."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, Table

from store.tables.metadata import metadata
from store.types import Document, Instant, Line

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Line, primary_key=True),
    Column("name", Line, nullable=False),
    Column("digest", Line, nullable=False, unique=True),
    Column("scopes", Document, nullable=False),
    Column("accounts", Document),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Line, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("revoked_by", Line),
    Column("last_used_at", Instant),
)
"""API keys. Of a key itself only its digest is kept, so nobody who reads this can use one."""

page_tokens = Table(
    "page_tokens",
    metadata,
    Column("digest", Line, primary_key=True),
    Column("kind", Line, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)
"""Tokens that open the page of the API: those of links, each of which is taken once, and of the sessions they begin."""

customer_links = Table(
    "customer_links",
    metadata,
    Column("id", Line, primary_key=True),
    Column("account", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Line, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_by", Line),
)
"""Links to customers' pages that were made. Of a link itself nothing is kept but what it says."""

kept_answers = Table(
    "kept_answers",
    metadata,
    Column("subject", Line, primary_key=True),
    Column("key", Line, primary_key=True),
    Column("digest", Line, nullable=False),
    Column("begun_at", Instant, nullable=False, index=True),
    Column("attempt", Line, nullable=False),
    Column("status", Integer),
    Column("headers", Document),
    Column("body", Line),
)
"""What was answered to a request that had an Idempotency-Key; without a status while it is still being worked on."""
