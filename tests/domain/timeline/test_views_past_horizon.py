"""What a view knows of an instance whose target lies past the horizon of its calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain.calendar import ALWAYS, BusinessHours
from domain.process import EntitlementProcess
from domain.timeline.events import ClockResumed, ClockStopped
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan

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
