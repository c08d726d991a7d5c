"""Messages from outside, made into events: whatever arrives is read here, or refused with what would be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from domain.errors import Refused

M = TypeVar("M", bound=BaseModel)


def read_event(kind: type[M], raw: Sequence[Any], now: datetime) -> M:
    """The event that a message says.

    Args:
        kind: which event the message's name stands for.
        raw: its arguments, decoded from JSON: there has to be one object.
        now: when it happened, if it does not say so.

    Raises:
        Refused: anything else, with what is wrong and what would be right.
    """
    fields = _one_object(kind, raw)
    fields.setdefault("occurred_at", now)
    return read_message(kind, [fields])


def read_message(kind: type[M], raw: Sequence[Any]) -> M:
    """The message of that kind.

    Raises:
        Refused: it is not one object, or the object does not fit.
    """
    try:
        return kind.model_validate(_one_object(kind, raw))
    except ValidationError as error:
        raise Refused("bad_message", "; ".join(problems(error))) from None


def problems(error: ValidationError) -> list[str]:
    """What is wrong with a message, one line for each field."""
    return [f"{'.'.join(map(str, e['loc'])) or 'message'}: {_in_words(e)}" for e in error.errors(include_url=False)]


def _in_words(error: Mapping[str, Any]) -> str:
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is unknown here"
        case "timezone_aware":
            return f"{error['input']!r} has no offset from UTC; write it with one, as in 2025-06-13T16:45:00-04:00"
        case _:
            return f"{str(error['msg']).removeprefix('Value error, ')} (got {error['input']!r:.80})"


def _one_object(kind: type[BaseModel], raw: Sequence[Any]) -> dict[str, Any]:
    if len(raw) != 1 or not isinstance(raw[0], dict):
        got = f"{len(raw)} arguments" if len(raw) != 1 else f"a {type(raw[0]).__name__}"
        wanted = ", ".join(name for name, field in kind.model_fields.items() if field.is_required())
        raise Refused("bad_message", f"one JSON object is expected (with {wanted}), not {got}")
    return dict(raw[0])
