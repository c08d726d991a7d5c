"""A preview says what a migration does, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.calendar import ALWAYS, BusinessHours
from domain.criteria.fields import FieldType
from domain.errors import NotFound
from domain.frozen import FrozenCalendar
from domain.open_time.frozen import CalendarError
from domain.process import EntitlementProcess
from domain.timeline.events import CaseClosed, ClockStopped, FieldsChanged, MilestoneCompleted, PlanReplaced
from domain.timeline.instances import InstanceState
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from domain.timeline.preview import CasePreview, Difference, PreviewTotals, preview

T0 = datetime(2025, 6, 9, 9, 0, tzinfo=UTC)  # a Monday
HORIZON = T0 - timedelta(days=400), T0 + timedelta(days=400)
DAYS = ("mon", "tue", "wed", "thu", "fri")


def at(hour: float, day: int = 0) -> datetime:
    """An hour of the Monday, or of so many days later."""
    return T0.replace(hour=0) + timedelta(days=day, hours=hour)


def office(closes: str = "17:00", **also: Any) -> BusinessHours:
    week = {day: [f"09:00-{closes}"] for day in DAYS}
    return BusinessHours.model_validate({"name": "Office", "time_zone": "UTC", "week": week, **also})


def plan(
    milestones: list[dict[str, Any]], *, version: int = 1, hours: BusinessHours | None = None, hours_version: int = 1
) -> Plan:
    process = {"name": "Support", "version": version, "business_hours": "Office", "milestones": milestones}
    return Plan(
        process=EntitlementProcess.model_validate(process),
        business_hours="24x7",
        calendars={"Office": (hours or office()).freeze(*HORIZON), "24x7": ALWAYS.freeze(*HORIZON)},
        calendar_versions={"Office": hours_version, "24x7": 0},
        fields={"priority": FieldType.STRING, "due_at": FieldType.DATETIME},
    )


def answer(within: str = "4h", **also: Any) -> dict[str, Any]:
    return {"name": "Answer", "within": within, **also}


def opened(by: Plan, *events: Any, **fields: Any) -> Timeline:
    timeline = Timeline.enter(by, Case(case_id="c-1", fields=fields), T0)
    for event in events:
        timeline.apply(event)
    return timeline


def completed(hour: float, milestone: str = "Answer") -> MilestoneCompleted:
    return MilestoneCompleted(event_id=f"done {milestone}", occurred_at=at(hour), milestone=milestone)


def seen(timeline: Timeline, new: Plan, now: datetime, **also: Any) -> CasePreview:
    """The preview, which leaves the timeline as it was."""
    state = timeline.state.model_copy(deep=True)
    found = preview(timeline, lambda _: new, now, further=also.pop("further", _never))
    assert timeline.state == state
    return found


def _never(plan: Plan, now: datetime) -> Plan:
    raise AssertionError("no calendar has to reach further here")


def differences(found: CasePreview) -> dict[str, list[Difference]]:
    return {change.milestone: change.differences for change in found.milestones}


def test_the_same_plan_changes_nothing() -> None:
    found = seen(opened(plan([answer()])), plan([answer()], version=2), at(10))
    assert (found.milestones, found.fires, found.refused) == ([], [], None)
    assert (found.version_from, found.version_to) == (1, 2)


def test_a_target_moves_from_when_to_when() -> None:
    found = seen(opened(plan([answer()])), plan([answer("6h")], version=2), at(10))
    (change,) = found.milestones
    assert change.differences == [Difference.MOVED]
    assert change.before
    assert change.after
    assert (change.before.target_at, change.after.target_at) == (at(13), at(15))
    assert (change.before.span, change.after.span) == ("4h", "6h")


def test_a_target_that_is_past_by_the_new_plan_is_newly_violated() -> None:
    found = seen(opened(plan([answer()])), plan([answer("1h")], version=2), at(11))
    assert differences(found) == {"Answer": [Difference.MOVED, Difference.VIOLATED]}


def test_a_target_at_this_very_second_is_violated_by_the_advance_that_follows() -> None:
    """At the target the violation is on record, as it would be on the case itself."""
    found = seen(opened(plan([answer()])), plan([answer("2h")], version=2), at(11))
    assert found.has(Difference.VIOLATED)


def test_what_is_violated_stays_so_and_keeps_its_target() -> None:
    found = seen(opened(plan([answer()])), plan([answer("8h")], version=2), at(15))
    assert found.milestones == []


def test_what_is_completed_keeps_what_happened_to_it() -> None:
    """In time or late."""
    for hour in (12, 14):
        found = seen(opened(plan([answer()]), completed(hour)), plan([answer("1h")], version=2), at(15))
        assert found.milestones == []


def test_what_fell_due_since_the_record_counts_as_before() -> None:
    """The record is older than the look at it: the violation at 13:00 is none of the migration's doing."""
    timeline = opened(plan([answer()]))
    assert timeline.view(at(15)).milestones[0].violations == []
    assert not seen(timeline, plan([answer("1h")], version=2), at(15)).has(Difference.VIOLATED)


def test_milestones_appear_and_go() -> None:
    new = plan([{"name": "Resolution", "within": "8h"}], version=2)
    found = seen(opened(plan([answer()])), new, at(10))
    assert differences(found) == {"Resolution": [Difference.APPEARS], "Answer": [Difference.GOES]}
    gone = next(c for c in found.milestones if c.milestone == "Answer")
    assert gone.after
    assert gone.after.state is InstanceState.REMOVED


def test_a_milestone_that_appears_may_be_violated_at_once() -> None:
    new = plan([answer(), {"name": "Triage", "within": "30m"}], version=2)
    found = seen(opened(plan([answer()])), new, at(11))
    assert differences(found) == {"Triage": [Difference.APPEARS, Difference.VIOLATED]}


def test_criteria_that_hold_no_more_remove_it() -> None:
    new = plan([answer(when='case.priority == "High"')], version=2)
    assert differences(seen(opened(plan([answer()]), priority="Low"), new, at(10))) == {"Answer": [Difference.GOES]}


def test_a_milestone_that_would_complete_by_rule_is_told() -> None:
    new = plan([answer(complete_when='case.priority == "Low"')], version=2)
    (change,) = seen(opened(plan([answer()]), priority="Low"), new, at(10)).milestones
    assert change.after
    assert change.after.state is InstanceState.COMPLETED
    assert change.differences == []


def test_a_paused_milestone_gets_its_new_target() -> None:
    """The open pause moves nothing yet, before and after."""
    stopped = ClockStopped(event_id="stop", occurred_at=at(10))
    (change,) = seen(opened(plan([answer()]), stopped), plan([answer("6h")], version=2), at(16)).milestones
    assert change.before
    assert change.after
    assert (change.before.state, change.after.state) == (InstanceState.PAUSED, InstanceState.PAUSED)
    assert (change.before.target_at, change.after.target_at) == (at(13), at(15))
    assert not change.after.violated, "its now is that of the pause"


def test_an_edited_calendar_moves_targets() -> None:
    """The span is the same; what is shown is the calendar's own name, before and after."""
    new = plan([answer("10h")], hours=office("18:00"), hours_version=2)
    found = seen(opened(plan([answer("10h")])), new, at(10))
    (change,) = found.milestones
    assert change.before
    assert change.after
    assert (change.before.target_at, change.after.target_at) == (at(11, 1), at(10, 1))
    assert (change.before.business_hours, change.after.business_hours) == ("Office", "Office")
    assert found.calendars == ["Office"]


def test_an_added_holiday_moves_targets() -> None:
    new = plan([answer("10h")], hours=office(holidays={"add": ["2025-06-10"]}), hours_version=2)
    (change,) = seen(opened(plan([answer("10h")])), new, at(10)).milestones
    assert change.after
    assert change.after.target_at == at(11, 2)


def test_what_would_be_sent_at_once_is_told() -> None:
    """A warning and a violation whose time is past by the new plan; each with when it was due."""
    triggers = [
        {"kind": "warning", "at": "75%", "actions": []},
        {"kind": "violation", "at": "0", "actions": []},
    ]
    old = opened(plan([answer("8h", triggers=triggers)]))
    soon = seen(old, plan([answer("4h", triggers=triggers)], version=2), at(12.5))
    assert [(f.trigger, f.due_at) for f in soon.fires] == [("warning-75-percent", at(12))]
    late = seen(old, plan([answer("2h", triggers=triggers)], version=2), at(12.5))
    assert [(f.trigger, f.due_at) for f in late.fires] == [("violation-0", at(11))]


def test_what_was_fired_does_not_fire_again() -> None:
    triggers = [{"kind": "warning", "at": "50%", "actions": []}]
    old = opened(plan([answer("4h", triggers=triggers)]))
    assert seen(old, plan([answer("6h", triggers=triggers)], version=2), at(12.5)).fires == []


def test_a_closed_case_would_refuse() -> None:
    closed = opened(plan([answer()]), CaseClosed(event_id="close", occurred_at=at(10)))
    found = seen(closed, plan([answer("6h")], version=2), at(11))
    assert found.milestones == []
    assert found.refused is not None
    assert "closed" in found.refused


def test_a_plan_that_can_not_be_made_is_a_refusal() -> None:
    def gone(_: Timeline) -> Plan:
        raise NotFound("unknown business hours 'Office'")

    found = preview(opened(plan([answer()])), gone, at(10), further=_never)
    assert found.refused == "unknown business hours 'Office'"
    assert found.version_to == 1


@pytest.mark.parametrize("span", ["4000h", "300bd"])
def test_a_target_past_the_horizon_is_found_by_freezing_further(span: str) -> None:
    """Calendars reach 400 days here; both targets lie further away."""
    found = seen(opened(plan([answer()])), plan([answer(span)], version=2), at(10), further=_further)
    (change,) = found.milestones
    assert change.after
    assert change.after.target_at is not None
    assert change.after.target_at > HORIZON[1]


def _further(plan: Plan, now: datetime) -> Plan:
    longer = {name: _longer(frozen) for name, frozen in plan.calendars.items()}
    return plan.model_copy(update={"calendars": longer})


def _longer(frozen: FrozenCalendar) -> FrozenCalendar:
    hours = ALWAYS if frozen.name == "24x7" else office()
    return hours.extend(frozen, frozen.end + timedelta(days=800))


def test_a_calendar_that_never_opens_again_leaves_the_target_unknown() -> None:
    def never_opens(plan: Plan, now: datetime) -> Plan:
        raise CalendarError("no open time in ten years")

    found = seen(opened(plan([answer()])), plan([answer("4000h")], version=2), at(10), further=never_opens)
    (change,) = found.milestones
    assert change.after
    assert change.after.target_at is None
    assert PreviewTotals().plus(found).later == 1


EVENTS: list[Callable[[], Any]] = [
    lambda: ClockStopped(event_id="stop", occurred_at=at(10)),
    lambda: FieldsChanged(event_id="change", occurred_at=at(10), fields={"priority": "High"}),
    lambda: completed(10),
]


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("new_span", ["30m", "6h"])
def test_the_migration_itself_then_does_what_was_shown(event: Callable[[], Any], new_span: str) -> None:
    """The same event, taken by the timeline itself."""
    timeline = opened(plan([answer(), {"name": "Other", "within": "8h"}]), event())
    new = plan([answer(new_span), {"name": "Third", "within": "1h"}], version=2, hours=office("18:00"), hours_version=2)
    found = seen(timeline, new, at(12))
    timeline.advance(at(12))
    before = {m.milestone: m for m in timeline.view(at(12)).milestones}
    timeline.apply(PlanReplaced(event_id="migrate", occurred_at=at(12), plan=new), at(12))
    timeline.advance(at(12))
    after = {m.milestone: m for m in timeline.view(at(12)).milestones}
    shown = {change.milestone: change.after for change in found.milestones}
    for name, milestone in after.items():
        facts = (milestone.state, milestone.span, milestone.target_at, milestone.violated)
        if name in shown:
            expected = shown[name]
            assert expected
            assert facts == (expected.state, expected.span, expected.target_at, expected.violated)
        else:
            same = before[name]
            assert facts == (same.state, same.span, same.target_at, same.violated)


def test_totals_are_over_all_cases() -> None:
    old = opened(plan([answer()]))
    totals = PreviewTotals()
    for new in (answer("6h"), answer("1h"), answer(), {"name": "Resolution", "within": "8h"}):
        totals = totals.plus(seen(old, plan([new], version=2), at(11)))
    assert totals == PreviewTotals(cases=4, cases_changed=3, moved=2, earlier=1, later=1, violated=1, appear=1, go=1)


def test_a_horizon_refresh_never_changes_a_past_instant() -> None:
    """Frozen, then extended by hours whose holidays have changed: before the old end everything is as it was."""
    calm = office()
    strict = office(holidays={"add": ["2025-06-10", "2025-12-01", "2026-09-01"], "country": "US"})
    frozen = calm.freeze(*HORIZON)
    longer = strict.extend(frozen, frozen.end + timedelta(days=800))
    assert longer.end > frozen.end
    step = timedelta(hours=7, minutes=13)
    instant = frozen.start
    while instant < frozen.end - timedelta(days=14):
        assert longer.is_open(instant) == frozen.is_open(instant)
        assert longer.add(instant, 30_000) == frozen.add(instant, 30_000)
        assert longer.elapsed(frozen.start, instant) == frozen.elapsed(frozen.start, instant)
        instant += step
    assert list(longer.open_windows(frozen.start, frozen.end)) == list(frozen.open_windows(frozen.start, frozen.end))
    assert not longer.is_open(datetime(2026, 9, 1, 10, tzinfo=UTC)), "after it the new rule counts"


def test_a_case_whose_horizon_is_refreshed_keeps_its_targets() -> None:
    timeline = opened(plan([answer("10h")]))
    before = timeline.view(at(10)).milestones
    timeline.extend_horizon(
        {
            "Office": office(holidays={"add": ["2025-06-10"]}).extend(
                timeline.plan.calendars["Office"], HORIZON[1] + timedelta(days=400)
            )
        }
    )
    assert timeline.view(at(10)).milestones == before
