"""Which refusals a route may answer with, beside those of any request: told in the document and the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from starters.http.refusals import REFUSALS

F = TypeVar("F", bound=Callable[..., Any])

_REFUSES = "milepost_refuses"

OF_A_CASE = ("not_found", "closed", "failed", "not_opened")
"""Codes of whatever is asked of a case: it does not run."""

OF_NEWS = (*OF_A_CASE, "before_case", "in_the_future", "too_old")
"""Codes of whatever happened at an instant."""

OF_A_MILESTONE = (*OF_NEWS, "unknown_milestone", "not_started", "not_open")
"""Codes of whatever happened to one milestone."""

OF_COVERAGE = ("unknown_name", "not_entitled", "nothing_left", "blocked", "ended", "no_such_time", "past_the_horizon")
"""Codes of an entitlement that a case cannot have."""

OF_A_COUNT = ("not_found", "no_allowance", "cancelled", "not_frozen")
"""Codes of whatever is changed by hand of an entitlement that counts."""

OF_A_PERIOD = (*OF_A_COUNT, "bad_amount", "no_amount", "too_much", "outside_term", "period_unknown")
"""Codes of whatever is counted in a period by hand."""

OF_THE_FEED = ("bad_cursor", "cursor_of_another_feed", "cursor_too_old", "cursor_before_restore")
"""Codes of a place in the event feed."""


def refuses(*codes: str) -> Callable[[F], F]:
    """Say with which codes a route may refuse, beside those with which any does.

    Raises:
        TypeError: one is not in the table.
    """
    if unknown := set(codes) - set(REFUSALS):
        raise TypeError(f"no such refusals: {', '.join(sorted(unknown))}")

    def marked(function: F) -> F:
        setattr(function, _REFUSES, codes)
        return function

    return marked


def refusals_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """The codes with which a route's function may refuse, beside those of any request."""
    found: tuple[str, ...] = getattr(function, _REFUSES, ())
    return found
