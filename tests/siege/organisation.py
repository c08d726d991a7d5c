"""The organisation that is besieged: its promises last seconds, so that every trigger falls due within a minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.catalog.declarations import Catalog

CAPPED, ASKING, FIRST_HOURS, MORE_HOURS = "north-capped", "asking-few", "bank-first", "bank-more"
COUNTED = (CAPPED, ASKING, FIRST_HOURS, MORE_HOURS)
"""The entitlements that count."""

MILESTONES = ("First response", "Resolution", "Next update", "Answer")
STATES = ("New", "Open", "Waiting", "Resolved")
PRIORITIES = ("High", "Low")

_MAIL = {"do": "email", "to": "desk@example.com", "body": "{{ case.id }}, {{ milestone.name }}"}
_TASK = {"do": "task", "assign_to": "desk"}


def _mail(subject: str) -> dict[str, Any]:
    return {**_MAIL, "subject": f"{{{{ case.id }}}} {subject}"}


def _task(subject: str) -> dict[str, Any]:
    return {**_TASK, "subject": f"{{{{ case.id }}}} {subject}"}


_GUARDED = {
    "name": "Guarded",
    "milestones": [
        {
            "name": "First response",
            "within": "5s",
            "triggers": [
                {"kind": "warning", "at": "60%", "actions": [_mail("answer soon")]},
                {
                    "kind": "violation",
                    "at": "0",
                    "actions": [_mail("late"), {"do": "field_update", "field": "escalated", "value": True}],
                },
                {"kind": "violation", "at": "3s", "actions": [_task("still late")]},
                {"kind": "success", "actions": [_task("answered")]},
            ],
        },
        {
            "name": "Resolution",
            "within": [{"when": 'case.priority == "High"', "span": "9s"}, {"span": "15s"}],
            "pause_when": 'case.state == "Waiting"',
            "complete_when": 'case.state == "Resolved"',
            "triggers": [
                {"kind": "warning", "at": "2s", "actions": [_task("resolve soon")]},
                {"kind": "violation", "at": "0", "actions": [_mail("not resolved")]},
                {"kind": "success", "actions": [_mail("resolved")]},
            ],
        },
        {
            "name": "Next update",
            "starts": "criteria",
            "when": 'case.state == "Open"',
            "within": "6s",
            "recurrence": "sequential",
            "triggers": [
                {"kind": "warning", "at": "50%", "actions": [_task("update soon")]},
                {"kind": "violation", "at": "0", "actions": [_task("no update")]},
            ],
        },
    ],
}
_PLAIN = {
    "name": "Plain",
    "milestones": [
        {
            "name": "Answer",
            "within": "8s",
            "on_change": "carry",
            "triggers": [
                {"kind": "warning", "at": "50%", "actions": [_mail("answer soon")]},
                {"kind": "violation", "at": "0", "actions": [_task("late")]},
            ],
        }
    ],
}


def catalog(cap: int) -> Catalog:
    """Declare the organisation.

    Args:
        cap: cases of the capped entitlement; it should be reached in the middle of the siege.
    """
    today = datetime.now(UTC).date()
    term = {"starts_on": str(today - timedelta(days=3)), "ends_on": str(today + timedelta(days=300))}
    later = {**term, "ends_on": str(today + timedelta(days=301))}
    marks = [
        {"at": "50%", "actions": [{"do": "email", "to": "manager@example.com", "subject": "{{ usage.used }} used"}]},
        {"at": "100%", "actions": [{"do": "task", "subject": "all is used"}]},
    ]
    asks = {"overflow": "prompt", "overage_price": "85.00 EUR", "prompt_within": "4s"}
    return Catalog.model_validate(
        {
            "organisation": {"name": "Besieged", "time_zone": "Etc/UTC"},
            "fields": {"priority": "string", "state": "string", "note": "string", "escalated": "boolean"},
            "processes": [_GUARDED, _PLAIN],
            "accounts": [
                {"id": "north", "manager_mail": "manager@example.com"},
                {"id": "asking", "manager_mail": "manager@example.com"},
                {"id": "bank"},
            ],
            "assets": [{"id": f"{account}-press", "account": account} for account in ("north", "asking")],
            "entitlements": [
                {
                    **term,
                    "id": CAPPED,
                    "account": "north",
                    "asset": "north-press",
                    "process": "Guarded",
                    "allowance": {"unit": "cases", "cap": cap, "thresholds": marks},
                },
                {**later, "id": "north-rest", "account": "north", "process": "Plain"},
                {
                    **term,
                    "id": ASKING,
                    "account": "asking",
                    "asset": "asking-press",
                    "process": "Guarded",
                    "allowance": {"unit": "cases", "cap": max(cap // 4, 1), **asks},
                },
                {**later, "id": "asking-rest", "account": "asking", "process": "Plain"},
                {
                    **term,
                    "id": FIRST_HOURS,
                    "account": "bank",
                    "process": "Guarded",
                    "allowance": {"unit": "hours", "cap": 2},
                },
                {
                    **later,
                    "id": MORE_HOURS,
                    "account": "bank",
                    "process": "Plain",
                    "allowance": {"unit": "hours", "cap": 3, **asks},
                },
            ],
        }
    )


INTAKES: tuple[dict[str, str], ...] = (
    {"account": "north", "asset": "north-press"},
    {"account": "asking", "asset": "asking-press"},
    {"account": "bank"},
)
"""Whose cases are opened."""
