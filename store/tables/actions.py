"""The tables of triggers, of actions, and of what actions made."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table

from store.tables.metadata import metadata, partial_index
from store.types import Document, Instant, Line

triggers = Table(
    "triggers",
    metadata,
    Column("key", Line, primary_key=True),
    Column("case_id", ForeignKey("cases.case_id"), nullable=False),
    Column("milestone", Line, nullable=False),
    Column("occurrence", Integer, nullable=False),
    Column("trigger", Line, nullable=False),
    Column("kind", Line, nullable=False),
    Column("firing", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("at", Instant, nullable=False),
    Column("noticed_at", Instant, nullable=False),
    Index(None, "case_id", "at"),
)
"""Triggers that fired, by the key of their effects without the action."""

actions = Table(
    "actions",
    metadata,
    Column("key", Line, primary_key=True),
    Column("case_id", Line, nullable=False, index=True),
    Column("position", Integer),
    Column("trigger_key", Line),
    Column("action", Document),
    Column("status", Line, nullable=False, index=True),
    Column("done_at", Instant),
    Column("result", Document),
    Column("failed_at", Instant),
    Column("error", Line),
    Column("entitlement", Line),
)
"""Actions by their keys. What became of one may be known before the case's own record says that it was ordered."""

mails = Table(
    "mails",
    metadata,
    Column("key", Line, primary_key=True),
    Column("case_id", Line, nullable=False, index=True),
    Column("to", Document, nullable=False),
    Column("subject", Line, nullable=False),
    Column("body", Line, nullable=False),
    Column("at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("answer", Line),
    Column("html", Line),
    Column("remark", Line),
    Column("written_at", Instant, index=True),
)
"""Mails with their texts, for as long as these are kept."""
UNASKED = mails.c.answer.is_(None)
"""Of mails: no server was asked to take it."""
partial_index("ix_mails_unasked", mails.c.written_at, where=UNASKED)

mail_recipients = Table(
    "mail_recipients",
    metadata,
    Column("key", Line, primary_key=True),
    Column("recipient", Line, primary_key=True),
    Column("address", Line, nullable=False),
    Column("has_it", Boolean, nullable=False),
    Column("answer", Line, nullable=False),
    Column("at", Instant, nullable=False, index=True),
)
"""Of mails that a server took for some recipients only: who has it, and who is refused for good, by what the address is
known by. So the next attempt reaches nobody twice."""

failed_orders = Table(
    "failed_orders",
    metadata,
    Column("key", Line, primary_key=True),
    Column("case_id", Line, nullable=False),
    Column("ordered", Document, nullable=False),
    Column("failed_at", Instant, nullable=False, index=True),
)
"""Actions of cases that failed for good, as they were ordered, with what their texts see, for as long as texts are
kept: so they can be tried again though nobody else knows them any more."""

sent_requests = Table(
    "sent_requests",
    metadata,
    Column("key", Line, primary_key=True),
    Column("case_id", Line, nullable=False),
    Column("endpoint", Line, nullable=False),
    Column("request", Document, nullable=False),
    Column("written_at", Instant, nullable=False, index=True),
)
"""Requests to endpoints as they arrived, without their secrets, for as long as they are kept."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("key", Line, primary_key=True),
    Column("case_id", Line, nullable=False, index=True),
    Column("channel", Line, nullable=False),
    Column("to", Line, nullable=False),
    Column("status", Line, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("answer", Line, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, index=True),
    Column("due_at", Instant),
    Column("lane", Line),
    Column("tried_until", Instant),
    Index(None, "status", "last_at"),
    Index(None, "channel", "last_at"),
    Index("ix_deliveries_channel_status", "channel", "status", "last_at"),
)
"""What is sent to the outside, by the action's key: attempts, and what the receiver last said. What is in a lane goes
in the order in which it was due, case by case; `tried_until`: an attempt is under way, or the next one awaited."""

redeliveries = Table(
    "redeliveries",
    metadata,
    Column("key", Line, primary_key=True),
    Column("run_id", Line, primary_key=True),
    Column("case_id", Line, nullable=False, index=True),
    Column("asked_at", Instant, nullable=False),
    Column("by", Line, nullable=False),
    Column("status", Line, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("answer", Line, nullable=False),
    Column("last_at", Instant, index=True),
)
"""What had arrived and was sent again by hand: who asked for it, and what came of it."""

tasks = Table(
    "tasks",
    metadata,
    Column("key", Line, primary_key=True),
    Column("case_id", Line, nullable=False, index=True),
    Column("subject", Line, nullable=False),
    Column("assign_to", Line, nullable=False),
    Column("body", Line, nullable=False),
    Column("at", Instant, nullable=False),
    Column("account", Line),
    Column("due_at", Instant),
    Column("done_at", Instant),
    Column("done_by", Line),
    Index(None, "assign_to", "due_at"),
    Index(None, "at", "key"),
    Index("ix_tasks_assign_to_at", "assign_to", "at", "key", "done_at"),
    Index("ix_tasks_account_at", "account", "at", "key", "done_at"),
)
UNDONE = tasks.c.done_at.is_(None)
"""The condition of an index has to stand in a query just so, or the database does not use it."""
partial_index("ix_tasks_at_undone", tasks.c.at, tasks.c.key, tasks.c.due_at, where=UNDONE)

task_ticks = Table(
    "task_ticks",
    metadata,
    Column("key", ForeignKey("tasks.key"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("is_done", Boolean, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Line, nullable=False),
)
"""Each time that a task was done or undone, in order."""
