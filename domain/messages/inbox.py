"""Messages from outside, made into events: whatever arrives is read here, or refused with what would be right.

Nothing that arrives gets through by its size or its shape: it is measured before any model sees it, and what is
refused repeats only a little of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from domain.bounds import MOST_DEPTH, MOST_FORMAT, MOST_MESSAGE_BYTES, clean, quoted
from domain.errors import NOT_NOW, Refused
from domain.ids import CASE_ID, ID, ID_IN_WORDS

M = TypeVar("M", bound=BaseModel)

FORMAT = 1
"""Of what Milepost's own clients send; grows when a build could misread what a newer one sends."""

FORMAT_KEY = "format"
"""Marks a message that a build of Milepost has written: what this build does not know of it is ignored."""

MOST_PROBLEMS = 5
"""That a refusal tells of one message."""

_INTEGERS = range(-(2**63), 2**63)
_SHOWN = 80
_KEY = 40
_LITTLE = 16
"""Bytes that a value takes at least in a message, where it is no text."""
_LEAST_PAIR = 4
"""Bytes that a key takes at least: with very many a message is too long whatever they are."""


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
    return _read(kind, fields)


def read_message(kind: type[M], raw: Sequence[Any]) -> M:
    """The message of that kind.

    Raises:
        Refused: it is not one object, or the object does not fit.
    """
    return _read(kind, _one_object(kind, raw))


def problems(error: ValidationError) -> list[str]:
    """What is wrong with a message, one line for each field; of very many the first."""
    found = error.errors(include_url=False)
    told = [f"{_place(e['loc']) or 'message'}: {problem_of(e)}" for e in found[:MOST_PROBLEMS]]
    more = len(found) - MOST_PROBLEMS
    return [*told, f"and {more} more"] if more > 0 else told


def written_format(message: object) -> int | None:
    """The number of the format in which a build of Milepost has written a message; None: somebody else wrote it.

    Of a number that no build comes to nobody waits for a newer build, which would be for ever.
    """
    found = message.get(FORMAT_KEY) if isinstance(message, Mapping) else None
    is_one = isinstance(found, int) and not isinstance(found, bool) and 1 <= found <= MOST_FORMAT
    return found if is_one else None


def _read(kind: type[M], fields: dict[str, Any]) -> M:
    """Read a message of Milepost's own clients as far as this build knows its keys, and any other to the last key.

    Raises:
        Refused: it does not fit; or for now, if a newer build wrote it in a format that this one does not read.
    """
    own = written_format(fields)
    if own is not None and FORMAT_KEY not in kind.model_fields:
        del fields[FORMAT_KEY]
        if own > FORMAT:
            why = f"a newer build wrote this in format {own}, and this one reads formats up to {FORMAT}; ask again"
            raise Refused(NOT_NOW, why)
    try:
        return kind.model_validate(fields, extra=None if own is None else "ignore")
    except ValidationError as error:
        raise Refused("bad_message", "; ".join(problems(error))) from None


def _one_object(kind: type[BaseModel], raw: Sequence[Any]) -> dict[str, Any]:
    if len(raw) != 1 or not isinstance(raw[0], dict):
        got = f"{len(raw)} arguments" if len(raw) != 1 else f"a {type(raw[0]).__name__}"
        wanted = ", ".join(name for name, field in kind.model_fields.items() if field.is_required())
        raise Refused("bad_message", f"one JSON object is expected (with {wanted}), not {got}")
    fields = dict(raw[0])
    refuse_beyond_bounds(fields)
    return fields


# --- the bounds of any message ---


def refuse_beyond_bounds(message: Any) -> None:
    """Refuse a message by its size, its depth, or what no JSON text or database can hold.

    Raises:
        Refused: it is over a bound, with the bound; or a text or number in it cannot be kept.
    """
    if not _is_within_bounds(message):
        _refuse_with_its_place(message)


def _is_within_bounds(message: Any) -> bool:
    """Whether a message is, told fast: nearly all are, and where one is not matters only then."""
    try:
        return _whole_size(message, 0) <= MOST_MESSAGE_BYTES
    except ValueError:
        return False


def _whole_size(value: Any, depth: int) -> int:
    """What a value adds to a message, with its parts.

    Raises:
        ValueError: no message can hold it.
    """
    if depth > MOST_DEPTH:
        raise ValueError("too deep")
    size = _size(value)
    if isinstance(value, dict):
        for part in value.values():
            size += _whole_size(part, depth + 1)
            if size > MOST_MESSAGE_BYTES:
                break
    elif isinstance(value, list | tuple):
        for part in value:
            size += _whole_size(part, depth + 1)
            if size > MOST_MESSAGE_BYTES:
                break
    return size


def _refuse_with_its_place(message: Any) -> None:
    size = 0
    waiting: list[tuple[Any, tuple[Any, ...]]] = [(message, ())]
    while waiting:
        value, path = waiting.pop()
        if len(path) > MOST_DEPTH:
            raise Refused("bad_message", f"lists and objects stand within one another at most {MOST_DEPTH} deep")
        try:
            size += _size(value)
        except ValueError as error:
            raise Refused("bad_message", f"{_place(path) or 'message'}: {error}") from None
        if size > MOST_MESSAGE_BYTES:
            raise Refused("bad_message", f"a message has at most {MOST_MESSAGE_BYTES // 1024} KB")
        waiting += ((part, (*path, key)) for key, part in _parts(value))


def _parts(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)


def _size(value: Any) -> int:
    """What a value adds to a message, its parts not counted.

    Raises:
        ValueError: no message can hold it.
    """
    match value:
        case str():
            return len(clean(value).encode()) + 2
        case bool() | None:
            return 4
        case int():
            if value not in _INTEGERS:
                raise ValueError("a number that long is no 64-bit integer")
            return len(str(value))
        case float():
            if not math.isfinite(value):
                raise ValueError("NaN and Infinity are no numbers")
            return len(repr(value))
        case dict():
            least = 2 + len(value) * _LEAST_PAIR
            return least if least > MOST_MESSAGE_BYTES else 2 + sum(_key_size(key) + 2 for key in value)
        case list() | tuple():
            return 2 + len(value)
        case _:
            return _LITTLE  # a date-time or the like, from a caller in this process


def _key_size(key: Any) -> int:
    if not isinstance(key, str):
        raise ValueError(f"a key is a text, not a {type(key).__name__}")  # noqa: TRY004  one kind of refusal for all
    return len(clean(key).encode()) + 2


# --- in words ---


def _place(path: Sequence[Any]) -> str:
    shown = [str(part) if len(str(part)) <= _KEY else f"{str(part)[:_KEY]}…" for part in path]
    shown = [part if part.isprintable() else ascii(part)[1:-1] for part in shown]
    return ".".join(shown if len(shown) <= _FEW else [*shown[:_FEW], "…"])


_FEW = 6


def problem_of(error: Mapping[str, Any]) -> str:
    """What is wrong with one part of a message, as pydantic found it."""
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is unknown here"
        case "timezone_aware":
            return (
                f"{_shown(error['input'])} has no offset from UTC; write it with one, as in 2025-06-13T16:45:00-04:00"
            )
        case "string_pattern_mismatch" if error["ctx"]["pattern"] in (CASE_ID, ID):
            return f"bad id {_shown(error['input'])}; {ID_IN_WORDS}"
        case _:
            said = str(error["msg"]).removeprefix("Value error, ")
            return f"{said[: _SHOWN * 2]} (got {_shown(error['input'])})"


def _shown(value: Any) -> str:
    """A little of what was sent."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict | list | tuple):
        kind = "an object" if isinstance(value, dict) else "a list"
        few = len(value) <= _FEW and all(item is None or isinstance(item, bool | float) for item in value)
        return repr(value)[:_SHOWN] if few and not isinstance(value, dict) else f"{kind} of {len(value)}"
    if isinstance(value, int) and value not in _INTEGERS:
        return "a number that long"
    if isinstance(value, date):
        return value.isoformat()
    return repr(value)[:_SHOWN]
