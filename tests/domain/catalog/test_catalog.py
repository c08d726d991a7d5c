"""A catalog is checked whole: every problem, with its path and what would be right."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ruamel.yaml import YAML

from domain.catalog.checks import check_catalog
from domain.catalog.declarations import Account, Catalog, Entitlement, Organisation
from domain.catalog.documents import read_document
from domain.catalog.kinds import Kind
from domain.catalog.problems import CatalogProblems
from domain.catalog.references import KnownCatalog
from domain.catalog.status import EntitlementStatus, status, zone_of
from domain.criteria.fields import ACCOUNT_FIELDS, ENTITLEMENT_FIELDS, FieldType
from domain.usage.allowance import Allowance, Threshold
from domain.usage.term_length import TermLength

DOCUMENT: dict[str, Any] = {
    "organisation": {"name": "Us", "time_zone": "America/New_York", "business_hours": "Office", "process": "Gold"},
    "fields": {"priority": "string", "due_at": "datetime", "count": "integer"},
    "business_hours": [
        {"name": "Office", "time_zone": "Europe/London", "week": {"mon": ["09:00-17:00"]}},
        {"name": "Night", "week": "always"},
    ],
    "subscriptions": [{"id": "broken", "endpoint": "desk", "types": ["case.action.*"], "accounts": ["acme"]}],
    "reports": [
        {"id": "monthly", "kind": "compliance", "when": {"every": "month", "on": 1}, "to": ["sla@example.org"]}
    ],
    "intake": [
        {
            "id": "tracker",
            "signature": {"scheme": "frappe", "secrets": [{"env": "TRACKER_SECRET"}]},
            "case": "string(payload.id)",
            "fields": {"priority": "payload.priority"},
            "complete": {"First response": "payload.answered"},
        }
    ],
    "endpoints": [{"id": "desk", "url": "https://desk.example.com/hooks", "secrets": [{"env": "DESK_SECRET"}]}],
    "people": [{"id": "ann", "mail": "ann@example.com", "team": "Desk"}],
    "templates": [{"id": "due", "subject": "{{ case.id }}"}],
    "processes": [
        {
            "name": "Gold",
            "business_hours": "Office",
            "exit_when": 'case.priority == "None"',
            "milestones": [
                {
                    "name": "First response",
                    "within": [
                        {"when": 'case.priority == "High"', "span": "1h", "business_hours": "24x7"},
                        {"span": "4h"},
                    ],
                    "triggers": [
                        {
                            "kind": "violation",
                            "actions": [
                                {"do": "email", "to": "a@example.com", "subject": "x"},
                                {"do": "field_update", "field": "priority", "value": "High"},
                            ],
                        }
                    ],
                },
                {"name": "Deadline", "by": "due_at", "complete_when": "case.count > 2"},
            ],
        }
    ],
    "entitlement_templates": [{"id": "t", "term": "12 months", "process": "Gold", "allowance": {"cap": 5}}],
    "products": [{"id": "p", "entitlement_templates": ["t"]}],
    "accounts": [{"id": "acme"}, {"id": "other"}],
    "contacts": [{"id": "ann", "account": "acme"}],
    "assets": [{"id": "a1", "account": "acme", "product": "p"}, {"id": "b1", "account": "other"}],
    "service_contracts": [{"id": "s0", "account": "acme"}, {"id": "s1", "account": "acme", "parent": "s0"}],
    "contract_line_items": [
        {"id": "l0", "service_contract": "s0"},
        {"id": "l1", "service_contract": "s1", "parent": "l0", "product": "p", "asset": "a1"},
    ],
    "entitlements": [
        {
            "id": "e",
            "account": "acme",
            "asset": "a1",
            "service_contract": "s1",
            "contract_line_item": "l1",
            "contacts": ["ann"],
            "products": ["p"],
            "channels": ["mail"],
            "process": "Gold",
            "business_hours": "Night",
            "starts_on": "2025-01-01",
            "ends_on": "2025-12-31",
            "allowance": {"cap": 50, "period": "month", "thresholds": [{"at": 40}, {"at": "80%"}]},
        }
    ],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The document with one value set, or with `...` taken out."""
    document = copy.deepcopy(DOCUMENT)
    here: Any = document
    *before, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    for part in before:
        here = here[part]
    if value is ...:
        del here[last]
    else:
        here[last] = value
    return document


def problems(document: dict[str, Any]) -> list[str]:
    try:
        read_document(document)
    except CatalogProblems as found:
        return [str(problem) for problem in found.problems]
    return []


def test_a_whole_catalog_is_read() -> None:
    """Every kind of declaration; what is read means what was written."""
    catalog = read_document(DOCUMENT)
    assert [len(catalog.of(kind)) for kind in Kind] == [2, 1, 1, 1, 1, 1, 1, 2, 1, 2, 2, 2, 1, 1, 1, 1]
    assert catalog.fields["due_at"] is FieldType.DATETIME
    entitlement = catalog.entitlements[0]
    assert entitlement.starts_on == date(2025, 1, 1)
    assert Catalog.model_validate(catalog.model_dump(mode="json")) == catalog
    assert check_catalog(catalog) == []


def wrong_values() -> list[Any]:
    listed = YAML(typ="safe", pure=True).load((Path(__file__).parent / "catalog_problems.yaml").read_text("utf-8"))
    return [pytest.param(wrong, id=f"{wrong['at']}={wrong.get('value', 'removed')}") for wrong in listed]


@pytest.mark.parametrize("wrong", wrong_values())
def test_a_problem_is_named_with_its_path_and_what_would_be_right(wrong: dict[str, Any]) -> None:
    """One wrong value: one problem, at its place, and none that only follows from it."""
    found = problems(changed(wrong["at"], ... if wrong.get("remove") else wrong["value"]))
    assert any(problem.startswith(wrong["says"]) for problem in found), found
    assert len(found) == wrong.get("problems", 1), found


def test_all_problems_are_found_at_once() -> None:
    """A declaration that cannot be read hides neither those of others nor criteria of its own."""
    document = changed("processes/0/milestones/0/within/1/span", "4d")
    document["processes"][0]["milestones"][1]["complete_when"] = "case.nothing"
    document["accounts"][0]["tipe"] = "x"
    document["contacts"][0]["account"] = "nobody"
    found = problems(document)
    assert [problem.split(":")[0] for problem in found] == [
        "processes[0].milestones[0].within[1].span",
        "accounts[0].tipe",
        "contacts[0].account",
        "processes[0].milestones[1].complete_when",
    ]


def test_the_eleventh_trigger_is_refused_with_name_and_count() -> None:
    """Ten over warning, violation and success together."""
    triggers = [{"kind": "violation", "at": f"{n}m"} for n in range(1, 12)]
    found = problems(changed("processes/0/milestones/0/triggers", triggers))
    assert len(found) == 1
    assert found[0].startswith("processes[0].milestones[0]: milestone 'First response' has 11 triggers; at most 10")


def test_what_is_known_already_may_be_referred_to() -> None:
    """A catalog may be an addition to what is stored; its fields count for criteria too."""
    known = KnownCatalog(read_document(DOCUMENT))
    process = {"name": "New", "milestones": [{"name": "A", "within": "1h", "when": 'case.priority == "x"'}]}
    added = read_document({"contacts": [{"id": "bob", "account": "acme"}], "processes": [process]}, known)
    assert check_catalog(added, known) == []
    assert [problem.path for problem in check_catalog(added)] == [
        ("processes", 0, "milestones", 0, "when"),
        ("contacts", 0, "account"),
    ]


def test_a_changed_field_must_not_break_a_stored_process() -> None:
    """Its criteria were checked against the field as it was."""
    known = KnownCatalog(read_document(DOCUMENT))
    with pytest.raises(CatalogProblems, match="fields: the process 'Gold', which is stored, no longer fits: exit_when"):
        read_document({"fields": {"priority": "integer"}}, known)
    assert read_document({"fields": {"extra": "integer", "priority": "string"}}, known).fields


def test_retired_declarations_may_name_what_is_retired() -> None:
    """Whoever retires an account retires what belongs to it."""
    document = changed("accounts/1/retired", value=True)
    document["assets"][1]["retired"] = True
    assert problems(document) == []


def test_the_error_lists_every_problem() -> None:
    """Its text is what a person reads."""
    document = changed("contacts/0/account", "x")
    document["assets"][1]["account"] = "y"
    with pytest.raises(CatalogProblems) as error:
        read_document(document)
    lines = str(error.value).splitlines()
    assert lines[0] == "2 problems in the catalog; nothing was stored"
    assert len(lines) == 3


NEW_YORK = ZoneInfo("America/New_York")


def entitlement(**also: Any) -> Entitlement:
    return Entitlement.model_validate({"id": "e", "account": "acme", **also})


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2025-06-01T03:59:59Z", EntitlementStatus.INACTIVE),
        ("2025-06-01T04:00:00Z", EntitlementStatus.ACTIVE),
        ("2025-07-01T03:59:59Z", EntitlementStatus.ACTIVE),
        ("2025-07-01T04:00:00Z", EntitlementStatus.EXPIRED),
    ],
)
def test_status_follows_the_local_dates_both_included(at: str, expected: EntitlementStatus) -> None:
    """Active from the first instant of the first day to the last of the last, in the account's zone."""
    term = entitlement(starts_on="2025-06-01", ends_on="2025-06-30")
    assert status(term, datetime.fromisoformat(at), NEW_YORK) is expected


def test_an_entitlement_without_dates_is_always_active() -> None:
    """No end: it does not expire."""
    assert status(entitlement(), datetime(1900, 1, 1, tzinfo=UTC), NEW_YORK) is EntitlementStatus.ACTIVE
    assert status(entitlement(), datetime(2900, 1, 1, tzinfo=UTC), NEW_YORK) is EntitlementStatus.ACTIVE


def test_cancelling_counts_from_its_instant_whatever_the_dates() -> None:
    """Not a second earlier, and also after the end."""
    ended = entitlement(cancelled_at="2025-06-10T12:00:00Z", ends_on="2025-06-30")
    assert status(ended, datetime(2025, 6, 10, 11, 59, 59, tzinfo=UTC), NEW_YORK) is EntitlementStatus.ACTIVE
    assert status(ended, datetime(2025, 6, 10, 12, 0, tzinfo=UTC), NEW_YORK) is EntitlementStatus.CANCELLED
    assert status(ended, datetime(2025, 8, 10, tzinfo=UTC), NEW_YORK) is EntitlementStatus.CANCELLED


def test_an_account_without_a_zone_has_the_organisations() -> None:
    """Its own comes first."""
    here = Organisation(time_zone="America/New_York")
    assert zone_of(Account(id="a"), here).key == "America/New_York"
    assert zone_of(Account(id="a", time_zone="Asia/Tokyo"), here).key == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("term", "first", "last"),
    [
        ("90 days", date(2025, 1, 1), date(2025, 3, 31)),
        ("1 day", date(2025, 1, 1), date(2025, 1, 1)),
        ("12 months", date(2025, 3, 1), date(2026, 2, 28)),
        ("1 year", date(2024, 2, 29), date(2025, 2, 27)),
        ("6 months", date(2026, 8, 31), date(2027, 2, 27)),
        ("1 month", date(2025, 1, 31), date(2025, 2, 27)),
        ("1 month", date(2025, 2, 28), date(2025, 3, 27)),
        ("11 months", date(2025, 2, 15), date(2026, 1, 14)),
    ],
)
def test_a_term_ends_the_day_before_it_would_begin_again(term: str, first: date, last: date) -> None:
    """The next would begin on the same day of the month, or on the last of a month that has no such day."""
    parsed = TermLength.parse(term)
    assert parsed.last_day(first) == last
    assert str(parsed) == term


def test_criteria_see_exactly_the_declared_fields_of_entitlement_and_account() -> None:
    """Names and JSON kinds as `domain.criteria.fields` declares them."""
    shown = entitlement(starts_on="2025-06-01", allowance=Allowance(cap=5)).for_criteria()
    assert shown.keys() == ENTITLEMENT_FIELDS.keys()
    assert (shown["starts_on"], shown["unit"], shown["cap"], shown["period"]) == ("2025-06-01", "cases", 5, "term")
    assert entitlement().for_criteria()["cap"] is None
    assert Account(id="a").for_criteria(Organisation()).keys() == ACCOUNT_FIELDS.keys()


@pytest.mark.parametrize("at", ["0", "0%", "x", "8.51", "-1", "80 %", True, None])
def test_a_threshold_is_an_amount_or_a_percentage(at: Any) -> None:
    """More than nothing."""
    with pytest.raises(ValueError, match="at"):
        Threshold.model_validate({"at": at})


def test_a_threshold_is_passed_at_its_share_of_the_cap() -> None:
    """8 of 10, and 80% of it."""
    assert Threshold(at="8").of(10) == Threshold(at="80%").of(10) == 8
    assert Threshold(at="12.5%").of(50) == 6.25
    assert [Threshold(at=at).id for at in ("8", "80%")] == ["8", "80-percent"]


def test_two_thresholds_have_two_ids() -> None:
    """Their ids are part of the keys of their effects."""
    with pytest.raises(ValueError, match="two thresholds have the id '8'"):
        Allowance(cap=10, thresholds=[Threshold(at="8"), Threshold(at="8")])
