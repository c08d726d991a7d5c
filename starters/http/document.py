"""The document of the API: OpenAPI 3.1, with what every route has in common, and the events as web hooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from domain.feed.envelope import FeedEvent
from domain.feed.registry import event_types, meaning_of, schema_of
from domain.scopes import MEANINGS, Scope
from starters.http.described import describe_route, describe_schemas
from starters.http.idempotency import HEADER
from starters.http.problems import MEDIA_TYPE, ProblemDetails
from starters.http.refusing import refusals_of
from starters.http.routing import GuardedRoute
from starters.http.signed import SignedRoute

_REF = "#/components/schemas/{model}"
_PROBLEM = {
    "description": "It was not done; the problem says why.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
}
_KEY_PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Sent again under the same key, the request is done once and answered the same.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}
_OF_WHAT_WAS_SEEN = {
    "412": "It was not done: what it is a change of is no longer as If-Match says.",
    "428": "It was not done: If-Match is to say what it is a change of.",
}
_ENVELOPE = "EventEnvelope"

_LINKS = {
    "POST /v1/cases": ("{case}", "$response.body#/case/case_id"),
    "GET /v1/cases": ("{case}", "$response.body#/cases/0/case_id"),
    "POST /v1/orders": ("{order}", "$request.body#/id"),
    "GET /v1/entitlements": ("{entitlement}", "$response.body#/entitlements/0/entitlement"),
    "GET /v1/tasks": ("{key}", "$response.body#/tasks/0/key"),
    "GET /v1/actions": ("{key}", "$response.body#/actions/0/key"),
}
"""Whose answers name what other paths are about: the part of those paths, and where in the answer it stands."""


def document_of(app: FastAPI) -> dict[str, Any]:
    """The document of an app; made once, and kept with it."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            description=app.description,
            routes=app.routes,
            separate_input_output_schemas=app.separate_input_output_schemas,
        )
        _say_what_all_have(made, app.routes)
        _say_what_parts_are(made, app.routes)
        _say_what_leads_where(made["paths"])
        _say_what_is_sent(made)
        app.openapi_schema = made
    return app.openapi_schema


def _say_what_all_have(made: dict[str, Any], routes: list[BaseRoute]) -> None:
    """Add the key, the scopes, the header and the problems that no route says by itself."""
    schemas = made["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas |= _hoisted(ProblemDetails.model_json_schema(ref_template=_REF), "ProblemDetails")
    scopes = "; ".join(f"`{scope}`: {meaning}" for scope, meaning in MEANINGS.items())
    made["components"]["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": f"A key that `milepost keys create` made. {scopes}.",
        },
        "signature": {
            "type": "apiKey",
            "in": "header",
            "name": "X-Hub-Signature",
            "description": "Or what else the source is declared to sign with, under `intake` in the catalog.",
        },
    }
    for operation, method, route in _operations(made, routes):
        _complete(operation, method, route)


def _say_what_parts_are(made: dict[str, Any], routes: list[BaseRoute]) -> None:
    """Add what docstrings say of parameters, of bodies and of what is answered."""
    schemas = made["components"]["schemas"]
    describe_schemas(schemas)
    for operation, _, route in _operations(made, routes):
        describe_route(route, operation, schemas)


def _operations(made: dict[str, Any], routes: list[BaseRoute]) -> Iterator[tuple[dict[str, Any], str, APIRoute]]:
    for route in routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                yield made["paths"][route.path_format][method.lower()], method, route


def _complete(operation: dict[str, Any], method: str, route: APIRoute) -> None:
    operation["summary"] = _first_sentence(operation.get("description", ""))
    answers = operation["responses"]
    answers.pop("422", None)
    answers["default"] = _PROBLEM
    if refusals := refusals_of(route.endpoint):
        operation["x-refusals"] = sorted(set(refusals))
    if any(one["name"].lower() == "if-match" for one in operation.get("parameters", [])):
        answers |= {status: {**_PROBLEM, "description": said} for status, said in _OF_WHAT_WAS_SEEN.items()}
    if isinstance(route, SignedRoute):
        operation["security"] = [{"signature": []}]
    if not isinstance(route, GuardedRoute):
        return
    named = [scope.value for scope in Scope if scope in route.scopes]
    operation["security"] = [{"key": []}]
    operation["x-scopes"] = named
    operation["description"] = f"{operation.get('description', '')}\n\nScope: {' or '.join(named)}."
    if method == "POST":
        operation.setdefault("parameters", []).append(_KEY_PARAMETER)


def _first_sentence(text: str) -> str:
    """What an operation does, in a line of its own: how its function begins."""
    return text.partition("\n")[0].partition(". ")[0].removesuffix(".")


def _say_what_leads_where(paths: dict[str, Any]) -> None:
    """Add to answers that name something links to what is done with it."""
    for source, (part, place) in _LINKS.items():
        method, _, path = source.partition(" ")
        links = {
            operation["operationId"]: {"operationId": operation["operationId"], "parameters": {part.strip("{}"): place}}
            for other, operations in paths.items()
            for operation in operations.values()
            if part in other.split("/") and other.startswith(path)
        }
        for status, answer in paths[path][method.lower()]["responses"].items():
            if status.startswith("2"):
                answer["links"] = links


def _say_what_is_sent(made: dict[str, Any]) -> None:
    """Add each type of event as a web hook: its envelope, and the schema of its data."""
    schemas = made["components"]["schemas"]
    schemas |= _hoisted(FeedEvent.model_json_schema(ref_template=_REF), _ENVELOPE)
    hooks: dict[str, Any] = {}
    for type_ in event_types():
        name = f"Event.{type_}"
        schemas |= _hoisted(_relinked(schema_of(type_)), name)
        own = {"properties": {"type": {"const": type_}, "data": {"$ref": _REF.format(model=name)}}}
        body = {"allOf": [{"$ref": _REF.format(model=_ENVELOPE)}, own]}
        hooks[type_] = {
            "post": {
                "operationId": type_,
                "summary": meaning_of(type_),
                "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
                "responses": {"2XX": {"description": "It was received. Anything else is tried again."}},
            }
        }
    made["webhooks"] = hooks


def _hoisted(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """A schema and what it refers to, each by its name among the document's."""
    whole = {key: value for key, value in schema.items() if key not in {"$defs", "$schema", "$id"}}
    return {**schema.get("$defs", {}), name: whole}


def _relinked(schema: Any) -> Any:
    """A schema that stands alone, with its references as the document has them."""
    if isinstance(schema, dict):
        return {key: _link(value) if key == "$ref" else _relinked(value) for key, value in schema.items()}
    return [_relinked(part) for part in schema] if isinstance(schema, list) else schema


def _link(reference: str) -> str:
    return reference.replace("#/$defs/", "#/components/schemas/")
