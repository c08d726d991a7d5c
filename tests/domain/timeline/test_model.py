"""The timeline against a slow model of the specification that was written without having seen it.

`HYPOTHESIS_PROFILE=thorough` runs it with 5,000 examples, in two minutes; otherwise it takes seconds. For more, run
that again: each time other examples are drawn.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.calendar import BusinessHours, FrozenCalendar
from domain.criteria.fields import FieldType
from domain.process import EntitlementProcess
from domain.timeline.events import (
    CaseClosed,
    CaseReopened,
    ClockResumed,
    ClockStopped,
    CompletionCleared,
    Event,
    FieldsChanged,
    MilestoneCompleted,
    MilestoneExtended,
)
from tests.models.both_timelines import Opening, RealTimeline, SlowTimeline
from tests.models.specified.slow_timeline import RefusedError

_SLOW_ON_PURPOSE = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
settings.register_profile(
    "quick", max_examples=300, deadline=None, derandomize=True, suppress_health_check=_SLOW_ON_PURPOSE
)
settings.register_profile("thorough", max_examples=5_000, deadline=None, suppress_health_check=_SLOW_ON_PURPOSE)
PROFILE = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# --- calendars ---------------------------------------------------------------------------------------------------

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
HOURS: dict[str, dict[str, Any]] = {
    "office": {"time_zone": "America/New_York", "week": {day: ["09:00-17:00"] for day in WEEKDAYS}},
    "always": {"time_zone": "America/New_York", "week": "always"},
    "lunch": {
        "time_zone": "Europe/London",
        "week": {day: ["08:00-12:00", "13:00-17:00"] for day in WEEKDAYS},
        "dates": {"2025-06-10": ["09:00-11:00"], "2025-06-11": []},
    },
    "night": {"time_zone": "Australia/Lord_Howe", "week": {day: ["22:00-06:00"] for day in (*WEEKDAYS, "sat", "sun")}},
}
DAYS = {
    "a Monday in June": datetime(2025, 6, 9, 13, 0, tzinfo=UTC),
    "the spring change in New York": datetime(2025, 3, 9, 5, 30, tzinfo=UTC),
    "the autumn change on Lord Howe": datetime(2025, 4, 5, 13, 0, tzinfo=UTC),
}


@cache
def calendars() -> dict[str, FrozenCalendar]:
    start, end = datetime(2005, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    return {name: BusinessHours(name=name, **hours).freeze(start, end) for name, hours in HOURS.items()}


# --- processes ---------------------------------------------------------------------------------------------------

CRITERIA = ['case.p == "high"', 'case.s != "done"', 'case.s == "wait"', "case.b", "!case.b", "case.missing == 1"]
SPANS = ["30m", "1h", "90m", "4h", "10h", "26h", "61s", "eod", "1bd", "2bd eod", "1bd 16:00", "0bd 16:00", "1bd 02:00"]
HOURS_OR_NONE = st.sampled_from([None, None, *HOURS])


def maybe(chance: int, values: list[str]) -> st.SearchStrategy[str]:
    """One of the values, or (`chance` times as likely as one of them) nothing."""
    return st.sampled_from([""] * chance + values)


@st.composite
def triggers(draw: st.DrawFn, *, percentages: bool) -> dict[str, Any]:
    kind = draw(st.sampled_from(["warning", "violation", "success"]))
    trigger: dict[str, Any] = {"kind": kind}
    if kind == "warning":
        trigger["at"] = draw(
            st.sampled_from(["20m", "30m", "1h", *(["75%", "50%", "100%", "33%"] if percentages else [])])
        )
        trigger["late"] = draw(st.sampled_from(["fire", "fire", "skip"]))
    if kind == "violation":
        trigger["at"] = draw(st.sampled_from(["0", "30m", "10h"]))
    trigger["rearm"] = draw(st.sampled_from([False, False, False, True]))
    if draw(st.integers(0, 3)) == 0:
        field, value = draw(
            st.sampled_from([("p", "high"), ("p", "low"), ("s", "wait"), ("s", "done"), ("b", True), ("b", False)])
        )
        trigger["actions"] = [{"do": "field_update", "field": field, "value": value}]
    return trigger


@st.composite
def milestones(draw: st.DrawFn, name: str, earlier: list[dict[str, Any]]) -> dict[str, Any]:
    milestone: dict[str, Any] = {"name": name, "business_hours": draw(HOURS_OR_NONE)}
    milestone["when"] = draw(maybe(10, CRITERIA))
    after = [{"after": m["name"]} for m in earlier if m.get("recurrence", "none") == "none"]
    milestone["starts"] = draw(st.sampled_from(["process", "process", "criteria", "criteria", *after]))
    if milestone["starts"] == "criteria":
        milestone["recurrence"] = draw(st.sampled_from(["none", "independent", "sequential"]))
    by = draw(st.integers(0, 7)) == 0
    if by:
        milestone["by"] = "due_at"
    else:
        rows: list[dict[str, Any]] = [
            {
                "when": draw(st.sampled_from(CRITERIA)),
                "span": draw(st.sampled_from(SPANS)),
                "business_hours": draw(HOURS_OR_NONE),
            }
            for _ in range(draw(st.sampled_from([0, 0, 1, 2])))
        ]
        milestone["within"] = [*rows, {"span": draw(st.sampled_from(SPANS))}]
    milestone["complete_when"] = draw(maybe(12, CRITERIA))
    milestone["pause_when"] = draw(maybe(12, CRITERIA))
    milestone["on_change"] = draw(st.sampled_from(["retroactive", "restart", "carry"]))
    if milestone["complete_when"] and milestone.get("recurrence", "none") == "none":
        milestone["when_undone"] = draw(st.sampled_from(["keep", "resume", "resume"]))
    milestone["promise"] = draw(st.sampled_from([True, True, True, True, False]))
    if milestone["starts"] == "criteria":
        milestone["restart_on"] = draw(st.sampled_from([[], [], [], ["group"], ["group", "p"]]))
    if not by:
        milestone["cutoff"] = draw(st.sampled_from([None, None, None, "10:00", "14:00", "23:30", "02:00"]))
    milestone["on_reentry"] = draw(st.sampled_from(["keep", "keep", "restart"]))
    found = draw(st.lists(triggers(percentages=not by), max_size=4))
    milestone["triggers"] = [{**t, "id": f"t{n}"} for n, t in enumerate(found)]
    return milestone


def is_allowed(milestone: dict[str, Any]) -> bool:
    """A warning longer than every span of its milestone is refused when it is declared."""
    try:
        EntitlementProcess.model_validate({"name": "P", "milestones": [{**milestone, "starts": "criteria"}]})
    except ValueError:
        return False
    return True


@st.composite
def processes(draw: st.DrawFn) -> EntitlementProcess:
    found: list[dict[str, Any]] = []
    for name in ("A", "B", "C")[: draw(st.integers(1, 3))]:
        found.append(draw(milestones(name, found).filter(is_allowed)))
    return EntitlementProcess.model_validate(
        {
            "name": "P",
            "business_hours": draw(HOURS_OR_NONE),
            "entry": draw(st.sampled_from(["opened_at", "opened_at", "opened_at", "entry_at"])),
            "exit_when": draw(maybe(12, CRITERIA)),
            "milestones": found,
        }
    )


FIELDS = {
    "p": FieldType.STRING,
    "s": FieldType.STRING,
    "b": FieldType.BOOLEAN,
    "group": FieldType.STRING,
    "missing": FieldType.INTEGER,
    "due_at": FieldType.DATETIME,
    "entry_at": FieldType.DATETIME,
}

# --- what happens ------------------------------------------------------------------------------------------------

LITTLE = [0, 0, 1, 60, 900, 1800, 1800, 3600, 3600, 7200]
STEPS = [*LITTLE, 5400, 14_400, 28_800, 57_600, 86_400, 172_800]


class Step(NamedTuple):
    """Time passes; then, unless there is no event, an event of `delay` seconds ago arrives."""

    passed: int
    advances: bool
    through_json: bool
    kind: str
    milestone: str
    delay: int
    fields: dict[str, Any]
    seconds: int


@st.composite
def field_values(draw: st.DrawFn, opened_at: datetime) -> dict[str, Any]:
    instants = st.sampled_from([None, *range(-7200, 90_000, 5400)]).map(
        lambda s: None if s is None else (opened_at + timedelta(seconds=s)).isoformat()
    )
    return {
        "p": draw(st.sampled_from(["high", "low", None])),
        "s": draw(st.sampled_from(["new", "wait", "done"])),
        "b": draw(st.booleans()),
        "group": draw(st.sampled_from(["one", "two", "two", None])),
        "due_at": draw(instants),
        "entry_at": draw(instants),
    }


@st.composite
def steps(draw: st.DrawFn, opened_at: datetime, names: list[str]) -> Step:
    kinds = ["none", "complete", "complete", "change", "change", "stop", "resume", "close", "reopen", "clear", "extend"]
    values = draw(field_values(opened_at))
    changed = draw(
        st.lists(st.sampled_from(["p", "p", "s", "s", "b", "b", "group", "due_at", "entry_at"]), min_size=1, max_size=2)
    )
    if "entry_at" in changed:
        changed = ["entry_at"]  # what a new entry and a new span at one instant do together is nowhere said
    return Step(
        passed=draw(st.sampled_from(STEPS)),
        advances=draw(st.booleans()),
        through_json=draw(st.integers(0, 4)) == 0,
        kind=draw(st.sampled_from(kinds)),
        milestone=draw(st.sampled_from([*names, *names, ""])),
        delay=draw(st.sampled_from([0, 0, 0, 0, -3, -60, 1, *LITTLE])),
        fields={name: values[name] for name in changed},
        seconds=draw(st.sampled_from([600, 1800, 3600, 14_400, 86_400])),
    )


def event_of(step: Step, number: int, now: datetime) -> Event | None:
    at = now - timedelta(seconds=step.delay)
    common: dict[str, Any] = {"event_id": str(number), "occurred_at": at}
    match step.kind:
        case "complete":
            return MilestoneCompleted(milestone=step.milestone, **common)
        case "change":
            return FieldsChanged(fields=step.fields, **common)
        case "stop":
            return ClockStopped(milestone=step.milestone or None, **common)
        case "resume":
            return ClockResumed(milestone=step.milestone or None, **common)
        case "close":
            return CaseClosed(**common)
        case "reopen":
            return CaseReopened(**common)
        case "clear":
            return CompletionCleared(milestone=step.milestone, **common)
        case "extend" if step.seconds % 3600:
            return MilestoneExtended(milestone=step.milestone, open_seconds=step.seconds, **common)
        case "extend":
            return MilestoneExtended(milestone=step.milestone, until=now + timedelta(seconds=step.seconds), **common)
        case _:
            return None


class World(NamedTuple):
    process: EntitlementProcess
    hours: str
    opened_at: datetime
    fields: dict[str, Any]
    steps: list[Step]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    opened_at = DAYS[draw(st.sampled_from(sorted(DAYS)))]
    process = draw(processes())
    names = [m.name for m in process.milestones]
    return World(
        process=process,
        hours=draw(st.sampled_from(sorted(HOURS))),
        opened_at=opened_at,
        fields=draw(field_values(opened_at)),
        steps=draw(st.lists(steps(opened_at, names), min_size=3, max_size=12)),
    )


# --- both side by side -------------------------------------------------------------------------------------------


class Both:
    """The timeline and the model, fed alike."""

    def __init__(self, world: World) -> None:
        case = Opening(world.process, calendars(), world.hours, world.fields, world.opened_at, FIELDS)
        self.real, self.slow = RealTimeline(case), SlowTimeline(case)

    def apply(self, event: Event, now: datetime) -> None:
        refusals = []
        for each in (self.real, self.slow):
            try:
                each.apply(event, max(now, event.occurred_at))
            except RefusedError as error:
                refusals.append(error.code)
            else:
                refusals.append("")
        assert refusals[0] == refusals[1], event

    def advance(self, now: datetime) -> None:
        self.real.advance(now)
        self.slow.advance(now)

    def agree(self, now: datetime) -> None:
        actual, expected = self.real.snapshot(now), self.slow.snapshot(now)
        for key, instance in expected["instances"].items():
            assert actual["instances"].get(key) == instance, key
        assert actual == expected
        if not self.real.owes_effects:
            assert self.real.fired == self.slow.fired


def walk(world: World) -> Iterator[tuple[Both, datetime]]:
    both = Both(world)
    now = world.opened_at
    for number, step in enumerate(world.steps):
        now += timedelta(seconds=step.passed)
        if step.advances:
            both.advance(now)
        yield both, now
        event = event_of(step, number, now)
        if event is not None:
            both.apply(event, now)
            yield both, now
        if step.through_json:
            both.real.through_json()
    both.advance(now)
    yield both, now
    now += timedelta(days=20)
    both.advance(now)
    yield both, now


@PROFILE
@given(worlds())
def test_the_timeline_is_the_model(world: World) -> None:
    """States, targets, violations, pauses and every fired trigger are the same after every step, also through JSON."""
    for both, now in walk(world):
        both.agree(now)


@pytest.mark.parametrize("moved", [timedelta(hours=20), timedelta(hours=-3), timedelta(minutes=30)])
@pytest.mark.parametrize("kinds", [("change", "undo", "clear"), ("undo", "clear", "change")])
def test_a_start_that_was_complete_is_the_models_too(moved: timedelta, kinds: tuple[str, ...]) -> None:
    """A milestone that was complete as it started is cleared, before or after its entry is moved."""
    opened_at = DAYS["a Monday in June"]
    declared = {"name": "A", "within": [{"span": "4h"}], "complete_when": "case.b"}
    process = EntitlementProcess.model_validate({"name": "P", "entry": "entry_at", "milestones": [declared]})
    fields: dict[str, Any] = {
        "change": {"entry_at": (opened_at + moved).isoformat()},
        "undo": {"b": False},
        "clear": {},
    }
    walked = [
        Step(
            passed=1800,
            advances=False,
            through_json=False,
            kind="clear" if kind == "clear" else "change",
            milestone="A",
            delay=0,
            fields=fields[kind],
            seconds=0,
        )
        for kind in kinds
    ]
    entry = (opened_at - timedelta(hours=2)).isoformat()
    for both, now in walk(World(process, "always", opened_at, {"b": True, "entry_at": entry}, walked)):
        both.agree(now)
