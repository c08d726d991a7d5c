"""In which order entitlements are asked for hours or a visit: whoever has nothing left comes last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Ask(NamedTuple):
    """Whom to ask next.

    Attributes:
        yields: others may have something left, so that one that has nothing answers `exhausted` and records nothing.
        is_last: nobody is left to ask after this one.
    """

    entitlement: str
    yields: bool
    is_last: bool


class Asking:
    """Asks one entitlement after another, the best first, until one takes all or nobody is left.

    One of which nothing is left is asked when all others have been: its policy decides only then. What looked as if
    something were left, and has lost that to somebody else meanwhile, goes to the end as well (`has_nothing`).

    Args:
        ranking: ids, best first.
        exhausted: those of which nothing is left.
    """

    def __init__(self, ranking: Sequence[str], exhausted: Iterable[str] = ()) -> None:
        self._ranking = list(ranking)
        self._exhausted = set(exhausted)
        self._asked: set[str] = set()

    def next(self) -> Ask | None:
        """Whom to ask now; None if all have been asked."""
        waiting = [name for name in self._ranking if name not in self._asked]
        ready = [name for name in waiting if name not in self._exhausted]
        if not waiting:
            return None
        name = (ready or waiting)[0]
        return Ask(name, yields=name not in self._exhausted and len(waiting) > 1, is_last=len(waiting) == 1)

    def has_nothing(self, name: str) -> None:
        """Note that one has nothing left, and has recorded nothing: it is asked once more when all others have been."""
        self._exhausted.add(name)

    def was_asked(self, name: str) -> None:
        """Note that one has given what it had."""
        self._asked.add(name)
