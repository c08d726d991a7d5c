"""What docstrings say of each part of a request or an answer, put where readers of the document look for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

from fastapi.routing import APIRoute
from pydantic import BaseModel

_PARTS = re.compile(r"\n+Attributes:\n(?P<parts>(?: +[^\n]*(?:\n|$)|\n)*)")
_PART = re.compile(r"^ {4}(?P<names>\w+(?:, \w+)*): (?P<said>.*(?:\n {8}.*)*)", re.MULTILINE)
_USUAL = "Successful Response"


def describe_schemas(schemas: dict[str, Any]) -> None:
    """Move what a schema's description says of its attributes to these."""
    for schema in schemas.values():
        said = str(schema.get("description", ""))
        if _PARTS.search(said):
            schema["description"] = _PARTS.sub("", said).strip()
            _describe(schema, dict(_attributes(said)))


def describe_route(route: APIRoute, operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Say of each part of a route's query and body what it is, and of each answer what it has.

    Args:
        route: whose models have docstrings, their own and those that they inherit.
        operation: of the route, in the document; the example of its query is put to the parameters.
        schemas: of the document.
    """
    if route.body_field is not None and isinstance(model := route.body_field.field_info.annotation, type):
        _describe(schemas.get(model.__name__, {}), told_of(model))
    named = {parameter["name"]: parameter for parameter in operation.get("parameters", ())}
    for asked in route.dependant.query_params:
        model = asked.field_info.annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            continue
        for name, said in told_of(model).items():
            named[name].setdefault("description", said)
        shown: Any = model.model_config.get("json_schema_extra") or {}
        for name, value in next(iter(shown.get("examples", ())), {}).items():
            named[name]["schema"]["examples"] = [value]
    for answer in operation["responses"].values():
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        first = next(iter(schema.get("anyOf", [schema])))
        shape = schemas.get(str(first.get("$ref", "")).rpartition("/")[2], {})
        if answer.get("description") == _USUAL and "description" in shape:
            answer["description"] = shape["description"].partition("\n\n")[0]


def told_of(model: type) -> dict[str, str]:
    """What the docstrings of a model, and of those that it derives from, say of its attributes."""
    told: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base.__doc__:
            told |= _attributes(base.__doc__)
    return {name: said for name, said in told.items() if name in getattr(model, "model_fields", {})}


def _describe(schema: dict[str, Any], told: dict[str, str]) -> None:
    for name, part in schema.get("properties", {}).items():
        if name in told:
            part.setdefault("description", told[name])


def _attributes(docstring: str) -> Iterator[tuple[str, str]]:
    found = _PARTS.search(cleandoc(docstring))
    for part in _PART.finditer(found["parts"]) if found else ():
        said = " ".join(line.strip() for line in part["said"].splitlines())
        for name in part["names"].split(", "):
            yield name, said[:1].upper() + said[1:]
