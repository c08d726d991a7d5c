"""Ids that stand twice in a log which else has one row a case: slips of whoever made it, and no history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_ONE_IN = 20
"""Of so many cases at most one has more rows: a log of histories has many more."""
_FEWEST_ROWS = 2
"""Cases with one row, beside which a single one with more may be a slip."""
_SHOWN = 5
"""Ids that are named; the others are counted."""


def doubled(lines: Mapping[str, Sequence[int]]) -> list[str]:
    """The ids with more than one row, if all the others have one and these are very few; else none.

    Args:
        lines: of each id the lines of its rows.
    """
    more = [name for name, rows in lines.items() if len(rows) > 1]
    singles = len(lines) - len(more)
    is_single = len(more) == 1 and singles >= _FEWEST_ROWS
    return more if is_single or len(more) * _ONE_IN <= len(lines) else []


def doubled_text(ids: Sequence[str], lines: Mapping[str, Sequence[int]]) -> str:
    """Which ids stand twice and on which lines: ``case 7 on lines 3 and 9``."""
    named = [f"case {name} on lines {_listed(lines[name])}" for name in ids[:_SHOWN]]
    more = len(ids) - len(named)
    return ", ".join([*named, *([f"and {more:,} more"] if more else [])])


def _listed(lines: Sequence[int]) -> str:
    return f"{', '.join(map(str, lines[:-1]))} and {lines[-1]}"
