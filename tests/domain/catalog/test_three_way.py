"""A file is compared with what it said before and with what stands, key by key."""

from __future__ import annotations

from typing import Any

import pytest

from domain.catalog.declarations import Entitlement, Organisation
from domain.catalog.three_way import Merging, Said, lines_to_add

START = {"id": "gold", "account": "acme", "starts_on": "2026-01-01"}
ALLOWANCE = {"unit": "visits", "cap": 4, "thresholds": [{"at": "2"}]}


def said(**keys: Any) -> Said:
    whole = Entitlement.model_validate(START | keys)
    return Said(whole.model_dump(mode="json"), whole.model_dump(mode="json", exclude_unset=True))


def stands(**keys: Any) -> dict[str, Any]:
    return Entitlement.model_validate(START | keys).model_dump(mode="json")


@pytest.mark.parametrize(
    ("before", "amended", "now", "result", "why"),
    [
        ({"ends_on": "2026-12-31"}, {"ends_on": "2027-06-30"}, {"ends_on": "2026-12-31"}, "2027-06-30", "amended"),
        ({"ends_on": "2026-12-31"}, {"ends_on": "2026-12-31"}, {"ends_on": "2027-12-31"}, "2027-12-31", None),
        ({"ends_on": "2026-12-31"}, {"ends_on": "2027-06-30"}, {"ends_on": "2027-12-31"}, "2027-12-31", "conflict"),
        ({"ends_on": "2026-12-31"}, {"ends_on": "2027-06-30"}, {"ends_on": "2027-06-30"}, "2027-06-30", None),
        ({"ends_on": "2026-12-31"}, {"ends_on": "2026-12-31"}, {}, None, "left_out"),
        ({"ends_on": "2026-12-31"}, {"ends_on": "2027-06-30"}, {}, None, "conflict"),
        ({}, {"ends_on": "2027-06-30"}, {}, "2027-06-30", "amended"),
        (None, {"ends_on": "2027-06-30"}, {}, "2027-06-30", None),
        (None, {"ends_on": "2027-06-30"}, {"ends_on": "2027-12-31"}, "2027-12-31", None),
    ],
)
def test_a_key_is_merged_by_what_the_file_said_before(
    before: dict[str, Any] | None, amended: dict[str, Any], now: dict[str, Any], result: str | None, why: str | None
) -> None:
    """What was amended stays, what the file changed is changed; of what no file declared only its own keys count."""
    merging = Merging("entitlements", "gold")
    merged = merging.merge(said(**now), None if before is None else said(**before), stands(**amended))
    assert merged["ends_on"] == result
    assert [one.why for one in merging.against] == ([why] if why else [])


def test_the_keys_of_an_allowance_are_merged_one_by_one() -> None:
    """A list is one value."""
    merging = Merging("entitlements", "gold")
    file = said(allowance=ALLOWANCE | {"overflow": "block", "thresholds": [{"at": "2"}, {"at": "3"}]})
    merged = merging.merge(file, said(allowance=ALLOWANCE), stands(allowance=ALLOWANCE | {"cap": 6}))
    assert (merged["allowance"]["cap"], merged["allowance"]["overflow"]) == (6, "block")
    assert [one["at"] for one in merged["allowance"]["thresholds"]] == ["2", "3"]
    assert [(one.why, one.key) for one in merging.against] == [("amended", "allowance.cap")]
    assert lines_to_add(merging.against) == {"entitlements": [{"id": "gold", "allowance": {"cap": 6}}]}


def test_a_partial_declaration_of_what_an_order_made_takes_nothing_away() -> None:
    merging = Merging("entitlements", "gold")
    made = stands(ends_on="2026-12-31", allowance=ALLOWANCE, process="Gold")
    merged = merging.merge(said(allowance={"cap": 8}), None, made)
    assert (merged["ends_on"], merged["process"]) == ("2026-12-31", "Gold")
    assert (merged["allowance"]["cap"], merged["allowance"]["unit"]) == (8, "visits")


def test_keys_that_an_organisation_leaves_out_are_told() -> None:
    def of(**keys: Any) -> Said:
        whole = Organisation.model_validate(keys)
        return Said(whole.model_dump(mode="json"), whole.model_dump(mode="json", exclude_unset=True))

    before = of(name="Acme", time_zone="Europe/Berlin", business_hours="Office")
    merging = Merging("organisation", "organisation")
    merged = merging.merge(of(name="Acme"), before, dict(before.whole))
    assert merged == {"name": "Acme", "time_zone": "UTC", "business_hours": "24x7", "process": None}
    assert [(one.why, one.key) for one in merging.against] == [
        ("left_out", "time_zone"),
        ("left_out", "business_hours"),
    ]
