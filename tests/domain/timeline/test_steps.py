"""A timeline in steps: how much one takes on, what it costs, and that a copy goes its own way."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.timeline.agenda import Agenda
from domain.timeline.effects import Effect
from domain.timeline.events import FieldsChanged
from domain.timeline.machine import Timeline
from tests.domain.timeline.bench import Bench, ny, triggers
from tests.domain.timeline.test_model import FIELDS, PROFILE, World, calendars, event_of, worlds
from tests.models.both_timelines import Opening, RealTimeline
from tests.models.specified.slow_timeline import RefusedError

TEN = triggers(*(f"warning {10 * n}m" for n in range(1, 10)), "violation 0")


def late(milestones: int) -> Bench:
    """A case of so many milestones of ten triggers, all of which are behind nine hours after its opening."""
    return Bench(*({"name": f"M{n}", "within": "4h", "triggers": TEN} for n in range(milestones)), hours="X")


def in_steps(timeline: Timeline, now: datetime, at_most: int) -> list[Effect]:
    """Everything due, so much at a time."""
    effects: list[Effect] = []
    while True:
        effects += timeline.advance(now, at_most=at_most)
        if timeline.next_due is None or timeline.next_due > now:
            return effects


@pytest.mark.parametrize("at_most", [1, 7, 1000])
def test_steps_come_to_what_one_advance_does(at_most: int) -> None:
    """The same effects in the same order, and the same state."""
    whole, stepped = late(5).timeline, late(5).timeline
    now = ny("Mon 18:00")
    assert in_steps(stepped, now, at_most) == whole.advance(now)
    assert stepped.state == whole.state


def test_a_step_says_that_more_is_due() -> None:
    """`next_due` is not after now while something is left."""
    timeline = late(1).timeline
    now = ny("Mon 18:00")
    for _ in range(10):
        timeline.advance(now, at_most=1)
        assert timeline.next_due is not None
        assert timeline.next_due <= now
    timeline.advance(now, at_most=1)
    assert timeline.next_due is None


@PROFILE
@given(worlds(), st.integers(1, 3))
def test_any_story_in_steps_is_the_same_story(world: World, at_most: int) -> None:
    """Whatever happens, done in steps of a few dues it ends as done at once."""
    case = Opening(world.process, calendars(), world.hours, world.fields, world.opened_at, FIELDS)
    whole, stepped = RealTimeline(case), RealTimeline(case)
    now = world.opened_at
    for number, step in enumerate(world.steps):
        now += timedelta(seconds=step.passed)
        whole.advance(now)
        stepped.effects += in_steps(stepped.timeline, now, at_most)
        event = event_of(step, number, now)
        for each in (whole, stepped):
            if event is not None:
                with suppress(RefusedError):
                    each.apply(event, max(now, event.occurred_at))
    now += timedelta(days=20)
    whole.advance(now)
    stepped.effects += in_steps(stepped.timeline, now, at_most)
    assert stepped.timeline.state == whole.timeline.state
    assert stepped.effects == whole.effects


@PROFILE
@given(worlds())
def test_a_copy_goes_its_own_way(world: World) -> None:
    """What happens to a copy leaves the original as it was, and comes to the same as there."""
    case = Opening(world.process, calendars(), world.hours, world.fields, world.opened_at, FIELDS)
    real = RealTimeline(case)
    now = world.opened_at
    for number, step in enumerate(world.steps):
        now += timedelta(seconds=step.passed)
        before = real.timeline.state.model_dump_json()
        event = event_of(step, number, now)
        copy = RealTimeline(case)
        copy.timeline = real.timeline.fork()
        for each in (copy, real):
            each.advance(now)
            if event is not None:
                with suppress(RefusedError):
                    each.apply(event, max(now, event.occurred_at))
            if each is copy:
                assert real.timeline.state.model_dump_json() == before
        assert copy.timeline.state == real.timeline.state
        assert copy.timeline.next_due == real.timeline.next_due


def test_what_is_due_is_worked_out_once_an_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice as many milestones catch up with twice the work; a trigger that fires moves none of the others."""
    reckoned: list[str] = []
    reckon = Agenda._reckon

    def counted(agenda: Agenda, instance: object) -> object:
        reckoned.append("")
        return reckon(agenda, instance)  # type: ignore[arg-type]  # what the agenda calls it with

    monkeypatch.setattr(Agenda, "_reckon", counted)
    costs = []
    for milestones in (20, 40):
        reckoned.clear()
        late(milestones).timeline.advance(ny("Mon 18:00"))
        costs.append(len(reckoned))
    assert costs == [20, 40]


def test_a_copy_works_nothing_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows from facts that did not change is shared."""
    timeline = late(3).to("Mon 10:00").timeline
    assert timeline.covers(ny("Mon 10:00"))
    monkeypatch.setattr(Agenda, "_reckon", None)
    copy = timeline.fork()
    assert copy.next_due == timeline.next_due
    copy.apply(FieldsChanged(event_id="1", occurred_at=ny("Mon 10:01"), fields={"count": 1}))
    assert copy.covers(ny("Mon 10:01"))
