"""Whether a delivery comes from whom it says: the schemes by which help desks and trackers sign their web hooks.

    hub-sha1      X-Hub-Signature: sha1=..., HMAC of the body (WebSub; Zammad)
    hub-sha256    X-Hub-Signature-256 or X-Hub-Signature: sha256=..., likewise (GitHub, Jira)
    zendesk       X-Zendesk-Webhook-Signature: base64 of the HMAC-SHA256 of timestamp and body
    frappe        X-Frappe-Webhook-Signature: base64 of the HMAC-SHA256 of the body
    standard      webhook-signature: by Standard Webhooks, v1
    header        a secret in a header
    basic         Authorization: Basic, a user and a password

Each comparison takes as long for a wrong signature as for a right one. Of schemes with a timestamp in what is signed,
one that is more than five minutes from now counts for nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from domain.catalog.intake import Signature
from domain.delivery.signing import SYMMETRIC

TOLERANCE = timedelta(minutes=5)
SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
_MOST_SIGNATURES = 16


class NotGenuine(ValueError):
    """A delivery that does not show that it comes from its source. The message quotes no secret and no signature."""


def check_signature(
    signature: Signature, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime
) -> None:
    """Refuse a delivery that is not signed as its source signs.

    Args:
        signature: how it signs.
        secrets: as they are now, without their prefixes.
        headers: of the request, by their names in small letters.
        body: as it came.
        now: the time of the receiver.

    Raises:
        NotGenuine: with what is missing or wrong.
    """
    match signature.scheme:
        case "hub-sha1":
            _hub("sha1", _given(headers, "x-hub-signature"), secrets, body)
        case "hub-sha256":
            given = headers.get("x-hub-signature-256") or _given(headers, "x-hub-signature")
            _hub("sha256", given, secrets, body)
        case "zendesk":
            stamp = _given(headers, "x-zendesk-webhook-signature-timestamp")
            _check_time(_iso(stamp).timestamp(), now)
            _base64(_given(headers, "x-zendesk-webhook-signature"), secrets, _raw(stamp) + body)
        case "frappe":
            _base64(_given(headers, "x-frappe-webhook-signature"), secrets, body)
        case "standard":
            _standard(headers, secrets, body, now)
        case "header":
            name = str(signature.header).lower()
            shown = _given(headers, name)
            wanted = [source.prefix + secret for source, secret in zip(signature.secrets, secrets, strict=True)]
            _one_of(_raw(shown), [secret.encode() for secret in wanted], f"the header {name} has another secret")
        case "basic":
            _basic(_given(headers, "authorization"), str(signature.user), secrets)


def hidden_headers(signature: Signature) -> frozenset[str]:
    """The headers that hold a secret, which nobody keeps or shows; by their names in small letters."""
    return SECRET_HEADERS | ({signature.header.lower()} if signature.header is not None else frozenset())


def _raw(text: str) -> bytes:
    """A header's bytes, as they came over the wire."""
    return text.encode("latin-1", "replace")


def _given(headers: Mapping[str, str], name: str) -> str:
    found = headers.get(name, "").strip()
    if not found:
        raise NotGenuine(f"the header {name} is missing")
    return found


def _one_of(shown: bytes, wanted: Sequence[bytes], otherwise: str) -> None:
    """Compare with each, so that the time that it takes says nothing."""
    if not sum(hmac.compare_digest(shown, one) for one in wanted):
        raise NotGenuine(otherwise)


def _hub(name: Literal["sha1", "sha256"], given: str, secrets: Sequence[str], body: bytes) -> None:
    method, _, digest = given.partition("=")
    if method.lower() != name:
        raise NotGenuine(f"the signature is no {name}=...")
    wanted = [hmac.new(secret.encode(), body, name).hexdigest().encode() for secret in secrets]
    _one_of(_raw(digest.strip().lower()), wanted, "the signature is of another secret, or of another body")


def _base64(given: str, secrets: Sequence[str], signed: bytes) -> None:
    wanted = [base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()) for secret in secrets]
    _one_of(_raw(given), wanted, "the signature is of another secret, or of another body")


def _standard(headers: Mapping[str, str], secrets: Sequence[str], body: bytes, now: datetime) -> None:
    name, stamp = _given(headers, "webhook-id"), _given(headers, "webhook-timestamp")
    if not stamp.isdecimal() or len(stamp) > 15:  # noqa: PLR2004  as many digits as there are seconds
        raise NotGenuine("webhook-timestamp is no number of seconds since 1970")
    _check_time(float(stamp), now)
    signed = _raw(f"{name}.{stamp}.") + body
    shown = _given(headers, "webhook-signature").split()[:_MOST_SIGNATURES]
    keys = [_key(secret) for secret in secrets]
    wanted = [b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()) for key in keys]
    if not sum(hmac.compare_digest(_raw(one), other) for one in shown for other in wanted):
        raise NotGenuine("no signature of webhook-signature is by v1 of the secret, of this body")


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SYMMETRIC), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:  # by which anybody could sign
        raise NotGenuine("the secret of the source is no whsec_ with base64")
    return key


def _basic(given: str, user: str, secrets: Sequence[str]) -> None:
    scheme, _, text = given.partition(" ")
    if scheme.lower() != "basic":
        raise NotGenuine("the header authorization is no Basic")
    try:
        shown = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise NotGenuine("the header authorization is no Basic with base64") from None
    _one_of(shown, [f"{user}:{secret}".encode() for secret in secrets], "another user, or another password")


def _iso(stamp: str) -> datetime:
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        raise NotGenuine("the timestamp is no ISO 8601 instant") from None
    return at if at.utcoffset() is not None else at.replace(tzinfo=UTC)


def _check_time(signed_at: float, now: datetime) -> None:
    """Refuse what was signed long ago, or will be."""
    ahead = signed_at - now.timestamp()
    if abs(ahead) > TOLERANCE.total_seconds():
        minutes = TOLERANCE.total_seconds() / 60
        raise NotGenuine(f"it was signed more than {minutes:.0f} minutes {'ahead' if ahead > 0 else 'ago'}")
