"""Instants and dates as they come over HTTP: as ISO 8601 texts alone. A number could be seconds or milliseconds."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator

from domain.bounds import Instant

_NUMBER = re.compile(r"\s*[+-]?[0-9.]+(e[+-]?[0-9]+)?\s*", re.IGNORECASE)


def _as_text(value: Any) -> Any:
    """What is no number, as it came.

    Raises:
        ValueError: it is one.
    """
    if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        raise ValueError("a number is no time; write it as ISO 8601 text, as in 2026-12-01T09:30:00Z")
    return value


IsoInstant = Annotated[Instant, BeforeValidator(_as_text)]
"""An instant with an offset from UTC."""

IsoDate = Annotated[date, BeforeValidator(_as_text)]
"""A date, in the zone that its field says."""
