"""What nobody in their right mind sends: values that fit no field, or fit one badly."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from domain.messages.inbox import FORMAT_KEY

MEGABYTE: Final = 10**6


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


DEEP: Final = _nested(1000)

VALUES: Final[Mapping[str, Any]] = {
    "null": None,
    "true": True,
    "text": "x",
    "empty text": "",
    "blank": " \n\t",
    "zero": 0,
    "negative": -1,
    "fraction": 1.5,
    "10^18": 10**18,
    "10^400": 10**400,
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "empty list": [],
    "empty object": {},
    "list of nothing": [None],
    "list of objects": [{}],
    "object": {"a": {"b": 1}},
    "201 characters": "x" * 201,
    "2 KB": "x" * 2048,
    "33 KB": "x" * 33_000,
    "1 MB": "x" * MEGABYTE,
    "1 MB of a list": [1] * (MEGABYTE // 2),
    "1 MB of keys": {f"{n:06}": 1 for n in range(MEGABYTE // 10)},
    "1 MB of a key": {"x" * MEGABYTE: 1},
    "30 deep": _nested(30),
    "1000 deep": DEEP,
    "half a surrogate pair": "\ud800",
    "NUL": "a\0b",
    "slashes": "a/../b",
    "digits": "9" * 5000,
    "year 1": "0001-01-01T00:00:00+14:00",
    "year 9999": "9999-12-31T23:59:59-14:00",
    "year 1899": "1899-12-31T23:59:59Z",
    "year 3000": "3000-01-01T00:00:00Z",
    "first instant": "1900-01-01T00:00:00Z",
    "last instant": "2999-12-31T23:59:59Z",
    "no offset": "2025-06-13T16:45:00",
    "last day": "9999-12-31",
}

NUMBERS: Final = ("null", "true", "text", "zero", "negative", "fraction", "10^18", "10^400", "NaN", "digits")

FIELDS_OF_A_CASE: Final = ("state", "priority", "note", "tags", "extra", "due_at", "no such field")


def values_of(field: FieldInfo) -> Iterator[tuple[str, Any]]:
    """Every ugly value for a field, and those at its own limits."""
    yield from VALUES.items()
    for limits in field.metadata:
        for name, beyond in (("le", 1), ("ge", -1), ("gt", 0), ("max_length", 1)):
            limit = getattr(limits, name, None)
            if limit is None:
                continue
            yield f"at {name}", "x" * limit if name == "max_length" else limit
            yield f"beyond {name}", "x" * (limit + beyond) if name == "max_length" else limit + beyond
    if "dict" in str(field.annotation):
        for name in FIELDS_OF_A_CASE:
            for label, value in VALUES.items():
                yield f"{name} {label}", {name: value}
                yield f"{name} list of {label}", {name: [value]}


def messages_of(model: type[BaseModel], sample: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Every ugly message of a kind: a name for it, and its arguments.

    Each differs from a sample that is taken by one value of one field, by one key that is missing or unknown, or by its
    shape.
    """
    for name, field in model.model_fields.items():
        if name == "type":
            continue
        for label, value in values_of(field):
            yield f"{name}: {label}", [{**sample, name: value}]
    if FORMAT_KEY not in model.model_fields:  # any message may say it, as those of Milepost's own clients do
        for label in NUMBERS:
            yield f"{FORMAT_KEY}: {label}", [{**sample, FORMAT_KEY: VALUES[label]}]
    for name in sample:
        yield f"without {name}", [{key: value for key, value in sample.items() if key != name}]
    yield "unknown key", [{**sample, "no_such_key": 1}]
    yield "very long unknown key", [{**sample, "x" * 100_000: 1}]
    yield from shapes(dict(sample))


def shapes(sample: Any) -> Iterator[tuple[str, list[Any]]]:
    """Arguments of the wrong number or kind."""
    yield "no argument", []
    yield "two arguments", [sample, sample]
    for label, value in VALUES.items():
        yield f"argument: {label}", [value]


def as_json(value: Any) -> bytes:
    """What a client in some language would put on the wire: also what JSON has no word for."""
    return json.dumps(_marked(value, 3)).encode().replace(json.dumps(_MARK).encode(), b"[" * 1000 + b"1" + b"]" * 1000)


_MARK = "what Python's own encoder of JSON is not deep enough for"


def _marked(value: Any, levels: int) -> Any:
    if value is DEEP:
        return _MARK
    if levels and isinstance(value, dict):
        return {key: _marked(part, levels - 1) for key, part in value.items()}
    if levels and isinstance(value, list) and len(value) == 1:
        return [_marked(value[0], levels - 1)]
    return value
