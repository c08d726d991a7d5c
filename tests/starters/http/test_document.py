"""The document of the API, and its pages: complete, with an example of every body, and nothing from another host."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import TypeAdapter
from temporalio.client import Client

from domain.feed.registry import event_types
from domain.scopes import Scope
from starters.http.app import create_app
from starters.http.backend import Backend
from starters.http.commands import example_of
from starters.http.document import document_of
from starters.http.refusals import REFUSALS
from starters.http.routing import GuardedRoute
from starters.http.signed import SignedRoute
from starters.operations.codes import ALIASES
from store import Store
from tests.starters.http_api import Api


@pytest.fixture(scope="module")
def app(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """An app that nobody asks."""
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('document') / 'milepost.db'}") as store:
        yield create_app(Backend(client, store, "nobody"))


@pytest.fixture(scope="module")
def document(app: FastAPI) -> dict[str, Any]:
    """The document, as it goes over the wire."""
    read: dict[str, Any] = json.loads(json.dumps(document_of(app)))
    return read


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def test_the_document_has_every_route(app: FastAPI, document: dict[str, Any]) -> None:
    """Of OpenAPI 3.1; each with its scopes, the key, and the problems that it may answer with."""
    assert document["openapi"] == "3.1.0"
    listed = {(path, method) for path, method, _ in operations(document)}
    routes = [
        route for route in app.routes if isinstance(route, GuardedRoute | SignedRoute) and route.include_in_schema
    ]
    made = {(route.path_format, method) for route in routes for method in route.methods or ()}
    assert made | {("/healthz", "GET"), ("/readyz", "GET")} == listed
    for path, _, operation in operations(document):
        problem = operation["responses"]["default"]["content"]["application/problem+json"]
        assert problem["schema"]["$ref"].endswith("/ProblemDetails")
        assert operation["description"].startswith(operation["summary"])
        assert 1 < len(operation["summary"].split()) < 25
        assert ("security" in operation) == path.startswith("/v1/")
        if path == "/v1/intake/{source}":
            assert operation["security"] == [{"signature": []}]
        elif "security" in operation:
            assert set(operation["x-scopes"]) <= set(Scope)
    assert len({operation["operationId"] for _, _, operation in operations(document)}) == len(listed)


def test_every_body_has_an_example_that_fits(app: FastAPI, document: dict[str, Any]) -> None:
    """It is read by the very type that reads requests."""
    seen = 0
    for route in app.routes:
        if not isinstance(route, GuardedRoute) or route.body_field is None:
            continue
        [method] = route.methods or []
        shown = example_of(document["paths"][route.path_format][method.lower()], document)
        assert shown is not None, route.path
        kind: Any = route.body_field.field_info.annotation
        TypeAdapter(kind).validate_python(shown)
        seen += 1
    assert seen > 20


def test_a_change_of_what_was_seen_says_how_it_is_refused(document: dict[str, Any]) -> None:
    """Whatever takes If-Match may be answered 412 and 428, and nothing else is."""
    for path, method, operation in operations(document):
        names = {one["name"].lower() for one in operation.get("parameters", [])}
        assert {"412", "428"} & set(operation["responses"]) == ({"412", "428"} if "if-match" in names else set()), path
        assert method == "POST" or "if-match" not in names


def test_references_of_the_document_lead_somewhere(document: dict[str, Any]) -> None:
    """And all that is there is of use."""
    text = json.dumps(document)
    named = set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', text))
    assert named - set(document["components"]["schemas"]) == set()
    assert '"#/$defs' not in text


def test_every_type_of_event_is_a_web_hook(document: dict[str, Any]) -> None:
    """With the schema of its data."""
    assert set(document["webhooks"]) == set(event_types())
    for name, hook in document["webhooks"].items():
        body = hook["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert body["allOf"][1]["properties"]["type"] == {"const": name}


def test_codes_have_one_table() -> None:
    """Every alias is of it, and each status is one that says no."""
    assert set(ALIASES.values()) <= set(REFUSALS)
    assert all(400 <= refusal.status < 600 and refusal.title for refusal in REFUSALS.values())


async def test_the_pages_load_nothing(api: Api) -> None:
    """No script, no font, no picture, from here or from elsewhere; the policy would let none in."""
    for path in ("/", "/problems"):
        page = await api.get(path)
        assert page.headers["content-type"].startswith("text/html")
        assert not re.search(r"<(script|img|link|iframe|object)\b|@import|url\(", page.text)
        elsewhere = re.findall(r"https?://(?!127\.0\.0\.1:\d+/)[^\s\"'<]+", page.text)
        assert elsewhere == []
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    assert 'id="closed"' in (await api.get("/problems")).text


async def test_the_page_shows_code_as_code(api: Api) -> None:
    """The document is Markdown; whoever reads the page sees none of its marks, but in commands and bodies."""
    page = (await api.get("/")).text
    assert "<code>Authorization: Bearer ...</code>" in page
    assert "`" not in re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL)


async def test_a_link_opens_the_pages_once(api: Api) -> None:
    """Its session reads pages, and is no key for anything else."""
    token = api.store.page_tokens.make_link(datetime.now(UTC))
    entered = await api.http.get(f"/enter?token={token}")
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    set_cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in set_cookie
    assert "samesite=strict" in set_cookie
    cookie = {"Cookie": entered.headers["set-cookie"].partition(";")[0]}
    api.http.cookies.clear()
    for path in ("/", "/openapi.json"):
        assert (await api.http.get(path)).status_code == 401
        assert (await api.http.get(path, headers=cookie)).status_code == 200
    assert (await api.http.get("/v1/cases", headers=cookie)).status_code == 401
    assert (await api.http.get(f"/enter?token={token}")).status_code == 401
    assert (await api.http.get("/enter?token=" + "x" * 300)).status_code == 401
