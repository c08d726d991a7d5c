"""Bodies that no two readers would read alike, or that are too large: refused, each with why, and nobody is held up."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from domain.bounds import MOST_MESSAGE_BYTES
from tests.starters.http_api import Api
from tests.support import unique

DEEP = 100_000


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        (b'{"case_id": "a", "case_id": "b"}', 400, "bad_json", "'case_id' is given twice"),
        (b'{"case_id": "a", "fields": {"x": 1, "x": 2}}', 400, "bad_json", "'x' is given twice"),
        (b'{"case_id": "a", "fields": {"tickets": NaN}}', 400, "bad_json", "NaN is no number"),
        (b'{"case_id": "a", "fields": {"tickets": -Infinity}}', 400, "bad_json", "-Infinity is no number"),
        (b'{"case_id": "a", "fields": {"tickets": 1e999}}', 422, "bad_message", "NaN and Infinity are no numbers"),
        (b'{"case_id": "a", "fields": {"tickets": ' + b"9" * 5000 + b"}}", 400, "bad_json", "64-bit"),
        (b'{"case_id": "a", "fields": {"tickets": 99999999999999999999}}', 422, "bad_message", "64-bit"),
        (b'{"case_id": "a", "by": "\\ud800"}', 422, "bad_message", "half a surrogate pair"),
        (b'{"case_id": "a", "by": "\\u0000"}', 422, "bad_message", "NUL"),
        (b'{"case_id": "a", "\\ud800": 1}', 422, "bad_message", "half a surrogate pair"),
        (b'{"case_id": "\xff"}', 400, "bad_json", "no UTF-8"),
        (b'\xef\xbb\xbf{"case_id": "a"}', 400, "bad_json", "BOM"),
        (b'{"case_id": "a"} {}', 400, "bad_json", "Extra data"),
        (b'{"case_id": "a",}', 400, "bad_json", "no JSON"),
        (b"'case_id'", 400, "bad_json", "no JSON"),
        (b"[]", 422, "bad_message", "object"),
        (b"null", 422, "bad_message", "object"),
        (b'"a"', 422, "bad_message", "object"),
        (b"{}", 422, "bad_message", "case_id: is missing"),
        (b'{"case_id": ""}', 422, "bad_message", "at least 1"),
        (b"[" * DEEP + b"]" * DEEP, 422, "bad_message", "32 deep"),
        (b'{"a":' * DEEP + b"1" + b"}" * DEEP, 413, "too_large", "256 KB"),
        (b'{"case_id": "a", "fields": {"x": ' + b"[" * 40 + b"]" * 40 + b"}}", 422, "bad_message", "32 deep"),
        (b'{"case_id": "' + b"a" * MOST_MESSAGE_BYTES + b'"}', 413, "too_large", "256 KB"),
    ],
    ids=lambda one: None,
)
async def test_a_body_that_is_not_plain_json_is_refused(
    api: Api, body: bytes, status: int, code: str, says: str
) -> None:
    """With what is wrong of it."""
    headers = {"Authorization": f"Bearer {api.keys['intake']}", "Content-Type": "application/json"}
    refused = await api.http.post("/v1/cases", content=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert says in refused.json()["detail"]
    assert len(refused.content) < 4000


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
async def test_a_body_says_that_it_is_json(api: Api, kind: str | None) -> None:
    """A form that a page of another site sends is none."""
    headers = {"Authorization": f"Bearer {api.keys['intake']}"} | ({"Content-Type": kind} if kind else {})
    refused = await api.http.post("/v1/cases", content=b'{"case_id": "a", "account": "acme"}', headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (415, "bad_media_type")


async def test_a_compressed_body_is_refused_with_what_is_read(api: Api) -> None:
    """Unless it is said to be as it is."""
    asked = json.dumps({"case_id": unique("c"), "account": "acme"}).encode()
    headers = {"Authorization": f"Bearer {api.keys['intake']}", "Content-Type": "application/json"}
    for encoding, status in (("gzip", 415), ("identity", 201)):
        answer = await api.http.post("/v1/cases", content=asked, headers={**headers, "Content-Encoding": encoding})
        assert answer.status_code == status
        assert status != 415 or (answer.json()["code"], answer.headers["accept-encoding"]) == (
            *("bad_media_type", "identity"),
        )


async def test_a_body_of_unknown_length_is_read_no_further_than_its_bound(api: Api) -> None:
    """One that never says how long it is ends there too."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65536
            yield b" " * 65536

    headers = {"Authorization": f"Bearer {api.keys['intake']}", "Content-Type": "application/json"}
    try:
        refused = await api.http.post("/v1/cases", content=endless(), headers=headers)
        assert refused.status_code == 413
    except httpx.TransportError:  # it was still sending when it was answered and cut off
        pass
    assert sent < 64 * 1024 * 1024


@pytest.mark.parametrize("value", [True, False, "3"])
@pytest.mark.parametrize(
    ("path", "said", "part"),
    [
        ("cases/x/log_time", {"id": "T-1"}, "minutes"),
        ("cases/x/extend_milestone", {"milestone": "Resolution"}, "open_seconds"),
        ("cases/x/migrate", {}, "process_version"),
        ("entitlements/x/amend", {"reason": "r"}, "cap"),
        ("customer-links", {"account": "acme"}, "days"),
        ("orders", {"id": "O", "account": "acme", "lines": [{"product": "p"}]}, "quantity"),
    ],
)
async def test_what_is_no_number_counts_as_none(
    api: Api, path: str, said: dict[str, Any], part: str, value: object
) -> None:
    """True would be 1 and false 0; a text is a slip, but of a cap, which may be 7h30m."""
    whole = {**said, "lines": [{"product": "p", part: value}]} if path == "orders" else {**said, part: value}
    refused = await api.post(f"/v1/{path}", whole, headers={"If-Match": "*"})
    if (part, value) == ("cap", "3"):
        assert refused.json()["code"] == "not_found"
        return
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_message"), refused.text
    [error] = refused.json()["errors"]
    assert error["pointer"] == (f"/lines/0/{part}" if path == "orders" else f"/{part}")
    assert ("is no number" in error["detail"]) or "is no cap" in error["detail"]


@pytest.mark.parametrize(
    ("path", "said", "pointers"),
    [
        ("entitlements/x/amend", {"cap": -1}, ["/cap"]),
        ("entitlements/x/amend", {"cap": [1]}, ["/cap", "/cap"]),
        ("entitlements/x/amend", {"ends_on": "2026-02-30"}, ["/ends_on", "/ends_on"]),
        ("entitlements/x/renew", {"ends_on": 20000, "nope": 1}, ["/ends_on", "/nope"]),
        ("entitlements/x/renew", {"reason": None}, ["/reason"]),
        ("orders", {"id": "O", "account": "acme", "lines": [{}]}, ["/lines/0/product"]),
        ("cases:batch", {"cases": [{"account": "acme"}]}, ["/cases/0/case_id"]),
    ],
)
async def test_what_is_wrong_is_pointed_at_in_the_body(
    api: Api, path: str, said: dict[str, Any], pointers: list[str]
) -> None:
    """And at nothing that only the reader of the body knows."""
    whole = {"reason": "r", **said} if path.startswith("entitlements") else said
    refused = await api.post(f"/v1/{path}", whole, headers={"If-Match": "*"})
    assert sorted(one["pointer"] for one in refused.json()["errors"]) == pointers, refused.text
    assert not any(word in refused.text for word in ("function-", "constrained", "literal[", "[_as_text"))


@pytest.mark.parametrize("case_id", ["%00", "%2e%2e%2f%2e%2e", "a%0d%0ab", "a" * 10_000, "%F0%9F%92%A9", "%ff"])
async def test_an_id_that_can_not_be_one_is_no_fault(api: Api, case_id: str) -> None:
    """In the path: it leads nowhere, or is refused."""
    for path in (f"/v1/cases/{case_id}", f"/v1/cases/{case_id}/explanation"):
        answer = await api.get(path)
        assert answer.status_code in {404, 422}, (path[:60], answer.text)


@pytest.mark.parametrize("case_id", ["x\0y", "a" * 10_000])
async def test_an_id_in_a_body_has_its_bounds(api: Api, case_id: str) -> None:
    """As every text has."""
    refused = await api.post("/v1/cases", {"case_id": case_id, "account": "acme"})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_message")


async def test_an_id_with_anything_in_it_becomes_one_of_ours(api: Api) -> None:
    """Slashes, dots, spaces, other letters: the same each time."""
    foreign = f"../{unique('é')} / .. 💩"
    first = await api.post("/v1/cases", {"case_id": foreign, "account": "acme"})
    again = await api.post("/v1/cases", {"case_id": foreign, "account": "acme"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["case"]["case_id"] == again.json()["case"]["case_id"]
    assert json.dumps(first.json()["case"]["case_id"]).isascii()
