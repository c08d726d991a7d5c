"""Requests that lead nowhere: a path that there is not, or a method that it does not take. Each says what there is."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from starters.http.problems import Problem, problem_for


def handle_what_leads_nowhere(app: FastAPI) -> None:
    """Let an app say what there is, where it has no route for a request."""

    async def answer(request: Request, error: Exception) -> Response:
        is_ours = isinstance(error, HTTPException) and not isinstance(error, Problem)
        return (_nowhere(app, request) if is_ours else problem_for(error)).response()

    for status in (404, 405):
        app.add_exception_handler(status, answer)


def _nowhere(app: FastAPI, request: Request) -> Problem:
    methods = _methods_of(app, request.scope["path"])
    if not methods:
        return Problem(
            "not_found", "there is no such path here; /openapi.json, or / in a browser, says which there are"
        )
    said = f"{request.method[:20]} is not taken here; this path takes {', '.join(methods)}"
    return Problem("bad_method", said, headers={"Allow": ", ".join(methods)})


def _methods_of(app: FastAPI, path: str) -> list[str]:
    """The methods that a path takes, of whichever route; HEAD where there is GET."""
    matching = [route for route in app.routes if isinstance(route, Route) and route.path_regex.match(path)]
    found = {method for route in matching for method in route.methods or ()}
    return sorted(found | {"HEAD"} if "GET" in found else found)
