"""A hint to a wrong name or key is right, or it is left out: it is never itself refused where it was given."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from holidays.registry import COUNTRIES

from domain.catalog.declarations import MODELS, Catalog
from domain.catalog.documents import read_document
from domain.catalog.kinds import Kind
from domain.catalog.problems import CatalogProblems, path_text
from domain.catalog.references import NOTHING, Known, KnownCatalog
from domain.public_holidays import check_code

LOOKS_LIKE_A_CODE = {"BAH", "GUA", "MOR", "SZW", "VTU", "XKK"}
MILESTONE = {"name": "M", "within": "4h"}
MAIL = {"do": "email", "to": "ann", "subject": "s", "body": "b"}
DOCUMENT: dict[str, Any] = {
    "people": [{"id": "ann", "mail": "ann@example.com"}, {"id": "anna", "mail": "a@example.com", "retired": True}],
    "processes": [
        {"name": "Gold", "milestones": [{**MILESTONE, "triggers": [{"kind": "success", "actions": [MAIL]}]}]},
        {"name": "Goldie", "milestones": [MILESTONE], "retired": True},
    ],
    "accounts": [{"id": "acme"}, {"id": "other"}],
    "assets": [{"id": "pump-1", "account": "other"}, {"id": "pump-23", "account": "acme"}],
    "endpoints": [{"id": "desk", "url": "https://desk.example.com/hooks", "secrets": [{"env": "SECRET"}]}],
    "service_contracts": [{"id": "deal", "account": "acme"}, {"id": "deals", "account": "other"}],
    "contract_line_items": [{"id": "line-1", "service_contract": "deals"}],
    "entitlements": [{"id": "gold", "account": "acme", "starts_on": "2025-01-01"}, {"id": "golds", "account": "other"}],
}


def problems(document: dict[str, Any], known: Known = NOTHING) -> dict[str, str]:
    """What is wrong with a document, by where it is."""
    try:
        read_document(copy.deepcopy(document), known)
    except CatalogProblems as error:
        return {path_text(problem.path): problem.message for problem in error.problems}
    return {}


def hinted(message: str) -> str | None:
    """The name that a message says was meant."""
    found = re.search("did you mean '(.*)'", message)
    return found[1] if found else None


def entitlement(**also: Any) -> dict[str, Any]:
    return {"entitlements": [{"id": "e", "account": "acme", **also}]}


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (entitlement(process="Goldi"), "Gold"),
        (entitlement(asset="pump-2"), "pump-23"),
        (entitlement(asset="pump-1x"), "pump-23"),
        (entitlement(service_contract="dealss"), "deal"),
        (entitlement(contract_line_item="line-2"), None),
        (entitlement(renews="goldss"), "gold"),
        ({"service_contracts": [{"id": "new", "account": "acme", "parent": "neww"}]}, None),
        ({"contract_line_items": [{"id": "new", "service_contract": "deal", "parent": "neww"}]}, None),
        ({"reports": [{"id": "r", "kind": "compliance", "when": {"every": "day"}, "to": ["annn"]}]}, "ann"),
        ({"subscriptions": [{"id": "s", "endpoint": "desks", "types": ["case.*"]}]}, "desk"),
    ],
)
def test_a_name_that_is_hinted_is_taken(wrong: dict[str, Any], right: str | None) -> None:
    """It is not retired, of no other account, and not its own parent; declared in the catalog or stored."""
    [kind] = wrong
    together = {**DOCUMENT, kind: [*wrong[kind], *DOCUMENT.get(kind, [])]}
    [declared], [stored] = problems(together).values(), problems(wrong, KnownCatalog(read_document(DOCUMENT))).values()
    assert hinted(declared) == hinted(stored) == right


def test_what_a_catalog_retires_is_no_hint() -> None:
    """Though it is stored as one that is not."""
    known = KnownCatalog(read_document(DOCUMENT))
    wrong = {**entitlement(process="Gol"), "processes": [{**DOCUMENT["processes"][0], "retired": True}]}
    assert hinted(problems(wrong, known)["entitlements[0].process"]) is None


def test_a_role_that_is_hinted_can_be_read() -> None:
    """Which needs a field of the case that says who has it."""
    mail = {**MAIL, "to": "ownerr"}
    process = {"name": "P", "milestones": [{**MILESTONE, "triggers": [{"kind": "success", "actions": [mail]}]}]}
    [without] = problems({"processes": [process]}).values()
    [with_field] = problems({"processes": [process], "fields": {"owner": "string"}}).values()
    assert (hinted(without), hinted(with_field)) == (None, "owner")


@pytest.mark.parametrize("kind", list(Kind))
def test_every_key_that_is_hinted_is_known(kind: Kind) -> None:
    """Also where a document may not give one that its model has: versions of processes are counted."""
    for key in {*MODELS[kind].model_fields} - {"version"}:
        wrong = problems({kind.value: [{f"{key}x": None}]})[f"{kind.value}[0].{key}x"]
        assert hinted(wrong) == key
    assert "version" not in (problems({kind.value: [{"verison": 2}]})[f"{kind.value}[0].verison"])


def hours(country: str, **also: Any) -> dict[str, Any]:
    week = {"mon": ["09:00-17:00"]}
    office = {"name": "Office", "time_zone": "UTC", "week": week, "holidays": {"country": country}, **also}
    return {"business_hours": [office]}


@pytest.mark.parametrize(
    ("country", "code"),
    [("UK", "GB"), ("SZW", "SZ"), ("MOR", "MA"), ("VTU", "VU"), ("GUA", "GT"), ("BAH", "BH"), ("XKK", "XK")],
)
def test_a_country_that_is_named_by_no_code_is_told_its_code(country: str, code: str) -> None:
    """ISO 3166 has none of these, though the package knows them."""
    said = f"unknown country {country!r}; write {code}, its code of ISO 3166"
    assert problems(hours(country)) == {"business_hours[0].holidays.country": said}
    assert problems(hours(country.lower())) == {"business_hours[0].holidays": said.replace(country, country.lower())}
    assert problems(hours(code)) == {}


def test_codes_of_two_and_of_three_letters_are_taken() -> None:
    """All countries that the package has, and no further name of one."""
    for _, two, three, *others in COUNTRIES.values():
        check_code(two)
        for other in (three, *others):
            if other in LOOKS_LIKE_A_CODE or len(other) != len(three):
                with pytest.raises(ValueError, match=f"write {two}|expected a code"):
                    check_code(other)
            else:
                check_code(other)


def test_hours_that_are_stored_with_another_name_of_a_country_stay() -> None:
    """They are read, and may be applied again and retired; changed they have its code."""
    before = KnownCatalog(Catalog.model_validate(hours("UK")))
    assert problems(hours("UK"), before) == {}
    assert problems(hours("UK", retired=True), before) == {}
    assert "write GB" in problems(hours("UK", week="always"), before)["business_hours[0].holidays.country"]
