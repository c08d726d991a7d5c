"""The tables by which all workers together keep mails within their limits."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table

from store.tables.metadata import metadata
from store.types import Instant, Line

sent_mails = Table(
    "sent_mails",
    metadata,
    Column("key", Line, primary_key=True),
    Column("recipient", Line, primary_key=True),
    Column("case_id", Line, primary_key=True),
    Column("at", Instant, nullable=False),
    Index(None, "recipient", "at"),
    Index(None, "case_id", "at"),
    Index(None, "at"),
)
"""What went to whom within the last hour: a mail, or a digest with a row for each case that it lists."""

held_mails = Table(
    "held_mails",
    metadata,
    Column("key", Line, primary_key=True),
    Column("recipient", Line, primary_key=True),
    Column("case_id", Line, nullable=False),
    Column("to", Line, nullable=False),
    Column("subject", Line, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("held_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("expires_completed", Boolean, nullable=False),
    Column("alone", Boolean, nullable=False),
    Column("digest", Line),
    Index(None, "recipient", "digest", "held_at"),
    Index(None, "digest"),
)
"""Mails that were one too many, each for the digest of its recipient."""

digests = Table(
    "digests",
    metadata,
    Column("key", Line, primary_key=True),
    Column("recipient", Line, nullable=False),
    Column("to", Line, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("taken_until", Instant, nullable=False),
    Column("is_being_sent", Boolean, nullable=False),
    Index(None, "recipient", "made_at"),
)
"""Digests, and until when each is left alone: while one worker sends it, or before another attempt."""
