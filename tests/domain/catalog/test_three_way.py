"""A file is compared with what it said before and with what stands, key by key."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from domain.catalog.declarations import Entitlement, Organisation
from domain.catalog.endpoints import Endpoint
from domain.catalog.intake import IntakeSource
from domain.catalog.reports import ScheduledReport
from domain.catalog.three_way import Merging, Said, lines_to_add, said_by

START = {"id": "gold", "account": "acme", "starts_on": "2026-01-01"}
ALLOWANCE = {"unit": "visits", "cap": 4, "thresholds": [{"at": "2"}]}


def said(**keys: Any) -> Said:
    return said_by(Entitlement.model_validate(START | keys))


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
        ("decide", None, None, "agent", "agent", None),
        ("decide", None, "agent", None, "agent", "amended"),
        ("decide", "agent", "agent", "manager", None, None),
        ("decide", "agent", "agent", None, None, "left_out"),
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
    assert merged["allowance"].get(key) == result
    assert [one.why for one in merging.against] == ([why] if why else [])


def test_an_allowance_that_was_none_before_is_one_value() -> None:
    """A file that gives one for the first time, where another was given by hand, is asked about it as a whole."""
    merging = Merging("entitlements", "gold")
    merged = merging.merge(said(allowance={"cap": 8}), said(), stands(allowance=ALLOWANCE))
    assert (merged["allowance"]["cap"], merged["allowance"]["unit"]) == (8, "cases")
    assert [(one.why, one.key) for one in merging.against] == [("conflict", "allowance")]


def test_a_partial_declaration_of_what_an_order_made_takes_nothing_away() -> None:
    merging = Merging("entitlements", "gold")
    made = stands(ends_on="2026-12-31", allowance=ALLOWANCE, process="Gold")
    merged = merging.merge(said(allowance={"cap": 8}), None, made)
    assert (merged["ends_on"], merged["process"]) == ("2026-12-31", "Gold")
    assert (merged["allowance"]["cap"], merged["allowance"]["unit"]) == (8, "visits")


def of(model: type[BaseModel], **keys: Any) -> Said:
    return said_by(model.model_validate(keys))


def test_keys_that_an_organisation_leaves_out_are_told() -> None:
    before = of(Organisation, name="Acme", time_zone="Europe/Berlin", business_hours="Office")
    merging = Merging("organisation", "organisation")
    merged = merging.merge(of(Organisation, name="Acme"), before, dict(before.whole))
    assert merged == {"name": "Acme", "time_zone": "UTC", "business_hours": "24x7", "process": None}
    assert [(one.why, one.key) for one in merging.against] == [
        ("left_out", "time_zone"),
        ("left_out", "business_hours"),
    ]


ROLES = {"owner": "assigned_to", "team": "assignment_group"}
QUIET = {"hours": "Office", "mails_per_case": 5}
WEEKLY = {"id": "weekly", "kind": "compliance", "to": ["ann@example.org"], "when": {"every": "week", "on": "mon"}}
HOOK = {"id": "hook", "kind": "rest", "url": "https://example.org/"}
DESK = {"id": "desk", "case": "payload.id", "signature": {"scheme": "hub-sha256", "secrets": [{"env": "DESK"}]}}


@pytest.mark.parametrize(
    ("model", "always", "key", "had", "has", "left_out"),
    [
        (Organisation, {}, "quiet", QUIET, None, "quiet"),
        (Organisation, {}, "customer_page", {"months": 6}, None, "customer_page"),
        (Organisation, {}, "customer_page", {"fields": ["a"], "months": 6}, {"months": 6}, "customer_page.fields"),
        (Organisation, {}, "roles", ROLES, None, "roles"),
        (Organisation, {}, "roles", ROLES, {"owner": "assigned_to"}, "roles.team"),
        (ScheduledReport, WEEKLY, "by", ["milestone"], None, "by"),
        (ScheduledReport, WEEKLY, "where", {"a": 1, "b": 2}, {"a": 1}, "where.b"),
        (Endpoint, HOOK, "told", ["ann@example.org"], None, "told"),
        (Endpoint, HOOK, "headers", {"X-A": "a"}, None, "headers"),
        (Endpoint, HOOK, "headers", {"X-A": "a", "X-B": "b"}, {"X-A": "a"}, "headers.X-B"),
        (IntakeSource, DESK, "fields", {"a": "1", "b": "2"}, {"a": "1"}, "fields.b"),
    ],
)
def test_what_is_not_written_at_its_default_is_left_out_like_any_key(
    model: type[BaseModel], always: dict[str, Any], key: str, had: Any, *, has: Any, left_out: str
) -> None:
    """So are the keys of a mapping that has any. What no file declared before stays where a file says nothing of it."""
    before, now = of(model, **always, **{key: had}), of(model, **always, **({} if has is None else {key: has}))
    merging = Merging("some", "one")
    merged = merging.merge(now, before, before.whole)
    assert model.model_validate(merged) == model.model_validate(now.whole)
    assert [(one.why, one.key) for one in merging.against] == [("left_out", left_out)]
    merging = Merging("some", "one")
    assert merging.merge(now, None, before.whole) == before.whole
    assert merging.merge(now, now, before.whole) == before.whole
    assert [(one.why, one.key) for one in merging.against] == [("amended", left_out)]


@pytest.mark.parametrize(
    ("key", "had", "nothing"), [("quiet", QUIET, None), ("roles", ROLES, {}), ("customer_page", {"months": 6}, None)]
)
def test_a_key_that_says_nothing_is_there_all_the_same(key: str, had: Any, nothing: Any) -> None:
    """Whether a file declared it before or not, and nobody is asked."""
    stands = of(Organisation, name="Acme", **{key: had})
    now = of(Organisation, name="Acme", **{key: nothing})
    for before in (None, stands):
        merging = Merging("organisation", "organisation")
        merged = merging.merge(now, before, stands.whole)
        assert (Organisation.model_validate(merged), merging.against) == (Organisation(name="Acme"), [])


def test_a_part_that_says_nothing_is_there_all_the_same() -> None:
    stands = of(Organisation, customer_page={"fields": ["a"], "months": 6})
    merged = Merging("organisation", "organisation").merge(
        of(Organisation, customer_page={"fields": []}), None, stands.whole
    )
    assert merged["customer_page"] == {"months": 6}
