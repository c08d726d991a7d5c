"""What is asked of an entitlement by lists and instants, read whatever arrives."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from domain.bounds import Instant
from domain.errors import Refused
from domain.messages.inbox import read_event
from domain.usage.requests import MOST_AT_ONCE, Consumption

_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


def read_consumptions(raw: tuple[Any, ...], now: datetime) -> list[Consumption]:
    """The consumptions of one list, in its order.

    Raises:
        Refused: it is not a list, is empty or too long, or holds something else.
    """
    if len(raw) != 1 or not isinstance(raw[0], list):
        got = f"{len(raw)} arguments" if len(raw) != 1 else f"a {type(raw[0]).__name__}"
        raise Refused("bad_message", f"one JSON list of consumptions is expected, not {got}")
    if not 1 <= len(raw[0]) <= MOST_AT_ONCE:
        raise Refused("bad_message", f"1 to {MOST_AT_ONCE} consumptions at once, not {len(raw[0])}")
    consumptions: list[Consumption] = []
    for number, one in enumerate(raw[0]):
        try:
            consumptions.append(read_event(Consumption, [one], now))
        except Refused as refused:
            raise Refused(refused.code, f"consumption {number}: {refused}") from None
    return consumptions


def read_instant(raw: tuple[Any, ...]) -> datetime | None:
    """The instant of which a balance is asked for; None: now.

    Raises:
        Refused: it is something else.
    """
    if not raw:
        return None
    if len(raw) == 1 and isinstance(raw[0], str):
        try:
            return _INSTANT.validate_python(datetime.fromisoformat(raw[0]))
        except (ValidationError, ValueError):
            pass
    raise Refused("bad_message", "balance takes one instant, such as 2025-06-13T20:45:00Z, or nothing for now")
