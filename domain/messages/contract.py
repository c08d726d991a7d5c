"""The contract as JSON Schemas: what clients send to cases and entitlements, what these answer, what web hooks post."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter

from domain.explanation import Explanation
from domain.messages import cases
from domain.messages.case_state import EntitlementChange
from domain.messages.names import CASE_WORKFLOW
from domain.messages.web_hooks import WEB_HOOKS
from domain.timeline import events
from domain.timeline.views import CaseView
from domain.usage import requests as usage

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_OWN = ("carried", "reopened", "terms", "format")
"""Parts of a start that Milepost itself sets; from anybody else they count for nothing."""


class Exchange(NamedTuple):
    """A message, and its answer; None: it has none."""

    message: type[BaseModel] | None
    answer: Any = None


class Workflow(NamedTuple):
    """A workflow that clients speak to.

    Attributes:
        kind: the name of its type.
        workflow_id: how its id is made.
        start: its one argument.
    """

    kind: str
    workflow_id: str
    start: type[BaseModel]
    updates: Mapping[str, Exchange]
    signals: Mapping[str, Exchange]
    queries: Mapping[str, Exchange]


_A = cases.Answer

CASE = Workflow(
    CASE_WORKFLOW,
    "case/{case_id}",
    cases.CaseIntake,
    {
        "open": Exchange(None, _A),
        "complete_milestone": Exchange(events.MilestoneCompleted, _A),
        "change_fields": Exchange(events.FieldsChanged, _A),
        "stop_clock": Exchange(events.ClockStopped, _A),
        "resume_clock": Exchange(events.ClockResumed, _A),
        "clear_completion": Exchange(events.CompletionCleared, _A),
        "extend_milestone": Exchange(events.MilestoneExtended, _A),
        "close": Exchange(events.CaseClosed, _A),
        "reopen": Exchange(events.CaseReopened, _A),
        "change_entitlement": Exchange(EntitlementChange, _A),
        "decide_overage": Exchange(cases.OverageChoice, _A),
        "log_time": Exchange(cases.TimeLogged, list[str]),
        "migrate": Exchange(cases.Migration, _A),
        "retry_action": Exchange(cases.ActionRetry, str),
    },
    {
        "milestone_completed": Exchange(events.MilestoneCompleted),
        "fields_changed": Exchange(events.FieldsChanged),
        "clock_stopped": Exchange(events.ClockStopped),
        "clock_resumed": Exchange(events.ClockResumed),
        "case_closed": Exchange(events.CaseClosed),
        "time_logged": Exchange(cases.TimeLogged),
    },
    {"timeline": Exchange(None, CaseView), "explain": Exchange(None, Explanation)},
)

ENTITLEMENT = Workflow(
    usage.ENTITLEMENT_WORKFLOW,
    "entitlement/{entitlement_id}",
    usage.EntitlementStart,
    {
        usage.CONSUME: Exchange(usage.Consumption, usage.Consumed),
        usage.LOG_HOURS: Exchange(usage.TimeEntry, usage.Consumed),
        usage.APPROVE_OVERAGE: Exchange(usage.OverageDecision, usage.Consumed),
        usage.REVERSE: Exchange(usage.ConsumptionReversed, usage.UsageChanged),
        usage.ADJUST: Exchange(usage.UsageAdjusted, usage.UsageChanged),
        usage.GRANT: Exchange(usage.UsageGranted, usage.UsageChanged),
        usage.COVER_OVERAGE: Exchange(usage.OverageCovered, usage.UsageChanged),
        usage.VOID_OVERAGE: Exchange(usage.OverageVoided, usage.UsageChanged),
        usage.RETRY_ACTION: Exchange(usage.UsageActionRetry, str),
    },
    {},
    {usage.BALANCE: Exchange(None, usage.Balance)},
)
"""What changes an entitlement's record too (its cap, its end) is asked over HTTP, which does both."""

WORKFLOWS = {"case": CASE, "entitlement": ENTITLEMENT}


def schema_files() -> dict[str, str]:
    """Every schema of the contract by the name of its file, and an index of them all."""
    index: dict[str, Any] = {}
    files: dict[str, str] = {}
    for name, workflow in WORKFLOWS.items():
        start = f"{name}.start.json"
        files[start] = _text(_start(workflow.start), f"The argument with which {workflow.kind} is started.")
        told: dict[str, Any] = {"workflow": workflow.kind, "workflow_id": workflow.workflow_id, "start": start}
        for part in ("updates", "signals", "queries"):
            told[part] = {}
            for asked, exchange in getattr(workflow, part).items():
                told[part][asked] = dict(_exchange(name, asked, exchange, files))
        index[name] = told
    index["web_hooks"] = {}
    for event, hook in WEB_HOOKS.items():
        index["web_hooks"][event] = file = f"web_hook.{event}.json"
        files[file] = _text(hook.model_json_schema(mode="serialization"), f"What is posted of {event}.")
    return {"index.json": _json(index), **files}


def _exchange(of: str, asked: str, exchange: Exchange, files: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Write the schemas of an exchange, each kind of answer once, and say where they are."""
    if exchange.message is not None:
        file = f"{of}.{asked}.json"
        files[file] = _text(_message(exchange.message), f"The message of {asked}.")
        yield "message", file
    if exchange.answer is not None:
        named = exchange.answer.__name__.lower() if isinstance(exchange.answer, type) else asked
        file = f"{of}.answer.{named}.json"
        schema = TypeAdapter(exchange.answer).json_schema(mode="serialization")
        files[file] = _text(schema, f"The answer to {asked} and the like.")
        yield "answer", file


def _message(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a message: its name says its type, and what it does not date happened now."""
    schema = model.model_json_schema()
    schema["properties"].pop("type", None)
    schema["required"] = [name for name in schema.get("required", ()) if name not in {"type", "occurred_at"}]
    return schema


def _start(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    for name in _OWN:
        schema["properties"].pop(name, None)
    return schema


def _text(schema: dict[str, Any], about: str) -> str:
    head = {"$schema": DIALECT, "description": about}
    return _json({**head, **schema, "description": schema.get("description", about), "$defs": _used(schema)})


def _json(document: dict[str, Any]) -> str:
    return json.dumps({key: value for key, value in document.items() if value != {}}, indent=2) + "\n"


def _used(schema: dict[str, Any]) -> dict[str, Any]:
    """The definitions to which a schema leads."""
    defined = schema.get("$defs", {})
    rest = {key: value for key, value in schema.items() if key != "$defs"}
    found: dict[str, Any] = {}
    waiting = [rest]
    while waiting:
        for name in _names(waiting.pop()):
            if name not in found:
                found[name] = defined[name]
                waiting.append(defined[name])
    return dict(sorted(found.items()))


def _names(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield value.rpartition("/")[2]
            else:
                yield from _names(value)
    elif isinstance(part, list):
        for one in part:
            yield from _names(one)
