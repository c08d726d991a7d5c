"""What tests of actions that go out share."""

from datetime import UTC, datetime
from typing import Any

from activities.actions.effect import Effect
from activities.delivery.smtp import MailServer
from domain.catalog.declarations import Account, Entitlement, Organisation
from domain.delivery.encryption import Encryption
from domain.process import ActionCall

KEY = "c-1/gold/first-response/1/warning-75-percent/1/email"
NOON = datetime(2025, 6, 9, 12, 0, tzinfo=UTC)
CONTEXT = {
    "case": {"id": "c-1", "priority": "High"},
    "milestone": {
        "name": "First response",
        "occurrence": 1,
        "kind": "warning",
        "start_at": "2025-06-09T09:00:00+00:00",
        "target_at": "2025-06-09T13:00:00+00:00",
        "completed_at": None,
    },
    "entitlement": Entitlement(id="acme-gold", account="acme").for_criteria(),
    "account": Account(id="acme", name="Acme").for_criteria(Organisation()),
}


def mail_server_at(port: int, **how: Any) -> MailServer:
    asked: dict[str, Any] = {"encryption": Encryption.NONE, "gives_up_after": 5, **how}
    return MailServer("127.0.0.1", "Milepost <sla@example.org>", port, **asked)


def effect(action: dict[str, Any], *, key: str = KEY, **also: Any) -> Effect:
    facts: dict[str, Any] = {
        "at": NOON,
        "due_at": NOON,
        "event": "milestone.warning",
        "trigger": "warning-75-percent",
        "thread": "case/c-1",
        "case_id": "c-1",
        **also,
    }
    call = ActionCall.model_validate({"key": key, "action": action})
    return Effect(call=call, context=CONTEXT, **facts)
