"""The tables that reports are made from: what came of each milestone instance, in columns that a database can add up.

All of it follows from the record of a case, and is written with it. An instance that its case keeps no more stays.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table

from store.tables.metadata import metadata, partial_index
from store.types import Document, Instant, Line

measures = Table(
    "measures",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("process", Line, primary_key=True),
    Column("milestone", Line, primary_key=True),
    Column("occurrence", Integer, primary_key=True, autoincrement=False),
    Column("promise", Boolean, nullable=False),
    Column("runs", Boolean, nullable=False),
    Column("outcome", Line, nullable=False),
    Column("business_hours", Line, nullable=False),
    Column("measured_at", Instant, nullable=False),
    Column("start_at", Instant, nullable=False),
    Column("target_at", Instant),
    Column("ended_at", Instant),
    Column("violated_after", Instant),
    Column("violations", Integer, nullable=False),
    Column("corrected", Integer, nullable=False),
    Column("span_seconds", BigInteger),
    Column("actual_seconds", BigInteger),
    Column("response_seconds", BigInteger),
    Column("margin_seconds", BigInteger),
    Column("overrun_seconds", BigInteger),
    Column("paused_seconds", BigInteger, nullable=False),
    Column("was_paused", Boolean, nullable=False),
    Column("ran_under", Document),
    Index(None, "target_at"),
    sqlite_with_rowid=False,
)
"""Milestone instances, measured as they were last recorded.

`runs`: its clock goes on by itself, so that it is judged anew whenever somebody asks; not where a case has a clock of
its own. `violated_after`: of one that runs: after this instant it is violated, if nothing is heard of it until then."""

RUNNING_MEASURES = measures.c.runs.is_(True)
partial_index(
    "ix_measures_running",
    measures.c.case_id,
    where=RUNNING_MEASURES,
)

pauses = Table(
    "pauses",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("process", Line, primary_key=True),
    Column("milestone", Line, primary_key=True),
    Column("occurrence", Integer, primary_key=True, autoincrement=False),
    Column("from_at", Instant, primary_key=True),
    Column("to_at", Instant),
    Column("goes_on", Boolean, nullable=False),
    Column("business_hours", Line, nullable=False),
    Column("cause", Line, nullable=False),
    Column("by", Line),
    Column("open_seconds", BigInteger, nullable=False),
    Column("left_seconds", BigInteger),
    Index(None, "from_at"),
    sqlite_with_rowid=False,
)
"""Pauses of milestone instances, each with the open time that was left to the target as it began.

After the target that is negative: a second less than none where no open time lies between.
`goes_on`: it grows by itself."""

field_changes = Table(
    "field_changes",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("fields", Document, nullable=False),
    Column("before", Document, nullable=False),
)
"""When fields of a case changed, by the number of the note: their new values, and those before."""

holdings = Table(
    "holdings",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("process", Line, primary_key=True),
    Column("milestone", Line, primary_key=True),
    Column("occurrence", Integer, primary_key=True, autoincrement=False),
    Column("field", Line, primary_key=True),
    Column("value", Line, primary_key=True),
    Column("open_seconds", BigInteger, nullable=False),
    Column("is_last", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
"""For how much open time each value of a field held while an instance ran, in cases in which the field ever changed.

`is_last`: it is the value that holds still, or held at the end."""

exported_overrides = Table(
    "exported_overrides",
    metadata,
    Column("entitlement", Line, primary_key=True),
    Column("count", Line, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("export", Integer, nullable=False, index=True),
    Column("exported_at", Instant, nullable=False),
    Column("exported_by", Line, nullable=False),
)
"""Rows of ledgers that billing has taken, by the number of the export that took each."""
