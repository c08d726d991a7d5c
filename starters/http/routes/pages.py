"""The pages of the API and its document: for whoever shows a key, or has come by a link that is good once.

What problems mean is open to everybody: whoever is refused for want of a key is sent there by the refusal.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse, RedirectResponse

from domain.scopes import Scope
from starters.http.access import caller_of, needs
from starters.http.backend import FromBackend, backend_of
from starters.http.callers import Caller
from starters.http.document import document_of
from starters.http.pages import api_page, problems_page
from starters.http.routing import GuardedRoute
from store.access import SESSION_LASTS

COOKIE = "milepost_page"
ENTRANCE = "/enter"
_MOST_TOKEN_LETTERS = 200
_VISITOR = Caller(subject="page", name="page", scopes=frozenset(Scope), accounts=None)


class PageRoute(GuardedRoute):
    """A page that is only read, so a session of the page is as good as a key. No other route takes one."""

    async def _caller(self, request: Request) -> Caller:
        token, store = request.cookies.get(COOKIE, ""), backend_of(request).store
        if 0 < len(token) <= _MOST_TOKEN_LETTERS:
            is_good = await backend_of(request).ask(lambda _: store.page_tokens.is_session(token, datetime.now(UTC)))
            if is_good:
                return _VISITOR
        return await caller_of(request, store)


class EntranceRoute(GuardedRoute):
    """Takes the token of a link, once."""

    async def _caller(self, request: Request) -> Caller:
        token, store = request.query_params.get("token", ""), backend_of(request).store
        if 0 < len(token) <= _MOST_TOKEN_LETTERS:
            is_good = await backend_of(request).ask(lambda _: store.page_tokens.take_link(token, datetime.now(UTC)))
            if is_good:
                return _VISITOR
        return await caller_of(request, store)


router = APIRouter(tags=["Pages"], route_class=PageRoute, include_in_schema=False)
entrance = APIRouter(tags=["Pages"], route_class=EntranceRoute, include_in_schema=False)
open_router = APIRouter(tags=["Pages"], include_in_schema=False)


@router.get("/")
@needs(*Scope)
async def show_api(request: Request) -> HTMLResponse:
    """Show what the API takes."""
    return api_page(document_of(request.app), request.url.netloc)


@open_router.get("/problems")
async def show_problems() -> HTMLResponse:
    """Show what each problem means. It is the same page for everybody."""
    return problems_page()


@router.get("/openapi.json")
@needs(*Scope)
async def show_document(request: Request) -> dict[str, Any]:
    """Give the document of the API."""
    return document_of(request.app)


@entrance.get(ENTRANCE)
@needs(*Scope)
async def enter(backend: FromBackend) -> Response:
    """Begin a session of the page."""
    token = await backend.ask(lambda store: store.page_tokens.make_session(datetime.now(UTC)))
    answer = RedirectResponse("/", 303, {"Referrer-Policy": "no-referrer"})
    answer.set_cookie(
        COOKIE, token, max_age=int(SESSION_LASTS.total_seconds()), httponly=True, samesite="strict", path="/"
    )
    return answer
