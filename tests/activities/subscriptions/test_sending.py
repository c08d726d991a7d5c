"""What an attempt at an event means: it has arrived, it failed, or the endpoint is in trouble whatever was sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from activities.actions.hooks import Request
from activities.delivery.outcomes import Delivered, NotDelivered
from activities.subscriptions.sending import CONTENT_TYPE, send
from domain.catalog.endpoints import Endpoint, SecretSource
from domain.feed.envelope import FeedEvent, schema_uri
from domain.subscriptions.state import Failure, Trouble

AT = datetime(2026, 6, 1, 9, tzinfo=UTC)
TYPE = "milepost.case.opened.v1"
ENDPOINT = Endpoint(
    id="desk", url="https://desk.example.com", secrets=[SecretSource(env="S")], headers={"X-Team": "desk"}
)
MINUTE, WHILE = timedelta(minutes=1), timedelta(minutes=5)


def event(**data: Any) -> FeedEvent:
    told = {"id": "case/1/1-a", "source": "urn:x", "type": TYPE, "subject": "case/1", "sequence": 1, "data": data}
    return FeedEvent.model_validate({**told, "time": AT, "recordedtime": AT, "dataschema": schema_uri(TYPE)})


class Asked:
    """Takes requests, or fails as it is told."""

    def __init__(self, error: NotDelivered | None = None) -> None:
        self.got: list[tuple[Request, str]] = []
        self._error = error

    async def post(self, asked: Request, endpoint: Endpoint, key: str) -> Delivered:
        assert endpoint is ENDPOINT
        self.got.append((asked, key))
        if self._error is not None:
            raise self._error
        return Delivered("HTTP 204")


def outside(asked: Asked) -> Any:
    """The way out of a process, with a pace of 10."""
    return SimpleNamespace(endpoints=asked, post=asked.post, pace=10)


async def test_an_event_goes_as_it_is_under_its_key() -> None:
    """The whole envelope, in the structured mode, with its trace as a header and the headers of the endpoint."""
    asked = Asked()
    assert await send(outside(asked), "s", ENDPOINT, event(text="hello"), 7) is None
    [(request, key)] = asked.got
    assert json.loads(request.body) == event(text="hello").model_dump(mode="json")
    assert (request.method, request.url, key) == ("POST", ENDPOINT.url, "subscription/s/case/1/1-a")
    trace = {"traceparent": event().traceparent}
    assert request.headers == {"Content-Type": CONTENT_TYPE, "X-Team": "desk", **trace}


@pytest.mark.parametrize(
    ("error", "kind", "wait"),
    [
        (NotDelivered("switched off", for_good=True, is_off=True), "off", timedelta()),
        (NotDelivered("HTTP 410", for_good=True, is_gone=True), "off", timedelta()),
        (NotDelivered("not tried", at_least=WHILE, is_held=True), "held", WHILE / 10),
        (NotDelivered("HTTP 429", at_least=WHILE, slows_down=True), "held", WHILE / 10),
        (NotDelivered("HTTP 502", slows_down=True), "held", timedelta(seconds=3)),
        (NotDelivered("HTTP 429", at_least=timedelta(days=11), slows_down=True), "held", timedelta(hours=2.4)),
        (NotDelivered("the variable S is not set", for_good=True), "held", MINUTE / 10),
    ],
)
async def test_trouble_is_no_events_fault(error: NotDelivered, kind: str, wait: timedelta) -> None:
    """Whatever was sent, it would have been the same: no attempt is used up."""
    said = await send(outside(Asked(error)), "s", ENDPOINT, event(), 7)
    assert isinstance(said, Trouble)
    assert (said.kind, said.said, said.wait) == (kind, str(error), wait)


@pytest.mark.parametrize(
    "error",
    [
        NotDelivered("HTTP 500"),
        NotDelivered("HTTP 503", at_least=WHILE),
        NotDelivered("no connection"),
        NotDelivered("no whole answer within 20 s", may_have_arrived=True),
    ],
)
async def test_a_failure_is_the_events(error: NotDelivered) -> None:
    """With what the receiver asks for."""
    said = await send(outside(Asked(error)), "s", ENDPOINT, event(), 7)
    told = {"event_id": "case/1/1-a", "position": 7, "sequence": 1, "type": TYPE}
    assert said == Failure.model_validate({**told, "reason": str(error), "at_least": error.at_least})


async def test_an_event_that_is_too_long_is_not_sent() -> None:
    """None should be; if one is, it would never be taken."""
    asked = Asked()
    said = await send(outside(asked), "s", ENDPOINT, event(text="x" * 30_000), 7)
    assert isinstance(said, Failure)
    assert (said.for_good, asked.got) == (True, [])
