"""``/pages/{link}``: what a customer sees of itself. No key is shown here but the link; see `domain.customer_links`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from html import escape

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from activities.reports.opening import PAGES, opened_page
from activities.reports.page import POLICY
from starters.http.backend import FromBackend

MOST_AT_ONCE = 2
"""Pages that one process makes at a time: pictures are drawn for each."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}

_REFUSED = "This link opens nothing"
_WHY = "It may have expired or been taken back. Ask whoever sent it to you for another."

router = APIRouter(tags=["Pages"], include_in_schema=False)


@router.get(f"{PAGES}/{{link}}")
async def show_customer_page(request: Request, link: str, backend: FromBackend) -> HTMLResponse:
    """Show the page that a link opens. Whatever is wrong with one, and beside it, it is the same answer."""
    async with _turn(request):
        page = await backend.ask(lambda store: opened_page(store, link, datetime.now(UTC)))
    if page is None:
        return HTMLResponse(_refusal(), 404, HEADERS)
    return HTMLResponse(page, headers=HEADERS)


def _turn(request: Request) -> asyncio.Semaphore:
    """Lets some pages of an app be made at once."""
    state = request.app.state
    if not hasattr(state, "page_turns"):
        state.page_turns = asyncio.Semaphore(MOST_AT_ONCE)
    turns: asyncio.Semaphore = state.page_turns
    return turns


def _refusal() -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(_REFUSED)}</title></head><body><main><h1>{escape(_REFUSED)}</h1><p>{escape(_WHY)}</p></main>"
        "</body></html>"
    )
