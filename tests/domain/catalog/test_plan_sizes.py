"""What a catalog declares fits into the plan of a case: what is larger is refused, and says where."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.planning import Planner
from domain.bounds import (
    MOST_CALENDARS_BYTES,
    MOST_DECLARED_BYTES,
    MOST_ENTITLEMENT_BYTES,
    MOST_FROZEN_BYTES,
    MOST_HOURS_BYTES,
    MOST_PLAN_BYTES,
    MOST_PROCESS_BYTES,
    MOST_TEXT_BYTES,
)
from domain.calendar import BusinessHours, horizon
from domain.catalog.checks import check_catalog
from domain.catalog.declarations import Catalog
from domain.catalog.documents import read_document
from domain.catalog.plan_sizes import frozen_bytes
from domain.catalog.references import KnownCatalog
from domain.errors import Refused
from domain.messages.cases import CaseIntake
from domain.process import EntitlementProcess
from store import Store, tables
from store.database import insert

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
MOST_BOUNDED_BYTES = 1280 * 1024
"""Of a plan of which everything is at its bound."""


def mails(many: int, letters: int, **milestone: Any) -> dict[str, Any]:
    """A process with so many mails, ten a milestone."""
    each = [{"do": "email", "to": ["a@b.c"], "subject": "x", "body": "x" * letters, "id": f"m{n}"} for n in range(many)]
    triggers = [{"kind": "success", "actions": each[n : n + 10]} for n in range(0, many, 10)]
    milestones = [{"name": f"M{n}", "within": "1h", "triggers": [t], **milestone} for n, t in enumerate(triggers)]
    return {"name": "P", "milestones": milestones}


def office(name: str, windows: int, **also: Any) -> dict[str, Any]:
    """Business hours with windows of their own on every day of two years."""
    own = [f"{8 + n // 6:02}:{n % 6}0-{8 + n // 6:02}:{n % 6}5" for n in range(windows)]
    dates = {"2026-01-01..2027-12-31": own}
    return {"name": name, "time_zone": "America/New_York", "week": {"mon": ["09:00-17:00"]}, "dates": dates, **also}


def said_of(catalog: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in check_catalog(Catalog.model_validate(catalog))]


@pytest.mark.parametrize("many", [60, 70])
def test_a_process_of_too_many_long_mails_is_refused(many: int) -> None:
    """With what is too large, how large it may be, and where most of it is."""
    [said] = said_of({"processes": [mails(many, 32_000)]})
    assert said.startswith("processes[0].milestones[1]: as JSON process 'P' may have at most 512 KB together, not ")
    assert "; the largest milestone, 'M1', has 320," in said
    assert not said_of({"processes": [mails(16, 32_000)]})


def test_as_many_milestones_and_triggers_as_there_may_be_fit() -> None:
    """Each of them with an action: only long texts are too much."""
    mail = {"do": "email", "to": ["desk@example.org"], "template": "milestone-is-late"}
    warnings = [{"kind": "warning", "at": f"{10 + 5 * number}%", "actions": [mail]} for number in range(9)]
    triggers = [*warnings, {"kind": "violation", "actions": [mail]}]
    milestones = [{"name": f"Milestone {number}", "within": "8h", "triggers": triggers} for number in range(200)]
    templates = [{"id": "milestone-is-late", "subject": "late", "body": "It is late."}]
    assert not said_of({"templates": templates, "processes": [{"name": "P", "milestones": milestones}]})


def test_a_process_that_is_too_large_is_retired_all_the_same() -> None:
    """And is refused when it is applied again as it stands."""
    large = mails(60, 32_000)
    known = KnownCatalog(Catalog.model_validate({"processes": [large]}))
    assert check_catalog(Catalog.model_validate({"processes": [large]}), known)
    assert not check_catalog(Catalog.model_validate({"processes": [large | {"retired": True}]}), known)


def test_what_an_entitlement_names_is_bounded() -> None:
    """It is seen by criteria, and so part of the plan. A counter that writes its own goes by what stands."""
    entitlement = {"id": "e", "account": "a", "channels": [f"{n}" * 30 for n in range(100, 1100)]}
    catalog = {"accounts": [{"id": "a"}], "entitlements": [entitlement | {"type": "x" * 32_000}]}
    assert not said_of(catalog)
    entitlement["channels"] = [f"{n}" * 50 for n in range(100, 1100)]
    [said] = said_of(catalog | {"entitlements": [entitlement]})
    assert said.startswith("entitlements[0]: as JSON what criteria see of an entitlement may have at most 128 KB")
    read = Catalog.model_validate(catalog | {"entitlements": [entitlement]})
    assert not check_catalog(read, years=False)


def test_the_fields_of_cases_are_bounded_together() -> None:
    """With the values that are listed. A change that makes them no larger passes."""
    fields = {f"f{n}": "string" for n in range(50)}
    values = {name: ["x" * 100 + str(n) for n in range(40)] for name in fields}
    large = Catalog(fields=fields, values=values)  # type: ignore[arg-type]
    [problem] = check_catalog(large)
    assert problem.path == ("fields",)
    assert "the fields of cases and their values may have at most 128 KB together, not 2" in problem.message
    assert not check_catalog(large, KnownCatalog(large))
    assert not check_catalog(Catalog.model_validate({"fields": dict.fromkeys(fields, "string")}))


def test_calendars_are_bounded_alone_and_together() -> None:
    """By what cases carry of them: the dates with windows of their own, in the years that have most."""
    assert said_of({"business_hours": [office("Long", 60)]})[0].startswith(
        "business_hours[0]: as JSON three years of business hours 'Long' may have at most 64 KB together, not "
    )
    some = [office(f"O{n}", 1) for n in range(9)]
    milestones = [{"name": f"M{n}", "within": "1h", "business_hours": f"O{n}"} for n in range(9)]
    catalog = {"business_hours": some, "processes": [{"name": "P", "milestones": milestones}]}
    assert said_of(catalog)[0].startswith(
        "processes[0]: as JSON three years of all business hours that a process names"
    )
    assert not said_of(catalog | {"processes": [{"name": "P", "milestones": milestones[:6]}]})


@pytest.mark.parametrize(
    "hours",
    [
        {"name": "B", "time_zone": "America/New_York", "week": {"mon": ["09:00-17:00"]}, "holidays": {"country": "US"}},
        office("B", 3, holidays={"country": "DE", "add": ["2026-05-01..2026-09-30"]}),
        {"name": "B", "week": {"fri": ["22:00-06:00"]}, "time_zone": "UTC", "dates": {"12-24": [], "02-29": []}},
        {"name": "B", "week": "always"},
    ],
)
def test_a_calendar_is_no_larger_than_it_is_reckoned(hours: dict[str, Any]) -> None:
    """Whatever its dates and holidays are."""
    declared = BusinessHours.model_validate(hours)
    assert len(declared.freeze(*horizon(AT, AT)).model_dump_json()) <= frozen_bytes(declared)


def at_bounds() -> dict[str, Any]:
    """A catalog of which everything that goes into a plan is nearly as large as it may be."""
    some = [office(f"O{n}", 1) for n in range(7)]
    process = mails(140, 3_500)
    for number, milestone in enumerate(process["milestones"]):
        milestone["business_hours"] = f"O{number % 7}"
    return {
        "fields": {f"f{n}": {"type": "string", "values": ["x" * 1000 + str(m) for m in range(12)]} for n in range(10)},
        "business_hours": [*some, office("Own", 2)],
        "processes": [process],
        "accounts": [{"id": "a", "type": "x" * 32_000}],
        "entitlements": [
            {
                "id": "e",
                "account": "a",
                "process": "P",
                "business_hours": "Own",
                "channels": [str(n) * 30 for n in range(100, 1100)],
                "type": "x" * 32_000,
            }
        ],
    }


def test_a_plan_at_all_bounds_leaves_room_for_its_state(tmp_path: Path) -> None:
    """So that its state and its fields fit beside it into what the server takes at once."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        declared = read_document(at_bounds())
        store.catalog.apply(declared, by="ann")
        plan = Planner(store).plan(CaseIntake(case_id="c"), AT, entitlement="e", account="a")
        size = len(plan.model_dump_json())
        sizes = [frozen_bytes(hours) for hours in declared.business_hours]
        assert max(sizes) <= MOST_HOURS_BYTES
        assert 0.8 * MOST_CALENDARS_BYTES < sum(sizes[:7]) <= MOST_CALENDARS_BYTES
        assert 850_000 < size < MOST_BOUNDED_BYTES
        parts = [MOST_PROCESS_BYTES, MOST_ENTITLEMENT_BYTES, MOST_DECLARED_BYTES, MOST_CALENDARS_BYTES]
        rest = 2 * MOST_TEXT_BYTES  # texts of the account, and what else there is
        assert sum([*parts, MOST_HOURS_BYTES, rest]) < MOST_BOUNDED_BYTES
        with pytest.raises(Refused, match=r"calendars of so many years .* at most 512 KB"):
            _further(store, plan)


def test_a_plan_of_before_the_bounds_is_refused_in_words(tmp_path: Path) -> None:
    """What stands is served for as long as a case can carry it; beyond that its opening is not tried for ever."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        for version, many in enumerate((40, 60), start=1):
            definition = EntitlementProcess.model_validate(mails(many, 32_000) | {"version": version})
            row = {"name": "P", "version": version, "retired": False, "applied_at": AT, "applied_by": "ann"}
            with store._database.write() as connection:
                said = definition.model_dump(mode="json", exclude={"version", "retired"})
                connection.execute(insert(connection, tables.processes).values(row | {"definition": said}))
                connection.execute(tables.organisation.delete())
                named = {"id": 1, "definition": {"process": "P"}}
                connection.execute(insert(connection, tables.organisation).values(named))
            if many == 40:
                plan = Planner(store).plan(CaseIntake(case_id="c"), AT, entitlement=None, account=None)
                assert 2 * MOST_PROCESS_BYTES < len(plan.model_dump_json()) < MOST_PLAN_BYTES
        with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as again, pytest.raises(Refused, match="1536 KB fit"):
            Planner(again).plan(CaseIntake(case_id="c"), AT, entitlement=None, account=None)


def _further(store: Store, plan: Any) -> None:
    planner = Planner(store)
    while sum(len(one.model_dump_json()) for one in plan.calendars.values()) <= MOST_FROZEN_BYTES:
        plan = planner.further(plan, max(one.end for one in plan.calendars.values()))
