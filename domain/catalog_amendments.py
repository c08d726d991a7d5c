"""What of an entitlement stays as it was declared first: what was counted was counted by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from domain.catalog import Entitlement
from domain.term_end import AtTermEnd

_ALLOWANCE = ("unit", "period", "aligned", "carry_over")


def refused_changes(old: Entitlement, new: Entitlement) -> Iterator[tuple[str, str]]:
    """What can't be changed of an entitlement and differs: the key in its declaration, and a sentence.

    Args:
        old: as it is declared already.
        new: as it is to be.
    """
    for key, what, before, after in _fixed(old, new):
        if before != after:
            message = (
                f"the {what} of entitlement {new.id!r} is {_shown(before)} and stays so, not {_shown(after)}; "
                "cancel it and declare another under a new id"
            )
            yield key, message
            if key == "allowance" and what == "unit":
                return  # with another unit, or none, the rest of the allowance is another too


def _fixed(old: Entitlement, new: Entitlement) -> Iterator[tuple[str, str, Any, Any]]:
    yield "account", "account", old.account, new.account
    yield "starts_on", "starts_on", old.starts_on, new.starts_on
    yield "term_end", "length of each term", _length(old), _length(new)
    if old.allowance is None:
        return  # nothing was counted until now
    for name in _ALLOWANCE:
        yield "allowance", name, getattr(old.allowance, name), new.allowance and getattr(new.allowance, name)


def _length(entitlement: Entitlement) -> Any:
    """Of each of the terms that follow one another; None if the entitlement has one term."""
    end = entitlement.term_end
    return end.term if end is not None and end.policy is AtTermEnd.RESET else None


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
