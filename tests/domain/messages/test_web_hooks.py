"""What web hooks post, by the published schema of each type of event."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, get_args

from jsonschema_rs import Draft202012Validator

from domain.calendar import ALWAYS
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Catalog, Organisation
from domain.messages.contract import schema_files
from domain.messages.web_hooks import WEB_HOOKS
from domain.process.triggers import TriggerKind
from domain.timeline import events
from domain.timeline.effects import Effect, TriggerFired
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from domain.usage.effects import UsageActionOrder
from domain.usage.machine import Usage
from domain.usage.requests import Consumption

T0 = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOOK = {"do": "outbound_message", "endpoint": "desk"}
CATALOG = Catalog.model_validate(
    {
        "endpoints": [{"id": "desk", "url": "https://desk.example.org/", "secrets": [{"env": "S"}]}],
        "processes": [
            {
                "name": "Gold",
                "milestones": [
                    {
                        "name": "Answer",
                        "within": "4h",
                        "triggers": [
                            {"kind": "warning", "at": "75%", "actions": [HOOK]},
                            {"kind": "violation", "actions": [HOOK]},
                            {"kind": "success", "actions": [HOOK]},
                        ],
                    }
                ],
            }
        ],
        "accounts": [{"id": "acme", "name": "Acme"}],
        "entitlements": [
            {
                "id": "gold",
                "account": "acme",
                "process": "Gold",
                "channels": ["phone"],
                "starts_on": "2026-01-01",
                "ends_on": "2026-12-31",
                "allowance": {"unit": "hours", "cap": "7.5", "thresholds": [{"at": "80%", "actions": [HOOK]}]},
                "term_end": {"notices": [{"days_before": 30, "actions": [HOOK]}]},
            },
            {
                "id": "cases",
                "account": "acme",
                "allowance": {"cap": 2, "thresholds": [{"at": "1", "actions": [HOOK]}]},
            },
        ],
    }
)


@cache
def schema(type_: str) -> Draft202012Validator:
    files = schema_files()
    return Draft202012Validator(json.loads(files[json.loads(files["index.json"])["web_hooks"][type_]]))


def of_milestones(**known: Any) -> list[dict[str, Any]]:
    """What is posted of a case that is warned of, violated and completed late."""
    process = CATALOG.processes[0]
    calendars = {ALWAYS.name: ALWAYS.freeze(T0, T0 + timedelta(days=400))}
    plan = Plan(process=process, business_hours=ALWAYS.name, calendars=calendars, **known)
    timeline = Timeline.enter(plan, Case(case_id="c-1", fields={"priority": "High", "tags": ["a", None]}), T0)
    effects: list[Effect] = [*timeline.advance(T0), *timeline.advance(T0 + timedelta(hours=5))]
    done_at = T0 + timedelta(hours=6)
    effects += timeline.apply(events.MilestoneCompleted(milestone="Answer", event_id="e", occurred_at=done_at))
    return [
        {
            "type": f"milestone.{fired.kind}",
            "key": fired.calls[0].key,
            "case": {"external_id": "c-1", **fired.context["case"]},
            "milestone": fired.context["milestone"],
            "entitlement": fired.context["entitlement"],
            "account": fired.context["account"],
            "trigger": fired.trigger,
            "due_at": "2026-01-05T12:00:00Z",
            "at": "2026-01-05T12:00:00.250000Z",
        }
        for fired in effects
        if isinstance(fired, TriggerFired)
    ]


def of_entitlements() -> list[dict[str, Any]]:
    """What is posted of thresholds, of a capped term and of one without a last day, and of a notice."""
    orders: list[UsageActionOrder] = []
    for declared in CATALOG.entitlements:
        terms = entitlement_terms(declared, CATALOG.accounts[0], Organisation(), now=T0)
        usage = Usage.begin(terms, T0)
        if declared.id == "gold":
            told = usage.advance(datetime(2026, 12, 15, tzinfo=UTC))
        else:
            consumption = Consumption(event_id="e", reference="c-1", occurred_at=T0, amount=1)
            told = list(usage.take(consumption, T0).effects)
        orders += [one for one in told if isinstance(one, UsageActionOrder) and one.call.action.do == HOOK["do"]]
    return [
        {
            "type": f"entitlement.{order.cause}",
            "key": order.call.key,
            "case": None,
            "milestone": None,
            "entitlement": order.context["entitlement"],
            "account": order.context["account"],
            "trigger": None,
            "due_at": None,
            "at": "2026-01-05T12:00:00Z",
            **{name: order.context[name] for name in ("usage", "threshold", "term") if name in order.context},
        }
        for order in orders
    ]


def everything() -> list[dict[str, Any]]:
    known = {
        "entitlement": CATALOG.entitlements[0].for_criteria(),
        "account": CATALOG.accounts[0].for_criteria(Organisation()),
    }
    told = [*of_milestones(**known), *of_milestones(), *of_entitlements()]
    return [*told, *({**one, "text": "It is due. \ud800"} for one in told)]


def test_every_type_is_posted_by_its_schema() -> None:
    """Of real cases and entitlements, with a text and without; of a shortened one the case has its id alone."""
    bodies = everything()
    assert {body["type"] for body in bodies} == set(WEB_HOOKS)
    short = [{**body, "case": {"id": "c-1"}, "shortened": True} for body in bodies if body["case"]]
    for body in (*bodies, *short):
        told = json.loads(json.dumps(body).replace("\\ud800", ""))
        assert list(schema(body["type"]).iter_errors(told)) == []


def test_a_schema_refuses_what_is_never_posted() -> None:
    """Another type, a part that is missing, and null where there always is something."""
    for body in everything():
        validator = schema(body["type"])
        for name in body.keys() - {"text"}:
            assert not validator.is_valid({part: said for part, said in body.items() if part != name}), name
        assert not validator.is_valid({**body, "type": "milestone.closed"})
        assert not validator.is_valid({**body, "at": None})


def test_each_schema_takes_parts_that_are_new() -> None:
    """A published type gains parts; who checks by an older schema still takes what comes."""
    for body in everything():
        told = {**body, "text": "late", "new": 1}
        assert schema(body["type"]).is_valid(told)


def test_a_type_without_a_schema_is_not_posted() -> None:
    """Each kind of trigger has one, and what entitlements tell elsewhere than by mail."""
    causes = set(get_args(UsageActionOrder.model_fields["cause"].annotation)) - {"overflow", "term_end"}
    kinds = {f"milestone.{kind.value}" for kind in TriggerKind}
    assert kinds | {f"entitlement.{cause}" for cause in causes} == set(WEB_HOOKS)
