"""Endpoints as a catalog declares them, and what is wrong with one."""

from typing import Any

import pytest

from domain.catalog.documents import read_document
from domain.catalog.endpoints import Endpoint
from domain.catalog.problems import CatalogProblems

STANDARD = {"id": "desk", "url": "https://desk.example.com/hooks", "secrets": [{"env": "DESK_SECRET"}]}
REST = {"id": "desk", "kind": "rest", "url": "https://desk.example.com/tickets/{{ case.id }}"}


def problems(document: dict[str, Any]) -> list[str]:
    with pytest.raises(CatalogProblems) as found:
        read_document(document)
    return [str(problem) for problem in found.value.problems]


def process(endpoint: str, **action: Any) -> dict[str, Any]:
    called = {"do": "outbound_message", "endpoint": endpoint, **action}
    trigger = {"kind": "violation", "actions": [called]}
    return {"name": "Gold", "milestones": [{"name": "Answer", "within": "4h", "triggers": [trigger]}]}


def test_an_unknown_endpoint_is_named() -> None:
    """With the nearest that there is; so of a milestone, and of an entitlement's threshold."""
    [problem] = problems({"endpoints": [STANDARD], "processes": [process("desc")]})
    place = "processes[0].milestones[0].triggers[0].actions[0].endpoint"
    assert problem == f"{place}: unknown endpoint 'desc'; did you mean 'desk'?"
    action = {"do": "outbound_message", "endpoint": "desc"}
    counted = {
        "id": "gold",
        "account": "acme",
        "allowance": {"unit": "cases", "cap": 2, "thresholds": [{"at": 1, "actions": [action]}]},
    }
    [problem] = problems({"endpoints": [STANDARD], "accounts": [{"id": "acme"}], "entitlements": [counted]})
    assert problem.startswith("entitlements[0].allowance.thresholds[0].actions[0].endpoint: unknown endpoint 'desc'")


def test_a_retired_endpoint_is_named_by_nobody() -> None:
    """As everything that is retired."""
    [problem] = problems({"endpoints": [{**STANDARD, "retired": True}], "processes": [process("desk")]})
    assert problem.endswith("endpoint 'desk' is retired; name another, or retire this too")


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ({**STANDARD, "secrets": []}, "a standard endpoint signs what it sends; give secrets: [{env: NAME}]"),
        ({**STANDARD, "secrets": [{"env": "A", "file": "/b"}]}, "a secret is read from one place"),
        ({**STANDARD, "secrets": [{}]}, "a secret is read from one place"),
        ({**STANDARD, "secrets": [{"env": "MILEPOST_SMTP_PASSWORD"}]}, "is a setting of Milepost or Temporal"),
        ({**STANDARD, "secrets": [{"file": "secret"}]}, "'secret' is no absolute path"),
        ({**STANDARD, "secrets": [{"env": "A", "prefix": "Bearer "}]}, "prefix is for headers"),
        ({**STANDARD, "body": "{}"}, "a standard endpoint posts the event as it is"),
        ({**STANDARD, "url": "ftp://desk.example.com/"}, "leads to no host"),
        ({**STANDARD, "url": "https://{{ case.id }}.example.com/"}, "leads to no host"),
        ({**STANDARD, "url": "https://ann:secret@example.com/"}, "leads to no host"),
        ({**STANDARD, "url": "https://ex..ämple.com/"}, "endpoints[0].url: 'https://ex..ämple.com/' can't be"),
        ({**STANDARD, "url": "https://example.com:８０/"}, "can't be requested: its user or port is not ASCII"),
        ({**STANDARD, "url": "https://example.com:99999/ä"}, "can't be requested: Port out of range"),
        ({**STANDARD, "url": "https://a／ä.com/"}, "leads to no host"),
        ({**REST, "url": "https://-ä.example.com/{{ case.id }}"}, "can't be requested"),
        ({**STANDARD, "headers": {"Host": "other"}}, "the header Host is Milepost's own"),
        ({**STANDARD, "headers": {"Webhook-Id": "msg_1"}}, "the header Webhook-Id is Milepost's own"),
        ({**STANDARD, "headers": {"X Y": "z"}}, "'X Y' is no name of a header"),
        ({**REST, "secrets": [{"env": "A"}]}, "a rest endpoint signs nothing"),
        ({**REST, "body": "{{ case.nothing }}"}, "endpoints[0].body: the template names 'case.nothing'"),
        ({**REST, "url": "https://example.com/{{ case. }}"}, "endpoints[0].url: this is no template"),
        ({**REST, "headers": {"X-Y": "{{ milestone.x }}"}}, "endpoints[0].headers.X-Y: the template names"),
    ],
)
def test_a_wrong_endpoint_says_what_is_right(endpoint: dict[str, Any], says: str) -> None:
    """Before anything is sent there."""
    assert any(says in problem for problem in problems({"endpoints": [endpoint]}))


@pytest.mark.parametrize("endpoint", [STANDARD, REST])
def test_a_host_of_any_script_is_taken(endpoint: dict[str, Any]) -> None:
    url = "https://bücher.example/häuser"
    assert read_document({"endpoints": [{**endpoint, "url": url}]}).endpoints[0].url == url


def test_what_cannot_be_requested_is_still_read_and_retired() -> None:
    """It was applied before it was refused."""
    url = "https://ex..ämple.com/"
    assert Endpoint.model_validate({**STANDARD, "url": url}).url == url
    assert read_document({"endpoints": [{**STANDARD, "url": url, "retired": True}]}).endpoints[0].retired


def test_an_endpoint_sees_what_its_actions_see() -> None:
    """And the event itself."""
    body = '{"a": {{ event.text | tojson }}, "b": {{ usage.used | tojson }}, "c": {{ milestone.name | tojson }}}'
    catalog = read_document({"endpoints": [{**REST, "body": body}], "processes": [process("desk", body="late")]})
    assert catalog.endpoints[0].kind == "rest"
