"""Very many pauses are written in few bytes and summed at once, and come to what they come to one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.explanation import explain
from domain.process import EntitlementProcess
from domain.timeline import instances
from domain.timeline.events import ClockResumed, ClockStopped, FieldsChanged, MilestoneCompleted
from domain.timeline.facts import Pause
from domain.timeline.instances import MOST_TERMS
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from domain.timeline.sight import MOST_VERDICTS
from domain.timeline.state import TimelineState
from domain.timeline.stood import PLAIN, counted, read_pauses, summed, written_pauses
from tests.domain.timeline.test_model import FIELDS, calendars

T0 = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return T0 + timedelta(minutes=minutes)


@st.composite
def pauses(draw: st.DrawFn) -> tuple[Pause, ...]:
    steps = draw(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900)), max_size=40))
    causes = st.lists(st.sampled_from(["case stopped", "pause_when", "completed"]), min_size=1, max_size=2, unique=True)
    found, now = [], 0
    for gap, length in steps:
        begins = now + gap
        now = begins + length
        found.append(Pause(from_at=at(begins), to_at=at(now), causes=tuple(draw(causes))))
    if draw(st.booleans()):
        found.append(Pause(from_at=at(now), causes=("milestone stopped",)))
    return tuple(found)


@settings(deadline=None, max_examples=300)
@given(
    pauses(), st.sampled_from(["office", "lunch", "night", "always"]), st.integers(-9, 20_000), st.integers(0, 20_000)
)
def test_sums_are_what_the_pauses_come_to(stood: tuple[Pause, ...], hours: str, since: int, length: int) -> None:
    """Between any two instants, or to the end; also where the sums of the first ones were known before."""
    calendar = calendars()[hours]
    known = summed(calendar, stood[: len(stood) // 2], None)
    sums = summed(calendar, stood, known)
    assert sums is not None
    ended = [pause for pause in stood if pause.to_at is not None]
    assert len(sums.pauses) == len(ended)
    for until in (None, at(since + length)):
        assert sums.between(at(since), until) == counted(calendar, ended, at(since), until)


@settings(deadline=None, max_examples=200)
@given(pauses())
def test_pauses_go_through_json_whatever_their_number(stood: tuple[Pause, ...]) -> None:
    """The newest in full, those before in few bytes."""
    assert read_pauses(written_pauses(stood)) == stood


def timeline_of(**also: Any) -> Timeline:
    milestone = {"name": "M", "within": "900h", "triggers": [{"kind": "warning", "at": "50%"}], **also}
    process = EntitlementProcess.model_validate({"name": "P", "milestones": [milestone]})
    plan = Plan(process=process, business_hours="office", calendars=calendars(), fields=FIELDS)
    timeline = Timeline.enter(plan, Case(case_id="c"), T0)
    timeline.advance(T0)
    return timeline


def stopped(timeline: Timeline, times: int, *, every: int = 600) -> Timeline:
    """Stopped for a quarter of an hour again and again."""
    for number in range(times):
        begins = at(number * every + 60)
        who = f"agent {number}"
        timeline.apply(ClockStopped(event_id=f"s-{number}", occurred_at=begins, by=who, reason="waits"))
        timeline.apply(ClockResumed(event_id=f"r-{number}", occurred_at=begins + timedelta(minutes=15)))
    return timeline


def test_many_stops_are_two_instants_each() -> None:
    """The newest are known with who and why; a target is what all of them come to, through JSON too."""
    timeline = stopped(timeline_of(), 200)
    state = TimelineState.model_validate_json(timeline.state.model_dump_json())
    assert state == timeline.state
    assert [hold.by for hold in state.all_holds] == [*[None] * 180, *(f"agent {n}" for n in range(180, 200))]
    (instance,) = state.instances
    calendar = calendars()["office"]
    paused = counted(calendar, instance.pauses, T0, None)
    assert paused == sum(calendar.elapsed(h.from_at, h.to_at) for h in state.all_holds if h.to_at)
    assert instance.target_at(timeline.plan.calendars) == calendar.add(T0, 900 * 3600 + paused)
    assert len(timeline.state.model_dump_json()) < 20_000


def test_a_view_shows_the_newest_pauses() -> None:
    """How many came before them is said, and what all come to."""
    timeline = stopped(timeline_of(), 200)
    whole = timeline.view(at(200 * 600)).milestones[0]
    (short,) = timeline.view(at(200 * 600)).newest().milestones
    assert (len(whole.pauses), len(short.pauses), short.more_pauses) == (200, PLAIN, 180)
    assert short.pauses == whole.pauses[-PLAIN:]
    assert short.paused_seconds == whole.paused_seconds


def test_past_the_most_pauses_the_oldest_are_a_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Target, elapsed time and explanation are those of a timeline that keeps all of them one by one."""
    never = stopped(timeline_of(), 120)
    monkeypatch.setattr(instances, "MOST_PAUSES", 30)
    monkeypatch.setattr(instances, "_SUMMED_AT_ONCE", 10)
    timeline = stopped(timeline_of(), 120)
    (instance,) = timeline.state.instances
    assert instance.rested is not None
    assert 30 <= len(instance.pauses) < 40
    assert instance.rested.pauses == 120 - len(instance.pauses)
    now = at(120 * 600)
    one, other = timeline.view(now).milestones[0], never.view(now).milestones[0]
    facts = ("target_at", "elapsed_seconds", "paused_seconds", "remaining_seconds")
    assert [getattr(one, name) for name in facts] == [getattr(other, name) for name in facts]
    explained = explain(timeline.plan, timeline.state, now).instances[0]
    assert explained.reckoning == explain(never.plan, never.state, now).instances[0].reckoning
    assert explained.pauses[0].pauses == 100
    assert sum(pause.moves_seconds for pause in explained.pauses) == explained.reckoning.paused_seconds


def test_a_late_completion_is_judged_by_the_pauses_of_its_time() -> None:
    """However many came since: only those before its own time count."""
    timeline = stopped(timeline_of(within="2h"), 100)
    done = at(60 + 100)
    timeline.apply(MilestoneCompleted(event_id="done", occurred_at=done, milestone="M"), at(100 * 600))
    (instance,) = timeline.state.instances
    assert instance.target_at(timeline.plan.calendars) == at(120 + 15)
    assert instance.completed_at == done


def test_of_very_many_changes_of_a_span_the_newest_are_kept() -> None:
    """And of what criteria came to; the target is the one of the newest span from the same start."""
    rows = [{"when": 'case.p == "high"', "span": "400h"}, {"span": "500h"}]
    timeline = timeline_of(within=rows)
    for number in range(1, 301):
        changed = FieldsChanged(
            event_id=f"{number}", occurred_at=at(number), fields={"p": "high" if number % 2 else "low"}
        )
        timeline.apply(changed)
    (instance,) = timeline.state.instances
    assert len(instance.terms) == MOST_TERMS
    assert {len(verdicts) for verdicts in timeline.state.verdicts.values()} == {MOST_VERDICTS}
    assert instance.target_at(timeline.plan.calendars) == calendars()["office"].add(T0, 500 * 3600)
