"""In which order entitlements are asked: by rank, and whoever has nothing left after those that are as good."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.catalog.declarations import Entitlement
from domain.coverage.asking import Asking, AskingForCases
from domain.coverage.matching import Candidate, CoverageScope, Match, choose

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
CASES = {"unit": "cases", "cap": 1}


def matches(scope: dict[str, Any], *declared: dict[str, Any], **of_line: dict[str, Any]) -> list[Match]:
    candidates = [
        Candidate(
            entitlement=Entitlement.model_validate({"account": "acme"} | one),
            time_zone="UTC",
            **of_line.get(one["id"], {}),
        )
        for one in declared
    ]
    return choose(CoverageScope(at=AT, accounts=["acme"], **scope), candidates).ranked


def names(found: list[Match]) -> list[str]:
    return [match.entitlement.id for match in found]


def test_an_entitlement_with_a_process_ranks_before_one_without() -> None:
    """Whatever it matches by, and whichever id sorts first; what the case names still comes before all."""
    silver: dict[str, Any] = {"id": "silver", "process": "Silver"}
    others: list[dict[str, Any]] = [
        {"id": "a-bank"},
        {"id": "of-ann", "contacts": ["ann"]},
        {"id": "of-asset", "asset": "r1"},
    ]
    scope = {"contact": "ann", "asset": "r1"}
    assert names(matches(scope, silver, *others)) == ["silver", "of-ann", "of-asset", "a-bank"]
    assert names(matches(scope | {"entitlement": "a-bank"}, silver, *others))[:2] == ["a-bank", "silver"]


@pytest.mark.parametrize(
    ("line", "scope", "ranks"),
    [
        ({"line_asset": "r1"}, {"asset": "r1", "product": "router"}, True),
        ({"line_asset": "r1"}, {"asset": "r2", "product": "router"}, False),
        ({"line_asset": "r1", "line_product": "router"}, {"asset": "r2", "product": "router"}, False),
        ({"line_product": "router"}, {"asset": "r2", "product": "router"}, True),
        ({"line_product": "router"}, {"product": "phone"}, False),
        ({"line_product": "router"}, {}, False),
        ({}, {"asset": "r1", "product": "router"}, False),
    ],
)
def test_a_line_item_that_names_what_the_case_is_about_ranks(
    line: dict[str, str],
    scope: dict[str, str],
    ranks: bool,  # noqa: FBT001  a column of the table
) -> None:
    of_line = {"id": "of-line", "contract_line_item": "hall"}
    found = matches(scope, {"id": "account"}, of_line, **{"of-line": line})
    assert names(found) == (["of-line", "account"] if ranks else ["account", "of-line"])


def asked(asking: Asking, answers: dict[str, list[str]]) -> list[tuple[str, bool]]:
    """Whom an order asks, each with whether it yields, until one takes all."""
    found = []
    while (ask := asking.next()) is not None:
        found.append((ask.entitlement, ask.yields))
        said = answers[ask.entitlement].pop(0)
        if said == "exhausted":
            assert ask.yields, "one that does not yield never says so"
            asking.has_nothing(ask.entitlement)
            continue
        asking.was_asked(ask.entitlement)
        if said == "granted":
            break
    return found


def test_one_with_nothing_left_is_asked_last() -> None:
    """So its policy blocks, or asks somebody, only if no other has anything."""
    assert asked(Asking(["A", "B"], ["A"]), {"B": ["granted"]}) == [("B", True)]
    order = asked(Asking(["A", "B", "C"], ["A"]), {"A": ["granted"], "B": ["overflow"], "C": ["overflow"]})
    assert order == [("B", True), ("C", True), ("A", False)]


def test_one_that_loses_its_last_one_is_ranked_again() -> None:
    """Each is asked to yield at most once; when all have nothing the best of them decides."""
    answers = {"A": ["exhausted", "granted"], "B": ["exhausted"]}
    assert asked(Asking(["A", "B"]), answers) == [("A", True), ("B", True), ("A", False)]
    assert asked(Asking(["A"]), {"A": ["granted"]}) == [("A", False)]


def test_a_case_is_asked_of_equals_that_have_something_left() -> None:
    """At intake the ranking stands: one that ranks lower waits for the policy of the one before."""
    better = {"id": "better", "asset": "r1", "allowance": CASES}
    equals: list[dict[str, Any]] = [{"id": "a", "allowance": CASES}, {"id": "b", "allowance": CASES}]
    asking = AskingForCases(matches({"asset": "r1"}, better, *equals), ["better"])
    order = []
    while (ask := asking.next()) is not None:
        match, yields = ask
        order.append((match.entitlement.id, yields))
        if match.entitlement.id == "a" and yields:
            asking.has_nothing(match)
        else:
            asking.was_asked(match)
    assert order == [("better", False), ("a", True), ("b", True), ("a", False)]
