"""Ids: what one may look like, and those that Milepost makes of others."""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import AfterValidator, Field

from domain.bounds import clean

CaseId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,99}$")]
"""An id that is safe in URLs, mail headers and workflow ids: letters, digits and ``. _ ~ -``."""

EntitlementId = CaseId

Reference = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(clean)]

LONGEST = 200
"""Of an event's id, wherever one is taken."""

EventId = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(clean)]
"""The id of a request: sent again under the same one, it is taken once."""

_DIGITS = 40


def event_id_of(*parts: str) -> str:
    """One id of several, joined by dashes; of what is too long the beginning and a digest of it all."""
    joined = "-".join(parts)
    if len(joined) <= LONGEST:
        return joined
    digest = hashlib.sha256(joined.encode()).hexdigest()[:_DIGITS]
    return f"{joined[: LONGEST - _DIGITS - 1]}~{digest}"
