"""Links to a customer's page: each is of one account, has an end, and is signed.

A link is ``{said}.{key}.{signature}``: what it says as base64url of JSON, the id of the key that signed it, and an
HMAC-SHA256 over both. All that decides what is shown is in what it says, so nothing beside a link can widen it. The id
of a key is a digest of it: when a secret is rotated, the links that the one before it signed stay good for as long as
that one is still among the keys, and until they expire.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import AwareDatetime, Field, ValidationError

from domain.delivery.signing import Secret
from domain.ids import Id
from domain.model import Value

LONGEST_DAYS = 400
"""For which a link opens its page; `USUAL_DAYS`, if nothing is said."""
USUAL_DAYS = 30

ID_DIGITS = 16
"""Hexadecimal digits of a link's id."""

LONGEST_LINK = 1000
"""Letters of a link; those that are made have some 250."""

_PURPOSE = b"milepost customer page 1\n"
"""Goes before what is signed: a signature of anything else, by the same secret, is none of a link."""

_KEY_DIGITS = 12


class CustomerLink(Value):
    """What a link says.

    Attributes:
        id: of the link; it can be revoked by it.
        account: whose page it opens.
        expires_at: the first instant at which it opens nothing.
    """

    id: str = Field(pattern=rf"^[0-9a-f]{{{ID_DIGITS}}}$")
    account: Id
    expires_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class LinkKey:
    """A key that links are signed with.

    Attributes:
        id: names it in links.
    """

    id: str
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: Secret) -> LinkKey:
        """The key of a secret."""
        named = hmac.new(secret.key, _PURPOSE + b"its name", hashlib.sha256).hexdigest()
        return cls(named[:_KEY_DIGITS], secret.key)

    def sign(self, said: str) -> str:
        """The signature of what a link says, by this key."""
        signed = _PURPOSE + f"{said}.{self.id}".encode("utf-8", "surrogatepass")
        return _base64(hmac.new(self.secret, signed, hashlib.sha256).digest())


_NOBODYS = LinkKey("", b"nobody's")
"""Takes the place of a key that there is not, so that a link by no key of ours is as much work as any other."""


def signed_link(link: CustomerLink, key: LinkKey) -> str:
    """A link as it is sent: letters, digits and ``. _ -`` alone."""
    told = {"id": link.id, "account": link.account, "until": int(link.expires_at.timestamp())}
    said = _base64(json.dumps(told, separators=(",", ":")).encode())
    return f"{said}.{key.id}.{key.sign(said)}"


def read_link(text: str, keys: Sequence[LinkKey], now: datetime) -> CustomerLink | None:
    """What a link says, if one of our keys signed it and it has not expired.

    Whatever is wrong with it costs the same: one signature is made, and compared in constant time.

    Args:
        text: as somebody shows it.
        keys: that count.
        now: the instant at which it is shown.
    """
    parts = text.split(".", 3) if len(text) <= LONGEST_LINK else []
    said, key_id, signature = parts if len(parts) == 3 else ("", "", "")  # noqa: PLR2004  its three parts
    key = next((one for one in keys if one.id == key_id), None)
    wanted = (key or _NOBODYS).sign(said)
    is_ours = hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "surrogatepass"))
    link = _link_of(said) if is_ours and key is not None else None
    return link if link is not None and now < link.expires_at else None


def _link_of(said: str) -> CustomerLink | None:
    try:
        told = json.loads(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)))
        until = datetime.fromtimestamp(told["until"], UTC)
        return CustomerLink(id=told["id"], account=told["account"], expires_at=until)
    except (binascii.Error, ValueError, TypeError, KeyError, OverflowError, OSError, ValidationError):
        return None  # signed by us, and yet none: by a build that says more


def _base64(some: bytes) -> str:
    return base64.urlsafe_b64encode(some).rstrip(b"=").decode()
