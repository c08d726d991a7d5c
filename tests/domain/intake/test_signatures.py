"""Signatures of deliveries: each scheme takes what its sender signs, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from domain.catalog.intake import Signature
from domain.intake.signatures import NotGenuine, check_signature, hidden_headers

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
BODY = '{"ticket": {"id": 81, "title": "Zu heiß"}}'.encode()
OLD, NEW = "the-old-one", "the-new-one"
KEY = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, ok").decode()
OTHER_KEY = "whsec_" + base64.b64encode(b"b" * 32).decode()
SCHEMES = ("hub-sha1", "hub-sha256", "zendesk", "frappe", "standard", "header", "basic")


def signature(scheme: str, many: int = 1) -> Signature:
    also = {"header": {"header": "X-Secret"}, "basic": {"user": "desk"}}.get(scheme, {})
    return Signature.model_validate({"scheme": scheme, "secrets": [{"env": "ONE"}] * many, **also})


def headers(scheme: str, secret: str, *, body: bytes = BODY, at: datetime = NOW) -> dict[str, str]:
    """As a sender makes them; written here a second time, by hand."""
    key = secret.encode()
    sha256 = hmac.new(key, body, hashlib.sha256)
    match scheme:
        case "hub-sha1":
            return {"x-hub-signature": f"sha1={hmac.new(key, body, hashlib.sha1).hexdigest()}"}
        case "hub-sha256":
            return {"x-hub-signature-256": f"sha256={sha256.hexdigest()}", "x-hub-signature": "sha1=of-no-account"}
        case "zendesk":
            stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
            digest = hmac.new(key, stamp.encode() + body, hashlib.sha256).digest()
            return {
                "x-zendesk-webhook-signature": base64.b64encode(digest).decode(),
                "x-zendesk-webhook-signature-timestamp": stamp,
            }
        case "frappe":
            return {"x-frappe-webhook-signature": base64.b64encode(sha256.digest()).decode()}
        case "standard":
            return {
                "webhook-id": "msg_1",
                "webhook-timestamp": str(int(at.timestamp())),
                "webhook-signature": "v1,AAAA " + Webhook(secret).sign("msg_1", at, body.decode()),
            }
        case "header":
            return {"x-secret": secret}
        case _:
            return {"authorization": "Basic " + base64.b64encode(f"desk:{secret}".encode()).decode()}


def refused(scheme: str, shown: dict[str, str], *secrets: str, body: bytes = BODY, now: datetime = NOW) -> str:
    with pytest.raises(NotGenuine) as refusal:
        check_signature(signature(scheme, len(secrets)), secrets, shown, body, now)
    assert not any(secret in str(refusal.value) for secret in secrets)
    return str(refusal.value)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scheme_takes_what_its_sender_signs(scheme: str) -> None:
    """Whichever of its secrets that is by, while one is rotated."""
    old, new = (KEY, OTHER_KEY) if scheme == "standard" else (OLD, NEW)
    for secret in (old, new):
        check_signature(signature(scheme, 2), [old, new], headers(scheme, secret), BODY, NOW)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scheme_takes_nothing_else(scheme: str) -> None:
    """Another secret, no header, an empty one, letters of another alphabet."""
    mine = KEY if scheme == "standard" else OLD
    others = OTHER_KEY if scheme == "standard" else NEW
    assert refused(scheme, headers(scheme, others), mine)
    assert "missing" in refused(scheme, {}, mine)
    given = headers(scheme, mine)
    for name in given:
        assert refused(scheme, {**dict.fromkeys(given, ""), name: ""}, mine)
        assert refused(scheme, dict.fromkeys(given, "\xe9\xff"), mine)
        assert refused(scheme, dict.fromkeys(given, "=" * 5000), mine)


@pytest.mark.parametrize("empty", ["whsec_", "", "whsec_=", "whsec_*"])
def test_a_secret_without_a_key_signs_nothing(empty: str) -> None:
    """Or anybody could: an empty key is known to all."""
    signed = b"msg_1.%d." % NOW.timestamp() + BODY
    anybody = base64.b64encode(hmac.new(b"", signed, hashlib.sha256).digest()).decode()
    given = {**headers("standard", KEY), "webhook-signature": f"v1,{anybody}"}
    with pytest.raises(NotGenuine, match="no whsec_ with base64"):
        check_signature(signature("standard"), [empty], given, BODY, NOW)


@pytest.mark.parametrize("scheme", [one for one in SCHEMES if one not in {"header", "basic"}])
def test_a_signature_is_of_one_body(scheme: str) -> None:
    """Not of one that differs by a blank."""
    mine = KEY if scheme == "standard" else OLD
    said = refused(scheme, headers(scheme, mine), mine, body=BODY + b" ")
    assert "of another body" in said or "of this body" in said


@pytest.mark.parametrize("scheme", ["zendesk", "standard"])
@pytest.mark.parametrize(("seconds", "says"), [(301, "ago"), (-301, "ahead")])
def test_what_was_signed_long_ago_counts_for_nothing(scheme: str, seconds: int, says: str) -> None:
    """Nor what will be signed; five minutes of difference are taken."""
    mine = KEY if scheme == "standard" else OLD
    given = headers(scheme, mine)
    assert says in refused(scheme, given, mine, now=NOW + timedelta(seconds=seconds))
    for taken in (300, -300):
        check_signature(signature(scheme), [mine], given, BODY, NOW + timedelta(seconds=taken))


def test_the_time_of_a_signature_is_part_of_what_is_signed() -> None:
    """So a newer one cannot be put in its place."""
    given = headers("zendesk", OLD, at=NOW - timedelta(hours=1))
    fresh = {**given, "x-zendesk-webhook-signature-timestamp": NOW.strftime("%Y-%m-%dT%H:%M:%SZ")}
    assert "another body" in refused("zendesk", fresh, OLD)


def test_jira_signs_in_the_older_header() -> None:
    """GitHub sends both, and there the newer one counts."""
    given = headers("hub-sha256", OLD)
    check_signature(signature("hub-sha256"), [OLD], {"x-hub-signature": given["x-hub-signature-256"]}, BODY, NOW)
    assert refused("hub-sha256", {**given, "x-hub-signature-256": "sha256=00"}, OLD)
    assert "no sha256" in refused("hub-sha256", {"x-hub-signature": headers("hub-sha1", OLD)["x-hub-signature"]}, OLD)


def test_a_secret_in_a_header_may_have_a_prefix() -> None:
    """As a bearer token has."""
    asked = {"scheme": "header", "header": "Authorization", "secrets": [{"env": "ONE", "prefix": "Bearer "}]}
    declared = Signature.model_validate(asked)
    check_signature(declared, [OLD], {"authorization": f"Bearer {OLD}"}, BODY, NOW)
    with pytest.raises(NotGenuine):
        check_signature(declared, [OLD], {"authorization": OLD}, BODY, NOW)


def test_headers_with_secrets_are_hidden() -> None:
    """Whatever case their names are declared in."""
    assert "x-secret" in hidden_headers(signature("header"))
    assert {"authorization", "cookie"} <= hidden_headers(signature("frappe"))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"scheme": "header"}, "give header"),
        ({"scheme": "basic"}, "give user"),
        ({"scheme": "frappe", "header": "X"}, "leave header out"),
        ({"scheme": "frappe", "user": "x"}, "leave user out"),
        ({"scheme": "basic", "user": "a:b"}, "no colon"),
        ({"scheme": "frappe", "secrets": [{"env": "ONE", "prefix": "x"}]}, "prefix is for"),
        ({"scheme": "header", "header": "X Y"}, "no name of a header"),
        ({"scheme": "frappe", "secrets": []}, "at least 1"),
    ],
)
def test_a_signature_has_what_its_scheme_needs(said: dict[str, Any], why: str) -> None:
    """And nothing else."""
    with pytest.raises(ValueError, match=why):
        Signature.model_validate({"secrets": [{"env": "ONE"}], **said})
