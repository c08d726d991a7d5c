"""What came of milestone instances, in numbers."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.calendar import ALWAYS, BusinessHours
from domain.criteria.fields import FieldType
from domain.process import EntitlementProcess
from domain.reports.compliance import Outcome
from domain.reports.measures import Measured, is_near_miss, measure
from domain.reports.tally import Spread, counts, figures
from domain.timeline.events import CaseClosed, ClockResumed, ClockStopped, Event, MilestoneCompleted
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan

MONDAY = datetime(2025, 6, 9, 13, tzinfo=UTC)
"""09:00 in New York."""

B = BusinessHours.model_validate(
    {
        "name": "B",
        "time_zone": "America/New_York",
        "week": dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("09:00-17:00",)),
    }
)
CALENDARS = {
    hours.name: hours.freeze(MONDAY - timedelta(days=30), MONDAY + timedelta(days=400)) for hours in (B, ALWAYS)
}


def at(minutes: int) -> datetime:
    """Minutes after Monday 09:00 in New York."""
    return MONDAY + timedelta(minutes=minutes)


def ran(
    *events: Event, until: int, within: str | None = "4h", by: str | None = None, hours: str = "B", **more: str
) -> Measured:
    """The one milestone of a case, measured at `until`."""
    promise = {"within": within, **more} if within else {"by": by}
    process = EntitlementProcess.model_validate({"name": "P", "milestones": [{"name": "M", **promise}]})
    plan = Plan(process=process, business_hours=hours, calendars=CALENDARS, fields={"due_at": FieldType.DATETIME})
    fields = {"due_at": "2025-06-09T17:00:00Z"}
    timeline = Timeline.enter(plan, Case(case_id="A", fields=fields), MONDAY)
    for event in events:
        timeline.apply(event)
    timeline.advance(at(until))
    (milestone,) = timeline.view(at(until)).milestones
    return measure(milestone, CALENDARS, at(until), timeline.state.instances[0])


def completed(minutes: int) -> MilestoneCompleted:
    return MilestoneCompleted(event_id=f"completed {minutes}", occurred_at=at(minutes), milestone="M")


def stopped(minutes: int) -> ClockStopped:
    return ClockStopped(event_id=f"stopped {minutes}", occurred_at=at(minutes))


def resumed(minutes: int) -> ClockResumed:
    return ClockResumed(event_id=f"resumed {minutes}", occurred_at=at(minutes))


# --- one instance ---------------------------------------------------------------------------------------------------


def test_margin_and_response_are_open_time_less_pauses() -> None:
    """Mon 09:00, 240 min, stopped 10-12, target 15:00; completed 14:00, its minute 180, 60 before that."""
    one = ran(stopped(60), resumed(180), completed(300), until=300)
    assert (one.response_seconds, one.margin_seconds, one.paused_seconds) == (180 * 60, 60 * 60, 120 * 60)
    assert (one.span_seconds, one.overrun_seconds, one.outcome) == (240 * 60, None, Outcome.MET)


def test_overrun_of_a_late_completion_is_open_time() -> None:
    """Target Mon 13:00, completed Tue 10:00: four hours of Monday and one of Tuesday, not 21."""
    one = ran(completed(25 * 60), until=25 * 60)
    assert (one.margin_seconds, one.overrun_seconds, one.outcome) == (-5 * 3600, 5 * 3600, Outcome.MET_LATE)


def test_completed_after_closing_time_with_a_target_at_it_is_missed_by_nothing() -> None:
    """8 h end at 17:00; completed at 18:00 is late, though no open time passed."""
    one = ran(completed(9 * 60), until=9 * 60, within="8h")
    assert (one.violated, one.margin_seconds, one.overrun_seconds) == (True, 0, 0)
    assert not is_near_miss(one)


def test_overrun_of_one_that_is_open_counts_to_its_pause() -> None:
    """Missed at 13:00, stopped at 13:30, looked at on Tuesday: half an hour over."""
    one = ran(stopped(270), until=25 * 60)
    assert (one.outcome, one.overrun_seconds, one.margin_seconds) == (Outcome.VIOLATED, 30 * 60, None)
    assert one.ended_at is None


def test_overrun_of_one_left_open_counts_to_its_exit() -> None:
    closed = CaseClosed(event_id="closed", occurred_at=at(300))
    one = ran(closed, until=25 * 60)
    assert (one.outcome, one.overrun_seconds, one.ended_at) == (Outcome.VIOLATED, 60 * 60, at(300))


def test_pause_after_the_end_counts_for_nothing() -> None:
    one = ran(completed(60), stopped(90), until=25 * 60)
    assert (one.was_paused, one.paused_seconds) == (False, 0)


def test_span_of_business_days_is_the_open_time_to_its_target() -> None:
    """`1bd eod` from Monday 09:00 is two days of eight hours."""
    one = ran(completed(60), until=60, within="1bd eod")
    assert one.span_seconds == 16 * 3600


def test_span_of_business_days_counts_from_its_start_past_a_cutoff() -> None:
    """At the cutoff, so counted from Tuesday: to Wednesday 17:00, 24 open hours; four of them are its last fifth."""
    one = ran(completed(52 * 60), until=52 * 60, within="1bd eod", cutoff="09:00")
    assert (one.span_seconds, one.margin_seconds) == (24 * 3600, 4 * 3600)
    assert is_near_miss(one)
    assert not is_near_miss(ran(completed(51 * 60), until=51 * 60, within="1bd eod", cutoff="09:00"))


def test_deadline_from_a_field_has_a_margin_and_no_span() -> None:
    """Due at 13:00 in New York, completed at 12:30: near by the hour, and of no span."""
    one = ran(completed(210), until=210, within=None, by="due_at")
    assert (one.span_seconds, one.margin_seconds) == (None, 30 * 60)
    assert is_near_miss(one)
    of_one = figures([one])
    assert (of_one.met_in_last_hour, of_one.met_in_last_part, of_one.margin_percent) == (1, 0, None)


def test_target_past_the_horizon_is_open_and_unmeasured() -> None:
    one = ran(until=60, within="9000h")
    assert (one.target_at, one.outcome, one.margin_seconds, one.overrun_seconds) == (None, Outcome.OPEN, None, None)


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        (480, (0, 0, 1)),  # 120 min left of 600: exactly 20%, and exactly 2 h ahead
        (481, (1, 0, 0)),
        (540, (1, 0, 0)),  # exactly an hour
        (541, (1, 1, 0)),
        (600, (1, 1, 0)),  # at the target: in time, as closely as can be
        (601, (0, 0, 0)),  # missed, not nearly
    ],
)
def test_bounds_of_near_misses(done: int, expected: tuple[int, int, int]) -> None:
    """Less than 20% of the span is left; less than an hour; and at least two hours is well ahead."""
    found = figures([ran(completed(done), until=done, within="10h", hours="24x7")])
    assert (found.met_in_last_part, found.met_in_last_hour, found.met_well_ahead) == expected
    assert is_near_miss(ran(completed(done), until=done, within="10h", hours="24x7")) == any(expected[:2])


# --- figures over many ------------------------------------------------------------------------------------------------


def test_spread_of_values() -> None:
    """The percentiles are values that there are: the smallest below which, with itself, so many per cent lie."""
    found = Spread.of(range(1, 21))
    assert found == Spread(count=20, mean=10.5, p10=2, median=10.5, p90=18)
    assert Spread.of([7]) == Spread(count=1, mean=7, p10=7, median=7, p90=7)
    assert Spread.of([3, 1, 2]) == Spread(count=3, mean=2, p10=1, median=2, p90=3)
    assert Spread.of([]) is None


def test_figures_of_some_instances() -> None:
    """Margins are of those met, overruns of those missed, responses of all that were completed."""
    found = figures(
        [
            ran(completed(60), until=60),
            ran(completed(230), until=230),
            ran(completed(300), until=300),
            ran(stopped(60), resumed(180), until=360 + 60),
            ran(until=10),
        ]
    )
    assert (found.instances, found.met, found.met_late, found.violated, found.open, found.removed) == (5, 2, 1, 1, 1, 0)
    assert (found.missed, found.met_percent) == (2, 50.0)
    assert (found.violations, found.corrected) == (2, 0)
    assert (found.paused, found.paused_seconds) == (1, 120 * 60)
    assert found.response_seconds == Spread.of([60 * 60, 230 * 60, 300 * 60])
    assert found.margin_seconds == Spread.of([180 * 60, 10 * 60])
    assert found.margin_percent == Spread.of([75.0, 4.2])
    assert found.overrun_seconds == Spread.of([60 * 60, 60 * 60])


def test_nothing_measured_has_no_percentage() -> None:
    assert counts([]).met_percent is None
    assert figures([]).response_seconds is None
