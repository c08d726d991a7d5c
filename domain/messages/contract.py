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

OWN = ("carried", "reopened", "terms", "format")
"""Parts of a start that Milepost itself sets; from anybody else they count for nothing."""

TYPE = "type"
"""A part of a message that its name says already."""

DATED = "occurred_at"
"""A part of a message that may be left out, whatever its model says: then it happened now."""


class Exchange(NamedTuple):
    """A message, and its answer.

    Attributes:
        message: None: it has none.
        answer: likewise.
        refusals: the types of failure with which this message is refused, beside those with which any is: codes, and of
            what an activity finds out by itself the names of its errors.
    """

    message: type[BaseModel] | None
    answer: Any = None
    refusals: tuple[str, ...] = ()


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

_OF_A_MILESTONE = ("unknown_milestone", "not_started")
_OF_AN_OPEN_ONE = (*_OF_A_MILESTONE, "not_open")
_TOO_LARGE = "case_too_large"
_OF_A_PERIOD = ("outside_term", "period_unknown")
_OF_AN_AMOUNT = ("no_amount", "too_much", "cancelled")

CASE = Workflow(
    CASE_WORKFLOW,
    "case/{case_id}",
    cases.CaseIntake,
    {
        "open": Exchange(None, _A, ("not_entitled", "FieldsError", "blocked", "no_such_time", "wrong_id")),
        "complete_milestone": Exchange(
            events.MilestoneCompleted, _A, (*_OF_AN_OPEN_ONE, "already_completed", "before_start")
        ),
        "change_fields": Exchange(events.FieldsChanged, _A, ("no_fields", "bad_field", _TOO_LARGE)),
        "stop_clock": Exchange(events.ClockStopped, _A, (*_OF_AN_OPEN_ONE, "deadline_of_field", "closed", _TOO_LARGE)),
        "resume_clock": Exchange(events.ClockResumed, _A, (*_OF_AN_OPEN_ONE, "closed")),
        "clear_completion": Exchange(
            events.CompletionCleared,
            _A,
            (*_OF_A_MILESTONE, "not_completed", "rule_holds", "later_occurrence", _TOO_LARGE),
        ),
        "extend_milestone": Exchange(
            events.MilestoneExtended,
            _A,
            (*_OF_AN_OPEN_ONE, "deadline_of_field", "not_later", "too_long", "too_many_extensions", _TOO_LARGE),
        ),
        "close": Exchange(events.CaseClosed, _A),
        "reopen": Exchange(events.CaseReopened, _A, ("open", "bad_field", _TOO_LARGE)),
        "change_entitlement": Exchange(
            EntitlementChange, _A, ("closed", "not_entitled", "nothing_left", "blocked", "decision_pending", _TOO_LARGE)
        ),
        "decide_overage": Exchange(
            cases.OverageChoice, _A, ("nothing_to_decide", "already_approved", "ended", "nothing_left")
        ),
        "log_time": Exchange(cases.TimeLogged, list[str], ("entry_of_another_case", "not_rated", "reversed")),
        "reverse_time": Exchange(cases.TimeReversed, _A, ("not_uncovered",)),
        "migrate": Exchange(cases.Migration, _A, ("closed", "another_process", _TOO_LARGE)),
        "retry_action": Exchange(cases.ActionRetry, str, ("under_way", "unknown_action")),
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
        usage.APPROVE_OVERAGE: Exchange(
            usage.OverageDecision, usage.Consumed, ("nothing_to_decide", "already_approved", *_OF_A_PERIOD)
        ),
        usage.REVERSE: Exchange(
            usage.ConsumptionReversed,
            usage.UsageChanged,
            ("unknown_reference", "already_reversed", "never_given_back"),
        ),
        usage.ADJUST: Exchange(usage.UsageAdjusted, usage.UsageChanged, (*_OF_AN_AMOUNT, *_OF_A_PERIOD)),
        usage.GRANT: Exchange(
            usage.UsageGranted,
            usage.UsageChanged,
            (*_OF_AN_AMOUNT, "bad_dates", "carries_nothing", "unlimited", "too_many_grants", *_OF_A_PERIOD),
        ),
        usage.COVER_OVERAGE: Exchange(
            usage.OverageCovered,
            usage.UsageChanged,
            ("no_overage", "nothing_left", "earlier_period", "too_many_covers", *_OF_A_PERIOD),
        ),
        usage.VOID_OVERAGE: Exchange(usage.OverageVoided, usage.UsageChanged, ("no_overage",)),
        usage.RETRY_ACTION: Exchange(usage.UsageActionRetry, str, ("unknown_action",)),
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
    schema["properties"].pop(TYPE, None)
    schema["required"] = [name for name in schema.get("required", ()) if name not in {TYPE, DATED}]
    return schema


def _start(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    for name in OWN:
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
