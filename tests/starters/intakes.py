"""What seven products send of one ticket, from the mail that opens it to its end, signed as each of them signs.

The payloads are those beside the mappings, `catalogs/intake/payloads`, written after what each product documents; what
changes from one delivery to the next is said here.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

FOLDER = Path(__file__).parents[2] / "catalogs" / "intake"
SECRET = "s3cret-of-the-source"  # noqa: S105  of tests alone
PRODUCTS = ("zammad", "zendesk", "jira", "frappe-helpdesk", "freshdesk", "servicenow", "github")
VARIABLES = {
    "zammad": "ZAMMAD_SIGNATURE_TOKEN",
    "zendesk": "ZENDESK_SIGNING_SECRET",
    "jira": "JIRA_WEBHOOK_SECRET",
    "frappe-helpdesk": "FRAPPE_WEBHOOK_SECRET",
    "freshdesk": "FRESHDESK_SECRET",
    "servicenow": "SERVICENOW_SECRET",
    "github": "GITHUB_WEBHOOK_SECRET",
}
STEPS = ("created", "raised", "waiting", "answered", "closed")
"""A ticket is opened; its priority becomes high; it waits; an agent answers and it goes on; it is closed."""


class Sent(NamedTuple):
    """One delivery."""

    payload: dict[str, Any]
    headers: dict[str, str]

    @property
    def body(self) -> bytes:
        return json.dumps(self.payload).encode()


def sample(product: str) -> dict[str, Any]:
    """The payload that is shipped."""
    read: dict[str, Any] = json.loads((FOLDER / "payloads" / f"{product}.json").read_text(encoding="utf-8"))
    return read


def sent(product: str, step: str, begun: datetime, name: str = "42") -> Sent:
    """What a product sends at a step.

    Args:
        product: which.
        step: one of `STEPS`.
        begun: when the ticket was opened; each step is ten minutes after the one before.
        name: of the ticket, digits.
    """
    at = begun + timedelta(minutes=10 * STEPS.index(step))
    payload = copy.deepcopy(sample(product))
    headers = _CHANGES[product](payload, step, begun, at, name)
    return Sent(payload, headers)


def signed(
    product: str, delivery: str, body: bytes, *, secret: str = SECRET, now: datetime | None = None
) -> dict[str, str]:
    """The headers with which a product signs a body."""
    now = now or datetime.now(UTC)
    key = secret.encode()
    sha256 = hmac.new(key, body, hashlib.sha256)
    match product:
        case "zammad":
            own = {"X-Hub-Signature": "sha1=" + hmac.new(key, body, "sha1").hexdigest(), "X-Zammad-Delivery": delivery}
        case "zendesk":
            stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
            digest = hmac.new(key, stamp.encode() + body, hashlib.sha256).digest()
            own = {
                "X-Zendesk-Webhook-Signature": base64.b64encode(digest).decode(),
                "X-Zendesk-Webhook-Signature-Timestamp": stamp,
                "X-Zendesk-Webhook-Invocation-Id": delivery,
            }
        case "jira":
            own = {"X-Hub-Signature": f"sha256={sha256.hexdigest()}", "X-Atlassian-Webhook-Identifier": delivery}
        case "frappe-helpdesk":
            own = {"X-Frappe-Webhook-Signature": base64.b64encode(sha256.digest()).decode()}
        case "servicenow":
            own = {"X-Milepost-Secret": secret, "X-Milepost-Delivery": delivery}
        case "freshdesk":
            own = {"X-Milepost-Secret": secret}
        case _:
            own = {"X-Hub-Signature-256": f"sha256={sha256.hexdigest()}", "X-GitHub-Delivery": delivery}
    return {"Content-Type": "application/json", **own}


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _zammad(payload: dict[str, Any], step: str, begun: datetime, at: datetime, name: str) -> dict[str, str]:
    ticket = payload["ticket"]
    ticket |= {"id": int(name), "created_at": _utc(begun), "updated_at": _utc(at)}
    if step != "created":
        ticket["priority"] = {"id": 3, "name": "3 high"}
        ticket["updated_by"] = {"id": 5, "login": "emma@desk.example"}
        payload["article"] = {}
    ticket["state"] = {"created": "new", "waiting": "pending reminder", "closed": "closed"}.get(step, "open")
    if step == "answered":
        payload["article"] = {"sender": "Agent", "type": "email", "internal": False, "created_at": _utc(at)}
    return {"X-Zammad-Trigger": "tell Milepost"}


def _zendesk(payload: dict[str, Any], step: str, begun: datetime, at: datetime, name: str) -> dict[str, str]:
    kinds = {"created": "created", "raised": "priority_changed", "answered": "comment_added"}
    payload |= {"type": f"zen:event-type:ticket.{kinds.get(step, 'status_changed')}", "time": _utc(at)}
    detail = payload["detail"]
    detail |= {"id": name, "created_at": _utc(begun), "updated_at": _utc(at)}
    detail["status"] = {"created": "NEW", "waiting": "PENDING", "closed": "SOLVED"}.get(step, "OPEN")
    if step != "created":
        detail["priority"] = "HIGH"
    if step == "answered":
        author = {"id": "8447388090495", "is_staff": True, "name": "Emma"}
        payload["event"] = {"comment": {"id": "98", "body": "We look into it.", "is_public": True, "author": author}}
    return {}


def _jira(payload: dict[str, Any], step: str, begun: datetime, at: datetime, name: str) -> dict[str, str]:
    payload["timestamp"] = int(at.timestamp() * 1000)
    issue = payload["issue"]
    issue["key"] = f"DESK-{name}"
    berlin = begun.astimezone(ZoneInfo("Europe/Berlin"))
    issue["fields"]["created"] = berlin.strftime("%Y-%m-%dT%H:%M:%S.000%z")
    names = {"created": "Waiting for support", "waiting": "Waiting for customer", "closed": "Resolved"}
    key = {"created": "new", "closed": "done"}.get(step, "indeterminate")
    issue["fields"]["status"] = {"name": names.get(step, "In Progress"), "statusCategory": {"key": key}}
    if step != "created":
        payload["webhookEvent"] = "jira:issue_updated"
        issue["fields"]["priority"] = {"id": "2", "name": "High"}
    if step == "answered":
        payload["webhookEvent"] = "comment_created"
        author = {"displayName": "Emma", "accountType": "atlassian"}
        payload["comment"] = {"id": "7", "author": author, "body": "We look into it.", "jsdPublic": True}
        del payload["user"]
    return {}


def _frappe(payload: dict[str, Any], step: str, begun: datetime, at: datetime, name: str) -> dict[str, str]:
    kolkata = ZoneInfo("Asia/Kolkata")
    written = "%Y-%m-%d %H:%M:%S.%f"
    payload["name"] = int(name)
    payload["creation"] = begun.astimezone(kolkata).strftime(written)
    payload["modified"] = at.astimezone(kolkata).strftime(written)
    payload["status"] = {"created": "Open", "waiting": "On Hold", "closed": "Closed"}.get(step, "Replied")
    payload["status_category"] = {"waiting": "Paused", "closed": "Resolved"}.get(step, "Open")
    if step != "created":
        payload["priority"] = "High"
    if step in {"answered", "closed"}:
        payload["first_responded_on"] = payload["modified"]
    return {}


def _freshdesk(payload: dict[str, Any], step: str, begun: datetime, at: datetime, name: str) -> dict[str, str]:
    del begun, at  # it names no time
    payload["ticket_id"] = name
    payload["status"] = {"waiting": "Pending", "closed": "Resolved"}.get(step, "Open")
    if step != "created":
        payload |= {"event": "ticket updated", "priority": "High", "agent": "Emma"}
    if step == "answered":
        payload["event"] = "agent replied"
    return {}


def _servicenow(payload: dict[str, Any], step: str, begun: datetime, at: datetime, name: str) -> dict[str, str]:
    written = "%Y-%m-%d %H:%M:%S"
    payload |= {
        "number": f"INC{int(name):07}",
        "opened_at": begun.strftime(written),
        "sys_updated_on": at.strftime(written),
    }
    payload["state"] = {"created": "1", "raised": "1", "waiting": "3", "closed": "7"}.get(step, "2")
    if step != "created":
        payload["priority"] = "2"
    if step in {"answered", "closed"}:
        payload |= {"assigned_to": "Emma", "sys_updated_by": "emma"}
    return {}


def _github(payload: dict[str, Any], step: str, begun: datetime, at: datetime, name: str) -> dict[str, str]:
    issue = payload["issue"]
    issue |= {"number": int(name), "created_at": _utc(begun), "updated_at": _utc(at)}
    labels = {"created": [], "waiting": ["urgent", "waiting for reporter"]}.get(step, ["urgent"])
    issue["labels"] = [{"name": label} for label in labels]
    payload["action"] = {"created": "opened", "closed": "closed", "answered": "created"}.get(step, "labeled")
    if step == "closed":
        issue["state"] = "closed"
    if step == "answered":
        payload["comment"] = {"author_association": "MEMBER", "created_at": _utc(at), "updated_at": _utc(at)}
        payload["sender"] = {"login": "emma"}
    return {"X-GitHub-Event": "issue_comment" if step == "answered" else "issues"}


_CHANGES: dict[str, Callable[[dict[str, Any], str, datetime, datetime, str], dict[str, str]]] = {
    "zammad": _zammad,
    "zendesk": _zendesk,
    "jira": _jira,
    "frappe-helpdesk": _frappe,
    "freshdesk": _freshdesk,
    "servicenow": _servicenow,
    "github": _github,
}
