"""The three models of coverage: entitlements alone; under service contracts; under contract line items with parents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.catalog.declarations import Catalog
from domain.catalog.documents import read_document
from domain.catalog.problems import CatalogProblems
from domain.coverage.matching import Candidate, Coverage, CoverageScope, MatchedBy, choose

AT = datetime(2026, 6, 11, 12, 0, tzinfo=UTC)
ACCOUNTS: dict[str, Any] = {"accounts": [{"id": "acme"}, {"id": "other"}]}
CONTRACTS: dict[str, Any] = {
    "service_contracts": [
        {"id": "frame", "account": "acme"},
        {"id": "year", "account": "acme", "parent": "frame"},
        {"id": "theirs", "account": "other"},
    ],
}
LINES: dict[str, Any] = {
    "contract_line_items": [
        {"id": "hall", "service_contract": "year"},
        {"id": "lathes", "service_contract": "year", "parent": "hall"},
        {"id": "frame-line", "service_contract": "frame"},
    ],
}


def entitlements(*declared: dict[str, Any]) -> dict[str, Any]:
    return {"entitlements": [{"account": "acme", **one} for one in declared]}


def cover(catalog: Catalog, **of_case: Any) -> Coverage:
    scope = CoverageScope.model_validate({"at": AT, "accounts": ["acme"], **of_case})
    return choose(scope, [Candidate(entitlement=one, time_zone="UTC") for one in catalog.entitlements])


def ranked(catalog: Catalog, **of_case: Any) -> list[str]:
    return [match.entitlement.id for match in cover(catalog, **of_case).ranked]


# --- entitlements only ---


def test_entitlements_alone_cover_their_account() -> None:
    """No contract is needed anywhere."""
    catalog = read_document({**ACCOUNTS, **entitlements({"id": "e"})})
    assert cover(catalog).ranked[0].by is MatchedBy.ACCOUNT
    assert ranked(catalog, accounts=["other"]) == []


# --- service contracts and entitlements ---

UNDER_CONTRACTS = read_document(
    {
        **ACCOUNTS,
        **CONTRACTS,
        **entitlements(
            {"id": "a-of-account"},
            {"id": "b-of-frame", "service_contract": "frame"},
            {"id": "c-of-year", "service_contract": "year"},
        ),
    }
)


@pytest.mark.parametrize(
    ("contracts", "order"),
    [
        ([], ["a-of-account", "b-of-frame", "c-of-year"]),
        (["frame"], ["b-of-frame", "a-of-account", "c-of-year"]),
        (["year", "frame"], ["b-of-frame", "c-of-year", "a-of-account"]),
    ],
)
def test_under_contracts_the_contract_of_the_case_ranks(contracts: list[str], order: list[str]) -> None:
    """Its parents as well: a case of this year's contract is of the frame, but not the other way round."""
    assert ranked(UNDER_CONTRACTS, service_contracts=contracts) == order


def test_a_contract_of_another_account_makes_no_match() -> None:
    """It is the entitlement's account that decides; its contract has to be of the same."""
    assert ranked(UNDER_CONTRACTS, accounts=["other"], service_contracts=["theirs"]) == []
    with pytest.raises(CatalogProblems, match="service contract 'theirs' belongs to account 'other'"):
        read_document({**ACCOUNTS, **CONTRACTS, **entitlements({"id": "e", "service_contract": "theirs"})})


# --- service contracts, contract line items and entitlements ---

UNDER_LINES = read_document(
    {
        **ACCOUNTS,
        **CONTRACTS,
        **LINES,
        **entitlements(
            {"id": "a-of-account"},
            {"id": "b-of-year", "service_contract": "year"},
            {"id": "c-of-hall", "service_contract": "year", "contract_line_item": "hall"},
            {"id": "d-of-lathes", "contract_line_item": "lathes"},
        ),
    }
)


@pytest.mark.parametrize(
    ("lines", "contracts", "order"),
    [
        ([], ["year", "frame"], ["b-of-year", "c-of-hall", "a-of-account", "d-of-lathes"]),
        (["hall"], ["year", "frame"], ["c-of-hall", "b-of-year", "a-of-account", "d-of-lathes"]),
        (["lathes", "hall"], ["year", "frame"], ["c-of-hall", "d-of-lathes", "b-of-year", "a-of-account"]),
    ],
)
def test_under_line_items_the_line_ranks_above_its_contract(
    lines: list[str], contracts: list[str], order: list[str]
) -> None:
    """A line's parents as well; an entitlement of another line of the same contract ranks as one of the contract."""
    assert ranked(UNDER_LINES, contract_line_items=lines, service_contracts=contracts) == order


def test_a_line_item_is_of_the_contract_that_the_entitlement_names() -> None:
    document = {**ACCOUNTS, **CONTRACTS, **LINES}
    wrong = entitlements({"id": "e", "service_contract": "frame", "contract_line_item": "hall"})
    with pytest.raises(CatalogProblems, match="contract line item 'hall' is of service contract 'year', not 'frame'"):
        read_document({**document, **wrong})


@pytest.mark.parametrize(
    ("kind", "declared"),
    [
        (
            "service_contracts",
            [{"id": "a", "account": "acme", "parent": "b"}, {"id": "b", "account": "acme", "parent": "a"}],
        ),
        (
            "contract_line_items",
            [
                {"id": "a", "service_contract": "year", "parent": "b"},
                {"id": "b", "service_contract": "year", "parent": "a"},
            ],
        ),
    ],
)
def test_nothing_is_its_own_parent(kind: str, declared: list[dict[str, Any]]) -> None:
    """Each of a ring says so."""
    document = {**ACCOUNTS, **CONTRACTS}
    with pytest.raises(CatalogProblems, match="is its own parent: a in b in a"):
        read_document({**document, kind: [*document.get(kind, []), *declared]})


def test_contract_and_line_decide_nothing_by_their_own_dates() -> None:
    """They only rank: an entitlement counts by its own dates."""
    contracts = {"service_contracts": [{"id": "old", "account": "acme", "ends_on": "2025-12-31"}]}
    catalog = read_document({**ACCOUNTS, **contracts, **entitlements({"id": "e", "service_contract": "old"})})
    assert ranked(catalog, service_contracts=["old"]) == ["e"]


# --- bad input ---


@pytest.mark.parametrize(
    ("kind", "declared", "says"),
    [
        ("entitlements", {"allowance": {"cap": -1}}, "greater than or equal to 0"),
        ("entitlements", {"allowance": {"cap": 1_000_000_001}}, "less than or equal to 1000000000"),
        ("entitlements", {"allowance": {"cap": 1.5}}, "cap"),
        (
            "entitlements",
            {"starts_on": "2026-02-01", "ends_on": "2026-01-31"},
            "ends_on 2026-01-31 lies before starts_on 2026-02-01",
        ),
        ("service_contracts", {"starts_on": "2026-02-01", "ends_on": "2026-01-31"}, "lies before starts_on"),
        ("contract_line_items", {"service_contract": "year", "quantity": 0}, "greater than or equal to 1"),
        ("contract_line_items", {"service_contract": "year", "quantity": 100_001}, "less than or equal to 100000"),
        ("entitlements", {"starts_on": "2026-02-30"}, "starts_on"),
    ],
)
def test_amounts_and_dates_that_cannot_be_are_refused(kind: str, declared: dict[str, Any], says: str) -> None:
    """With the place and what would be right."""
    account = {} if kind == "contract_line_items" else {"account": "acme"}
    document = {**ACCOUNTS, **CONTRACTS}
    wrong = {kind: [*document.get(kind, []), {"id": "x", **account, **declared}]}
    with pytest.raises(CatalogProblems) as problems:
        read_document({**document, **wrong})
    (problem,) = problems.value.problems
    assert problem.path[0] == kind
    assert says in str(problem)
