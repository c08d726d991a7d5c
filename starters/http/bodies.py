"""Reading a JSON body strictly: what two readers could understand differently is refused, and so is what is too large.

JSON as everybody reads it has one value for each key, no NaN, no half surrogate pairs. What Python's reader would take
in silently is told here, before any model sees it.
"""

from __future__ import annotations

import json
import math
from email.message import Message
from typing import Any, NoReturn

from starlette.requests import Request

from domain.bounds import MOST_DEPTH, MOST_MESSAGE_BYTES, clean, quoted
from domain.errors import Refused
from domain.messages.inbox import refuse_beyond_bounds
from starters.http.problems import Problem

_MOST_DIGITS = 400
_MOST_DRAINED = 8 * 1024 * 1024
"""What is read of a body that is too large: whoever sends it to the end hears why, and does not lose the connection."""


async def read_body(request: Request, most: int = MOST_MESSAGE_BYTES) -> bytes:
    """The body of a request, as long as it is not larger than what is read.

    Raises:
        Problem: it is larger, by what it says of itself or by what comes.
    """
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said[:_MOST_DIGITS]) > _MOST_DRAINED:
        _too_large(most)
    size, parts = 0, []
    async for part in request.stream():
        size += len(part)
        if size > _MOST_DRAINED:
            break
        if size <= most:
            parts.append(part)
    if size > most:
        _too_large(most)
    return b"".join(parts)


def read_json(body: bytes, content_type: str | None, most: int = MOST_MESSAGE_BYTES) -> Any:
    """What a body says.

    Args:
        body: as it came.
        content_type: as the request names it.
        most: bytes that the message may have; of the usual bound its parts are measured too.

    Raises:
        Problem: it is no JSON, or JSON that two readers could read differently; or it is over a bound.
    """
    _check_media_type(content_type)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem("bad_json", f"the body is no UTF-8: byte {error.start + 1} is none") from None
    try:
        read = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number, parse_int=_integer)
    except json.JSONDecodeError as error:
        said = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise Problem("bad_json", f"the body is no JSON: {said}") from None
    except RecursionError:
        said = f"lists and objects stand within one another at most {MOST_DEPTH} deep"
        raise Problem("bad_message", said) from None
    except ValueError as error:
        raise Problem("bad_json", str(error)) from None
    try:
        if most == MOST_MESSAGE_BYTES:
            refuse_beyond_bounds(read)
        else:
            _refuse_unclean(read)
    except (Refused, ValueError) as refused:
        raise Problem("bad_message", str(refused)) from None
    return read


def _refuse_unclean(document: Any) -> None:
    """Refuse of a large document what no database can hold, as `refuse_beyond_bounds` does of a message.

    Raises:
        ValueError: it is too deep, or a text or a number in it cannot be kept.
    """
    waiting: list[tuple[Any, int]] = [(document, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MOST_DEPTH:
            raise ValueError(f"lists and objects stand within one another at most {MOST_DEPTH} deep")
        match value:
            case dict():
                waiting += [(part, depth + 1) for pair in value.items() for part in pair]
            case list():
                waiting += [(part, depth + 1) for part in value]
            case str():
                clean(value)
            case float() if not math.isfinite(value):
                raise ValueError("NaN and Infinity are no numbers")
            case _:
                pass


def _check_media_type(content_type: str | None) -> None:
    message = Message()
    message["content-type"] = content_type or ""
    kind = message.get_content_type() if content_type else ""
    if kind != "application/json" and not kind.endswith("+json"):
        raise Problem("bad_media_type", "send JSON, with Content-Type: application/json")
    charset = message.get_param("charset")
    if charset is not None and str(charset).lower() not in {"utf-8", "utf8"}:
        raise Problem("bad_media_type", "JSON is sent as UTF-8")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {quoted(key)} is given twice in one object")
        found[key] = value
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("a number that long is no 64-bit integer")
    return int(digits)


def _too_large(most: int) -> NoReturn:
    raise Problem("too_large", f"a body has at most {most // 1024} KB", headers={"Connection": "close"})
