"""The plan of a case: which process and which business hours it gets."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.planning import Planner
from domain.catalog.declarations import Catalog
from domain.errors import Refused
from domain.messages.cases import CaseIntake
from domain.timeline.plan import Plan
from store import Store

MONDAY = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)
WEEK: dict[str, Any] = {"time_zone": "UTC", "week": {"mon": ["09:00-17:00"]}}


def test_a_plan_has_the_values_of_its_fields(tmp_path: Path) -> None:
    """As they are listed when the case is opened."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        listed = {"fields": {"priority": "string"}, "values": {"priority": ["Low", "High"]}}
        store.catalog.apply(Catalog.model_validate(listed), by="ann")
        plan = Planner(store).plan(CaseIntake(case_id="c"), MONDAY, entitlement=None, account=None)
        assert plan.values == {"priority": ["Low", "High"]}
        store.catalog.apply(Catalog.model_validate(listed | {"values": {"priority": ["High"]}}), by="ann")
        assert Planner(store).migrated(plan, MONDAY, MONDAY).values == {"priority": ["High"]}


def planned(
    folder: Path, intake: dict[str, Any], *, entitlement: dict[str, Any] | None, organisation: dict[str, Any]
) -> Plan:
    catalog = {
        "organisation": {"name": "Us", **organisation},
        "business_hours": [{"name": name, **WEEK} for name in ("Of the case", "Of the entitlement", "Of us")],
        "processes": [{"name": name, "milestones": [{"name": "M", "within": "1h"}]} for name in ("Gold", "Default")],
        "accounts": [{"id": "acme"}],
        "entitlements": [{"id": "e", "account": "acme", **entitlement}] if entitlement is not None else [],
    }
    with Store.open(f"sqlite:///{folder / 'milepost.db'}") as store:
        store.catalog.apply(Catalog.model_validate(catalog), by="ann")
        taken = "e" if entitlement is not None else None
        asked = CaseIntake.model_validate({"case_id": "c", **intake})
        return Planner(store).plan(asked, MONDAY, entitlement=taken, account=None)


@pytest.mark.parametrize(
    ("intake", "entitlement", "organisation", "expected"),
    [
        ("Of the case", "Of the entitlement", "Of us", ("Of the case", "case")),
        (None, "Of the entitlement", "Of us", ("Of the entitlement", "entitlement")),
        (None, None, "Of us", ("Of us", "organisation")),
        (None, None, None, ("24x7", "organisation")),
    ],
)
def test_hours_of_the_case_then_of_its_entitlement_then_of_the_organisation(
    tmp_path: Path, intake: str | None, entitlement: str | None, organisation: str | None, expected: tuple[str, str]
) -> None:
    """Which are 24x7 unless set."""
    plan = planned(
        tmp_path,
        {"business_hours": intake},
        entitlement={"business_hours": entitlement},
        organisation={"business_hours": organisation} if organisation else {},
    )
    assert (plan.business_hours, plan.business_hours_of) == expected


@pytest.mark.parametrize(
    ("entitlement", "default", "process"),
    [
        ({"process": "Gold"}, "Default", "Gold"),
        ({}, "Default", None),
        (None, "Default", "Default"),
        (None, None, None),
    ],
)
def test_a_case_without_an_entitlement_has_the_default_process(
    tmp_path: Path, entitlement: dict[str, Any] | None, default: str | None, process: str | None
) -> None:
    """If the organisation names one; else it has no milestones. An entitlement's own process comes first."""
    plan = planned(tmp_path, {}, entitlement=entitlement, organisation={"process": default} if default else {})
    assert (plan.process.name if plan.process else None) == process


def test_a_plan_knows_who_asked(tmp_path: Path) -> None:
    """So that mails find the contact; of a case without one the plan says nothing."""
    assert planned(tmp_path, {"contact": "cleo"}, entitlement=None, organisation={}).contact == "cleo"
    assert "contact" not in planned(tmp_path, {}, entitlement=None, organisation={}).model_dump()


def test_a_migration_keeps_hours_that_were_not_edited_as_they_were_frozen(tmp_path: Path) -> None:
    """Whatever became of zones and holidays since: they are the very same data, a year later too."""
    plan = planned(tmp_path, {}, entitlement=None, organisation={"business_hours": "Of us", "process": "Gold"})
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        later = MONDAY.replace(year=MONDAY.year + 1)
        assert Planner(store).migrated(plan, MONDAY, later).calendars == plan.calendars
        edited = {"name": "Of us", "time_zone": "UTC", "week": {"mon": ["09:00-12:00"]}}
        store.catalog.apply(Catalog.model_validate({"business_hours": [edited]}), by="ann")
        migrated = Planner(store).migrated(plan, MONDAY, later)
        assert migrated.calendars["Of us"] != plan.calendars["Of us"]
        assert migrated.calendar_versions["Of us"] == 2


def test_calendars_reach_back_by_whole_years(tmp_path: Path) -> None:
    """From the year before the instant that something is counted from; what was frozen stays."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        hours = {"organisation": {"name": "Us", "business_hours": "B"}, "business_hours": [{"name": "B", **WEEK}]}
        store.catalog.apply(Catalog.model_validate(hours), by="ann")
        planner = Planner(store)
        plan = planner.plan(CaseIntake(case_id="c"), MONDAY, entitlement=None, account=None)
        back = planner.extend(plan, MONDAY, datetime(1970, 5, 1, tzinfo=UTC))["B"]
        assert (back.start, back.end) == (datetime(1969, 1, 1, tzinfo=UTC), plan.calendars["B"].end)
        with pytest.raises(Refused, match="begin with the year 1899"):
            planner.extend(plan, MONDAY, datetime(1800, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "edited",
    [{"dates": {"06-12": ["10:00-11:00"]}}, {"holidays": {"add": ["2028-06-12", "2022-06-13"]}}],
    ids=["dates", "holidays"],
)
def test_a_running_case_is_extended_by_the_hours_of_its_plan(tmp_path: Path, edited: dict[str, Any]) -> None:
    """By their version, ahead and back: other dates or holidays of the same week reach new cases alone."""
    back_to = datetime(2022, 5, 2, tzinfo=UTC)
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        hours = {"organisation": {"name": "Us", "business_hours": "B"}, "business_hours": [{"name": "B", **WEEK}]}
        store.catalog.apply(Catalog.model_validate(hours), by="ann")
        planner = Planner(store)
        plan = planner.plan(CaseIntake(case_id="c"), MONDAY, entitlement=None, account=None)
        ahead, back = planner.extend(plan, MONDAY), planner.extend(plan, MONDAY, back_to)
        store.catalog.apply(Catalog.model_validate({"business_hours": [{"name": "B", **WEEK, **edited}]}), by="ann")
        assert planner.extend(plan, MONDAY) == ahead
        assert planner.extend(plan, MONDAY, back_to) == back
        new = planner.plan(CaseIntake(case_id="d"), MONDAY, entitlement=None, account=None)
        assert planner.extend(new, MONDAY) != ahead
        assert planner.extend(new, MONDAY, back_to) != back
