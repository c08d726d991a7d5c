"""What is said of a case: which entitlement covers it, or is asked to, and why no other does."""

from __future__ import annotations

from collections.abc import Sequence

from domain.coverage.matching import Coverage, Match, not_chosen, outranked
from domain.messages.coverage import CaseCoverage, Left, NotMatched


def case_coverage(
    ranking: Sequence[Match],
    chosen: Match | None,
    left: Left | None,
    passed_over: Sequence[NotMatched],
    beside: Coverage,
    *,
    asks: bool = False,
) -> CaseCoverage:
    """How a case came by its entitlement.

    Args:
        ranking: all that match, best first.
        chosen: of these; None: none had anything left, or one that blocks had not, after which nobody is asked.
        left: of its allowance.
        passed_over: those of the ranking that were asked before it.
        beside: what does not match.
        asks: somebody has to decide first whether the case takes one more of what is chosen.
    """
    others = [*passed_over, *beside.unmatched]
    if chosen is None:
        asked = {other.entitlement for other in passed_over}
        rest = [match.entitlement for match in ranking if match.entitlement.id not in asked]
        unasked = [not_chosen(one, f"{passed_over[-1].entitlement!r} comes before it, and blocks") for one in rest]
        return CaseCoverage(entitlement=None, others=[*unasked, *others], more=beside.more)
    after = ranking[ranking.index(chosen) + 1 :]
    worse = [not_chosen(match.entitlement, outranked(match, chosen)) for match in after]
    return CaseCoverage(
        entitlement=None if asks else chosen.entitlement.id,
        asks=chosen.entitlement.id if asks else None,
        by=chosen.by.words,
        left=left,
        others=[*worse, *others],
        more=beside.more,
    )
