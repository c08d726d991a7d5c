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


HOURS = {"unit": "hours", "cap": 20, "period": "month", "aligned": "calendar"}
OUTSIDE = [{"when": "entry.outside_hours", "rate": 1.5}]


@pytest.mark.parametrize(
    ("key", "before", "stands_now", "now", "result", "why"),
    [
        ("cap", 7.5, "7h30m", "7.5", "7h30m", None),  # however it is written
        ("cap", 20, 7.5, 20, "7h30m", "amended"),
        ("cap", 20, 7.5, 8, 8, "conflict"),
        ("grace", None, None, "5m", "5m", None),
        ("minimum", "30m", "30m", None, None, "left_out"),
        ("rates", None, None, OUTSIDE, [{"when": "entry.outside_hours", "rate": "1.5"}], None),
        ("rates", OUTSIDE, OUTSIDE, None, [], "left_out"),
        ("first_period", None, None, "prorated", "prorated", None),
    ],
)
def test_what_hours_count_is_merged_like_any_key(
    key: str, before: Any, stands_now: Any, now: Any, *, result: Any, why: str | None
) -> None:
    """A file that was applied before there were such keys said nothing of them."""

    def allowance(value: Any) -> dict[str, Any]:
        return HOURS | ({} if value is None else {key: value})

    merging, base = Merging("entitlements", "bank"), said(allowance=allowance(before))
    merged = merging.merge(said(allowance=allowance(now)), base, stands(allowance=allowance(stands_now)))
    assert merged["allowance"][key] == result
    assert [one.why for one in merging.against] == ([why] if why else [])


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
