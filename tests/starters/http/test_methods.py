"""Methods: what a path takes is said where it is asked otherwise, and HEAD is answered wherever GET is."""

import pytest

from starters.http.routes.pages import ENTRANCE
from tests.starters.http_api import Api


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/cases", "GET, HEAD, POST"),
        ("PATCH", "/v1/catalog", "GET, HEAD, POST"),
        ("DELETE", "/v1/cases/4711", "GET, HEAD"),
        ("GET", "/v1/cases/4711/close", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
    ],
)
async def test_a_path_says_all_methods_that_it_takes(api: Api, method: str, path: str, allowed: str) -> None:
    """Of whichever route, in the header and in words."""
    refused = await api.ask(method, path)
    assert (refused.status_code, refused.json()["code"], refused.headers["allow"]) == (405, "bad_method", allowed)
    assert refused.json()["detail"] == f"{method} is not taken here; this path takes {allowed}"


async def test_a_path_that_there_is_not_says_where_they_all_are(api: Api) -> None:
    """Not only that it is not there."""
    refused = await api.get("/v1/case/4711")
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert "/openapi.json" in refused.json()["detail"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/cases", "/v1/catalog", "/v1/cases/nope", "/problems"])
async def test_head_is_answered_as_get_without_a_body(api: Api, path: str) -> None:
    """With its status and its headers."""
    got, headed = await api.get(path), await api.http.head(path, headers={"Authorization": f"Bearer {api.keys['all']}"})
    assert (headed.status_code, headed.content) == (got.status_code, b"")
    for name in ("content-type", "content-length", "etag"):
        assert headed.headers.get(name) == got.headers.get(name)


async def test_head_shows_a_key_and_starts_nothing(api: Api) -> None:
    """It is refused as GET is; a stream does not begin, and the link of the page is not used up."""
    assert (await api.http.head("/v1/cases")).status_code == 401
    stream = {"Authorization": f"Bearer {api.keys['all']}", "Accept": "text/event-stream"}
    headed = await api.http.head("/v1/events", headers=stream)
    assert (headed.status_code, headed.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert (await api.http.head(ENTRANCE)).status_code == 405
