"""The tables of the catalog.

Of a declaration the whole is kept as JSON; its columns are what is looked up or joined by.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, Integer, Table

from domain.catalog.kinds import Kind
from store.tables.metadata import metadata
from store.types import Document, Instant, Line

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
    Column("values", Document),
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
people = _declared("people", Column("team", Line, index=True))
templates = _declared("templates")

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
    Index(None, "ends_on", "id"),
)

entitlement_contacts = Table(
    "entitlement_contacts",
    metadata,
    Column("contact", ForeignKey("contacts.id"), primary_key=True),
    Column("entitlement", ForeignKey("entitlements.id"), primary_key=True, index=True),
)

subscriptions = _declared("subscriptions", Column("endpoint", ForeignKey("endpoints.id"), nullable=False))
reports = _declared("reports")

intake_sources = _declared("intake_sources")

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
    Kind.PEOPLE: people,
    Kind.TEMPLATES: templates,
    Kind.PROCESSES: processes,
    Kind.ENTITLEMENT_TEMPLATES: entitlement_templates,
    Kind.PRODUCTS: products,
    Kind.ACCOUNTS: accounts,
    Kind.CONTACTS: contacts,
    Kind.ASSETS: assets,
    Kind.SERVICE_CONTRACTS: service_contracts,
    Kind.CONTRACT_LINE_ITEMS: contract_line_items,
    Kind.ENTITLEMENTS: entitlements,
    Kind.SUBSCRIPTIONS: subscriptions,
    Kind.REPORTS: reports,
    Kind.INTAKE: intake_sources,
}
