"""What was strange about a log and read all the same: each row of it, and the count of each kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from domain.model import Value

SHOWN = 3
"""Oddities of a kind that are shown; the others are counted."""


class OddityKind(StrEnum):
    """What is strange about a row that was read all the same."""

    BEFORE_OPENING = "before opening"
    AFTER_CLOSING = "after closing"
    STATES_AT_ONCE = "states at once"
    NEVER_CLOSED = "never closed"
    OPENED_TWICE = "opened twice"
    SKIPPED_TIME = "skipped time"
    REPEATED_TIME = "repeated time"
    NO_WAIT = "no wait"
    UNKNOWN_ACTIVITY = "unknown activity"
    EMPTY_TRACE = "empty trace"
    SECOND_TRACE = "second trace"


class Oddity(NamedTuple):
    """Something strange, and what was made of it.

    Attributes:
        case_id: as the log has it.
    """

    kind: OddityKind
    case_id: str
    line: int
    text: str


class ShownOddity(Value):
    """One of the first oddities of a kind."""

    case_id: str
    line: int
    text: str


class OddityCount(Value):
    """How many oddities of a kind a log has, and the first of them."""

    kind: OddityKind
    count: int
    first: list[ShownOddity]


def counted(oddities: Sequence[Oddity], *, most: int | None = SHOWN) -> list[OddityCount]:
    """Each kind of oddity that there is, with its count and its first ones, the most frequent kind first.

    Args:
        oddities: of a log.
        most: how many of a kind are shown; None: all of them.
    """
    by_kind: dict[OddityKind, list[Oddity]] = {}
    for oddity in oddities:
        by_kind.setdefault(oddity.kind, []).append(oddity)
    return [
        OddityCount(
            kind=kind,
            count=len(found),
            first=[ShownOddity(case_id=one.case_id, line=one.line, text=one.text) for one in found[:most]],
        )
        for kind, found in sorted(by_kind.items(), key=lambda item: -len(item[1]))
    ]


def told(name: str, counts: Sequence[OddityCount]) -> Iterator[str]:
    """Lines that tell all oddities, for people: how many of each kind, and the first of each.

    Args:
        name: of the log.
        counts: of its oddities.
    """
    if not counts:
        return
    total = sum(one.count for one in counts)
    kinds = ", ".join(f"{one.count:,} {one.kind}" for one in counts)
    rows = "1 row is" if total == 1 else f"{total:,} rows are"
    yield f"{name}: {rows} strange and {'was' if total == 1 else 'were'} read all the same ({kinds})"
    for one in counts:
        for shown in one.first:
            yield f"  {name}:{shown.line}: {shown.case_id}: {shown.text}"
        if one.count > len(one.first):
            yield f"  and {one.count - len(one.first):,} more {one.kind}"
