"""What an entitlement has of which nobody asked anything yet, as its count would have it if it began now."""

from __future__ import annotations

from datetime import datetime

from domain.usage.machine import Usage
from domain.usage.requests import Balance, EntitlementTerms


def untouched(terms: EntitlementTerms, now: datetime) -> Balance:
    """The balance of a count that begins now: with its opening, and what the periods until now carried over.

    It has no row: those that the count would begin with are written when it does.
    """
    usage = Usage.begin(terms, now)
    usage.advance(now)
    return usage.balance(now).model_copy(update={"rows": 0})
