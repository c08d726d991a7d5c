"""``/v1/events``: everything that happened, in order: as JSON page by page, or as server-sent events as it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

from fastapi import Header, Query, Request
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from domain.errors import Refused
from domain.feed.registry import chosen_types
from domain.ids import CaseName, Reference
from domain.model import Value
from domain.scopes import Scope
from starters.http.accepting import prefers, weight_of, weights
from starters.http.access import caller_of, needs
from starters.http.answers import EventPage
from starters.http.backend import Backend, ByCaller, FromBackend
from starters.http.case_bodies import example
from starters.http.heads import is_head
from starters.http.problems import Problem, problem_for
from starters.http.refusing import OF_THE_FEED, refuses
from starters.http.routing import guarded_router
from starters.http.sight import seen_events
from store import Store
from store.feed import FeedPage

router = guarded_router("/v1/events", "Events")

STREAM = "text/event-stream"
_PAGES = "application/json"
LOOKS_EVERY = 0.5
"""Seconds after which a stream looks for more."""
PINGS_EVERY = 15.0
"""Seconds after which a stream without events says that it is there, and looks whether its key still counts."""
AT_ONCE = 200


class EventListing(Value):
    """Which events are read.

    Attributes:
        after: goes on where an earlier reading ended: its `cursor`.
        limit: at most so many.
        type: of these types; one may end with ``*``.
        account: of this account.
        case: of this case.
        entitlement: or of this entitlement.
    """

    model_config = example(type=["case.milestone.*"], limit=10)

    after: Annotated[str, Field(max_length=2000)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    type: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(default_factory=list, max_length=100)
    account: Reference | None = None
    case: CaseName | None = None
    entitlement: Reference | None = None


@router.get("", response_model=EventPage, responses={200: {"content": {STREAM: {"schema": {"type": "string"}}}}})
@needs(Scope.MANAGER)
@refuses(*OF_THE_FEED, "unknown_type")
async def read_events(
    request: Request,
    backend: FromBackend,
    caller: ByCaller,
    which: Annotated[EventListing, Query()],
    accept: Annotated[str, Header(alias="Accept", description=f"`{STREAM}` for a stream.")] = "application/json",
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", max_length=2000, description="A stream goes on after this event.")
    ] = None,
) -> Any:
    """Read the event feed after a cursor.

    With `Accept: text/event-stream` the answer goes on: each event comes as soon as it is written, its `id` is the
    cursor after it, and Last-Event-ID goes on from there.

    A key that is bound to accounts gets what happened while it was theirs; `follows` says where something between was
    another's.
    """
    if which.case is not None and which.entitlement is not None:
        raise Refused("bad_message", "give either a case or an entitlement")
    wanted: dict[str, Any] = {
        "types": chosen_types(which.type),
        "account": which.account,
        "subject": _subject(which),
        **seen_events(caller),
    }
    if _wants_stream(accept):
        if is_head(request):
            return Response(media_type=STREAM)
        return await _stream(request, backend, last_event_id or which.after, wanted)
    page = await backend.ask(lambda store: store.feed.read(which.after, **wanted, limit=which.limit))
    return EventPage(events=page.events, cursor=page.cursor, is_last=page.is_last)


def _subject(which: EventListing) -> str | None:
    if which.case is not None:
        return f"case/{which.case}"
    return None if which.entitlement is None else f"entitlement/{which.entitlement}"


def _wants_stream(accept: str) -> bool:
    """Whether a stream is liked better than JSON.

    Raises:
        Problem: neither is.
    """
    accepted = weights(accept)
    if not (weight_of(STREAM, accepted) or weight_of(_PAGES, accepted)):
        raise Problem("not_acceptable", f"events come as {_PAGES} or as {STREAM}")
    return prefers(STREAM, _PAGES, accepted)


async def _stream(request: Request, backend: Backend, after: str | None, wanted: dict[str, Any]) -> Response:
    def read(store: Store, after: str | None) -> FeedPage:
        return store.feed.read(after, **wanted, limit=AT_ONCE)

    first = await backend.ask(partial(read, after=after))  # a bad cursor is told

    async def told() -> AsyncIterator[str]:
        page, clock = first, asyncio.get_running_loop().time
        yield f"retry: 2000\nid: {page.cursor if not page.events else after or ''}\n\n"
        pinged_at = clock()
        while True:
            for event, cursor in zip(page.events, page.cursors, strict=True):
                yield f"id: {cursor}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n"
            if page.is_last:
                await asyncio.sleep(LOOKS_EVERY)
            if clock() - pinged_at >= PINGS_EVERY:
                pinged_at = clock()
                yield ": ping\n\n"
                await caller_of(request, backend.store)
            page = await backend.ask(partial(read, after=page.cursor))
            if page.events:
                await caller_of(request, backend.store)  # nothing goes to a key that ended while there was nothing

    async def told_to_the_end() -> AsyncIterator[str]:
        try:
            async for part in told():
                yield part
        except Exception as error:  # noqa: BLE001  the answer has begun: what ends it comes in it
            problem = problem_for(error)
            yield f"event: problem\ndata: {json.dumps({'code': problem.code, 'detail': problem.detail})}\n\n"

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(told_to_the_end(), media_type=STREAM, headers=headers)
