"""What is said of a case: which entitlement covers it, or is asked to, and of every other why it does not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from domain.catalog.declarations import Entitlement
from domain.coverage.chosen import case_coverage
from domain.coverage.matching import Candidate, Coverage, CoverageScope, choose
from domain.messages.coverage import CaseCoverage, Left, NotMatched

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
NONE_LEFT = Left(unit="cases", cap=1, remaining=0)


def found(*declared: dict[str, Any]) -> Coverage:
    candidates = [
        Candidate(entitlement=Entitlement.model_validate({"account": "acme"} | one), time_zone="UTC")
        for one in declared
    ]
    return choose(CoverageScope(at=AT, accounts=["acme"], asset="press"), candidates)


def test_a_case_that_waits_says_why_no_other_is_asked() -> None:
    """As one that is covered does; only that nothing covers it yet."""
    coverage = found({"id": "gold", "asset": "press"}, {"id": "silver"}, {"id": "old", "ends_on": "2025-12-31"})
    said = case_coverage(coverage.ranked, coverage.ranked[0], NONE_LEFT, [], coverage, asks=True)
    others = [
        NotMatched(entitlement="silver", why="it matches by its account, 'gold' by its asset"),
        NotMatched(entitlement="old", why="it expired at the end of 2025-12-31"),
    ]
    assert said == CaseCoverage(entitlement=None, asks="gold", by="asset", left=NONE_LEFT, others=others)
    covered = case_coverage(coverage.ranked, coverage.ranked[0], NONE_LEFT, [], coverage)
    assert said.approved(NONE_LEFT) == covered


def test_a_case_that_one_blocks_says_why_no_more_were_asked() -> None:
    coverage = found({"id": "a"}, {"id": "b", "process": "Support"}, {"id": "c"})
    blocks = NotMatched(entitlement="b", why="nothing is left of it, and it blocks", process="Support")
    said = case_coverage(coverage.ranked, None, None, [blocks], coverage)
    assert said.entitlement is None
    assert said.others == [
        NotMatched(entitlement="a", why="'b' comes before it, and blocks"),
        NotMatched(entitlement="c", why="'b' comes before it, and blocks"),
        blocks,
    ]


def test_what_was_declined_is_among_those_that_are_not_chosen() -> None:
    """Once, whether it matches still or not."""
    coverage = found({"id": "gold", "asset": "press"}, {"id": "silver"}, {"id": "old", "ends_on": "2025-12-31"})
    for name in ("gold", "old"):
        rest = coverage.without(Entitlement(id=name, account="acme"), "one more of it was declined")
        assert [match.entitlement.id for match in rest.ranked] == [one for one in ("gold", "silver") if one != name]
        assert [other.entitlement for other in rest.unmatched] == list(dict.fromkeys([name, "old"]))
        assert rest.unmatched[0].why == "one more of it was declined"
