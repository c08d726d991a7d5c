"""HEAD, wherever GET is answered: the same headers without the body, as load balancers and link checkers ask."""

from __future__ import annotations

from collections.abc import Container

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_IS_HEAD = "milepost_is_head"


class Heads:
    """Answer HEAD by what GET says, without saying it.

    Args:
        app: what is asked in the end.
        but: paths of which GET does something, so that a look from afar must not.
    """

    def __init__(self, app: ASGIApp, but: Container[str] = ()) -> None:
        self._app = app
        self._but = but

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, as GET if it is HEAD."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"] in self._but:
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET", _IS_HEAD: True}, receive, without_body)


def is_head(request: Request) -> bool:
    """Whether nothing of an answer but its headers is asked for: one that goes on for ever needs not begin."""
    return bool(request.scope.get(_IS_HEAD))
