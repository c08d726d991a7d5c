"""Routes that are open to nobody's key, but to whoever signs as the source of the path does: web hooks of others."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from domain.bounds import MOST_DELIVERY_BYTES, clean
from domain.catalog.endpoints import SecretSource
from domain.catalog.intake import IntakeSource, Signature
from domain.ids import LONGEST
from domain.intake.signatures import NotGenuine, check_signature, hidden_headers
from starters.http.backend import backend_of
from starters.http.bodies import read_body, read_json
from starters.http.problems import Problem, problem_for
from starters.http.routing import HEADERS
from starters.intake.secrets import secrets_of

_LOG = logging.getLogger(__name__)
_MOST_HEADER_LETTERS = 4096
_NOBODY = Signature(scheme="hub-sha256", secrets=[SecretSource(env="NOBODY")])
_UNVERIFIED = (
    "no intake source of this name takes this: there is none, or it is signed otherwise. The log of the server says "
    "which; see the docs on intake"
)


@dataclass(frozen=True)
class Arrived:
    """A delivery that its source has signed.

    Attributes:
        id: of the delivery, as the source gives it.
        payload: JSON that can be read, as it came.
        headers: by their names in small letters; without secrets.
    """

    source: str
    id: str
    payload: str
    headers: dict[str, str]


class SignedRoute(APIRoute):
    """A route that is open to what its source signs. Whatever goes wrong is answered as a problem."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """How a request is answered."""
        answer = super().get_route_handler()

        async def signed(request: Request) -> Response:
            try:
                request.state.arrived = await _arrived(request)
                response = await answer(request)
            except Exception as error:  # noqa: BLE001  each has its answer
                response = problem_for(error).response()
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return signed


async def _arrived(request: Request) -> Arrived:
    """Verify a delivery, then read it.

    Raises:
        Problem: it is not signed as its source signs, or cannot be read.
        Refused: none of its secrets is there.
    """
    name = str(request.path_params.get("source", ""))
    body = await read_body(request, MOST_DELIVERY_BYTES)
    headers = {key: value[:_MOST_HEADER_LETTERS] for key, value in request.headers.items()}
    source = _verified(name, await _source(request, name), headers, body)
    request.app.state.rate.take(f"intake/{source.id}")
    read_json(body, request.headers.get("content-type"), MOST_DELIVERY_BYTES)
    hidden = hidden_headers(source.signature)
    shown = {key: value for key, value in headers.items() if key not in hidden}
    return Arrived(source.id, _delivery_id(source, headers, body), body.decode(), shown)


async def _source(request: Request, name: str) -> IntakeSource | None:
    return await backend_of(request).ask_if_known(lambda store: store.intake.source(name))


def _verified(name: str, source: IntakeSource | None, headers: dict[str, str], body: bytes) -> IntakeSource:
    """The source of a genuine delivery. One that there is not is answered as a signature that is wrong.

    Raises:
        Problem: it is not genuine.
        Refused: none of its secrets is there.
    """
    signature, known = (_NOBODY, [secrets.token_hex(16)]) if source is None else secrets_of(source)
    try:
        check_signature(signature, known, headers, body, datetime.now(UTC))
    except NotGenuine as error:
        why = "there is no such source" if source is None else str(error)
        _LOG.warning("a delivery for intake source %.100r is refused: %s", name, why)
        raise Problem("bad_signature", _UNVERIFIED) from None
    if source is None:  # nobody has that secret
        raise Problem("bad_signature", _UNVERIFIED)
    return source


def _delivery_id(source: IntakeSource, headers: dict[str, str], body: bytes) -> str:
    if source.delivery_header is None:
        return f"sha256-{hashlib.sha256(body).hexdigest()}"
    name = source.delivery_header.lower()
    found = headers.get(name, "").strip()
    try:
        fits = 1 <= len(clean(found)) <= LONGEST
    except ValueError:
        fits = False
    if not fits:
        raise Problem("bad_request", f"the header {name} has the delivery's id, of 1 to {LONGEST} characters")
    return found


def signed_router(prefix: str, tag: str) -> APIRouter:
    """A router all of whose routes are open to what their source signs."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=SignedRoute)
