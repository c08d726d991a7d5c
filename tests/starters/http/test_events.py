"""The event feed over HTTP: page by page, and as a stream that goes on where another ended."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.scopes import Scope
from starters.http.routes import events
from tests.feeds import Recorded
from tests.starters.http_api import Api
from tests.support import unique

LAST = "milepost.case.left.v1"
"""Of a case that was just closed."""

STREAM = {"Accept": "text/event-stream"}


@asynccontextmanager
async def streaming(api: Api, query: str, key: str, **headers: str) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    """The messages of a stream, one by one."""
    sent = {"Authorization": f"Bearer {key}", **STREAM, **headers}
    async with api.http.stream("GET", f"/v1/events?{query}", headers=sent) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")

        async def messages() -> AsyncIterator[dict[str, str]]:
            message: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if not line:
                    if "data" in message:
                        yield message
                    message = {}
                    continue
                name, _, value = line.partition(": ")
                message[name] = value

        yield messages()


async def test_a_stream_tells_each_event_and_goes_on_from_its_id(api: Api) -> None:
    """As it is written; whoever comes back with the last id misses nothing and sees nothing twice."""
    case_id, key = await api.opened(), api.keys["manager"]
    seen: list[dict[str, str]] = []
    async with streaming(api, f"case={case_id}", key) as messages:
        async for message in messages:
            seen.append(message)
            break
        await api.post(f"/v1/cases/{case_id}/close", {})
        async for message in messages:
            seen.append(message)
            if message["event"] == LAST:
                break
    whole = (await api.get(f"/v1/events?case={case_id}&limit=1000", key=key)).json()
    assert [json.loads(message["data"]) for message in seen] == whole["events"]
    again: list[dict[str, str]] = []
    async with streaming(api, f"case={case_id}", key, **{"Last-Event-ID": seen[0]["id"]}) as messages:
        async for message in messages:
            again.append(message)
            if message["event"] == LAST:
                break
    assert again == seen[1:]
    rest = (await api.get(f"/v1/events?case={case_id}&after={seen[-1]['id']}", key=key)).json()
    assert rest["events"] == []


async def test_a_stream_ends_with_its_key(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was revoked sees nothing more, and is told so."""
    monkeypatch.setattr(events, "PINGS_EVERY", 0)
    key = api.key(Scope.MANAGER)
    known = next(one for one in api.store.keys.all() if key.startswith(f"mp_{one.id}_"))
    async with streaming(api, "type=case.closed", key) as messages:
        api.store.keys.revoke(known.id, by="test", at=datetime.now(UTC))
        async with asyncio.timeout(60):
            last = [message async for message in messages][-1]
    assert (last["event"], json.loads(last["data"])["code"]) == ("problem", "revoked_key")


async def test_no_event_goes_to_a_key_that_has_ended(api: Api) -> None:
    """Not even those that come before the stream says again that it is there."""
    key = api.key(Scope.MANAGER)
    known = next(one for one in api.store.keys.all() if key.startswith(f"mp_{one.id}_"))
    case_id = unique("c")
    async with streaming(api, f"case={case_id}", key) as messages:
        api.store.keys.revoke(known.id, by="test", at=datetime.now(UTC))
        await api.post("/v1/cases", {"case_id": case_id, "account": "acme"})
        async with asyncio.timeout(10):
            told = [message async for message in messages if "event" in message]
    assert [one["event"] for one in told] == ["problem"]


async def test_a_bound_key_is_told_where_others_events_are(api: Api) -> None:
    """By the number that an event follows: page by page, in a stream, and of one case; other keys see all."""
    case_id, bound = unique("c"), api.key(Scope.MANAGER, accounts=["acme"])
    case = Recorded(case_id)
    for account in ("acme", "globex", None, "acme", "acme"):
        case.account = account
        api.store.cases.record(case.remarks("one"))

    async def told(path: str, key: str | None = None) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = (await api.get(path, key=key)).json()["events"]
        return events

    seen = await told(f"/v1/events?case={case_id}", bound)
    assert [(one["sequence"], one.get("follows", "-")) for one in seen] == [(1, "-"), (2, "-"), (5, 2), (6, "-")]
    assert await told(f"/v1/cases/{case_id}/events", bound) == seen
    assert await told(f"/v1/events?case={case_id}&type=case.news_refused&account=acme", bound) == seen[1:]
    async with streaming(api, f"case={case_id}", bound) as messages:
        streamed = [json.loads((await anext(messages))["data"]) for _ in seen]
    assert streamed == seen
    whole = await told(f"/v1/cases/{case_id}/events")
    assert [one["sequence"] for one in whole] == [1, 2, 3, 4, 5, 6]
    assert [one for one in whole if "follows" in one] == []
    others = api.key(Scope.MANAGER, accounts=["globex"])
    assert [(one["sequence"], one["follows"]) for one in await told(f"/v1/events?case={case_id}", others)] == [(3, 0)]


async def test_a_bad_cursor_is_told_before_a_stream_begins(api: Api) -> None:
    """As a problem, with its status."""
    refused = await api.get("/v1/events?after=nope", headers=STREAM)
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")
    other = await api.get("/v1/events", headers={"Accept": "text/csv"})
    assert (other.status_code, other.json()["code"]) == (406, "not_acceptable")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/event-stream", STREAM["Accept"]),
        ("text/*", STREAM["Accept"]),
        ("text/event-stream, application/json", STREAM["Accept"]),
        ("application/json;q=0.5, text/event-stream;q=0.6", STREAM["Accept"]),
        ("text/event-stream;q=0, */*", "application/json"),
        ("text/event-stream;q=0.5, application/json", "application/json"),
        ("text/html, */*;q=0.8", "application/json"),
        ("application/json, text/event-stream", "application/json"),
        ("*/*", "application/json"),
        ("", "application/json"),
        ("text/event-stream;q=0", None),
        ("text/html", None),
        ("*/*;q=0", None),
    ],
)
async def test_events_come_as_is_liked_best(api: Api, accept: str, kind: str | None) -> None:
    """By the weights of Accept; of two that are liked alike as the one that is named first."""
    headers = {"Authorization": f"Bearer {api.keys['all']}", "Accept": accept}
    answer = await api.http.head("/v1/events", headers=headers)
    assert answer.status_code == (406 if kind is None else 200)
    assert kind is None or answer.headers["content-type"].startswith(kind)


async def test_events_are_chosen_by_type(api: Api) -> None:
    """By the middle of its name, or by its beginning."""
    case_id = await api.opened()
    for name in ("case.opened", "milepost.case.opened.v1", "case.open*"):
        found = (await api.get(f"/v1/events?case={case_id}&type={name}")).json()["events"]
        assert [event["type"] for event in found] == ["milepost.case.opened.v1"], name
