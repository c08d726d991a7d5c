"""What the API says when it does not do what was asked: problem details (RFC 9457), as JSON."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from temporalio.service import RPCError

from clients.sending import NoAnswer
from domain.bounds import cut
from domain.catalog.problems import CatalogProblems
from domain.errors import CatalogError, MilepostError, NotFound, Refused
from domain.messages.inbox import problem_of
from domain.orders.placing import OrderProblems
from starters.http.refusals import refusal_of
from starters.operations.counts import CountSilent
from store import StoreError

MEDIA_TYPE = "application/problem+json"
TYPE = "/problems#"
"""Before the code it is the page that says what a problem means, on the host that answers."""

AGAIN_AFTER = 5
"""Seconds after which a caller may ask again what nobody could answer."""

MOST_ERRORS = 50

_LOG = logging.getLogger(__name__)
_CODES = {404: "not_found", 405: "bad_method", 406: "not_acceptable", 413: "too_large", 415: "bad_media_type"}


class ErrorAt(BaseModel):
    """One thing that is wrong with a request.

    Attributes:
        pointer: where, as a JSON pointer into the body; empty: all of it.
        parameter: or which parameter of the path, the query or the header.
    """

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class ProblemDetails(BaseModel):
    """Why something was not done (RFC 9457).

    Attributes:
        type: the page that says what it means.
        title: the same for every problem of the type.
        detail: what is wrong now, and what would be right.
        code: the last part of the type.
        errors: each thing that is wrong, where there are several or a place can be named.
        fault: a number under which the log of the server has more.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[ErrorAt] = Field(default_factory=list)
    fault: str | None = None


class Problem(HTTPException):
    """An answer that says no.

    Attributes:
        code: of the table.
        errors: each thing that is wrong.
    """

    def __init__(
        self, code: str, detail: str, *, errors: Sequence[ErrorAt] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        self.code, refusal = refusal_of(code)
        self.title = refusal.title
        self.errors = list(errors)
        self.fault: str | None = None
        super().__init__(refusal.status, cut(detail), dict(headers or {}))

    def response(self) -> Response:
        """The answer."""
        told = ProblemDetails(
            type=f"{TYPE}{self.code}",
            title=self.title,
            status=self.status_code,
            detail=self.detail,
            code=self.code,
            errors=self.errors,
            fault=self.fault,
        )
        body = told.model_dump_json(exclude_none=True, exclude=None if self.errors else {"errors"})
        return Response(body, self.status_code, dict(self.headers or {}), MEDIA_TYPE)


def problem_for(error: Exception) -> Problem:
    """The answer to whoever met an error."""
    match error:
        case Problem():
            return error
        case Refused(code=code):
            passes = code == "still_running" or refusal_of(code)[1].status == 503  # noqa: PLR2004  the status
            return Problem(code, str(error), headers={"Retry-After": "1"} if passes else None)
        case NotFound():
            return Problem("not_found", str(error))
        case OrderProblems(problems=problems) | CatalogProblems(problems=problems):
            code = "bad_order" if isinstance(error, OrderProblems) else "bad_catalog"
            errors = [ErrorAt(detail=one.message, pointer=pointer(one.path)) for one in problems[:MOST_ERRORS]]
            return Problem(code, str(error).splitlines()[0], errors=errors)
        case CatalogError():
            return Problem("bad_catalog", str(error))
        case NoAnswer():
            return Problem("no_answer", _silence(error), headers={"Retry-After": str(AGAIN_AFTER)})
        case StoreError() | SQLAlchemyError():
            _LOG.warning("the database is away: %s", error)
            said = "the database is away; nothing is known of this request. Ask again"
            return Problem("store_unavailable", said, headers={"Retry-After": str(AGAIN_AFTER)})
        case RPCError():
            said = f"Temporal answers: {error.message}"
            return Problem("no_answer", said, headers={"Retry-After": str(AGAIN_AFTER)})
        case MilepostError():
            return Problem("refused", str(error))
        case RequestValidationError():
            return _misfit(error)
        case HTTPException(status_code=status):
            return Problem(_CODES.get(status, "bad_request"), str(error.detail), headers=error.headers)
        case _:
            return _unexpected(error)


def handle_problems(app: FastAPI) -> None:
    """Let an app answer every error with a problem."""

    async def answer(_: Request, error: Exception) -> Response:
        return problem_for(error).response()

    kinds: list[type[Exception]] = [
        *(HTTPException, RequestValidationError, MilepostError, SQLAlchemyError, RPCError, Exception),
    ]
    for kind in kinds:
        app.add_exception_handler(kind, answer)


def pointer(path: Sequence[str | int]) -> str:
    """A path into a document as a JSON pointer (RFC 6901)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def _in_body(path: Sequence[str | int], body: Any, *, misses: bool) -> list[str | int]:
    """The path to what is wrong, without the names of the kinds of value that were tried on the way.

    Args:
        path: as the reader of the body tells it.
        body: as it was sent.
        misses: what is wrong is that the last part is not there.
    """
    found: list[str | int] = []
    for number, part in enumerate(path, start=1):
        is_item = isinstance(body, list) and isinstance(part, int) and part < len(body)
        if is_item or (isinstance(body, dict) and part in body):
            body = body[part]
        elif not (misses and number == len(path)):
            continue
        found.append(part)
    return found


def _silence(error: NoAnswer) -> str:
    """What to do where nobody answers: the event id is made of the key, which is what is sent again."""
    if isinstance(error, CountSilent):
        return f"{error.why}. Whether it was done is not known: send it again under its key, and it is done once"
    return str(error)


def _misfit(error: RequestValidationError) -> Problem:
    """What does not fit of a request that was read, at its place."""
    errors = [_at(one, error.body) for one in _telling(error.errors())[:MOST_ERRORS]]
    said = "; ".join(f"{one.parameter or one.pointer or 'the body'}: {one.detail}" for one in errors[:3])
    return Problem("bad_message", said, errors=errors)


def _telling(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Without the remark that a value is of none of the other kinds that it could be, where more is said of it."""
    fits = {_input_of(one) for one in found if not one["type"].endswith("_type")}
    return [one for one in found if not one["type"].endswith("_type") or _input_of(one) not in fits]


def _input_of(one: Mapping[str, Any]) -> tuple[Any, ...]:
    """What of a request an error is about, whichever of the kinds that it could be was tried."""
    return (*one["loc"][:-1], id(one["input"]))


def _at(one: Mapping[str, Any], body: Any) -> ErrorAt:
    place, *path = one["loc"] or ("body",)
    said = cut(problem_of(one))
    if place == "body":
        return ErrorAt(detail=said, pointer=cut(pointer(_in_body(path, body, misses=one["type"] == "missing"))))
    return ErrorAt(detail=said, parameter=cut(".".join(map(str, path))))


def _unexpected(error: Exception) -> Problem:
    fault = secrets.token_hex(6)
    _LOG.error("fault %s: an unexpected error", fault, exc_info=error)
    problem = Problem("unexpected", f"an unexpected error; the log of the server has more under fault {fault}")
    problem.fault = fault
    return problem
