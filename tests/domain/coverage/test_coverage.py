"""Coverage: what matches a case, in which order, and for every other entitlement why not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.catalog.declarations import Entitlement
from domain.coverage.matching import Candidate, Coverage, CoverageQuestion, CoverageScope, MatchedBy, choose

AT = datetime(2025, 6, 11, 12, 0, tzinfo=UTC)


def entitlement(name: str, **also: Any) -> Entitlement:
    return Entitlement.model_validate({"id": name, "account": "acme", **also})


def scope(**also: Any) -> CoverageScope:
    return CoverageScope.model_validate({"at": AT, "accounts": ["acme"], **also})


def cover(
    of_case: CoverageScope,
    *entitlements: Entitlement,
    exhausted: tuple[str, ...] = (),
    zone: str = "America/New_York",
) -> Coverage:
    return choose(of_case, [Candidate(entitlement=e, time_zone=zone) for e in entitlements], exhausted)


def why_not(of_case: CoverageScope, **also: Any) -> str | None:
    """Why an entitlement does not match; None if it does."""
    coverage = cover(of_case, entitlement("e", **also))
    return coverage.unmatched[0].why if coverage.unmatched else None


def test_an_entitlement_of_the_account_without_limits_matches() -> None:
    """Nothing else is asked of it."""
    assert why_not(scope()) is None
    assert cover(scope()).chosen is None


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"starts_on": "2025-06-12"}, "it begins on 2025-06-12"),
        ({"ends_on": "2025-06-10"}, "it expired at the end of 2025-06-10"),
        ({"cancelled_at": "2025-06-11T12:00:00Z"}, "it was cancelled at Wed 2025-06-11 08:00 America/New_York"),
        ({"retired": True}, "it is retired"),
        ({"account": "other"}, "it belongs to account 'other', the case to 'acme'"),
        ({"asset": "a2"}, "it covers asset 'a2', and the asset of the case is 'a1'"),
        ({"contacts": ["bob", "cy"]}, "it covers contact 'bob', 'cy', and the contact of the case is 'ann'"),
        ({"products": ["q"]}, "it covers product 'q', and the product of the case is 'p'"),
        ({"channels": ["phone"]}, "it covers channel 'phone', and the case names no channel"),
    ],
)
def test_what_does_not_match_says_why(facts: dict[str, Any], says: str) -> None:
    """The date, the account, or what it covers and what the case has."""
    assert why_not(scope(asset="a1", contact="ann", product="p"), **facts) == says


def test_what_an_entitlement_names_must_hold_the_cases() -> None:
    """Asset, contacts, products and channels, each if given; several are alternatives."""
    full = {"asset": "a1", "contacts": ["ann", "bob"], "products": ["p", "q"], "channels": ["mail", "phone"]}
    case = {"asset": "a1", "contact": "bob", "product": "q", "channel": "mail"}
    assert why_not(scope(**case), **full) is None
    for missing in case:
        assert why_not(scope(**{key: value for key, value in case.items() if key != missing}), **full) is not None


def test_contract_and_line_item_only_rank() -> None:
    """An entitlement of another contract, or of one that the case does not name, still covers it."""
    assert why_not(scope(), service_contract="s1", contract_line_item="l1") is None
    assert why_not(scope(service_contracts=["s2"], contract_line_items=["l2"]), service_contract="s1") is None


def test_any_of_the_cases_accounts_will_do() -> None:
    """Its own, or that of its contact, asset or contract."""
    assert why_not(scope(accounts=["head-office", "acme"])) is None
    assert why_not(scope(accounts=[])) == "it belongs to account 'acme', the case to none"


def test_active_is_told_by_the_local_date() -> None:
    """In New York it is still the 10th at 03:59 UTC on the 11th."""
    early = scope(at=datetime(2025, 6, 11, 3, 59, tzinfo=UTC))
    assert why_not(early, ends_on="2025-06-10") is None
    assert why_not(early, starts_on="2025-06-11") == "it begins on 2025-06-11"


CASE = scope(
    entitlement="named",
    contact="ann",
    asset="a1",
    contract_line_items=["l1", "l0"],
    service_contracts=["s1", "s0"],
)
RANKED = [
    entitlement("named"),
    entitlement("z-contact", contacts=["ann"]),
    entitlement("y-asset", asset="a1"),
    entitlement("x-line", contract_line_item="l0"),
    entitlement("w-contract", service_contract="s0"),
    entitlement("a-account"),
]


def test_the_ranking_is_named_contact_asset_line_item_contract_account() -> None:
    """Line items and contracts by their parents too; the order of the candidates says nothing."""
    coverage = cover(CASE, *reversed(RANKED))
    assert [match.entitlement.id for match in coverage.ranked] == [e.id for e in RANKED]
    assert [match.by for match in coverage.ranked] == list(MatchedBy)
    assert coverage.chosen == RANKED[0]


def test_the_highest_of_several_reasons_counts() -> None:
    """An entitlement for a contact and an asset matches by its contact."""
    both = entitlement("both", contacts=["ann"], asset="a1", service_contract="s1")
    assert cover(CASE, both).ranked[0].by is MatchedBy.CONTACT


def test_an_overflow_is_not_hidden_by_one_that_counts_nothing() -> None:
    """What falls back to it is asked first, so that the overflow is told; what blocks, or ranks after it, is not."""
    counted = {"allowance": {"cap": 50}}
    spent = entitlement("spent", ends_on="2026-01-01", **counted)
    left = entitlement("left", ends_on="2026-02-01", **counted)
    free = entitlement("free", ends_on="2026-03-01")
    after = entitlement("after", ends_on="2026-04-01", **counted)
    blocks = entitlement("blocks", ends_on="2026-01-02", allowance={"cap": 50, "overflow": "block"})
    exhausted = ("spent", "after", "blocks")
    coverage = cover(CASE, after, blocks, free, left, spent, exhausted=exhausted)
    assert [match.entitlement.id for match in coverage.ranked] == ["left", "spent", "free", "blocks", "after"]
    alone = cover(CASE, free, spent, exhausted=exhausted)
    assert [match.entitlement.id for match in alone.ranked] == ["spent", "free"]
    assert {o.entitlement: o.why for o in alone.others} == {
        "free": "what is over the allowance of 'spent', which is used up, falls back"
    }
    by_asset = entitlement("by-asset", asset="router-1")
    better = cover(scope(asset="router-1"), by_asset, spent, exhausted=exhausted)
    assert [match.entitlement.id for match in better.ranked] == ["by-asset", "spent"]


@pytest.mark.parametrize("unit", ["hours", "visits"])
def test_a_spent_bank_comes_after_what_has_something_left(unit: str) -> None:
    """No case is taken of it, so nothing overflows that somebody would have to hear of."""
    spent = entitlement("spent", ends_on="2026-01-01", allowance={"unit": unit, "cap": 1})
    left = entitlement("left", ends_on="2026-02-01", allowance={"unit": unit, "cap": 5})
    free = entitlement("free", ends_on="2026-03-01")
    coverage = cover(CASE, spent, left, free, exhausted=("spent",))
    assert [match.entitlement.id for match in coverage.ranked] == ["left", "free", "spent"]
    assert [match.entitlement.id for match in cover(CASE, spent, free, exhausted=("spent",)).ranked] == [
        "free",
        "spent",
    ]


def test_a_better_reason_beats_what_has_allowance_left() -> None:
    """Allowance counts among equals only."""
    coverage = cover(CASE, *RANKED, exhausted=("named",))
    assert coverage.chosen == RANKED[0]
    assert not coverage.ranked[0].left


def test_among_equals_allowance_then_expiry_then_id() -> None:
    """With allowance left; then the soonest to expire, those that never do last; then by id."""
    later = entitlement("a", ends_on="2025-12-31")
    sooner = entitlement("d", ends_on="2025-06-30")
    same = entitlement("e", ends_on="2025-06-30")
    never = entitlement("b")
    used_up = entitlement("0", ends_on="2025-06-12")
    coverage = cover(scope(), never, later, same, sooner, used_up, exhausted=("0",))
    assert [match.entitlement.id for match in coverage.ranked] == ["d", "e", "a", "b", "0"]
    assert [(other.entitlement, other.why) for other in coverage.others] == [
        ("e", "'d' is as good and comes first by id"),
        ("a", "'d' expires sooner, on 2025-06-30; this on 2025-12-31"),
        ("b", "'d' expires sooner, on 2025-06-30; this never"),
        ("0", "its allowance is used up, that of 'd' is not"),
    ]


@pytest.mark.parametrize(("first", "second"), [(None, "9999-12-31"), ("9999-12-31", None), ("9999-12-31",) * 2])
def test_the_last_date_there_is_is_no_end(first: str | None, second: str | None) -> None:
    """So one that has it is as good as one that never ends, and expires after one that does."""
    never, ages = entitlement("a", ends_on=first), entitlement("b", ends_on=second)
    ends = entitlement("c", ends_on="9999-12-30")
    assert [other.why for other in cover(scope(), ages, never).others] == ["'a' is as good and comes first by id"]
    assert [(other.entitlement, other.why) for other in cover(scope(), ages, never, ends).others] == [
        ("a", "'c' expires sooner, on 9999-12-30; this never"),
        ("b", "'c' expires sooner, on 9999-12-30; this never"),
    ]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "America/New_York"])
@pytest.mark.parametrize("ends_on", [None, "2025-06-30", "9999-12-31"])
@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "3000-01-01T00:00:00Z"])
def test_a_cancellation_past_all_years_is_none(at: str, ends_on: str | None, zone: str) -> None:
    """It may be stored from before such instants were refused, and stops no case."""
    stored, plain = (entitlement("a", ends_on=ends_on, cancelled_at=one) for one in (at, None))
    other = entitlement("b", ends_on="2025-12-31")
    ranked, expected = (cover(scope(), one, other, zone=zone) for one in (stored, plain))
    assert ranked.others == expected.others
    assert [match.ends_at for match in ranked.ranked] == [match.ends_at for match in expected.ranked]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "America/New_York"])
def test_what_was_cancelled_before_all_years_matches_nothing(zone: str) -> None:
    coverage = cover(scope(), entitlement("a", cancelled_at="0001-01-01T00:00:00+14:00"), zone=zone)
    assert coverage.unmatched[0].why.startswith("it was cancelled at")


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "UTC", "America/New_York"])
def test_what_is_cancelled_within_a_day_expires_before_its_end(zone: str) -> None:
    """The soonest to expire is so by the instant, and not by the date."""
    ends = entitlement("a", ends_on="2025-06-30")
    cancelled = entitlement("b", ends_on="2025-12-31", cancelled_at="2025-06-30T11:00:00Z")
    coverage = cover(scope(), ends, cancelled, zone=zone)
    assert [match.entitlement.id for match in coverage.ranked] == ["b", "a"]
    assert [other.why.split(" at ")[0] for other in coverage.others] == ["'b' expires sooner,"]


def test_every_other_candidate_says_why_it_was_not_chosen() -> None:
    """Those that rank lower, then those that do not match, by id."""
    coverage = cover(CASE, *RANKED[:2], entitlement("q", account="other"), entitlement("b", asset="a9"))
    assert [(other.entitlement, other.why) for other in coverage.others] == [
        ("z-contact", "it matches by its contact, 'named' by its name"),
        ("b", "it covers asset 'a9', and the asset of the case is 'a1'"),
        ("q", "it belongs to account 'other', the case to 'acme'"),
    ]
    assert cover(scope(), entitlement("q", account="other")).others[0].entitlement == "q"


def test_an_entitlement_fills_in_what_the_intake_leaves_open() -> None:
    """What the intake says stays."""
    source = entitlement("e", asset="a1", service_contract="s1", contract_line_item="l1")
    filled = CoverageQuestion(at=AT, entitlement="e", asset="a2").filled_from(source)
    assert (filled.account, filled.asset, filled.service_contract, filled.contract_line_item) == (
        "acme",
        "a2",
        "s1",
        "l1",
    )
