"""The page of messages, from their models: what may stand in each, within which bounds, and what it is refused with."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from domain.bounds import MOST_WORDS_BYTES, Words
from domain.ids import CASE_ID, ID
from domain.messages.contract import DATED, OWN, TYPE, WORKFLOWS, Exchange, Workflow
from starters.reference.pages import Section, table

_KINDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    bool: "`true` or `false`",
    datetime: "instant",
    AwareDatetime: "instant",
    date: "date",
    dict: "object",
}

_OF_ANY = {
    "event_id": "of this request: sent again under the same id it is taken once",
    "occurred_at": "when it happened",
    "by": "who asks",
    "reason": "goes on record",
    "milestone": "its name",
    "case_id": "of the case",
    "entitlement_id": "of the entitlement",
}
"""Parts that mean the same in every message whose model says nothing else of them."""

_ROOM = re.compile(r" \(`domain\.[\w.]+`\)")
"""Where a rule is written: of no use to whoever sends a message."""

_ATTRIBUTES = re.compile(r"^Attributes:\n(?P<lines>(?:    .*\n?|\n)*)", re.MULTILINE)
_ATTRIBUTE = re.compile(r"^    (?P<names>[a-z_, ]+): (?P<text>.*(?:\n        .*)*)", re.MULTILINE)


def sections() -> Iterator[Section]:
    """For each workflow how it is started, then each of its requests, then its queries."""
    for name, workflow in WORKFLOWS.items():
        a = f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
        yield Section(f"## Starting {a}", _start(workflow))
        yield Section(f"## Requests of {a}", _overview(name, workflow))
        for asked, exchange in _requests(workflow).items():
            yield Section(f"### {_heading(name, asked)}", _request(exchange))
        rows = [(f"`{asked}`", _answer(exchange, name, asked)) for asked, exchange in workflow.queries.items()]
        yield Section(f"## Queries of {a}", table("query | answer", rows))


def _heading(name: str, asked: str) -> str:
    return asked if name == "case" else f"{name}: {asked}"


def _start(workflow: Workflow) -> str:
    told = f"Workflow type `{workflow.kind}`, id `{workflow.workflow_id}`. The one argument is an object:"
    return f"{told}\n{_parts(workflow.start, left_out=OWN)}"


def _requests(workflow: Workflow) -> dict[str, Exchange]:
    """Its updates, and the signals that say what no update says."""
    said = {exchange.message for exchange in workflow.updates.values()}
    alone = {asked: exchange for asked, exchange in workflow.signals.items() if exchange.message not in said}
    return {**workflow.updates, **alone}


def _overview(name: str, workflow: Workflow) -> str:
    signals = {exchange.message: asked for asked, exchange in workflow.signals.items()}
    rows = []
    for asked, exchange in _requests(workflow).items():
        heading = _heading(name, asked)
        signal = f"`{signals[exchange.message]}`" if exchange.message in signals else ""
        anchor = re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")
        rows.append((f"[`{asked}`](#{anchor})", signal, _answer(exchange, name, asked)))
    return table("update | signal | answer", rows)


def _answer(exchange: Exchange, name: str, asked: str) -> str:
    """The kind of an answer, with its schema; of a signal nothing."""
    if exchange.answer is None:
        return ""
    if not isinstance(exchange.answer, type):
        return f"[a list of texts](schemas/{name}.answer.{asked}.json)"
    kind = exchange.answer.__name__
    return f"[{'a text' if kind == 'str' else f'`{kind}`'}](schemas/{name}.answer.{kind.lower()}.json)"


def _request(exchange: Exchange) -> str:
    message = exchange.message
    codes = ", ".join(f"`{code}`" for code in exchange.refusals)
    refused = f"\nRefused with {codes}.\n" if codes else ""
    if message is None:
        return f"No argument.\n{refused}"
    return f"{_summary(message)}\n{_parts(message, left_out=(TYPE,))}{refused}"


# --- what may stand in a message ---


def _parts(model: type[BaseModel], left_out: tuple[str, ...]) -> str:
    said = _meanings(model)
    rows = []
    for name, field in model.model_fields.items():
        if name not in left_out:
            needed = field.is_required() and name != DATED
            rows.append((f"`{name}`", _words(field), "required" if needed else _default(name, field), said[name]))
    return table("field | holds | left out | ", rows)


def _default(name: str, field: FieldInfo) -> str:
    """What it is where it is left out."""
    if name == DATED and field.is_required():
        return "now"
    value = field.get_default(call_default_factory=True)
    return "" if value in (None, {}) else f"`{str(value).lower()}`"


def _words(field: FieldInfo) -> str:
    kind, limits = _opened(field.annotation, field.metadata)
    return ", ".join(filter(None, [_kind(kind, limits), *_bounds(kind, limits)]))


def _opened(annotation: Any, metadata: list[Any]) -> tuple[Any, list[Any]]:
    """A type without `None` and `Annotated`, and all that bounds it."""
    if get_origin(annotation) in (Union, UnionType):
        rest = [part for part in get_args(annotation) if part is not type(None)]
        if len(rest) == 1:
            return _opened(rest[0], metadata)
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        flat = [limit for one in more for limit in (one.metadata if isinstance(one, FieldInfo) else [one])]
        return _opened(inner, [*flat, *metadata])
    return annotation, metadata


def _kind(kind: Any, limits: list[Any]) -> str:
    origin = get_origin(kind) or kind
    if any(getattr(limit, "pattern", None) in (CASE_ID, ID) for limit in limits):
        return "id"
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in get_args(kind))
    if origin is list:
        return f"list: {_kind(*_opened(get_args(kind)[0], []))}"
    if isinstance(origin, type) and issubclass(origin, Enum):
        return " or ".join(f"`{member.value}`" for member in origin)
    if isinstance(origin, type) and issubclass(origin, BaseModel):
        return f"object `{origin.__name__}`"
    return _KINDS[origin]


def _bounds(kind: Any, limits: list[Any]) -> Iterator[str]:
    """The bounds of a number or a text."""
    found = {name: getattr(limit, name) for limit in limits for name in _LIMITS if hasattr(limit, name)}
    if "gt" in found:
        found["ge"] = found["gt"] + 1
    if kind is int and "ge" in found and "le" in found:
        yield f"{found['ge']:,} to {found['le']:,}"
    elif kind is int and "ge" in found:
        yield f"at least {found['ge']:,}"
    if get_args(Words)[1] in limits:
        yield f"at most {MOST_WORDS_BYTES // 1024} KB"
    if "max_length" in found:
        yield f"{found['min_length']} to {found['max_length']:,} letters"
    elif found.get("min_length"):
        yield "not empty"


_LIMITS = ("ge", "gt", "le", "min_length", "max_length")


# --- what the models say of themselves ---


def _summary(model: type[BaseModel]) -> str:
    """The text of a model's docstring before its attributes."""
    return " ".join(_doc(model).partition("Attributes:")[0].split())


def _meanings(model: type[BaseModel]) -> Mapping[str, str]:
    """What each field means.

    Raises:
        KeyError: a field is not explained anywhere.
    """
    found = dict(_OF_ANY)
    for one in reversed(model.__mro__):
        attributes = _ATTRIBUTES.search(_doc(one))
        for attribute in _ATTRIBUTE.finditer(attributes["lines"] if attributes else ""):
            text = " ".join(attribute["text"].split()).removesuffix(".")
            found |= dict.fromkeys(attribute["names"].split(", "), text)
    return found


def _doc(model: type[Any]) -> str:
    """A docstring in the words of the wire."""
    return re.sub(r"\bNone\b", "`null`", _ROOM.sub("", inspect.cleandoc(model.__doc__ or "")))
