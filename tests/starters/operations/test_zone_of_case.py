"""In which zone a case is shown: that of its first calendar, as the store has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.calendar import ALWAYS, BusinessHours
from domain.catalog.declarations import Catalog
from domain.messages.cases import Answer
from domain.process import EntitlementProcess
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from starters.operations.zones import zone_of_case, zone_of_plan
from starters.terminal.cases import answer_lines, case_timeline, console
from store import Store
from tests.recorded import RecordedCase

MONDAY = datetime(2025, 6, 9, 13, tzinfo=UTC)
ZONES = {"Here": "America/New_York", "There": "Asia/Tokyo", "Plain": "UTC"}


def plan(*, case: str = "Plain", process: str | None = None, milestone: str | None = None) -> Plan:
    first: dict[str, Any] = {"name": "M", "within": "2h", "business_hours": milestone}
    declared = {"name": "P", "business_hours": process, "milestones": [first]}
    calendars = {
        name: BusinessHours.model_validate({"name": name, "time_zone": zone, "week": "always"}).freeze(
            MONDAY - timedelta(days=9), MONDAY + timedelta(days=9)
        )
        for name, zone in ZONES.items()
    }
    return Plan(process=EntitlementProcess.model_validate(declared), business_hours=case, calendars=calendars)


@pytest.mark.parametrize(
    ("named", "zone"),
    [
        ({}, "UTC"),
        ({"case": "Here"}, "America/New_York"),
        ({"case": "Here", "process": "There"}, "Asia/Tokyo"),
        ({"case": "There", "process": "There", "milestone": "Here"}, "America/New_York"),
    ],
    ids=str,
)
def test_the_first_milestone_names_the_zone(named: dict[str, str], zone: str) -> None:
    """Its own calendar, or else that of the process, or else that of the case."""
    assert str(zone_of_plan(plan(**named))) == zone


def test_a_case_is_shown_in_its_zone() -> None:
    """The heading names it; the answers of commands do with each instant."""
    timeline = Timeline.enter(plan(case="Here"), Case(case_id="c"), MONDAY)
    timeline.advance(MONDAY)
    view, zone = timeline.view(MONDAY), zone_of_plan(timeline.plan)
    screen = console()
    screen.width = 160  # whatever the terminal of the tests has
    with screen.capture() as shown:
        screen.print(case_timeline(view, zone=zone))
        screen.print(answer_lines(Answer(outcome="taken", notes=[], case=view), zone))
    assert (
        "opened Mon 2025-06-09 09:00, now Mon 2025-06-09 09:00 (America/New_York; spans are open time)" in shown.get()
    )
    assert "M: running, target Mon 2025-06-09 11:00 America/New_York, 2h left" in shown.get()


def test_a_case_without_a_process_is_shown_in_the_zone_of_the_organisation(tmp_path: Path) -> None:
    """It has no milestones, and so no calendar of its own."""
    url = f"sqlite:///{tmp_path}/milepost.db"
    with Store.open(url) as store:
        organisation = {"name": "Kestrel", "time_zone": "Europe/London"}
        store.catalog.apply(Catalog.model_validate({"organisation": organisation}), by="ann")
        RecordedCase(store, Plan(business_hours=ALWAYS.name, calendars={}), "c", {}, MONDAY)
    assert str(zone_of_case(url, "c")) == "Europe/London"


def test_without_a_store_nobody_knows(tmp_path: Path) -> None:
    """Where no database can be, and where the case is not known."""
    assert zone_of_case(f"sqlite:///{tmp_path}/none/milepost.db", "c") is None
    assert zone_of_case(f"sqlite:///{tmp_path}/milepost.db", "c") is None
