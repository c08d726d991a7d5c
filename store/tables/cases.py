"""The tables of cases.

A case may name an account or entitlement that the catalog does not hold (a replayed log): no foreign keys there.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table

from store.tables.metadata import metadata
from store.types import Document, Instant, Line

cases = Table(
    "cases",
    metadata,
    Column("case_id", Line, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("history", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("run_id", Line, nullable=False),
    Column("account", Line, index=True),
    Column("entitlement", Line, index=True),
    Column("process", Line),
    Column("process_version", Integer),
    Column("status", Line, nullable=False, index=True),
    Column("stopped", Boolean, nullable=False),
    Column("opened_at", Instant, nullable=False, index=True),
    Column("closed_at", Instant),
    Column("next_due", Instant),
    Column("view", Document, nullable=False),
    Column("carried", Document, nullable=False),
    Column("recorded_at", Instant),
)
RUNNING = cases.c.closed_at.is_(None)
Index(
    "ix_cases_running",
    *(cases.c[name] for name in ("case_id", "process", "process_version", "account", "entitlement")),
    sqlite_where=RUNNING,
    postgresql_where=RUNNING,
)
"""The cases that run, with what they are picked by: those that are closed make no search longer."""

case_hours = Table(
    "case_hours",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("name", Line, primary_key=True),
    Column("version", Integer, nullable=False),
)
"""The business hours that a running case goes by, each in the version that was frozen for it."""

ended_cases = Table(
    "ended_cases",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("run_id", Line, nullable=False),
    Column("run", Integer, nullable=False),
    Column("history", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("how", Line, nullable=False),
    Column("ended_at", Instant),
    Column("found_at", Instant, nullable=False),
)
"""Cases whose workflows were ended from outside, each with the record that was its last."""

milestones = Table(
    "milestones",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("process", Line, primary_key=True),
    Column("milestone", Line, primary_key=True),
    Column("occurrence", Integer, primary_key=True, autoincrement=False),
    Column("state", Line, nullable=False),
    Column("start_at", Instant, nullable=False),
    Column("target_at", Instant),
    Column("completed_at", Instant),
    Column("violated", Boolean, nullable=False),
    Column("violated_at", Instant),
    Column("elapsed_seconds", BigInteger),
    Column("paused_seconds", BigInteger),
    Column("view", Document, nullable=False),
    Column("explained", Document),
    Index(None, "milestone", "start_at"),
)
KEPT = milestones.c.explained.is_(None)
Index(
    "ix_milestones_kept",
    *(milestones.c[name] for name in ("case_id", "process", "milestone", "occurrence")),
    sqlite_where=KEPT,
    postgresql_where=KEPT,
)
"""Those that their cases keep: one that was folded has its explanation here, and makes no record dearer."""

notes = Table(
    "notes",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("kind", Line, nullable=False),
    Column("text", Line, nullable=False),
    Column("milestone", Line),
    Column("occurrence", Integer),
    Column("occurred_at", Instant),
    Column("by", Line),
    Column("reason", Line),
)
