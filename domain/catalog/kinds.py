"""The kinds of things that an organisation declares, in the order in which one may name another."""

from __future__ import annotations

from enum import StrEnum

_ONE = {"business_hours": "business hours", "processes": "process", "people": "person", "intake": "intake source"}


class Kind(StrEnum):
    """The kinds of declarations, by the keys of a catalog; each names earlier ones, and parents of its kind."""

    BUSINESS_HOURS = "business_hours"
    ENDPOINTS = "endpoints"
    PEOPLE = "people"
    TEMPLATES = "templates"
    PROCESSES = "processes"
    ENTITLEMENT_TEMPLATES = "entitlement_templates"
    PRODUCTS = "products"
    ACCOUNTS = "accounts"
    CONTACTS = "contacts"
    ASSETS = "assets"
    SERVICE_CONTRACTS = "service_contracts"
    CONTRACT_LINE_ITEMS = "contract_line_items"
    ENTITLEMENTS = "entitlements"
    SUBSCRIPTIONS = "subscriptions"
    REPORTS = "reports"
    INTAKE = "intake"

    @property
    def one(self) -> str:
        """One of the kind, in words."""
        return _ONE.get(self.value, self.value.removesuffix("s").replace("_", " "))
