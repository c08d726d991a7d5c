"""Ids of other systems in a path: one with a slash in it is one part of the path all the same, if it is encoded."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from domain.ids import case_id_of

_BEFORE = [b"", b"v1", b"cases"]
_AT = len(_BEFORE)


class ForeignIds:
    """Let the id of another system be found: a server decodes a path before it is taken apart at its slashes.

    Args:
        app: what is asked in the end.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, with the id of ours in its path."""
        parts = bytes(scope.get("raw_path") or b"").split(b"/") if scope["type"] == "http" else []
        if parts[:_AT] == _BEFORE and len(parts) > _AT and "/" in (foreign := unquote(parts[_AT].decode("latin-1"))):
            after = [unquote(part.decode("latin-1")) for part in parts[_AT + 1 :]]
            path = "/".join(["", "v1", "cases", case_id_of(foreign), *after])
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)
