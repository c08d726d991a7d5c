"""How many bytes the lists may have that an entitlement remembers, so that all of them fit into a run's argument.

A list of so many short words is far below these; one of long ids in letters of four bytes is not.
"""

from __future__ import annotations

from collections.abc import Iterable

from domain.usage.state import FormerRules

BOUNDS_BYTES = 7
"""The version of the rules since which lists have these bounds."""

MOST_REFERENCES_BYTES = 100 * 1024
"""Of the references that are planned ahead, and of those of which somebody is asked."""

MOST_FORMER_BYTES = 128 * 1024
"""Of former rules; what lies before those that are remembered is counted by the oldest of them."""

MOST_NOTICED = 1_000
"""Notices that are known as given."""


def are_too_long(references: Iterable[str]) -> bool:
    """Whether references have more bytes than are remembered of them in one list."""
    return sum(len(reference.encode()) for reference in references) > MOST_REFERENCES_BYTES


def without_oldest(former: list[FormerRules]) -> list[FormerRules]:
    """The newest rules that are few enough in bytes, and at least one."""
    kept: list[FormerRules] = []
    left = MOST_FORMER_BYTES
    for rules in reversed(former):
        left -= len(rules.model_dump_json().encode())
        if left < 0 and kept:
            break
        kept.insert(0, rules)
    return kept
