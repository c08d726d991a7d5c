"""The tables, by area, and their schema: whoever imports this package knows them all."""

from store.tables.actions import actions, deliveries, mails, task_ticks, tasks, triggers
from store.tables.cases import RUNNING, case_hours, cases, ended_cases, milestones, notes
from store.tables.catalog import (
    DECLARED,
    accounts,
    applications,
    applied_files,
    assets,
    business_hours,
    case_fields,
    contacts,
    contract_line_items,
    endpoints,
    entitlement_contacts,
    entitlement_templates,
    entitlements,
    organisation,
    people,
    processes,
    products,
    service_contracts,
    subscriptions,
    templates,
)
from store.tables.feed import events, feed
from store.tables.metadata import metadata
from store.tables.orders import orders
from store.tables.quiet import digests, held_mails, sent_mails
from store.tables.subscribers import dead_letters, subscription_states
from store.tables.usage import ledger, untold_entitlements, usage_periods
from store.tables.workers import endpoint_states, leases

__all__ = [
    "DECLARED",
    "RUNNING",
    "accounts",
    "actions",
    "applications",
    "applied_files",
    "assets",
    "business_hours",
    "case_fields",
    "case_hours",
    "cases",
    "contacts",
    "contract_line_items",
    "dead_letters",
    "deliveries",
    "digests",
    "ended_cases",
    "endpoint_states",
    "endpoints",
    "entitlement_contacts",
    "entitlement_templates",
    "entitlements",
    "events",
    "feed",
    "held_mails",
    "leases",
    "ledger",
    "mails",
    "metadata",
    "milestones",
    "notes",
    "orders",
    "organisation",
    "people",
    "processes",
    "products",
    "sent_mails",
    "service_contracts",
    "subscription_states",
    "subscriptions",
    "task_ticks",
    "tasks",
    "templates",
    "triggers",
    "untold_entitlements",
    "usage_periods",
]
