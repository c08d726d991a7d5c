"""The Idempotency-Key: a request that is sent again under its key is done once, and answered the same.

What was done is answered from what the store kept for seven days; after that the case itself knows the request by its
event id, which is made of the key and of whose it is. A body's `event_id` is the same key. What came to nothing runs
again: no refusal and no failure is ever answered from the store.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from domain.bounds import clean
from domain.ids import LONGEST, event_id_of
from starters.http.backend import Backend
from starters.http.callers import Caller
from starters.http.problems import Problem
from store import StoreError
from store.answers import Asked, KeptAnswer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"

_DONE = range(200, 300)
_EVENT_ID = "event_id"
_STAMP = "occurred_at"
_NO_DIFFERENCE = frozenset({_EVENT_ID, _STAMP})
"""Parts of a body that make no other request of it: its key, and what may be read off the clock anew."""
_CALLER_DIGITS = 16
_RUNS_AGAIN = "milepost_runs_again"
_KEPT_HEADERS = ("location", "etag", "content-type")
_LOG = logging.getLogger(__name__)


def let_run_again(request: Request) -> None:
    """Keep no answer of a request, because part of it came to nothing: sent again it does that part."""
    setattr(request.state, _RUNS_AGAIN, True)


def event_id_for(caller: Caller, *key: str) -> str:
    """The event id of what a caller asks under a key: another caller's is another one under the same key.

    It is told in the feed, and so names nobody: whose key it is stands there as a digest.
    """
    whose = hashlib.sha256(caller.subject.encode()).hexdigest()[:_CALLER_DIGITS]
    return event_id_of(whose, *key)


def id_for(caller: Caller, key: str, digits: int) -> str:
    """The id of what a caller makes under a key, in so many hexadecimal digits: sent again, it is the same one."""
    return hashlib.sha256(f"{caller.subject}\n{key}".encode()).hexdigest()[:digits]


def key_of(request: Request) -> str | None:
    """The key that the header of a request has; None: it has none.

    Raises:
        Problem: it is none, or there are several.
    """
    given = request.headers.getlist(HEADER)
    if not given:
        return None
    if len(given) > 1:
        raise Problem("bad_request", f"give one {HEADER}")
    [text] = given
    quoted = len(text) > 1 and text[0] == text[-1] == '"'  # as RFC 8941 writes texts
    key = text[1:-1] if quoted else text
    try:
        fits = 1 <= len(clean(key)) <= LONGEST and key.isprintable()
    except ValueError:
        fits = False
    if not fits:
        raise Problem("bad_request", f"an {HEADER} has 1 to {LONGEST} printable characters")
    return key


async def once(
    request: Request,
    backend: Backend,
    caller: Caller,
    body: Any,
    answer: Callable[[], Awaitable[Response]],
    *,
    keeps: bool = True,
) -> Response:
    """Answer a request, or give the answer again that it had under the same key.

    Args:
        request: which may have a key.
        backend: where answers are kept.
        caller: whose key it is.
        body: of the request, as it was read.
        answer: does what is asked, and answers also what is refused.
        keeps: the answer; else what is asked is done again, which comes to the same.

    Raises:
        Problem: the header holds no key, or another one than the body.
        Refused: the key was used otherwise, or the request is still being worked on.
    """
    key = _key_of_either(request, body)
    if key is None:
        return await answer()
    asked = Asked(caller.subject, key, _digest(request, body), secrets.token_hex(8))
    kept = await backend.ask(lambda store: store.answers.begin(asked, datetime.now(UTC)))
    if kept is not None:
        return Response(kept.body, kept.status, {**kept.headers, REPLAYED: "true"})
    response = await answer()
    try:
        if keeps and response.status_code in _DONE and not getattr(request.state, _RUNS_AGAIN, False):
            told = KeptAnswer(response.status_code, _kept_headers(response), bytes(response.body).decode())
            await backend.ask(lambda store: store.answers.finish(asked, told))
        else:
            await backend.ask(lambda store: store.answers.forget(asked))
    except (StoreError, SQLAlchemyError):  # whoever sends it again is answered by the case
        _LOG.warning("the answer to a request was not kept", exc_info=True)
    return response


def without_stamps(body: dict[str, Any]) -> dict[str, Any]:
    """What a body asks for, without what makes no other request of it."""
    return {name: _rows(value) for name, value in body.items() if name not in _NO_DIFFERENCE}


def _rows(value: Any) -> Any:
    """The rows of a batch without their stamps; any other part of a body as it is."""
    if not isinstance(value, list):
        return value
    return [
        {name: part for name, part in row.items() if name != _STAMP} if isinstance(row, dict) else row for row in value
    ]


def _key_of_either(request: Request, body: Any) -> str | None:
    """The key of a request, whether its header has it or its body, as `event_id`.

    Raises:
        Problem: they differ, or the header holds none.
    """
    key = key_of(request)
    said = body.get(_EVENT_ID) if isinstance(body, dict) else None
    if not isinstance(said, str) or not 1 <= len(said) <= LONGEST:  # what is no id is refused as the body is read
        return key
    if key is not None and said != key:
        raise Problem("bad_message", f"the body's event_id is not the {HEADER}; give one of them, or the same")
    return said


def _kept_headers(response: Response) -> dict[str, str]:
    return {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}


def _digest(request: Request, body: Any) -> str:
    """Of all that a request asks for; how its body is laid out makes no difference.

    Nor does its `occurred_at`, which whoever sends it again may have read off the clock anew: the first one counts; nor
    where its key stands.
    """
    said = without_stamps(body) if isinstance(body, dict) else body
    asked = [request.method, request.url.path, sorted(request.query_params.multi_items()), said]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
