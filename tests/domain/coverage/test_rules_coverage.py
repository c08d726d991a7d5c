"""Rules of coverage that no other test pins down."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from domain.catalog.declarations import Entitlement
from domain.coverage.matching import Candidate, CoverageQuestion, CoverageScope, choose, fields_filled_from
from domain.criteria.fields import FieldType

AT = datetime(2025, 6, 11, 12, tzinfo=UTC)


def candidate(name: str, *, account_retired: bool = False, **also: Any) -> Candidate:
    entitlement = Entitlement.model_validate({"id": name, "account": "acme", **also})
    return Candidate(entitlement=entitlement, time_zone="UTC", account_retired=account_retired)


def ranked(scope: CoverageScope, *candidates: Candidate) -> list[str]:
    return [match.entitlement.id for match in choose(scope, candidates).ranked]


def test_with_its_account_everything_of_it_has_ended() -> None:
    """Of a retired account nothing matches, whatever its entitlements say themselves."""
    coverage = choose(CoverageScope(at=AT, accounts=["acme"]), [candidate("gold", account_retired=True)])
    assert (coverage.chosen, [other.why for other in coverage.unmatched]) == (None, ["its account 'acme' is retired"])


def test_an_entitlement_fills_in_its_asset() -> None:
    """A case opened from it is about that asset, unless the intake names another."""
    gold = candidate("gold", asset="router").entitlement
    asked = CoverageQuestion(entitlement="gold", at=AT)
    assert asked.filled_from(gold).asset == "router"
    assert asked.model_copy(update={"asset": "switch"}).filled_from(gold).asset == "switch"


def test_an_entitlement_fills_in_its_type() -> None:
    """Into the field of that name, where the organisation has one and the intake leaves it open."""
    phone, untyped = candidate("phone", type="Phone").entitlement, candidate("mail").entitlement
    declared = {"type": FieldType.STRING, "priority": FieldType.STRING}
    given = {"priority": "High"}
    assert fields_filled_from(phone, given, declared, {}) == {"priority": "High", "type": "Phone"}
    assert fields_filled_from(phone, {"type": "Mail"}, declared, {}) == {"type": "Mail"}
    assert fields_filled_from(phone, {"type": None}, declared, {}) == {"type": None}, "left open on purpose"
    assert fields_filled_from(untyped, given, declared, {}) == given
    assert fields_filled_from(phone, given, declared, {"type": ["Mail"]}) == given, "none of its values"
    assert fields_filled_from(phone, given, {"priority": FieldType.STRING}, {}) == given
    assert fields_filled_from(phone, given, {"type": FieldType.INTEGER}, {}) == given


def test_a_contract_or_line_item_above_that_of_the_case_ranks_like_it() -> None:
    """Parents are included; one of a contract that the case does not name still covers it, by its account."""
    scope = CoverageScope(
        at=AT, accounts=["acme"], contract_line_items=["line", "bundle"], service_contracts=["site", "group"]
    )
    found = ranked(
        scope,
        candidate("a-of-account", service_contract="other", contract_line_item="other"),
        candidate("b-of-group", service_contract="group"),
        candidate("c-of-bundle", service_contract="site", contract_line_item="bundle"),
    )
    assert found == ["c-of-bundle", "b-of-group", "a-of-account"]


def test_what_a_case_names_ranks_first_only_if_it_matches() -> None:
    """One that is named and does not match is not chosen, and says why."""
    scope = CoverageScope(at=AT, accounts=["acme"], entitlement="named", channel="mail")
    phone_only = candidate("named", channels=["phone"])
    coverage = choose(scope, [phone_only, candidate("other")])
    assert coverage.chosen is not None
    assert coverage.chosen.id == "other"
    assert ["phone" in other.why for other in coverage.others] == [True]
