"""What pydantic finds wrong with a declaration, in the words of whoever wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from domain.catalog.problems import Path, Problem
from domain.criteria.fields import nearest
from domain.errors import Contradiction
from domain.ids import ID_IN_WORDS
from domain.process import EntitlementProcess

_LONGEST_SHOWN = 60
VERSION = "version"
"""The key of a process that no document gives: versions are counted when a catalog is applied."""


def translated(error: ValidationError, model: type[BaseModel], raw: Any, at: Path) -> list[Problem]:
    """The problems of one declaration.

    Args:
        error: what reading it raised.
        model: what it was read as.
        raw: as it stands in the document.
        at: where.
    """
    found: dict[Path, Problem] = {}
    for details in error.errors(include_url=False):
        path = _place(details, raw)
        if path in found and details["type"] in ("literal_error", "model_type", "dict_type"):
            continue  # of the alternatives of one value the first one that says something
        if _is_other_alternative(details):
            continue
        found.setdefault(path, Problem((*at, *path), _message(details, model)))
    if not found:
        found[()] = Problem(at, str(error.errors(include_url=False)[0]["msg"]))
    return list(found.values())


def _is_other_alternative(details: ErrorDetails) -> bool:
    """Whether this says only that a value is not of a kind that it was never meant to be."""
    value = details["input"]
    inside_union = any(str(part).startswith("literal[") or part == "After" for part in details["loc"])
    if not inside_union:
        return False
    return details["type"] == ("literal_error" if isinstance(value, Mapping) else "model_type")


def _place(details: ErrorDetails, raw: Any) -> Path:
    """The part of an error's location that stands in the document: without the tags of alternatives."""
    path: list[str | int] = []
    here = raw
    cause = details.get("ctx", {}).get("error")
    within = cause.at if isinstance(cause, Contradiction) else ()
    *before, last = (*details["loc"], *within) or (None,)
    for part in before:
        if _holds(here, part):
            path.append(part)
            here = here[part]
    if last is None:
        return tuple(path)
    if _holds(here, last) or (details["type"] == "missing" and isinstance(here, Mapping)):
        path.append(last)
    return tuple(path)


def _holds(here: Any, part: str | int) -> bool:
    if isinstance(here, list):
        return isinstance(part, int) and part < len(here)
    return isinstance(here, Mapping) and part in here


def _message(details: ErrorDetails, model: type[BaseModel]) -> str:
    value = details["input"]
    context = details.get("ctx", {})
    last = details["loc"][-1] if details["loc"] else ""
    match details["type"]:
        case "missing":
            return f"missing; every {_words(model, details)} has one"
        case "extra_forbidden":
            return f"unknown key {last!r}; {nearest(str(last), _keys(model, details['loc'][:-1]))}"
        case "value_error" | "assertion_error":
            return str(context.get("error", details["msg"]))
        case "enum" | "literal_error":
            return f"{shown(value)} is not {context['expected']}"
        case "union_tag_invalid":
            expected = [tag.strip("' ") for tag in str(context["expected_tags"]).split(",")]
            key = str(context["discriminator"]).strip("'")
            return f"unknown {key} {context['tag']!r}; {nearest(str(context['tag']), expected)}"
        case "union_tag_not_found":
            return f"missing {context['discriminator']}, which says what is done"
        case _:
            return _misfit(details, value, str(last))


def _misfit(details: ErrorDetails, value: Any, key: str) -> str:
    """A value of the wrong kind."""
    match details["type"]:
        case "string_type":
            quoted = isinstance(value, int | float) and not isinstance(value, bool)
            return f"expected text, not {shown(value)}" + (f"; in quotes it would be: '{value}'" if quoted else "")
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"expected a mapping (key: value), not {shown(value)}"
        case "list_type" | "tuple_type":
            return f"expected a list, such as [{shown(value)}], not {shown(value)}"
        case "too_short" if isinstance(value, list):
            return "is empty; give at least one"
        case "string_pattern_mismatch" if key == "unit":
            return f"{shown(value)} is no unit; a unit is cases, hours, visits, or any name of letters, digits, _ and -"
        case "string_pattern_mismatch" if key == "overage_price":
            return f"{shown(value)} is no price; write an amount, with its currency if wanted, such as 85.00 EUR"
        case "string_pattern_mismatch" if key == "id":
            return f"bad id {shown(value)}; {ID_IN_WORDS}"
        case "string_pattern_mismatch" if key.endswith("mail"):
            return f"{shown(value)} is no mail address, such as service@example.com"
        case str(kind) if kind.startswith("date_"):
            return f"{shown(value)} is no date; a date is written YYYY-MM-DD, such as 2025-06-13"
        case "timezone_aware" | "datetime_parsing" | "datetime_from_date_parsing" | "datetime_type":
            return f"{shown(value)} is no instant; write it with its offset, such as 2025-06-13T16:45:00-04:00"
        case _:
            return f"{details['msg'].replace('Input should', 'should', 1)}, not {shown(value)}"


def _words(model: type[BaseModel], details: ErrorDetails) -> str:
    inner = _models(model, details["loc"][:-1])
    name = (inner[0] if len(inner) == 1 else model).__name__.removeprefix("Declared")
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()


def _keys(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    keys = {(found, key) for found in _models(model, location) for key in found.model_fields}
    return sorted({key for found, key in keys if (found, key) != (EntitlementProcess, VERSION)})


def _models(model: type[BaseModel], location: tuple[str | int, ...]) -> list[type[BaseModel]]:
    """The models that may stand at a location within a model."""
    here = [model]
    for part in location:
        if isinstance(part, int):
            continue
        entered = [
            inner
            for found in here
            if part in found.model_fields
            for inner in _within(found.model_fields[part].annotation)
        ]
        if entered:
            here = entered
        elif tagged := [found for found in here if part in _tags(found)]:
            here = tagged
    return here


def _within(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _within(inner)]


def _tags(model: type[BaseModel]) -> tuple[str, ...]:
    do = model.model_fields.get("do")
    return (model.__name__, *(get_args(do.annotation) if do else ()))


def shown(value: Any) -> str:
    """A value as a message shows it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case Mapping():
            return "a mapping"
        case list():
            return "a list"
        case _:
            text = repr(value.value if isinstance(value, StrEnum) else value)
            return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
