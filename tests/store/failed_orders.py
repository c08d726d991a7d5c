"""An action of a case that failed for good, as it was ordered."""

from datetime import UTC, datetime
from typing import Any

from store.values import FailedOrder

NOON = datetime(2025, 6, 9, 12, 0, tzinfo=UTC)


def failed_order(key: str, contact: str, *, at: datetime = NOON, **action: Any) -> FailedOrder:
    """A mail whose texts see who the contact is.

    Args:
        key: of the action.
        contact: an address.
        at: when it was ordered.
        **action: what else is declared of it.
    """
    mail = {"do": "email", "to": "{{ case.contact }}", "subject": "{{ case.id }} is done", **action}
    return FailedOrder.model_validate(
        {
            "case_id": key.partition("/")[0],
            "call": {"key": key, "action": mail},
            "context": {"case": {"id": key.partition("/")[0], "contact": contact}},
            "at": at,
            "due_at": at,
            "event": "milestone.success",
            "thread": f"case/{key.partition('/')[0]}",
            "trigger": "success",
        }
    )
