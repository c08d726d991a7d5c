"""The Idempotency-Key: a request that is sent again under its key is done once, and answered the same.

What was done is answered from what the store kept for seven days; after that the case itself knows the key, which is
the event id of the request. What came to nothing runs again: no refusal and no failure is ever answered from the store.
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
from domain.ids import LONGEST
from starters.http.backend import Backend
from starters.http.callers import Caller
from starters.http.problems import Problem
from store import StoreError
from store.answers import Asked, KeptAnswer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"

_DONE = range(200, 300)
_STAMP = "occurred_at"
_KEPT_HEADERS = ("location", "etag", "content-type")
_LOG = logging.getLogger(__name__)


def key_of(request: Request) -> str | None:
    """The key under which a request is sent; None: it has none.

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
        Problem: the header holds no key.
        Refused: the key was used otherwise, or the request is still being worked on.
    """
    key = key_of(request)
    if key is None:
        return await answer()
    asked = Asked(caller.subject, key, _digest(request, body), secrets.token_hex(8))
    kept = await backend.ask(lambda store: store.answers.begin(asked, datetime.now(UTC)))
    if kept is not None:
        return Response(kept.body, kept.status, {**kept.headers, REPLAYED: "true"})
    response = await answer()
    try:
        if (
            keeps and response.status_code in _DONE and "retry-after" not in response.headers
        ):  # else part of it is to run again
            told = KeptAnswer(response.status_code, _kept_headers(response), bytes(response.body).decode())
            await backend.ask(lambda store: store.answers.finish(asked, told))
        else:
            await backend.ask(lambda store: store.answers.forget(asked))
    except (StoreError, SQLAlchemyError):  # whoever sends it again is answered by the case
        _LOG.warning("the answer to a request was not kept", exc_info=True)
    return response


def _kept_headers(response: Response) -> dict[str, str]:
    return {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}


def _digest(request: Request, body: Any) -> str:
    """Of all that a request asks for; how its body is laid out makes no difference.

    Nor does its `occurred_at`, which whoever sends it again may have read off the clock anew: the first one counts.
    """
    said = {name: value for name, value in body.items() if name != _STAMP} if isinstance(body, dict) else body
    asked = [request.method, request.url.path, sorted(request.query_params.multi_items()), said]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
