"""The tables of usage. A ledger may be of an entitlement that the catalog does not hold: no foreign key there."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, ForeignKey, Index, Integer, Table

from store.tables.metadata import metadata
from store.types import Instant, Line

untold_entitlements = Table(
    "untold_entitlements",
    metadata,
    Column("entitlement", ForeignKey("entitlements.id"), primary_key=True),
    Column("change", Line, nullable=False),
    Column("by", Line, nullable=False),
    Column("reason", Line, nullable=False),
)
"""Entitlements whose counts do not know yet what is declared of them, with the last change."""

ledger = Table(
    "ledger",
    metadata,
    Column("entitlement", Line, primary_key=True),
    Column("count", Line, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("account", Line, nullable=False),
    Column("unit", Line, nullable=False),
    Column("kind", Line, nullable=False),
    Column("reference", Line),
    Column("event_id", Line),
    Column("period", Integer, nullable=False),
    Column("first_day", Date),
    Column("amount", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("overage", BigInteger, nullable=False),
    Column("carried", BigInteger, nullable=False),
    Column("carried_out", BigInteger, nullable=False),
    Column("used_after", BigInteger, nullable=False),
    Column("overage_after", BigInteger, nullable=False),
    Column("cap_after", BigInteger),
    Column("balance_after", BigInteger),
    Column("price", Line),
    Column("at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("case_id", Line),
    Column("by", Line),
    Column("reason", Line),
    Index(None, "account", "kind"),
    Index(None, "kind", "at"),
    Index(None, "reference", "case_id", "at"),
    Index("ix_ledger_period", "entitlement", "count", "period", "number"),
    Index("ix_ledger_newest", "entitlement", "recorded_at", "count"),
)
"""The rows of the entitlements' ledgers, by the count that wrote them. None is ever changed."""

kept_references = Table(
    "kept_references",
    metadata,
    Column("entitlement", Line, primary_key=True),
    Column("count", Line, primary_key=True),
    Column("digest", Line, primary_key=True),
    Column("ledger", Line, primary_key=True),
    Column("took", Line, nullable=False),
)
"""What counts remember of references that they have put away, each by its digest: see `domain.usage.keeping`."""

usage_periods = Table(
    "usage_periods",
    metadata,
    Column("entitlement", Line, primary_key=True),
    Column("count", Line, primary_key=True),
    Column("period", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("account", Line, nullable=False),
    Column("unit", Line, nullable=False),
    Column("first_day", Date),
    Column("ended_at", Instant, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("overage", BigInteger, nullable=False),
    Column("cap", BigInteger),
    Column("carried", BigInteger, nullable=False),
    Column("unused", BigInteger),
    Column("carried_over", BigInteger, nullable=False),
    Column("overflows", Integer, nullable=False),
    Column("again", Boolean, nullable=False),
    Column("ends_term", Boolean, nullable=False),
    Index(None, "ended_at"),
)
"""Periods that have ended, as each count last reported them."""
