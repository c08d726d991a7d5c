"""What is known of an instance that reaches beyond the horizon of its calendar, on either side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.calendar import ALWAYS, BusinessHours
from domain.process import EntitlementProcess
from domain.timeline.events import ClockResumed, ClockStopped
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from tests.domain.timeline.bench import HOURS, Bench, field_at, ny, triggers

MONDAY = datetime(2025, 6, 9, 9, tzinfo=UTC)
DAY = BusinessHours.model_validate({"name": "Day", "time_zone": "UTC", "week": {"mon": ["09:00-17:00"]}})


def test_what_has_elapsed_is_known_before_a_target_past_the_horizon() -> None:
    """Elapsed, paused and actual time lie behind; target and what is left follow when the calendars reach further."""
    process = EntitlementProcess.model_validate({"name": "P", "milestones": [{"name": "M", "within": "20h"}]})
    short = DAY.freeze(MONDAY - timedelta(days=1), MONDAY + timedelta(days=60))
    plan = Plan(process=process, business_hours="Day", calendars={"Day": short, ALWAYS.name: short})
    timeline = Timeline.enter(plan, Case(case_id="c"), MONDAY)
    timeline.advance(MONDAY)
    at = MONDAY + timedelta(hours=1)
    timeline.apply(ClockStopped(event_id="stop", occurred_at=at), at)
    timeline.apply(ClockResumed(event_id="go", occurred_at=at + timedelta(hours=1)), at + timedelta(hours=1))
    cut = DAY.freeze(MONDAY - timedelta(days=1), MONDAY + timedelta(days=1))
    timeline.extend_horizon({"Day": cut})
    [milestone] = timeline.view(MONDAY + timedelta(hours=4)).milestones
    assert (milestone.target_at, milestone.remaining_seconds, milestone.violated) == (None, None, False)
    assert (milestone.elapsed_seconds, milestone.paused_seconds, milestone.actual_seconds) == (4 * 3600, 3600, 3 * 3600)


BEFORE_THE_CALENDARS = ["2024-12-31T15:00:00+00:00", "1970-01-01T00:00:00+00:00"]
"""The bench's begin with 2025."""


def reaching_back(bench: Bench, year: int) -> Bench:
    """With the same calendars, frozen again from a year on."""
    since = datetime(year, 1, 1, tzinfo=UTC)
    longer = {
        name: BusinessHours(name=name, time_zone="America/New_York", week=HOURS[name]).extend_back(calendar, since)
        for name, calendar in bench.timeline.plan.calendars.items()
    }
    bench.timeline.extend_horizon(longer)
    return bench


@pytest.mark.parametrize("deadline", ["2025-01-02T15:00:00+00:00", *BEFORE_THE_CALENDARS])
def test_a_deadline_before_the_calendars_begin_is_missed(deadline: str) -> None:
    """The violation is recorded at the change and its trigger fires; a warning before it takes nothing from that."""
    declared = {"by": "due_at", "triggers": triggers("warning 1h", "violation 0")}
    bench = Bench(declared, fields={"due_at": field_at("Wed 12:00")}).change("Mon 10:00", due_at=deadline)
    bench.to("Wed 16:00")
    assert [fired.split(" at ")[1] for fired in bench.fired] == ["Mon 10:00"]
    assert len(bench.violations) == 1
    assert bench.timeline.covers(ny("Wed 16:00"))
    assert bench.timeline.lacks_from is None


@pytest.mark.parametrize("entry", BEFORE_THE_CALENDARS)
def test_an_entry_before_the_calendars_begin_is_counted_once_they_reach_back(entry: str) -> None:
    """Calendars that reach further on are of no help, and are not asked for."""
    declared = {"within": "4h", "triggers": triggers("violation 0")}
    bench = Bench(declared, entry="entry_at", fields={"entry_at": field_at("Mon 09:00")})
    assert bench.timeline.lacks_from is None
    bench.change("Mon 10:00", entry_at=entry)
    assert bench.timeline.lacks_from == bench.timeline.earliest == datetime.fromisoformat(entry)
    assert bench.timeline.covers(ny("Mon 10:00"))
    reaching_back(bench, 1969)
    assert bench.timeline.lacks_from is None
    bench.to("Mon 10:01").close("Thu 09:00")
    assert [fired.split(" at ")[1] for fired in bench.fired] == ["Mon 10:00"]
    assert bench.view("Thu 09:00").status == "closed violation"


def test_under_older_rules_nothing_before_the_calendars_is_asked_for() -> None:
    """Histories have it that what lay there stayed unknown."""
    declared = {"by": "due_at", "triggers": triggers("warning 1h", "violation 0")}
    bench = Bench(declared, fields={"due_at": field_at("Wed 12:00")}, rules=6)
    bench.change("Mon 10:00", due_at=BEFORE_THE_CALENDARS[0]).to("Wed 16:00")
    assert (bench.fired, bench.timeline.lacks_from) == ([], None)
    assert not bench.timeline.covers(ny("Wed 16:00"))
    assert bench.timeline.earliest == ny("Mon 09:00")


def test_a_warning_before_the_calendars_begin_fires_at_the_start() -> None:
    """A deadline ahead whose warning lies years back: it is as late as any that was due before the start."""
    declared = {"by": "due_at", "triggers": triggers("warning 4000h", "violation 0")}
    bench = Bench(declared, fields={"due_at": field_at("Wed 12:00")}).to("Wed 16:00")
    assert bench.fired == ["M warning-4000h Mon 09:00", "M violation-0 Wed 12:00"]


def test_a_trigger_past_the_calendars_leaves_the_violation() -> None:
    """It waits for calendars that reach further; what is known happens meanwhile."""
    declared = {"by": "due_at", "triggers": triggers("violation 0", "violation 4000h")}
    bench = Bench(declared, fields={"due_at": field_at("Wed 12:00")}).to("Wed 16:00")
    assert bench.fired == ["M violation-0 Wed 12:00"]
    assert not bench.timeline.covers(ny("Wed 16:00"))
