"""The way of every request: who asks, may they, what do they say; only then what they ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from domain.bounds import MOST_MESSAGE_BYTES
from starters.http.access import caller_of, check_scopes, scopes_of
from starters.http.backend import backend_of
from starters.http.bodies import read_body, read_json
from starters.http.callers import Caller
from starters.http.idempotency import once
from starters.http.problems import problem_for
from starters.http.queries import check_query, parameters_of

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_MOST_BYTES = "milepost_most_bytes"
_UNKEPT = "milepost_unkept"

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

MOST_CATALOG_BYTES = 8 * 1024 * 1024
"""Of a catalog: it is all that an organisation declares."""

F = TypeVar("F", bound=Callable[..., Any])


def large(most: int) -> Callable[[F], F]:
    """Let a route's body have more bytes than a message has."""

    def marked(function: F) -> F:
        setattr(function, _MOST_BYTES, most)
        return function

    return marked


def unkept(function: F) -> F:
    """Keep no answer of a route, because what it says is a secret: it does once by itself what is sent again."""
    setattr(function, _UNKEPT, True)
    return function


class GuardedRoute(APIRoute):
    """A route that is open to callers with one of its scopes alone. Whatever goes wrong is answered as a problem."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **named: Any) -> None:
        self.scopes = scopes_of(endpoint)
        self.most_bytes: int = getattr(endpoint, _MOST_BYTES, MOST_MESSAGE_BYTES)
        self.keeps_answers = not getattr(endpoint, _UNKEPT, False)
        super().__init__(path, endpoint, **named)
        self.parameters = parameters_of(self) if self.include_in_schema else None  # a page takes what it likes

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """How a request is answered."""
        answer = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                response = await self._answer(request, answer)
            except Exception as error:  # noqa: BLE001  each has its answer
                response = problem_for(error).response()
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return guarded

    def _check_query(self, request: Request) -> None:
        if self.parameters is not None:
            check_query(request, self.parameters)

    async def _caller(self, request: Request) -> Caller:
        return await caller_of(request, backend_of(request).store)

    async def _answer(self, request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        """Find out who asks, read what they say, and do it: once, if it is sent again under its key.

        Raises:
            Problem: they may not, or it cannot be read.
        """
        backend = backend_of(request)
        caller = await self._caller(request)
        check_scopes(caller, self.scopes)
        request.app.state.rate.take(caller.subject)
        request.state.caller = caller
        if request.method not in _WITH_BODY:
            self._check_query(request)
            return await answer(request)
        body = await read_body(request, self.most_bytes)
        said = read_json(body, request.headers.get("content-type"), self.most_bytes) if body else None
        request._body, request._json = body, said  # noqa: SLF001  where the framework looks for what was read already

        async def done() -> Response:
            try:
                self._check_query(request)
                return await answer(request)
            except Exception as error:  # noqa: BLE001  as above
                return problem_for(error).response()

        return await once(request, backend, caller, said, done, keeps=self.keeps_answers)


def guarded_router(prefix: str, tag: str) -> APIRouter:
    """A router all of whose routes are guarded."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=GuardedRoute)
