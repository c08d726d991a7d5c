"""Signatures of web hooks, held against the standard's own library and against its text."""

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from domain.delivery.signing import BadSecret, Secret, signed_headers, webhook_id

KEY = "INC.1/gold/first-response/1/violation-0/1/hook"
BODY = b'{"type": "milestone.violated", "key": "INC.1/..."}'
OLD, NEW = ("whsec_" + base64.b64encode(bytes(range(n, n + 32))).decode() for n in (0, 32))
PAIR = "whsk_" + base64.b64encode(bytes(range(64, 96))).decode()


def now() -> datetime:
    return datetime.now(UTC)


def test_the_standard_library_verifies_v1() -> None:
    headers = signed_headers(KEY, now(), BODY, [Secret.parse(OLD)])
    assert Webhook(OLD).verify(BODY, headers)


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    """The timestamp is seconds since 1970, wherever the clock stands that told them."""
    at = now()
    there = at.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert signed_headers(KEY, at, BODY, [Secret.parse(OLD)]) == signed_headers(KEY, there, BODY, [Secret.parse(OLD)])


def test_a_receiver_verifies_v1a_by_the_public_key_alone() -> None:
    """From the standard's text: ed25519 over id, timestamp and body, joined by dots."""
    secret = Secret.parse(PAIR)
    headers = signed_headers(KEY, now(), BODY, [secret])
    version, _, signature = headers["webhook-signature"].partition(",")
    public = secret.public_key
    assert public is not None
    assert version == "v1a"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + BODY
    Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_"))).verify(
        base64.b64decode(signature), signed
    )


def test_while_a_secret_is_rotated_both_sign() -> None:
    """A receiver that knows either verifies, one that knows another does not."""
    headers = signed_headers(KEY, now(), BODY, [Secret.parse(s) for s in (OLD, NEW, PAIR)])
    assert Webhook(OLD).verify(BODY, headers)
    assert Webhook(NEW).verify(BODY, headers)
    stranger = "whsec_" + base64.b64encode(b"x" * 32).decode()
    with pytest.raises(WebhookVerificationError):
        Webhook(stranger).verify(BODY, headers)


def test_a_changed_body_does_not_verify() -> None:
    headers = signed_headers(KEY, now(), BODY, [Secret.parse(OLD)])
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(BODY + b" ", headers)


def test_v1_by_the_text_of_the_standard() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    headers = signed_headers(KEY, at, BODY, [Secret.parse(OLD)])
    signed = f"{headers['webhook-id']}.{int(at.timestamp())}.".encode() + BODY
    mac = hmac.new(bytes(range(32)), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()


@pytest.mark.parametrize("key", [KEY, "a.b.c", "." * 100, "x", "ä" * 500, "\ud800"])
def test_an_id_holds_no_dot_and_nothing_of_the_key(key: str) -> None:
    """Else whoever names cases could shift the boundary between id and timestamp."""
    assert re.fullmatch(r"msg_[a-z2-7]{32}", webhook_id(key))
    assert webhook_id(key) != webhook_id(key + "1")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hunter2", "begins with"),
        ("whsec_!!!", "not base64"),
        ("whsec_" + base64.b64encode(b"short").decode(), "24 to 64 bytes, not 5"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), "24 to 64 bytes, not 65"),
        ("whsk_" + base64.b64encode(b"x" * 31).decode(), "32 bytes"),
        ("whpk_" + base64.b64encode(b"x" * 32).decode(), "begins with"),
    ],
)
def test_a_bad_secret_is_refused_and_not_quoted(text: str, why: str) -> None:
    with pytest.raises(BadSecret, match=why) as refused:
        Secret.parse(text)
    assert text.removeprefix("whsec_").removeprefix("whsk_") not in str(refused.value)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no zone"):
        signed_headers(KEY, datetime(2026, 1, 1), BODY, [Secret.parse(OLD)])  # noqa: DTZ001  what is refused
