"""Outbound messages: the event as JSON, signed, or a call as a help desk wants it."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn

from activities.actions.effect import Effect
from activities.actions.secret_sources import parsed_secret, read_secret
from activities.delivery.http import LONGEST_BODY
from activities.delivery.outcomes import NotDelivered
from activities.rendering.renderer import Renderer
from domain.catalog.endpoints import Endpoint, SecretSource
from domain.delivery.signing import signed_headers, webhook_id
from domain.delivery.tracing import TRACEPARENT, traceparent
from domain.process.actions import OutboundMessage
from store.values import SentRequest

_AGENT = "Milepost"


@dataclass(frozen=True, slots=True)
class Request:
    """A request before it is signed.

    Attributes:
        headers: texts and places of secrets; those are read when it is sent.
    """

    method: str
    url: str
    headers: dict[str, str | SecretSource]
    body: bytes


def event(effect: Effect, text: str = "") -> dict[str, Any]:
    """What happened, as its receiver is told.

    Its parts are those of the type's model in `domain.messages.web_hooks`, by which the schema is published. Nothing is
    checked by it here: what an older build has ordered may have less, and is posted all the same.

    Args:
        effect: the action.
        text: of the action's own, if it has one.
    """
    seen = effect.context
    told: dict[str, Any] = {
        "type": effect.event,
        "key": effect.key,
        "case": seen.get("case"),
        "milestone": seen.get("milestone"),
        "entitlement": seen.get("entitlement"),
        "account": seen.get("account"),
        "trigger": effect.trigger,
        "due_at": _instant(effect.due_at),
        "at": _instant(effect.at),
    }
    told |= {name: seen[name] for name in ("usage", "threshold", "term") if name in seen}
    if text:
        told["text"] = text
    return told


async def request(action: OutboundMessage, endpoint: Endpoint, effect: Effect, renderer: Renderer) -> Request:
    """The request that an action makes at an endpoint.

    Raises:
        BadTemplate: a text of it can't be rendered.
        NotDelivered: what was rendered can't be sent.
    """
    text = await renderer.render(action.body, effect.context) if action.body else ""
    if endpoint.kind == "standard":
        return Request("POST", endpoint.url, dict(endpoint.headers), _event_bytes(effect, text))
    context = {**effect.context, "event": event(effect, text)}
    url = await renderer.render(endpoint.url, context)
    headers: dict[str, str | SecretSource] = {}
    for name, value in endpoint.headers.items():
        headers[name] = value if isinstance(value, SecretSource) else await renderer.render(value, context)
    if text and not endpoint.body:
        return Request(endpoint.method, url, headers, _json_bytes(text))
    if not endpoint.body:
        return Request(endpoint.method, url, headers, _event_bytes(effect, text))
    return Request(endpoint.method, url, headers, _json_bytes(await renderer.render(endpoint.body, context)))


@dataclass(frozen=True, slots=True)
class SendableHeaders:
    """The headers of one attempt.

    Attributes:
        secrets: what was read for them, as text: no word of the receiver's leaves the attempt with any of these.
    """

    values: dict[str, str] = field(repr=False)
    secrets: list[str] = field(repr=False)


def as_sent(asked: Request, endpoint: Endpoint) -> SentRequest:
    """A request as it is kept, to be sent again by hand: without the secrets in its headers."""
    return SentRequest(
        endpoint=endpoint.id,
        declared_url=endpoint.url,
        method=asked.method,
        url=asked.url,
        headers={name: value for name, value in asked.headers.items() if isinstance(value, str)},
        body=asked.body.decode(),
    )


def request_again(sent: SentRequest, endpoint: Endpoint) -> Request:
    """A request that had arrived, once more: with the same body, and the secrets that the endpoint has now.

    Raises:
        NotDelivered: the endpoint leads elsewhere now, whoever is there.
    """
    secret = {name: value for name, value in endpoint.headers.items() if isinstance(value, SecretSource)}
    if endpoint.kind == "standard":
        return Request("POST", endpoint.url, sent.headers | secret, sent.body.encode())
    if endpoint.url != sent.declared_url:
        raise NotDelivered(
            f"the URL of endpoint {endpoint.id!r} was declared anew since; a call is sent again only to where it went",
            for_good=True,
        )
    return Request(sent.method, sent.url, sent.headers | secret, sent.body.encode())


async def sendable_headers(asked: Request, endpoint: Endpoint, key: str) -> SendableHeaders:
    """The headers of one attempt, with the secrets as they are now and a signature of this instant.

    Args:
        asked: what is sent.
        endpoint: where to.
        key: of what is sent, alike for every attempt.

    Raises:
        NotDelivered: a secret is not there, or a value is none that a header may have.
    """
    return await asyncio.to_thread(_headers, asked, endpoint, key)


def _headers(asked: Request, endpoint: Endpoint, key: str) -> SendableHeaders:
    now, secrets = datetime.now(UTC), list[str]()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": _AGENT,
        "Idempotency-Key": webhook_id(key),
        TRACEPARENT: traceparent(key, now),
    }
    for name, value in asked.headers.items():
        if isinstance(value, SecretSource):
            found = read_secret(value)
            given = value.prefix + found
            # The prefix may be the user of a pair: base64 of the whole is told apart from base64 of the secret.
            secrets += [found, given]
        else:
            given = value
        if not given.isprintable() or not given.isascii():
            raise NotDelivered(f"the header {name} has a value that no header may have", for_good=True)
        headers = {known: said for known, said in headers.items() if known.lower() != name.lower()} | {name: given}
    if endpoint.kind == "standard":
        texts = [read_secret(source) for source in endpoint.secrets]
        secrets += texts
        signing = [parsed_secret(source, text) for source, text in zip(endpoint.secrets, texts, strict=True)]
        headers |= signed_headers(key, now, asked.body, signing)
    return SendableHeaders(headers, secrets)


def _event_bytes(effect: Effect, text: str) -> bytes:
    """The event, below 20 KB: a case with more fields than that is told by its id."""
    told = event(effect, text)
    body = _dumped(told)
    if len(body) > LONGEST_BODY and isinstance(told["case"], dict):
        body = _dumped({**told, "case": {"id": told["case"].get("id")}, "shortened": True})
    return body


def _json_bytes(rendered: str) -> bytes:
    try:
        return _dumped(json.loads(rendered, parse_constant=_no_number, parse_float=_finite))
    except (ValueError, RecursionError) as error:
        raise NotDelivered(f"the body that was rendered is no JSON: {str(error)[:200]}", for_good=True) from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _finite(digits: str) -> float:
    """A number as it is read; one that is too large would be sent as ``Infinity``, which no reader of JSON takes."""
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:40]} is too large")
    return number


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace")


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
