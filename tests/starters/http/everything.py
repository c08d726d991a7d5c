"""An organisation of which everything can be asked that the API has: nothing of the document is out of place there."""

from __future__ import annotations

from base64 import b64encode

import pytest

CATALOG = """
organisation: {name: Example Support, customer_page: {secrets: [{env: PAGE_SECRET}]}}
fields: {priority: string, status: string, tickets: integer}
processes:
  - name: Support
    milestones:
      - name: First response
        within: 4h
        triggers:
          - kind: success
            actions: [{do: email, to: desk@example.org, subject: "{{ 60 // case.tickets }} min for each"}]
      - {name: Resolution, within: 16h}
entitlement_templates: [{id: gold, term: 1 year, process: Support}]
products: [{id: gold-support, entitlement_templates: [gold]}]
accounts: [{id: acme}, {id: globex}]
assets: [{id: acme-router-1, account: acme}]
entitlements:
  - {id: ACME-gold, account: acme, process: Support}
  - {id: acme-bronze, account: acme, process: Support}
  - {id: ACME-bank, account: acme, allowance: {unit: hours, cap: 2, overflow: prompt}}
  - {id: ACME-1, account: acme, starts_on: 2026-01-01, ends_on: 2099-12-31, allowance: {unit: visits, cap: 9}}
  - {id: ACME-2, account: acme, starts_on: 2026-01-01, ends_on: 2099-12-31, allowance: {unit: visits, cap: 9}}
  - {id: ACME-3, account: acme, starts_on: 2026-01-01, ends_on: 2099-12-31, allowance: {unit: visits, cap: 9}}
  - {id: ACME-over, account: acme, starts_on: 2026-01-01, allowance: {unit: trips, cap: 1, overflow: prompt}}
intake:
  - id: mail
    signature: {scheme: basic, user: milepost, secrets: [{env: MAIL_SECRET}]}
    delivery_header: X-Id
    case: payload.ticket
    occurred_at: payload.at
    open: payload.opens
"""

SECRET = "of the mail gateway, long enough"  # noqa: S105  of tests alone


def show_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables that the catalog names."""
    monkeypatch.setenv("MAIL_SECRET", SECRET)
    monkeypatch.setenv("PAGE_SECRET", f"whsec_{b64encode(SECRET.encode()).decode()}")
