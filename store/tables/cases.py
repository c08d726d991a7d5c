"""The tables of cases.

A case may name an account or entitlement that the catalog does not hold (a replayed log): no foreign keys there.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, and_, false, literal, not_

from store.tables.metadata import metadata, partial_index
from store.types import Document, Instant, Line

cases = Table(
    "cases",
    metadata,
    Column("case_id", Line, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("history", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("run_id", Line, nullable=False),
    Column("account", Line),
    Column("entitlement", Line),
    Column("process", Line),
    Column("process_version", Integer),
    Column("status", Line, nullable=False),
    Column("stopped", Boolean, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("next_due", Instant),
    Column("view", Document, nullable=False),
    Column("carried", Document, nullable=False),
    Column("recorded_at", Instant),
    Column("fields", Document),
    Column("own_clock", Boolean),
    Column("priority", Line),
    Column("owner", Line),
    Column("paused", Boolean, nullable=False, server_default=false()),
    Column("due_at", Instant),
    Column("due_milestone", Line),
    Column("external_id", Line),
    Column("channel", Line),
    Column("began_at", Instant),
    Index(None, "opened_at", "case_id"),
    Index(None, "account", "opened_at", "case_id"),
    Index(None, "entitlement", "opened_at", "case_id"),
    Index(None, "status", "opened_at", "case_id"),
)
RUNNING = cases.c.closed_at.is_(None)
CLOSED = cases.c.closed_at.isnot(None)
STOPPED = cases.c.stopped.is_(True)
PAUSED = cases.c.paused.is_(True)
_UNVIOLATED = [literal(status, literal_execute=True) for status in ("compliant", "nothing promised")]
VIOLATED = and_(*(cases.c.status != status for status in _UNVIOLATED))
UNVIOLATED = not_(VIOLATED)
"""The condition of an index has to stand in a query just so, or the database does not use it."""
_LISTED = {
    "running": RUNNING,
    "closed": CLOSED,
    "stopped": STOPPED,
    "violated": VIOLATED,
    "unviolated": UNVIOLATED,
}
for _name, _which in _LISTED.items():
    partial_index(f"ix_cases_opened_at_{_name}", cases.c.opened_at, cases.c.case_id, where=_which)
for _name, _others in (("account", ("owner", "priority")), ("owner", ("priority",)), ("priority", ())):
    partial_index(
        f"ix_cases_{_name}_due_at",
        *(cases.c[column] for column in (_name, "due_at", "case_id", *_others)),
        where=RUNNING,
    )
for _name, _which in (
    ("running", RUNNING),
    ("violated", and_(RUNNING, VIOLATED)),
    ("paused", and_(RUNNING, PAUSED)),
):
    partial_index(f"ix_cases_due_at_{_name}", cases.c.due_at, cases.c.case_id, where=_which)
partial_index(
    "ix_cases_running",
    *(cases.c[name] for name in ("case_id", "process", "process_version", "account", "entitlement")),
    where=RUNNING,
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
partial_index(
    "ix_milestones_kept",
    *(milestones.c[name] for name in ("case_id", "process", "milestone", "occurrence")),
    where=KEPT,
)
"""Those that their cases keep: one that was folded has its explanation here, and makes no record dearer."""
OPEN_STATES = ("scheduled", "running", "paused")
OPEN_MILESTONE = milestones.c.state.in_([literal(state, literal_execute=True) for state in OPEN_STATES])
for _name, _columns in (("open_target_at", ("target_at",)), ("open_milestone_target_at", ("milestone", "target_at"))):
    partial_index(
        f"ix_milestones_{_name}",
        *(milestones.c[column] for column in (*_columns, "case_id")),
        where=OPEN_MILESTONE,
    )

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
