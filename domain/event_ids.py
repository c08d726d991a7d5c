"""Ids of events that Milepost makes of other ids."""

from __future__ import annotations

import hashlib

LONGEST = 200
"""Of an event's id, wherever one is taken."""

_DIGITS = 40


def event_id_of(*parts: str) -> str:
    """One id of several, joined by dashes; of what is too long the beginning and a digest of it all."""
    joined = "-".join(parts)
    if len(joined) <= LONGEST:
        return joined
    digest = hashlib.sha256(joined.encode()).hexdigest()[:_DIGITS]
    return f"{joined[: LONGEST - _DIGITS - 1]}~{digest}"
