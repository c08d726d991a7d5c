"""The tables. Of a declaration the whole is kept as JSON; its columns are what is looked up or joined by."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
)

from domain.catalog.declarations import Kind
from store.types import Document, Instant, Line

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# --- the catalog ---

organisation = Table(
    "organisation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("definition", Document, nullable=False),
)

case_fields = Table(
    "case_fields",
    metadata,
    Column("name", Line, primary_key=True),
    Column("type", Line, nullable=False),
)

applications = Table(
    "applications",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("by", Line, nullable=False),
    Column("changes", Document, nullable=False),
)
"""Who applied what, and when."""


def _versioned(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("name", Line, primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("retired", Boolean, nullable=False),
        Column("applied_at", Instant, nullable=False),
        Column("applied_by", Line, nullable=False),
        Column("definition", Document, nullable=False),
    )


def _declared(name: str, *columns: Column[Any] | Index) -> Table:
    return Table(
        name,
        metadata,
        Column("id", Line, primary_key=True),
        Column("name", Line, nullable=False),
        Column("retired", Boolean, nullable=False),
        *columns,
        Column("definition", Document, nullable=False),
    )


business_hours = _versioned("business_hours")
processes = _versioned("processes")
endpoints = _declared("endpoints")
entitlement_templates = _declared("entitlement_templates")
products = _declared("products")
accounts = _declared("accounts")
contacts = _declared("contacts", Column("account", ForeignKey("accounts.id"), nullable=False, index=True))
assets = _declared(
    "assets",
    Column("account", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("product", ForeignKey("products.id")),
)
service_contracts = _declared(
    "service_contracts",
    Column("account", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("parent", Line),
)
contract_line_items = _declared(
    "contract_line_items",
    Column("service_contract", ForeignKey("service_contracts.id"), nullable=False, index=True),
    Column("parent", Line),
    Column("product", ForeignKey("products.id")),
    Column("asset", ForeignKey("assets.id")),
)
entitlements = _declared(
    "entitlements",
    Column("account", ForeignKey("accounts.id"), nullable=False),
    Column("asset", ForeignKey("assets.id")),
    Column("service_contract", ForeignKey("service_contracts.id")),
    Column("contract_line_item", ForeignKey("contract_line_items.id")),
    Column("for_contacts", Boolean, nullable=False),
    Column("starts_on", Date),
    Column("ends_on", Date),
    Index(None, "account", "asset", "for_contacts", "ends_on"),
)
entitlement_contacts = Table(
    "entitlement_contacts",
    metadata,
    Column("contact", ForeignKey("contacts.id"), primary_key=True),
    Column("entitlement", ForeignKey("entitlements.id"), primary_key=True, index=True),
)

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

untold_entitlements = Table(
    "untold_entitlements",
    metadata,
    Column("entitlement", ForeignKey("entitlements.id"), primary_key=True),
    Column("change", Line, nullable=False),
    Column("by", Line, nullable=False),
    Column("reason", Line, nullable=False),
)
"""Entitlements whose counts do not know yet what is declared of them, with the last change."""

applied_files = Table(
    "applied_files",
    metadata,
    Column("kind", Line, primary_key=True),
    Column("name", Line, primary_key=True),
    Column("document", Document, nullable=False),
)
"""What files said of each declaration when they were last applied: only the keys that they had."""

DECLARED: dict[Kind, Table] = {
    Kind.BUSINESS_HOURS: business_hours,
    Kind.ENDPOINTS: endpoints,
    Kind.PROCESSES: processes,
    Kind.ENTITLEMENT_TEMPLATES: entitlement_templates,
    Kind.PRODUCTS: products,
    Kind.ACCOUNTS: accounts,
    Kind.CONTACTS: contacts,
    Kind.ASSETS: assets,
    Kind.SERVICE_CONTRACTS: service_contracts,
    Kind.CONTRACT_LINE_ITEMS: contract_line_items,
    Kind.ENTITLEMENTS: entitlements,
}

# --- records ---
# A case may name an account or entitlement that the catalog does not hold (a replayed log): no foreign keys there.

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
    Index(None, "milestone", "start_at"),
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

triggers = Table(
    "triggers",
    metadata,
    Column("key", Line, primary_key=True),
    Column("case_id", ForeignKey("cases.case_id"), nullable=False, index=True),
    Column("milestone", Line, nullable=False),
    Column("occurrence", Integer, nullable=False),
    Column("trigger", Line, nullable=False),
    Column("kind", Line, nullable=False),
    Column("firing", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("at", Instant, nullable=False),
    Column("noticed_at", Instant, nullable=False),
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
)

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
    Column("last_at", Instant),
)
"""What is sent to the outside, by the action's key: attempts, and what the receiver last said."""

tasks = Table(
    "tasks",
    metadata,
    Column("key", Line, primary_key=True),
    Column("case_id", Line, nullable=False, index=True),
    Column("subject", Line, nullable=False),
    Column("assign_to", Line, nullable=False),
    Column("body", Line, nullable=False),
    Column("at", Instant, nullable=False),
)

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
    Index(None, "kind", "at"),
    Index(None, "reference", "case_id", "at"),
)
"""The rows of the entitlements' ledgers, by the count that wrote them. None is ever changed."""

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

# --- the event feed ---

events = Table(
    "events",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", Line, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("id", Line, nullable=False),
    Column("type", Line, nullable=False),
    Column("time", Instant, nullable=False),
    Column("account", Line),
    Column("recorded_at", Instant, nullable=False),
    Column("run_id", Line, nullable=False),
    Column("superseded", Boolean, nullable=False),
    Column("data", Document, nullable=False),
    Index(None, "account", "position"),
)
"""Events in the order in which they were committed. What an attempt that came to nothing has left is superseded."""
_STANDING = events.c.superseded.is_(False)
Index(
    None,
    events.c.subject,
    events.c.sequence,
    unique=True,
    sqlite_where=_STANDING,
    postgresql_where=_STANDING,
)

feed = Table(
    "feed",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("source", Line, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("pruned", BigInteger, nullable=False),
)
"""One row: which installation it is, the last position that was handed out, and up to which events were forgotten."""

# --- who does what ---

leases = Table(
    "leases",
    metadata,
    Column("name", Line, primary_key=True),
    Column("holder", Line, nullable=False),
    Column("until", Instant, nullable=False),
)
"""What one of all processes does, and until when."""
