"""Every model that travels between builds, with an example of each: found by the types of what is sent and stored."""

import importlib
import inspect
import pkgutil
import types
import typing
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any

from pydantic import BaseModel

import activities
from domain.catalog.declarations import MODELS, Organisation
from domain.explanation.parts import Explanation
from domain.messages.cases import Answer, CaseIntake
from domain.messages.migrations import MigrationOrder, MigrationProgress
from domain.orders.placing import PlacedOrder
from domain.timeline.views import CaseView
from domain.usage import requests as usage

BESIDE_ACTIVITIES: tuple[Any, ...] = (
    *(CaseIntake, Answer, CaseView, Explanation, MigrationOrder, MigrationProgress),
    *(usage.EntitlementStart, usage.Consumption, usage.TimeEntry, usage.OverageDecision, usage.Balance),
    *(usage.Consumed, usage.UsageChanged, *typing.get_args(usage.UsageChange)),
    *(*MODELS.values(), Organisation, PlacedOrder),
)
"""What workflows are given and answer, and what the store keeps of the catalog."""

AT = datetime(2025, 6, 9, 13, tzinfo=UTC)

HALF_DAY = ["09:00-12:00"]
SPAN = "1h"

DECLARED: dict[str, Any] = {"account": "a", "id": "x"}
TASK = {"id": "t", "do": "task", "subject": "s"}
THRESHOLD = {"id": "most", "at": 8, "actions": [TASK]}
NOTICE = {"id": "n", "days_before": 30, "actions": [TASK]}
ALLOWANCE: dict[str, Any] = {
    "cap": 9,
    "prompt_within": SPAN,
    "thresholds": [{"id": "most", "at": 8, "actions": [TASK]}],
}
TERM_END: dict[str, Any] = {
    "policy": "renew",
    "term": "1 year",
    "notices": [{"id": "n", "days_before": 30, "actions": [TASK]}],
}
KEY = {"env": "KEY"}
MILESTONE = {"name": "M", "within": [{"span": SPAN}], "starts": {"after": "L"}, "triggers": [{"kind": "success"}]}
SIGNATURE = {"scheme": "hub-sha256", "secrets": [KEY]}
CALENDAR = {
    "name": "c",
    "time_zone": "UTC",
    "start": AT,
    "end": AT + timedelta(days=1),
    "utc_offset": 0,
    "offset_changes": [(AT, 3600)],
    "week": {"mon": HALF_DAY},
    "dates": {"2025-06-10": HALF_DAY},
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "HolidayRules": {"country": "US", "add": ["2026-12-24"]},
    "Week": {"mon": HALF_DAY},
    "DeclaredHours": {"name": "h", "time_zone": "UTC", "week": {"mon": HALF_DAY}, "holidays": {"country": "US"}},
    "SpecialDate": {"date": date(2025, 6, 9), "windows": HALF_DAY, "usual": HALF_DAY},
    "FrozenCalendar": CALENDAR,
    "Account": {"id": "a", "time_zone": "UTC", "manager_mail": "m@x"},
    "Contact": {**DECLARED, "mail": "m@x"},
    "Organisation": {"time_zone": "UTC"},
    "Person": {"id": "p", "mail": "m@x", "time_zone": "UTC"},
    "Email": {"id": "e", "do": "email", "to": ["m@x"], "subject": "s", "template": None},
    "Entitlement": {**DECLARED, "ends_on": date(2025, 6, 9), "allowance": ALLOWANCE, "term_end": TERM_END},
    "EntitlementTemplate": {"id": "x", "term": "1 year", "allowance": ALLOWANCE, "term_end": TERM_END},
    "Allowance": ALLOWANCE,
    "Threshold": THRESHOLD,
    "TermEnd": TERM_END,
    "Notice": NOTICE,
    "Milestone": MILESTONE,
    "EntitlementProcess": {"name": "P", "milestones": [{"name": "L", "within": SPAN}, MILESTONE]},
    "Trigger": {"kind": "warning", "at": "75%", "actions": [TASK]},
    "Ledger": {"groups": {"3:1:0:0": "x" * 16}},
    "ShortLedger": {"groups": {"3:1:0:0": "x" * 16}},
    "FrozenPeriods": {"term": {"time_zone": "UTC"}, "starts": [(date(2025, 6, 9), AT)]},
    "Endpoint": {"id": "e", "url": "https://example.com/hooks", "headers": {"X-Key": {"env": "KEY"}}, "secrets": [KEY]},
    "Subscription": {"id": "x", "endpoint": "e", "types": ["case.closed"], "accounts": ["a"], "begins": "start"},
    "SecretSource": {**KEY, "prefix": "Bearer "},
    "CustomerPage": {"secrets": [KEY], "fields": ["subject"]},
    "Signature": SIGNATURE,
    "IntakeSource": {
        "id": "s",
        "signature": SIGNATURE,
        "when": "true",
        "case": "payload.id",
        "occurred_at": "payload.at",
        "delivery_header": "X-Id",
        "fields": {"subject": "payload.title"},
        "close": "payload.closed",
    },
    "ReportTimes": {"every": "day", "at": "09:00"},
    "ScheduledReport": {"id": "r", "kind": "compliance", "when": {"every": "day", "at": "09:00"}, "to": ["m@x"]},
    "domain.usage.periods.Term": {"time_zone": "UTC", "starts_on": date(2025, 6, 9), "length": "1 year"},
}
"""Of models whose keys go together by rules of their own."""

FIELDS: dict[str, Any] = {"expires": "2h", "rate": "1.5"}
"""Of single keys that are texts by a rule of their own."""


def travelling() -> list[type[BaseModel]]:
    """Every model that a build writes for another, by name."""
    found: dict[str, type[BaseModel]] = {}
    for hint in (*_of_activities(), *BESIDE_ACTIVITIES):
        _collect(hint, found)
    return [found[name] for name in sorted(found)]


def example(kind: type[BaseModel]) -> BaseModel:
    """A value of that model in which every key is written that can be."""
    return kind.model_validate(_fields(kind))


def with_unknown_keys(value: Any, written: Any) -> Any:
    """What was written of a value, with a key that nobody knows in each of its models, however deep."""
    if isinstance(value, BaseModel) and isinstance(written, dict):
        known = {key: with_unknown_keys(getattr(value, key, None), part) for key, part in written.items()}
        return {**known, "of_a_newer_build": {"deep": [1]}}
    if isinstance(value, dict) and isinstance(written, dict):
        return {k: with_unknown_keys(v, w) for (k, w), v in zip(written.items(), value.values(), strict=True)}
    if isinstance(value, list | tuple) and isinstance(written, list) and len(value) == len(written):
        return [with_unknown_keys(v, w) for v, w in zip(value, written, strict=True)]
    return written


def _of_activities() -> Iterator[Any]:
    for module in pkgutil.walk_packages(activities.__path__, "activities."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            for _, method in inspect.getmembers(kind, inspect.isfunction):
                if hasattr(method, "__temporal_activity_definition"):
                    yield from typing.get_type_hints(method).values()


def _collect(hint: Any, found: dict[str, type[BaseModel]]) -> None:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        name = f"{hint.__module__.removeprefix('domain.')}.{hint.__name__}"
        if name in found:
            return
        found[name] = hint
        for field in hint.model_fields.values():
            _collect(field.annotation, found)
    for part in typing.get_args(hint):
        _collect(part, found)


@cache
def _fields(kind: type[BaseModel], within: frozenset[type[BaseModel]] = frozenset()) -> dict[str, Any]:
    """The keys of a model, each with a value.

    Args:
        kind: the model.
        within: the models around it. One that holds others of its own kind has one of them, which has none.
    """
    for name in (kind.__name__, f"{kind.__module__}.{kind.__name__}"):
        if name in EXAMPLES:
            return dict(EXAMPLES[name])
    deeper = within | {kind}
    return {
        name: FIELDS[name] if name in FIELDS else _value(field.annotation, deeper)
        for name, field in kind.model_fields.items()
        if not (kind in within and kind in _named(field.annotation))
    }


def _named(hint: Any) -> set[Any]:
    """The types that a hint names, however deep."""
    return {hint, *(found for part in typing.get_args(hint) for found in _named(part))}


def _value(hint: Any, within: frozenset[type[BaseModel]]) -> Any:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _value(parts[0], within)
    if origin is typing.Literal:
        return parts[0]
    if origin in {typing.Union, types.UnionType}:
        return _value(next(part for part in parts if part is not types.NoneType), within)
    if origin in {list, tuple}:
        return [_value(part, within) for part in _variants(parts[0])]
    if origin is dict:
        return {_value(parts[0], within): _value(parts[1], within)}
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return _fields(hint, within)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    return _PLAIN[getattr(hint, "__name__", str(hint))]


def _variants(hint: Any) -> list[Any]:
    if typing.get_origin(hint) is typing.Annotated:
        return _variants(typing.get_args(hint)[0])
    return list(typing.get_args(hint)) if typing.get_origin(hint) in {typing.Union, types.UnionType} else [hint]


_PLAIN: dict[str, Any] = {
    "str": "x",
    "int": 1,
    "float": 1.0,
    "bool": True,
    "datetime": AT,
    "AwareDatetime": AT,
    "date": date(2025, 6, 9),
    "timedelta": timedelta(hours=1),
    "Any": "x",
    "None": None,
    "Span": SPAN,
    "TermLength": "1 year",
}
