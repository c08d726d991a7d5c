"""The end of the API: what is under way for longer than it waits is told so, and a stream ends as if all were said."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from starters.http.problems import AGAIN_AFTER, Problem

_SAID = "the API ends; whether the request was taken is not known. Ask again"


class Ending:
    """Answer the requests that the server cuts off when it ends.

    Args:
        app: what is asked in the end.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, and finish its answer if it is cut off."""
        is_begun = is_complete = False

        async def noted(message: Message) -> None:
            nonlocal is_begun, is_complete
            is_begun = True
            is_complete = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            if not is_begun:
                problem = Problem("no_answer", _SAID, headers={"Retry-After": str(AGAIN_AFTER)})
                await problem.response()(scope, receive, send)
            elif not is_complete:
                await send({"type": "http.response.body"})
