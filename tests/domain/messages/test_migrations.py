"""Which cases a migration means, to which versions they go, and how its batch counts them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from domain.calendar import ALWAYS, BusinessHours
from domain.messages.migrations import (
    CaseSelection,
    MigrationOrder,
    MigrationTally,
    Versions,
    event_id,
    hours_in_use,
    workflow_id,
)
from domain.process import EntitlementProcess
from domain.timeline.plan import Plan

LATEST = Versions(processes={"Support": 3, "Sales": 2}, business_hours={"Office": 5})
T0 = datetime(2026, 5, 4, 9, tzinfo=UTC)


def test_cases_go_to_the_latest_versions() -> None:
    assert CaseSelection(process="Support").goals(LATEST) == LATEST
    assert CaseSelection().goals(LATEST) == LATEST


def test_one_process_may_go_to_another_version() -> None:
    """All others go to their latest."""
    goals = CaseSelection(process="Support", process_version=1).goals(LATEST)
    assert (goals.processes, goals.business_hours) == ({"Support": 1, "Sales": 2}, {"Office": 5})
    assert LATEST.processes["Support"] == 3


def test_a_version_is_one_of_a_process() -> None:
    with pytest.raises(ValidationError, match="name the process too"):
        CaseSelection(process_version=1)


@pytest.mark.parametrize("name", ["", "-a", "a b", "x" * 81, "a/b"])
def test_a_batch_has_a_name_that_makes_an_event_id(name: str) -> None:
    with pytest.raises(ValidationError):
        MigrationOrder(migration_id=name)


def test_the_ids_of_a_batch() -> None:
    """However often a case is asked, it is asked under one id."""
    assert (workflow_id("may"), event_id("may", "c-1")) == ("migration/may", "may/c-1")


def test_a_batch_counts_whom_it_went_through() -> None:
    tally = MigrationTally(migrated=5, skipped=1, refused=2, unanswered=3)
    assert (tally.done, tally.failed) == (11, 5)


def test_a_plan_goes_by_the_hours_it_names() -> None:
    """Of the case, the process, a milestone and a row of its span table; not what is only counted by still."""
    hours = ["Case", "Process", "Milestone", "Row", "Before"]
    frozen = {
        name: BusinessHours(name=name, time_zone="UTC", week=ALWAYS.week).freeze(T0, T0 + timedelta(days=9))
        for name in hours
    }
    table = [{"when": "true", "span": "4h", "business_hours": "Row"}, {"span": "8h"}]
    milestones = [{"name": "Answer", "business_hours": "Milestone", "within": table}]
    process = EntitlementProcess.model_validate(
        {"name": "Support", "version": 1, "business_hours": "Process", "milestones": milestones}
    )
    versions = {name: number for number, name in enumerate(hours, 1)}
    plan = Plan(process=process, business_hours="Case", calendars=frozen, calendar_versions=versions)
    assert hours_in_use(plan) == {"Case": 1, "Process": 2, "Milestone": 3, "Row": 4}
    alone = Plan(process=None, business_hours="Case", calendars=frozen, calendar_versions=versions)
    assert hours_in_use(alone) == {"Case": 1}
