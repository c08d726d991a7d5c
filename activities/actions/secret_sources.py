"""Secrets, read where they are needed and kept nowhere. No message quotes one."""

from __future__ import annotations

import os
from pathlib import Path

from activities.delivery.outcomes import NotDelivered
from domain.catalog.endpoints import SecretSource
from domain.delivery.signing import BadSecret, Secret

_LONGEST = 64 * 1024


def read_secret(source: SecretSource) -> str:
    """A secret as it is now.

    Raises:
        NotDelivered: it is not there; the message names the place.
    """
    if source.env is not None:
        found = os.environ.get(source.env, "").strip()
        if not found:
            raise NotDelivered(f"the {source.named} is not set, and a secret is read from it", for_good=True)
        return found
    try:
        with Path(str(source.file)).open(encoding="utf-8") as file:
            found = file.read(_LONGEST).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise NotDelivered(f"a secret can't be read: {source.named}: {why}", for_good=True) from None
    if not found:
        raise NotDelivered(f"the {source.named} is empty, and a secret is read from it", for_good=True)
    return found


def signing_secret(source: SecretSource) -> Secret:
    """A secret that signs.

    Raises:
        NotDelivered: it is not there, or is none.
    """
    return parsed_secret(source, read_secret(source))


def parsed_secret(source: SecretSource, text: str) -> Secret:
    """A secret that signs, of what was read at a source.

    Raises:
        NotDelivered: it is none.
    """
    try:
        return Secret.parse(text)
    except BadSecret as error:
        raise NotDelivered(f"the {source.named} holds no secret to sign with: {error}", for_good=True) from None
