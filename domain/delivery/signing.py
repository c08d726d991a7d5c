"""Signatures of web hooks by Standard Webhooks (spec/standard-webhooks.md), symmetric (v1) and asymmetric (v1a).

Signed is ``{id}.{timestamp}.{body}``. Neither id nor timestamp may hold a dot or be in the hands of whoever names
cases, so the id is a hash of the effect's key; the key itself is in the body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SYMMETRIC, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a symmetric secret."""
_SEED = 32


class BadSecret(ValueError):
    """A secret that no signature can be made with. The message never quotes it."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that web hooks are signed with.

    Attributes:
        key: the bytes of a symmetric secret, or the seed of an ed25519 key.
        is_private: whether it is one half of a pair, whose public half receivers may know.
    """

    key: bytes
    is_private: bool

    @classmethod
    def parse(cls, text: str) -> Secret:
        """The secret that a text says: ``whsec_`` or ``whsk_`` with base64.

        Raises:
            BadSecret: it is neither, or of the wrong length.
        """
        text = text.strip()
        prefix = next((p for p in (SYMMETRIC, PRIVATE) if text.startswith(p)), None)
        if prefix is None:
            raise BadSecret(f"a secret begins with {SYMMETRIC} (symmetric) or {PRIVATE} (ed25519)")
        try:
            key = base64.b64decode(text.removeprefix(prefix), validate=True)
        except (binascii.Error, ValueError):
            raise BadSecret(f"what follows {prefix} is not base64") from None
        if prefix == SYMMETRIC:
            if not SHORTEST <= len(key) <= LONGEST:
                raise BadSecret(f"a symmetric secret has {SHORTEST} to {LONGEST} bytes, not {len(key)}")
            return cls(key, is_private=False)
        # Some tools write the public half behind the seed.
        if len(key) not in (_SEED, 2 * _SEED):
            raise BadSecret(f"an ed25519 key has {_SEED} bytes, or {2 * _SEED} with its public half, not {len(key)}")
        return cls(key[:_SEED], is_private=True)

    @property
    def public_key(self) -> str | None:
        """The public half as receivers are told it, ``whpk_...``; None of a symmetric secret."""
        if not self.is_private:
            return None
        public = Ed25519PrivateKey.from_private_bytes(self.key).public_key().public_bytes_raw()
        return PUBLIC + base64.b64encode(public).decode()

    def sign(self, signed: bytes) -> str:
        """One signature with its version."""
        if self.is_private:
            return "v1a," + base64.b64encode(Ed25519PrivateKey.from_private_bytes(self.key).sign(signed)).decode()
        return "v1," + base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()


def webhook_id(key: str) -> str:
    """The id of a web hook: alike for every attempt, without a dot, and not to be chosen by whoever names a case."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    return "msg_" + base64.b32encode(digest).decode().lower()[:32]


def signed_headers(key: str, at: datetime, body: bytes, secrets: Sequence[Secret]) -> dict[str, str]:
    """The headers that let a receiver verify a web hook.

    Args:
        key: the effect's.
        at: the instant of this attempt; aware.
        body: as it is sent.
        secrets: all that sign; several while one is rotated.

    Raises:
        ValueError: the instant has no zone.
    """
    if at.utcoffset() is None:
        raise ValueError(f"{at.isoformat()} has no zone, and so is no instant")
    name, timestamp = webhook_id(key), str(int(at.timestamp()))
    signed = f"{name}.{timestamp}.".encode() + body
    headers = {"webhook-id": name, "webhook-timestamp": timestamp}
    if secrets:
        headers["webhook-signature"] = " ".join(secret.sign(signed) for secret in secrets)
    return headers
