"""Reading the body of a request: no more of it than is read, and as the JSON that it says to be."""

from __future__ import annotations

from email.message import Message
from typing import Any, NoReturn

from starlette.requests import Request

from domain.bounds import MOST_MESSAGE_BYTES
from domain.messages.strict_json import read_strictly
from starters.http.problems import Problem

_MOST_DIGITS = 20
_MOST_DRAINED = 8 * 1024 * 1024
"""What is read of a body that is too large: whoever sends it to the end hears why, and does not lose the connection."""


async def read_body(request: Request, most: int = MOST_MESSAGE_BYTES) -> bytes:
    """The body of a request, as long as it is not larger than what is read.

    Raises:
        Problem: it is larger, by what it says of itself or by what comes; or it is compressed.
    """
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity"}:
        said = "send the body as it is, without Content-Encoding"
        raise Problem("bad_media_type", said, headers={"Accept-Encoding": "identity"})
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
        Problem: it is sent as something else.
        Refused: it is no JSON, or JSON that two readers could read differently; or it is over a bound.
    """
    _check_media_type(content_type)
    return read_strictly(body, most)


def _check_media_type(content_type: str | None) -> None:
    message = Message()
    message["content-type"] = content_type or ""
    kind = message.get_content_type() if content_type else ""
    if kind != "application/json" and not kind.endswith("+json"):
        raise Problem("bad_media_type", "send JSON, with Content-Type: application/json")
    charset = message.get_param("charset")
    if charset is not None and str(charset).lower() not in {"utf-8", "utf8"}:
        raise Problem("bad_media_type", "JSON is sent as UTF-8")


def _too_large(most: int) -> NoReturn:
    raise Problem("too_large", f"a body has at most {most // 1024} KB", headers={"Connection": "close"})
