"""JSON, read strictly: what two readers could understand differently is refused, and so is what is over a bound.

JSON as everybody reads it has one value for each key, no NaN, no half surrogate pairs. What Python's reader would take
in silently is told here, before any model sees it.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from domain.bounds import MOST_DEPTH, MOST_MESSAGE_BYTES, clean, quoted
from domain.errors import Refused
from domain.messages.inbox import refuse_beyond_bounds

_MOST_DIGITS = 400


def read_strictly(text: bytes, most: int = MOST_MESSAGE_BYTES) -> Any:
    """What a JSON text says.

    Args:
        text: in UTF-8.
        most: bytes that it may have; of the usual bound its parts are measured too.

    Raises:
        Refused: it is no JSON, or JSON that two readers could read differently (`bad_json`); or it is over a bound
            (`bad_message`).
    """
    if len(text) > most:
        raise Refused("bad_message", f"this has {len(text):,} bytes; at most {most // 1024} KB are read")
    try:
        read = json.loads(
            text.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number, parse_int=_integer
        )
    except UnicodeDecodeError as error:
        raise Refused("bad_json", f"this is no UTF-8: byte {error.start + 1} is none") from None
    except json.JSONDecodeError as error:
        said = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise Refused("bad_json", f"this is no JSON: {said}") from None
    except RecursionError:
        said = f"lists and objects stand within one another at most {MOST_DEPTH} deep"
        raise Refused("bad_message", said) from None
    except ValueError as error:
        raise Refused("bad_json", str(error)) from None
    try:
        if most == MOST_MESSAGE_BYTES:
            refuse_beyond_bounds(read)
        else:
            _refuse_unclean(read)
    except (Refused, ValueError) as refused:
        raise Refused("bad_message", str(refused)) from None
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
