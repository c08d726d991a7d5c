"""Explanations: their sums are the timeline's own targets, and their words are what a manager can check."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.calendar import BusinessHours, FrozenCalendar
from domain.criteria.fields import FieldType
from domain.errors import Refused
from domain.explanation import Explanation, explain
from domain.explanation.parts import InstanceExplained, TriggerStanding
from domain.explanation.text import explanation_text
from domain.process import EntitlementProcess
from domain.timeline.events import (
    CaseClosed,
    CaseReopened,
    ClockResumed,
    ClockStopped,
    CompletionCleared,
    EntitlementChanged,
    Event,
    FieldsChanged,
    MilestoneCompleted,
    MilestoneExtended,
    PlanReplaced,
)
from domain.timeline.instances import InstanceState
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan

NEW_YORK = ZoneInfo("America/New_York")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
OFFICE = {day: ["09:00-17:00"] for day in WEEKDAYS}
HOURS: dict[str, dict[str, Any]] = {
    "B": {
        "time_zone": "America/New_York",
        "week": OFFICE,
        "holidays": {"add": ["2025-07-04", "2025-12-25"]},
        "dates": {"2025-12-24": ["09:00-13:00"]},
    },
    "X": {"time_zone": "America/New_York", "week": "always"},
    "lunch": {
        "time_zone": "Europe/London",
        "week": {day: ["08:00-12:00", "13:00-17:00"] for day in WEEKDAYS},
        "dates": {"2025-06-10": ["09:00-11:00"], "2025-06-11": []},
    },
    "night": {"time_zone": "Australia/Lord_Howe", "week": {day: ["22:00-06:00"] for day in (*WEEKDAYS, "sat", "sun")}},
    "UTC": {"time_zone": "UTC", "week": OFFICE},
}
FIELDS = {
    "p": FieldType.STRING,
    "s": FieldType.STRING,
    "b": FieldType.BOOLEAN,
    "missing": FieldType.INTEGER,
    "due_at": FieldType.DATETIME,
    "entry_at": FieldType.DATETIME,
}
ALL_TRIGGERS = [
    {"kind": "warning", "at": "75%"},
    {"kind": "violation"},
    {"kind": "violation", "at": "2h"},
    {"kind": "success"},
]


@cache
def calendars() -> dict[str, FrozenCalendar]:
    start, end = datetime(2005, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
    return {name: BusinessHours(name=name, **hours).freeze(start, end) for name, hours in HOURS.items()}


def at(text: str) -> datetime:
    """`06-09 09:00`, of 2025, in New York."""
    return datetime.fromisoformat(f"2025-{text}").replace(tzinfo=NEW_YORK)


Moment = tuple[str, type[Any], dict[str, Any]]


def plan(milestones: Sequence[dict[str, Any]], *, hours: str = "B", name: str = "P", **process: Any) -> Plan:
    named = [{"name": "M", **milestone} for milestone in milestones]
    declared = EntitlementProcess(name=name, milestones=named, **process)  # type: ignore[arg-type]  # read as YAML is
    return Plan(process=declared, business_hours=hours, calendars=calendars(), fields=FIELDS)


def walked(by: Plan, start: str, events: Sequence[Moment], now: str, fields: dict[str, Any] | None = None) -> Timeline:
    timeline = Timeline.enter(by, Case(case_id="c", fields=fields or {}), at(start))
    for number, (when, kind, said) in enumerate(events):
        timeline.apply(kind(event_id=str(number), occurred_at=at(when), **said), at(when))
    timeline.advance(at(now))
    return timeline


def explained(by: Plan, start: str, events: Sequence[Moment], now: str, **more: Any) -> Explanation:
    timeline = walked(by, start, events, now, **more)
    explanation = explain(timeline.plan, timeline.state, at(now))
    adds_up(timeline, explanation, at(now))
    return explanation


def one(*arguments: Any, **more: Any) -> InstanceExplained:
    """The last instance."""
    return explained(*arguments, **more).instances[-1]


def text_of(explanation: Explanation, width: int = 100) -> list[str]:
    return explanation_text(explanation, width).splitlines()


def adds_up(timeline: Timeline, explanation: Explanation, now: datetime) -> None:
    """The sum of every instance is the timeline's own target, and so are elapsed and paused time and the verdict."""
    view = timeline.view(now)
    assert len(explanation.instances) == len(view.milestones)
    for part, seen in zip(explanation.instances, view.milestones, strict=True):
        reckoning, calendar = part.reckoning, timeline.plan.calendars[seen.business_hours]
        assert reckoning.target_at == seen.target_at
        parts = (reckoning.span_seconds, reckoning.paused_seconds, reckoning.extended_seconds)
        assert sum(parts) == reckoning.total_seconds
        if reckoning.target_at is not None:
            assert sum(window.open_seconds for window in reckoning.windows) == reckoning.total_seconds
        if reckoning.windows:
            assert reckoning.windows[-1].running_seconds == reckoning.total_seconds
            assert reckoning.target_at in (reckoning.windows[-1].to_at, reckoning.windows[-1].from_at)
        for window in reckoning.windows:
            assert abs(window.open_seconds) == calendar.elapsed(window.from_at, window.to_at)
        assert sum(pause.moves_seconds for pause in part.pauses) == reckoning.paused_seconds
        if reckoning.business_days:
            assert reckoning.business_days[-1] == reckoning.from_at
        outcome = part.outcome
        assert outcome.elapsed_seconds == seen.elapsed_seconds
        assert outcome.paused_seconds == seen.paused_seconds
        assert (outcome.state, outcome.violated) == (seen.state, seen.violated)
        if seen.remaining_seconds is not None:
            assert outcome.margin_seconds == seen.remaining_seconds
        fired = {trigger.trigger: [f.at for f in trigger.fired] for trigger in part.triggers}
        assert {f.trigger for f in seen.fired} <= set(fired) or not part.triggers
    assert Explanation.model_validate_json(explanation.model_dump_json()) == explanation
    assert max(len(line) for line in text_of(explanation)) <= 100


# --- random processes and events --------------------------------------------------------------------------------------

CRITERIA = ['case.p == "high"', 'case.s != "done"', "case.b", "!case.b", "case.missing == 1"]
SPANS = ["30m", "4h", "26h", "200h", "61s", "eod", "1bd", "2bd eod", "20bd"]
HOURS_OR_NONE = st.sampled_from([None, None, *HOURS])


@st.composite
def milestones(draw: st.DrawFn, name: str, earlier: list[dict[str, Any]]) -> dict[str, Any]:
    after = [{"after": m["name"]} for m in earlier if m["recurrence"] == "none"]
    starts = draw(st.sampled_from(["process", "process", "criteria", *after]))
    recurrences = ["none", "independent", "sequential"] if starts == "criteria" else ["none"]
    spans = [
        {
            "when": draw(st.sampled_from(CRITERIA)),
            "span": draw(st.sampled_from(SPANS)),
            "business_hours": draw(HOURS_OR_NONE),
        }
        for _ in range(draw(st.sampled_from([0, 1, 2])))
    ]
    timed: dict[str, Any] = {"by": "due_at"}
    if draw(st.integers(0, 7)):
        timed = {"within": [*spans, {"span": draw(st.sampled_from(SPANS))}]}
    triggers = [{"kind": "warning", "at": "40s", "late": draw(st.sampled_from(["fire", "skip"]))}, *ALL_TRIGGERS[1:]]
    return {
        "name": name,
        **timed,
        "when": draw(st.sampled_from(["", "", "", *CRITERIA])),
        "starts": starts,
        "recurrence": draw(st.sampled_from(recurrences)),
        "business_hours": draw(HOURS_OR_NONE),
        "complete_when": draw(st.sampled_from(["", "", "", 'case.s == "done"'])),
        "pause_when": draw(st.sampled_from(["", "", 'case.s == "wait"'])),
        "on_change": draw(st.sampled_from(["retroactive", "restart", "carry"])),
        "on_reentry": draw(st.sampled_from(["keep", "restart"])),
        "triggers": triggers,
    }


@st.composite
def processes(draw: st.DrawFn) -> EntitlementProcess:
    found: list[dict[str, Any]] = []
    for name in ("A", "B")[: draw(st.integers(1, 2))]:
        found.append(draw(milestones(name, found)))
    return EntitlementProcess.model_validate(
        {
            "name": "P",
            "business_hours": draw(HOURS_OR_NONE),
            "entry": draw(st.sampled_from(["opened_at", "opened_at", "entry_at"])),
            "exit_when": draw(st.sampled_from(["", "", 'case.p == "out"'])),
            "milestones": found,
        }
    )


@st.composite
def happenings(draw: st.DrawFn, by: Plan, opened_at: datetime) -> list[tuple[datetime, Event]]:
    """Events, each with the time at which it arrives."""
    now = opened_at
    found: list[tuple[datetime, Event]] = []
    instants = st.integers(-2, 40).map(lambda n: (opened_at + timedelta(seconds=5400 * n)).isoformat())
    for number in range(draw(st.integers(0, 9))):
        now += timedelta(seconds=draw(st.sampled_from([0, 1, 1800, 3600, 14_400, 86_400, 200_000])))
        common: dict[str, Any] = {
            "event_id": str(number),
            "occurred_at": now - timedelta(seconds=draw(st.sampled_from([0, 0, 0, 60, 7200]))),
            "by": draw(st.sampled_from([None, "ann"])),
        }
        name = draw(st.sampled_from(["A", "A", "B"]))
        fields = {
            "p": draw(st.sampled_from(["high", "low", "out"])),
            "s": draw(st.sampled_from(["new", "wait", "done"])),
            "b": draw(st.booleans()),
            "due_at": draw(instants),
            "entry_at": draw(instants),
        }
        changed = draw(st.sampled_from(sorted(fields)))
        possible: list[Event] = [
            MilestoneCompleted(milestone=name, **common),
            FieldsChanged(fields={changed: fields[changed]}, **common),
            FieldsChanged(fields={changed: fields[changed]}, **common),
            ClockStopped(milestone=draw(st.sampled_from([None, name])), **common),
            ClockResumed(milestone=draw(st.sampled_from([None, name])), **common),
            MilestoneExtended(milestone=name, open_seconds=draw(st.sampled_from([60, 36_000])), **common),
            CompletionCleared(milestone=name, **common),
            CaseClosed(**common),
            CaseReopened(**common),
            EntitlementChanged(plan=by, **common),
        ]
        found.append((now, draw(st.sampled_from(possible))))
    return found


@st.composite
def cases(draw: st.DrawFn) -> tuple[Timeline, list[tuple[datetime, Event]]]:
    opened_at = draw(st.sampled_from([at("06-09 09:00"), at("03-08 23:30"), at("12-23 16:20"), at("04-05 08:00")]))
    by = Plan(
        process=draw(processes()),
        business_hours=draw(st.sampled_from(sorted(HOURS))),
        calendars=calendars(),
        fields=FIELDS,
    )
    fields = {
        "p": draw(st.sampled_from(["high", "low"])),
        "s": "new",
        "b": draw(st.booleans()),
        "due_at": None,
        "entry_at": None,
    }
    return Timeline.enter(by, Case(case_id="c", fields=fields), opened_at), draw(happenings(by, opened_at))


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(cases())
def test_the_sum_of_an_explanation_is_the_target(found: tuple[Timeline, list[tuple[datetime, Event]]]) -> None:
    """For random processes and events, after each of them: target, elapsed and paused time come out of the parts."""
    timeline, events = found
    now = timeline.state.opened_at
    adds_up(timeline, explain(timeline.plan, timeline.state, now), now)
    for now, event in events:
        try:
            timeline.apply(event, now)
        except Refused:
            timeline.advance(now)
        adds_up(timeline, explain(timeline.plan, timeline.state, now), now)
    later = now + timedelta(days=40)
    timeline.advance(later)
    adds_up(timeline, explain(timeline.plan, timeline.state, later), later)


# --- why this calendar, start and span --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named_by", "milestone", "process", "of"),
    [
        (
            "row",
            {"within": [{"span": "4h", "business_hours": "X"}], "business_hours": "lunch"},
            {"business_hours": "UTC"},
            "case",
        ),
        ("milestone", {"within": "4h", "business_hours": "X"}, {"business_hours": "UTC"}, "case"),
        ("process", {"within": "4h"}, {"business_hours": "X"}, "case"),
        ("case", {"within": "4h"}, {}, "case"),
        ("entitlement", {"within": "4h"}, {}, "entitlement"),
        ("organisation", {"within": "4h"}, {}, "organisation"),
    ],
)
def test_the_calendar_says_who_names_it(
    named_by: str, milestone: dict[str, Any], process: dict[str, Any], of: str
) -> None:
    by = plan([milestone], hours="X", **process).model_copy(update={"business_hours_of": of})
    choice = one(by, "06-09 09:00", [], "06-09 10:00").calendar
    assert (choice.name, choice.named_by) == ("X", named_by)


def test_the_row_that_was_taken_and_those_before_it() -> None:
    rows = [{"when": 'case.p == "high"', "span": "1h"}, {"when": "case.missing == 1", "span": "2h"}, {"span": "3h"}]
    part = one(plan([{"within": rows}]), "06-09 09:00", [], "06-09 10:00", fields={"p": "low"})
    assert (part.span.row, part.span.criteria, part.span.span) == (3, "", "3h")
    assert [(row.row, row.criteria) for row in part.span.passed] == [(1, 'case.p == "high"'), (2, "case.missing == 1")]
    assert part.span.passed[1].error == "the field 'missing' is not set"


AFTER = {"name": "N", "within": "1h", "starts": {"after": "M"}}
RESTARTS = {"within": [{"when": "case.b", "span": "1h"}, {"span": "4h"}], "on_change": "restart"}
COMPLETED: Moment = ("06-09 11:00", MilestoneCompleted, {"milestone": "M"})
B_TRUE: Moment = ("06-09 11:00", FieldsChanged, {"fields": {"b": True}})
REOPENED: list[Moment] = [("06-09 11:00", CaseClosed, {}), ("06-09 12:00", CaseReopened, {})]


@pytest.mark.parametrize(
    ("kind", "milestones", "events", "start"),
    [
        ("opened", [{"within": "4h"}], [], "06-09 09:00"),
        ("criteria", [{"within": "4h", "starts": "criteria", "when": "case.b"}], [B_TRUE], "06-09 11:00"),
        ("entry", [{"within": "4h", "starts": "criteria"}], [], "06-09 09:00"),
        ("after", [{"within": "4h"}, AFTER], [COMPLETED], "06-09 11:00"),
        ("reentry", [{"within": "4h", "on_reentry": "restart"}], REOPENED, "06-09 12:00"),
        ("restart", [RESTARTS], [B_TRUE], "06-09 11:00"),
    ],
)
def test_the_start_says_what_it_follows(
    kind: str, milestones: list[dict[str, Any]], events: list[Moment], start: str
) -> None:
    part = one(plan(milestones), "06-09 09:00", events, "06-09 16:00", fields={"b": False})
    assert (part.start.kind, part.start.at) == (kind, at(start))


def test_the_start_by_a_field_and_by_a_change_of_entitlement() -> None:
    by = plan([{"within": "4h"}], entry="entry_at")
    part = one(by, "06-09 09:00", [], "06-09 16:00", fields={"entry_at": at("06-09 10:00").isoformat()})
    assert (part.start.kind, part.start.field, part.start.at) == ("field", "entry_at", at("06-09 10:00"))
    other = plan([{"within": "2h"}], name="Q")
    change = [("06-09 11:00", EntitlementChanged, {"plan": other})]
    old, new = explained(plan([{"within": "4h"}]), "06-09 09:00", change, "06-09 12:00").instances
    assert (old.start.kind, old.calendar.named_by, old.outcome.state) == (
        "earlier",
        "earlier",
        InstanceState.OPEN_AT_EXIT,
    )
    assert (new.start.kind, new.start.at) == ("entitlement", at("06-09 11:00"))


def test_a_start_outside_open_time_says_when_it_opens() -> None:
    part = one(plan([{"within": "1h"}]), "06-14 12:00", [], "06-14 13:00")
    assert part.start.opens_at == at("06-16 09:00")


# --- the examples of the specification --------------------------------------------------------------------------------

FOUR_HOURS = [{"within": "240m", "triggers": ALL_TRIGGERS}]


def test_a_holiday_is_skipped_and_named() -> None:
    """E6: Thu 16:00 is an hour; Independence Day and the weekend are none; three hours of Monday."""
    part = one(plan(FOUR_HOURS), "07-03 16:00", [], "07-03 17:00")
    assert [(w.from_at, w.to_at, w.open_seconds) for w in part.reckoning.windows] == [
        (at("07-03 16:00"), at("07-03 17:00"), 3600),
        (at("07-07 09:00"), at("07-07 12:00"), 10_800),
    ]
    assert [(d.date, d.windows) for d in part.reckoning.special_dates] == [(date(2025, 7, 4), ())]


def test_a_half_day_is_shortened() -> None:
    """E7."""
    part = one(plan(FOUR_HOURS), "12-24 11:00", [], "12-24 12:00")
    assert part.reckoning.target_at == at("12-26 11:00")
    assert [d.windows for d in part.reckoning.special_dates] == [("09:00-13:00",), ()]


def test_the_change_of_the_clocks_is_named_with_the_length_of_its_day() -> None:
    """E8 and E9: 02:00 becomes 03:00 on a day of 23 hours; 02:00 becomes 01:00 on one of 25."""
    part = one(plan([{"within": "60m"}], hours="X"), "03-09 01:30", [], "03-09 01:40")
    spring = part.reckoning.offset_changes[0]
    assert part.reckoning.target_at == datetime(2025, 3, 9, 7, 30, tzinfo=UTC)
    assert (spring.before.hour, spring.after.hour, spring.date.day, spring.day_seconds) == (2, 3, 9, 23 * 3600)
    part = one(plan([{"within": "120m"}], hours="X"), "11-02 00:30", [], "11-02 00:40")
    autumn = part.reckoning.offset_changes[0]
    assert part.reckoning.target_at == datetime(2025, 11, 2, 6, 30, tzinfo=UTC)
    assert (autumn.before.hour, autumn.after.hour, autumn.date.day, autumn.day_seconds) == (2, 1, 2, 25 * 3600)


STOPPED_OVERNIGHT: list[Moment] = [
    ("06-09 10:00", ClockStopped, {"by": "ann", "reason": "waits for the customer"}),
    ("06-10 10:00", ClockResumed, {"by": "ann"}),
]


def test_a_pause_says_who_and_why_and_by_how_much_it_moves_the_target() -> None:
    """E11b: 24 hours by the wall clock, 8 of them open; Tue 13:00."""
    part = one(plan(FOUR_HOURS), "06-09 09:00", STOPPED_OVERNIGHT, "06-10 12:00")
    (pause,) = part.pauses
    assert (pause.counts, pause.moves_seconds, pause.open_seconds, pause.closed_seconds) == (
        "counted",
        28_800,
        28_800,
        57_600,
    )
    assert [(c.kind, c.by, c.reason) for c in pause.causes] == [("case stopped", "ann", "waits for the customer")]
    assert (part.reckoning.span_seconds, part.reckoning.total_seconds) == (14_400, 43_200)
    assert part.reckoning.target_at == at("06-10 13:00")


def test_a_pause_after_a_missed_target_does_not_undo_it() -> None:
    """E11e: missed at 13:00, the target is 15:00 now, still violated."""
    events: list[Moment] = [("06-09 13:30", ClockStopped, {}), ("06-09 15:30", ClockResumed, {})]
    explanation = explained(plan(FOUR_HOURS), "06-09 09:00", events, "06-09 15:40")
    (part,) = explanation.instances
    assert part.reckoning.target_at == at("06-09 15:00")
    assert [v.violated_at for v in part.outcome.violations] == [at("06-09 13:00")]
    assert part.outcome.violated
    assert any("does not undo it" in line for line in text_of(explanation, 200))


def test_an_open_pause_moves_nothing_yet() -> None:
    part = one(plan(FOUR_HOURS), "06-09 09:00", STOPPED_OVERNIGHT[:1], "06-09 12:00")
    assert [(p.counts, p.open_seconds, p.moves_seconds) for p in part.pauses] == [("open", 7200, 0)]
    assert {t.kind: t.standing for t in part.triggers} == {
        "warning": "waits",
        "violation": "waits",
        "success": "not completed",
    }


def test_an_occurrence_says_which_one_it_follows() -> None:
    """E12, E13 and E29: a sequential one not before the target of the first; an independent one from its completion."""
    done: list[Moment] = [("06-09 12:30", MilestoneCompleted, {"milestone": "M"})]
    recurring = {"within": "60m", "starts": "criteria"}
    second = one(plan([{**recurring, "recurrence": "sequential"}], hours="X"), "06-09 12:00", done, "06-09 12:40")
    assert (second.start.kind, second.start.occurrence, second.start.at) == ("target", 1, at("06-09 13:00"))
    assert (second.reckoning.target_at, second.outcome.state) == (at("06-09 14:00"), InstanceState.SCHEDULED)
    second = one(plan([{**recurring, "recurrence": "independent"}], hours="X"), "06-09 12:00", done, "06-09 12:40")
    assert (second.start.kind, second.start.occurrence, second.reckoning.target_at) == (
        "completed",
        1,
        at("06-09 13:30"),
    )
    early: list[Moment] = [("06-09 16:45", MilestoneCompleted, {"milestone": "M"})]
    second = one(plan([{**recurring, "recurrence": "independent"}]), "06-09 16:30", early, "06-09 16:50")
    assert second.reckoning.target_at == at("06-10 09:45")
    stopped: list[Moment] = [*done, ("06-09 12:40", ClockStopped, {}), ("06-09 13:20", ClockResumed, {})]
    second = one(plan([{**recurring, "recurrence": "sequential"}], hours="X"), "06-09 12:00", stopped, "06-09 13:30")
    assert second.reckoning.target_at == at("06-09 14:20")
    assert [(p.open_seconds, p.moves_seconds) for p in second.pauses] == [(2400, 1200)]


@pytest.mark.parametrize(
    ("mode", "target", "basis"),
    [("retroactive", "13:00", "start"), ("restart", "16:00", "start"), ("carry", "15:30", "carried")],
)
def test_a_change_of_span_says_what_it_did(mode: str, target: str, basis: str) -> None:
    """E21: at 12:00 1,440m become 240m."""
    rows = [{"when": 'case.p == "high"', "span": "240m"}, {"span": "1440m"}]
    events: list[Moment] = [("06-09 12:00", FieldsChanged, {"fields": {"p": "high"}})]
    by = plan([{"within": rows, "on_change": mode}], hours="X")
    part = one(by, "06-09 09:00", events, "06-09 12:30", fields={"p": "low"})
    (change,) = part.changes
    assert (change.kind, change.span_before, change.span, change.at) == (mode, "24h", "4h", at("06-09 12:00"))
    assert (change.target_before, change.target_after) == (at("06-10 09:00"), at(f"06-09 {target}"))
    assert (part.reckoning.target_at, part.reckoning.basis) == (at(f"06-09 {target}"), basis)
    if mode == "carry":
        assert (change.used_seconds, change.of_seconds, change.left_seconds) == (10_800, 86_400, 12_600)
    assert [(c.rule, [(v.holds, v.at) for v in c.verdicts]) for c in part.criteria] == [
        ("row 1", [(False, at("06-09 09:00")), (True, at("06-09 12:00"))])
    ]


def test_a_carried_span_that_is_used_up() -> None:
    """What was missed keeps the target of its record; exactly the whole makes the instant of the change the target."""
    rows = [{"when": "case.b", "span": "2h"}, {"span": "1h"}]
    by = plan([{"within": rows, "on_change": "carry"}], hours="X")
    for when, basis, target in (("06-09 10:30", "missed", "06-09 10:00"), ("06-09 10:00", "used up", "06-09 10:00")):
        events: list[Moment] = [(when, FieldsChanged, {"fields": {"b": True}})]
        explanation = explained(by, "06-09 09:00", events, "06-09 14:00", fields={"b": False})
        reckoning = explanation.instances[0].reckoning
        assert (reckoning.basis, reckoning.target_at) == (basis, at(target))


def test_a_completion_while_stopped() -> None:
    """E27: the stop counts up to the completion; 300 less 240 minutes are 60."""
    events: list[Moment] = [
        ("06-09 10:00", ClockStopped, {}),
        ("06-09 14:00", MilestoneCompleted, {"milestone": "M", "by": "ann"}),
    ]
    part = one(plan(FOUR_HOURS), "06-09 09:00", events, "06-09 15:00")
    outcome = part.outcome
    assert part.reckoning.target_at == at("06-09 17:00")
    assert (outcome.elapsed_seconds, outcome.paused_seconds, outcome.actual_seconds) == (18_000, 14_400, 3600)
    assert (outcome.violated, outcome.completed_by, outcome.margin_seconds) == (False, "ann", 10_800)
    assert [t.standing for t in part.triggers] == ["ended first", "ended first", "ended first", "fired"]


def test_a_start_in_the_past_counts_the_stops_since() -> None:
    """E30."""
    events: list[Moment] = [
        ("06-09 10:00", ClockStopped, {}),
        ("06-09 12:00", ClockResumed, {}),
        ("06-09 13:00", FieldsChanged, {"fields": {"b": True}}),
    ]
    part = one(plan([{"within": "240m", "when": "case.b"}]), "06-09 09:00", events, "06-09 13:30", fields={"b": False})
    assert part.reckoning.target_at == at("06-09 15:00")
    assert part.start.at == at("06-09 09:00")
    assert [(c.rule, [v.holds for v in c.verdicts]) for c in part.criteria] == [("when", [False, True])]


def test_spans_that_follow_the_days_name_each_day() -> None:
    """2bd from Thursday evening, over the holiday and the weekend; a stop of two hours moves the result."""
    events: list[Moment] = [("07-07 10:00", ClockStopped, {}), ("07-07 12:00", ClockResumed, {})]
    part = one(plan([{"within": "2bd"}]), "07-03 18:00", events, "07-08 13:00")
    reckoning = part.reckoning
    assert reckoning.business_days == [at("07-07 09:00"), at("07-08 09:00"), at("07-09 09:00")]
    assert (reckoning.basis, reckoning.from_at) == ("business days", at("07-09 09:00"))
    assert (reckoning.total_seconds, reckoning.target_at) == (7200, at("07-09 11:00"))
    part = one(plan([{"within": "20bd eod"}]), "07-03 18:00", [], "07-08 13:00")
    assert part.reckoning.business_day_numbers == [0, 1, 2, 3, 4, 16, 17, 18, 19, 20]
    assert part.reckoning.target_at == at("08-04 17:00")


def test_a_deadline_is_its_field() -> None:
    """`by`: no stop moves it; a change of the field does."""
    events: list[Moment] = [
        ("06-09 10:00", ClockStopped, {}),
        ("06-09 11:00", FieldsChanged, {"fields": {"due_at": at("06-14 12:00").isoformat()}}),
    ]
    start = {"due_at": at("06-12 12:00").isoformat()}
    explanation = explained(plan([{"by": "due_at"}]), "06-09 09:00", events, "06-09 12:00", fields=start)
    (part,) = explanation.instances
    assert (part.reckoning.basis, part.reckoning.target_at, part.pauses) == ("deadline", at("06-14 12:00"), [])
    assert [(c.kind, c.target_before, c.target_after) for c in part.changes] == [
        ("deadline", at("06-12 12:00"), at("06-14 12:00"))
    ]


def test_an_extension_says_who_and_why() -> None:
    """It corrects the violation; one that came after a back-dated completion does not count."""
    said = {"milestone": "M", "open_seconds": 7200, "by": "boss", "reason": "agreed"}
    events: list[Moment] = [("06-09 14:00", MilestoneExtended, said)]
    part = one(plan(FOUR_HOURS), "06-09 09:00", events, "06-09 14:30")
    assert (part.reckoning.extended_seconds, part.reckoning.target_at) == (7200, at("06-09 15:00"))
    assert [(e.by, e.reason, e.counts) for e in part.extensions] == [("boss", "agreed", True)]
    assert [(v.violated_at, v.corrected_at) for v in part.outcome.violations] == [
        (at("06-09 13:00"), at("06-09 14:00"))
    ]
    timeline = walked(plan(FOUR_HOURS), "06-09 09:00", events, "06-09 14:30")
    timeline.apply(MilestoneCompleted(event_id="late", occurred_at=at("06-09 13:20"), milestone="M"), at("06-09 14:30"))
    (late,) = explain(timeline.plan, timeline.state, at("06-09 14:30")).instances
    assert (late.extensions[0].counts, late.reckoning.target_at, late.outcome.violated) == (
        False,
        at("06-09 13:00"),
        True,
    )


def test_a_correction_is_said_on_the_wall_clock_of_the_milestone() -> None:
    """As every other instant is; not as it is kept, in UTC."""
    timeline = walked(plan(FOUR_HOURS), "06-09 09:00", [], "06-09 14:30")
    timeline.apply(MilestoneCompleted(event_id="late", occurred_at=at("06-09 12:20"), milestone="M"), at("06-09 14:30"))
    (line,) = (
        line for line in text_of(explain(timeline.plan, timeline.state, at("06-09 14:30")), 400) if "Corrected" in line
    )
    assert "completed in time at Mon 2025-06-09 12:20 (16:20Z)." in line


def test_a_rule_that_pauses_names_its_criteria() -> None:
    events: list[Moment] = [
        ("06-09 10:00", FieldsChanged, {"fields": {"s": "wait"}}),
        ("06-09 11:00", FieldsChanged, {"fields": {"s": "new"}}),
    ]
    by = plan([{"within": "4h", "pause_when": 'case.s == "wait"'}])
    (pause,) = one(by, "06-09 09:00", events, "06-09 12:00", fields={"s": "new"}).pauses
    assert [(c.criteria, c.from_at, c.to_at) for c in pause.causes] == [
        ('case.s == "wait"', at("06-09 10:00"), at("06-09 11:00"))
    ]


# --- triggers ---------------------------------------------------------------------------------------------------------


def standing(warning: dict[str, Any], start: str, events: list[Moment], now: str, **more: Any) -> TriggerStanding:
    trigger = {"kind": "warning", **warning}
    milestone = {"within": [{"when": "case.b", "span": "1h"}, {"span": "4h"}], "triggers": [trigger]}
    return one(plan([milestone]), start, events, now, fields={"b": False}, **more).triggers[0].standing


SHORTER: list[Moment] = [("06-09 09:50", FieldsChanged, {"fields": {"b": True}})]
EXTENDED: list[Moment] = [("06-09 12:40", MilestoneExtended, {"milestone": "M", "open_seconds": 7200})]
MUCH_LATER: list[Moment] = [("06-09 12:00", FieldsChanged, {"fields": {"b": True}})]


@pytest.mark.parametrize(
    ("expected", "warning", "events", "now"),
    [
        ("to come", {"at": "30m"}, [], "06-09 10:00"),
        ("fired", {"at": "30m"}, [], "06-09 12:30"),
        ("waits", {"at": "30m"}, [("06-09 10:00", ClockStopped, {})], "06-09 16:00"),
        ("ended first", {"at": "30m"}, [("06-09 12:30", MilestoneCompleted, {"milestone": "M"})], "06-09 16:00"),
        ("skipped", {"at": "30m", "late": "skip"}, SHORTER, "06-09 09:55"),
        ("fired", {"at": "30m"}, SHORTER, "06-09 09:55"),
        ("no target ahead", {"at": "30m"}, MUCH_LATER, "06-09 12:30"),
        ("fired, not again", {"at": "30m"}, EXTENDED, "06-09 13:30"),
        ("fired", {"at": "30m", "rearm": True}, EXTENDED, "06-09 13:30"),
    ],
)
def test_a_trigger_says_when_it_fired_or_why_it_did_not(
    expected: str, warning: dict[str, Any], events: list[Moment], now: str
) -> None:
    assert standing(warning, "06-09 09:00", events, now) == expected


def test_a_late_firing_says_why() -> None:
    """Stopped at the very target: the violation fires at the resume. With a shorter span: at the change."""
    events: list[Moment] = [("06-09 13:00", ClockStopped, {}), ("06-09 15:00", ClockResumed, {})]
    milestone = {"within": "4h", "triggers": [{"kind": "violation", "at": "0"}]}
    (firing,) = one(plan([milestone]), "06-09 09:00", events, "06-09 16:00").triggers[0].fired
    assert firing.at == at("06-09 15:00")
    rows = [{"when": "case.b", "span": "1h"}, {"span": "4h"}]
    moved = {"within": rows, "triggers": [{"kind": "warning", "at": "30m"}]}
    (firing,) = one(plan([moved]), "06-09 09:00", SHORTER, "06-09 09:55", fields={"b": False}).triggers[0].fired
    assert (firing.due_at, firing.at, firing.late_because) == (at("06-09 09:30"), at("06-09 09:50"), "moved")


# --- the whole, and its words -----------------------------------------------------------------------------------------


def test_a_migration_is_named() -> None:
    """A running instance takes the new span; what is violated already is left as it was."""
    newer = plan([{"within": "2h"}], version=2)
    part = one(plan([{"within": "8h"}]), "06-09 09:00", [("06-09 10:00", PlanReplaced, {"plan": newer})], "06-09 10:30")
    assert [(c.kind, c.span_before, c.span) for c in part.changes] == [("migration", "8h", "2h")]
    part = one(plan([{"within": "1h"}]), "06-09 09:00", [("06-09 11:00", PlanReplaced, {"plan": newer})], "06-09 11:30")
    assert [c.kind for c in part.changes] == ["kept"]
    assert part.reckoning.target_at == at("06-09 10:00")


@pytest.mark.parametrize(
    ("because", "milestone", "fields"),
    [
        ("criteria", {"within": "1h", "when": "case.b"}, {"b": False}),
        ("after", {"within": "1h", "starts": {"after": "First"}}, {}),
        ("deadline", {"by": "due_at"}, {}),
    ],
)
def test_a_milestone_that_has_not_started_says_why(
    because: str, milestone: dict[str, Any], fields: dict[str, Any]
) -> None:
    by = plan([{"name": "First", "within": "4h"}, milestone])
    explanation = explained(by, "06-09 09:00", [], "06-09 10:00", fields=fields)
    assert [(part.milestone, part.because) for part in explanation.not_started] == [("M", because)]
    assert any(line.startswith("M: not started, because") for line in text_of(explanation))


def test_a_case_outside_its_process_says_so() -> None:
    explanation = explained(plan([{"within": "1h"}], entry="entry_at"), "06-09 09:00", [], "06-09 10:00")
    assert [(part.because, part.name) for part in explanation.not_started] == [("not entered", "entry_at")]
    nothing = explained(Plan(business_hours="B", calendars=calendars()), "06-09 09:00", [], "06-09 10:00")
    assert "It is in no process, so it has no milestones." in text_of(nothing)


def test_one_milestone_or_none_of_that_name() -> None:
    timeline = walked(plan([{"name": "First", "within": "4h"}, {"within": "8h"}]), "06-09 09:00", [], "06-09 10:00")
    only = explain(timeline.plan, timeline.state, at("06-09 10:00"), "M")
    assert [part.milestone for part in only.instances] == ["M"]
    with pytest.raises(Refused, match="unknown milestone 'N' of case c; it has: First, M"):
        explain(timeline.plan, timeline.state, at("06-09 10:00"), "N")


def test_the_middle_of_a_long_count_is_one_line() -> None:
    """300 hours of eight-hour days: five lines, one for the middle, five more. A 240,000-minute target too."""
    part = one(plan([{"within": "300h"}]), "06-09 09:00", [], "06-09 10:00")
    assert [w.windows for w in part.reckoning.windows] == [*[1] * 5, 28, *[1] * 5]
    part = one(plan([{"within": "240000m"}]), "06-09 09:00", [], "06-09 10:00")
    assert sum(w.windows for w in part.reckoning.windows) == 501, "500 days, two of them for the half day"


def test_past_the_horizon_nothing_is_made_up() -> None:
    explanation = explained(plan([{"within": "9000h", "triggers": ALL_TRIGGERS}]), "06-09 09:00", [], "06-09 10:00")
    assert explanation.instances[0].reckoning.target_at is None
    assert any("not known yet" in line for line in text_of(explanation))


def test_instants_carry_the_local_time_and_utc() -> None:
    part = one(plan(FOUR_HOURS), "06-09 09:00", [], "06-09 10:00")
    assert part.model_dump(mode="json")["reckoning"]["target_at"] == "2025-06-09T13:00:00-04:00"


def test_the_words_for_a_manager() -> None:
    """E11b in full: what is printed is what the documentation shows."""
    explanation = explained(plan(FOUR_HOURS), "06-09 09:00", STOPPED_OVERNIGHT, "06-10 12:00")
    assert (
        explanation_text(explanation)
        == """\
Case c, explained as of Tue 2025-06-10 12:00 (16:00Z)
Process P version 1, entered Mon 2025-06-09 09:00 (13:00Z).

M: target Tue 2025-06-10 13:00 (17:00Z), running
  Calendar    B: Mon-Fri 09:00-17:00; Sat-Sun closed; America/New_York, with UTC in brackets.
              It is the organisation's default; milestone, process, case and entitlement name none.
  Start       Mon 2025-06-09 09:00 (13:00Z): the case was opened.
  Span        4h of open time.
  Sum                4h  the span
              +      8h  the clock stood Mon 2025-06-09 10:00 (14:00Z) to Tue 2025-06-10 10:00
                         (14:00Z)
                         The clock of the case was stopped by ann, "waits for the customer".
                         24h by the wall clock, of which 16h outside open time do not count.
              =     12h  of open time, counted from the start
  Counted     open time                                       open   in all
              Mon 2025-06-09  09:00 - 17:00                     8h       8h  (stood 10:00 - 17:00)
              Tue 2025-06-10  09:00 - 13:00                     4h      12h  (stood 09:00 - 10:00)
  Target      Tue 2025-06-10 13:00 (17:00Z)
  Outcome     Running at Tue 2025-06-10 12:00 (16:00Z), 1h before the target.
              11h of open time since the start, less 8h in which the clock stood: 3h used.
  Triggers    warning, 75% of the span: fired Tue 2025-06-10 12:00 (16:00Z).
              violation: to come, due Tue 2025-06-10 13:00 (17:00Z).
              violation, 2h after the target: to come, due Tue 2025-06-10 15:00 (19:00Z).
              success: fires on completion.
"""
    )


@pytest.mark.parametrize(
    ("start", "hours", "span", "line"),
    [
        ("07-03 16:00", "B", "4h", "Fri 2025-07-04  closed: a holiday or a date off (otherwise 09:00-17:00)"),
        ("07-03 16:00", "B", "4h", "Sat 2025-07-05 and Sun 2025-07-06  closed every week"),
        ("12-24 11:00", "B", "4h", "Wed 2025-12-24  own hours 09:00-13:00 (otherwise 09:00-17:00)"),
        ("03-09 01:30", "X", "1h", "Sun 2025-03-09  the clocks go from 02:00 to 03:00: this local day has 23h"),
        ("06-09 18:00", "B", "eod", "Days        Tue 2025-06-10 17:00 (21:00Z)  the end of that business day"),
        (
            *("06-09 13:00", "B", "4h"),
            "Target      Mon 2025-06-09 17:00 (21:00Z), the moment at which the time is used up: closing time,",
        ),
    ],
)
def test_the_words_for_what_was_skipped(start: str, hours: str, span: str, line: str) -> None:
    said = text_of(explained(plan([{"within": span}], hours=hours), start, [], start))
    assert line in [one.strip() for one in said]
