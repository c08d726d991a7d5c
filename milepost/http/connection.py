"""The way of a request over HTTP: it is sent again, under the same event id, until it is answered."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from clients.sending import NoAnswer
from domain.errors import NotFound, Refused

PATIENCE = 60.0
"""Seconds for which a request is sent again, if nobody says otherwise."""

_PASSING = frozenset({429, 502, 503, 504})
_STILL_RUNNING = "still_running"
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_NOT_FOUND = 404

M = TypeVar("M", bound=BaseModel)


class Connection:
    """Sends requests of the API, and reads what is answered; keys of a newer API are passed over.

    Every method raises `Refused`, `NotFound` and `NoAnswer`, with what the API says.

    Args:
        url: where the API is.
        key: of it, or a token of its issuer.
        patience: seconds for which a request is sent again.
        transport: in place of the network.
    """

    def __init__(self, url: str, key: str, *, patience: float, transport: httpx.BaseTransport | None) -> None:
        self._patience = patience
        headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=patience, transport=transport)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def get(self, answer: type[M], path: str, **query: Any) -> M:
        """Ask for something.

        Args:
            answer: the model of it.
            path: from `/v1` on.
            **query: of the path; what is None is left out.
        """
        return _read(answer, self.send("GET", path, query=query))

    def post(
        self,
        answer: type[M],
        path: str,
        body: Mapping[str, Any],
        *,
        query: Mapping[str, Any] | None = None,
        if_match: str | int | None = None,
    ) -> M:
        """Send something.

        Args:
            answer: the model of what is answered.
            path: from `/v1` on.
            body: as it is sent; but an `event_id` of it is the key under which it is.
            query: of the path; what is None is left out.
            if_match: what was seen of the thing that this changes; ``*`` whatever it is.
        """
        sent = dict(body)
        event_id = sent.pop("event_id", None)
        return _read(answer, self.send("POST", path, sent, query=query, event_id=event_id, if_match=if_match))

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        event_id: str | None = None,
        if_match: str | int | None = None,
    ) -> httpx.Response:
        """Send any request until it is answered."""
        headers = {"Idempotency-Key": event_id or str(uuid4())} if method == "POST" else {}
        if if_match is not None:
            headers["If-Match"] = "*" if if_match == "*" else f'"{if_match}"'
        json = None if body is None else to_jsonable_python(body)
        params = to_jsonable_python(known(**query or {}))
        deadline, pause = time.monotonic() + self._patience, _FIRST_PAUSE
        while True:
            try:
                answer = self._http.request(method, path, json=json, params=params, headers=headers)
                problem, wait = _problem(answer), answer.headers.get("retry-after", "")
            except httpx.TransportError as error:
                problem, wait = NoAnswer(f"the API does not answer: {error}"), ""
            if problem is None:
                return answer
            passes = isinstance(problem, NoAnswer) or getattr(problem, "code", "") == _STILL_RUNNING
            pause = max(pause, float(wait)) if wait.isdecimal() else pause
            if not passes or time.monotonic() + pause > deadline:
                raise problem
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def known(**said: Any) -> dict[str, Any]:
    """What is said, without what is None."""
    return {name: value for name, value in said.items() if value is not None}


def path_of(pattern: str, name: str, *, safe: str = "") -> str:
    """A path with a name in the place of its ``{}``.

    Args:
        pattern: the path.
        name: any text.
        safe: what of the name stands in the path as it is.
    """
    return pattern.format(quote(name, safe=safe))


def _read(answer: type[M], said: httpx.Response) -> M:
    return answer.model_validate_json(said.content, extra="ignore")


def _problem(answer: httpx.Response) -> Refused | NotFound | NoAnswer | None:
    if answer.is_success:
        return None
    try:
        said = answer.json()
        code, detail = str(said["code"]), str(said["detail"])
    except (ValueError, KeyError, TypeError):
        code, detail = "refused", f"the answer is {answer.status_code}, and nothing of Milepost's"
    if answer.status_code in _PASSING:
        return NoAnswer(detail)
    return NotFound(detail) if answer.status_code == _NOT_FOUND else Refused(code, detail)
