"""In which order entitlements are asked: whoever has nothing left comes after those that are as good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from domain.coverage.matching import Match, ranked


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
    """Asks for hours or a visit: one entitlement after another, the best first, until one takes all or nobody is left.

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

    def passed_over(self, name: str) -> list[str]:
        """Those that rank before one that was asked, and had nothing left or not enough."""
        before = self._ranking[: self._ranking.index(name)]
        return [one for one in before if one in self._exhausted or one in self._asked]


class AskingForCases:
    """Asks for a case: the ranking stands, and what is left counts among those that match as well.

    What has lost its last one to somebody else meanwhile is ranked again (`has_nothing`) before its policy decides.

    Args:
        matches: that cover the case.
        exhausted: ids of those of which nothing is left.
    """

    def __init__(self, matches: Iterable[Match], exhausted: Iterable[str] = ()) -> None:
        self._matches = list(matches)
        self._exhausted = set(exhausted)
        self._asked: set[str] = set()

    @property
    def ranking(self) -> list[Match]:
        """All of them, best first, as far as is known what is left."""
        return ranked(self._matches, self._exhausted)

    def next(self) -> tuple[Match, bool] | None:
        """Whom to ask now, and whether it yields (see `Ask`); None if all have been asked."""
        waiting = [match for match in self.ranking if match.entitlement.id not in self._asked]
        if not waiting:
            return None
        first, others = waiting[0], waiting[1:]
        has_equals = any(match.rank == first.rank for match in others)
        return first, has_equals and first.entitlement.id not in self._exhausted

    def has_nothing(self, match: Match) -> None:
        """Note that one has nothing left, and has recorded nothing."""
        self._exhausted.add(match.entitlement.id)

    def was_asked(self, match: Match) -> None:
        """Note that the policy of one says to go on."""
        self._asked.add(match.entitlement.id)
