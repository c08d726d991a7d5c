"""How readers are told what a part of a request may be: its JSON Schema in a few words."""

from __future__ import annotations

from typing import Any

_TEXTS = {"date-time": "instant", "date": "date"}
_NUMBERS = {"integer": "whole number", "number": "number"}


def type_of(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """What a value of a schema is: ``text``, ``whole number from 1 to 200``, ``list of texts``.

    Args:
        schema: of the part; that it may be null goes without saying.
        schemas: of the document, by their names.
    """
    if "$ref" in schema:
        return type_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        parts = [type_of(part, schemas) for part in schema["anyOf"] if part.get("type") != "null"]
        return " or ".join(dict.fromkeys(parts))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    match schema.get("type"):
        case "string":
            return _TEXTS.get(schema.get("format", ""), "text")
        case "integer" | "number" as kind:
            return f"{_NUMBERS[kind]}{_bounds(schema)}"
        case "boolean":
            return "true or false"
        case "array":
            return f"list of {_many(type_of(schema['items'], schemas))}"
        case "object":
            return "object"
    return "any JSON"


def _bounds(schema: dict[str, Any]) -> str:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1 if "exclusiveMinimum" in schema else None)
    most = schema.get("maximum")
    if least is None or most is None or most > 10**6:  # a bound that nobody meets is noise
        return ""
    return f" from {least:g} to {most:g}"


def _many(one: str) -> str:
    return f"{one}s" if one in {"text", "object", "instant", "date"} else one
