"""Folding takes out of the state what can no longer change, and nothing else is different for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given

from domain.errors import Refused
from domain.explanation import explain, explain_instance
from domain.process import EntitlementProcess
from domain.timeline import folding, requests, rules
from domain.timeline.effects import Effect
from domain.timeline.events import CompletionCleared, Event, FieldsChanged, MilestoneCompleted
from domain.timeline.folding import NEWEST
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from domain.timeline.state import TimelineState
from tests.domain.timeline.test_model import FIELDS, PROFILE, World, calendars, event_of, worlds

T0 = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)


def timeline_of(*milestones: dict[str, Any], **fields: Any) -> Timeline:
    process = EntitlementProcess.model_validate({"name": "P", "milestones": list(milestones)})
    plan = Plan(process=process, business_hours="always", calendars=calendars(), fields=FIELDS)
    timeline = Timeline.enter(plan, Case(case_id="c", fields=fields), T0)
    timeline.advance(T0)
    return timeline


def hourly(**also: Any) -> dict[str, Any]:
    return {"name": "M", "within": "1h", "starts": "criteria", "recurrence": "independent", **also}


def complete(timeline: Timeline, minutes: int, milestone: str = "M") -> list[Effect]:
    at = T0 + timedelta(minutes=minutes)
    event = MilestoneCompleted(event_id=f"{milestone}-{minutes}", occurred_at=at, milestone=milestone)
    return timeline.apply(event, at)


def fold_all(timeline: Timeline) -> int:
    leaving = timeline.foldable(timeline.state.last_at)
    timeline.fold(leaving)
    return len(leaving)


# --- nothing is different for it ---


class Side:
    """A timeline that folds whatever it can after every step, or nothing at all."""

    def __init__(self, world: World, *, folds: bool) -> None:
        plan = Plan(process=world.process, business_hours=world.hours, calendars=calendars(), fields=FIELDS)
        self.timeline = Timeline.enter(plan, Case(case_id="c", fields=world.fields), world.opened_at)
        self.folds = folds
        self.folded = 0

    def does(self, step: Callable[[Timeline], list[Effect]]) -> list[Effect] | str:
        try:
            came_of_it: list[Effect] | str = step(self.timeline)
        except Refused as refused:
            came_of_it = str(refused)
        if self.folds:
            self.folded += fold_all(self.timeline)
            text = self.timeline.state.model_dump_json()
            self.timeline = Timeline(self.timeline.plan, TimelineState.model_validate_json(text))
        return came_of_it


def stories(world: World) -> Iterable[tuple[datetime, Callable[[Timeline], list[Effect]]]]:
    now = world.opened_at
    for number, step in enumerate(world.steps):
        now += timedelta(seconds=step.passed)
        if step.advances:
            yield now, partial(Timeline.advance, now=now)
        event = event_of(step, number, now)
        if event is not None:
            yield now, partial(Timeline.apply, event=event, noticed_at=max(now, event.occurred_at))
    now += timedelta(days=20)
    yield now, partial(Timeline.advance, now=now)


@PROFILE
@given(worlds())
def test_folding_makes_no_difference_to_any_rule(world: World) -> None:
    """Effects, refusals, dues and the newest instances are those of a timeline that never folds; also through JSON."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (folding, requests, rules):
            patch.setattr(module, "NEWEST", 1)
        one, other = Side(world, folds=True), Side(world, folds=False)
        for now, step in stories(world):
            assert one.does(step) == other.does(step)
            assert one.timeline.next_due == other.timeline.next_due
            assert one.timeline.view(now).newest(1) == other.timeline.view(now).newest(1)


def test_a_long_life_keeps_the_newest_and_counts_the_others() -> None:
    """Forty occurrences: the newest ten are at hand, and the view says how many the others are."""
    timeline, never = timeline_of(hourly()), timeline_of(hourly())
    for number in range(1, 41):
        for each in (timeline, never):
            complete(each, 50 * number + 400)  # the first one late
        fold_all(timeline)
    assert len(timeline.state.instances) == NEWEST
    view = timeline.view(T0 + timedelta(days=3)).newest()
    assert [m.occurrence for m in view.milestones] == list(range(32, 42))
    (more,) = view.more
    assert (more.occurrences, more.last, more.violated, more.where) == (31, 31, True, "store")
    assert view == never.view(T0 + timedelta(days=3)).newest()


# --- what can still change stays ---


def test_what_was_completed_in_this_very_second_is_not_folded() -> None:
    """News of the same second may come before a violation in it, so nothing of that second is folded."""
    timeline = timeline_of(hourly())
    for number in range(NEWEST + 5):
        at = T0 + timedelta(minutes=10)
        event = MilestoneCompleted(event_id=str(number), occurred_at=at, milestone="M")
        timeline.apply(event, at)
    assert timeline.foldable(timeline.state.last_at) == []
    timeline.advance(T0 + timedelta(hours=2))
    assert len(timeline.foldable(timeline.state.last_at)) == 6


def test_nothing_is_folded_that_the_store_has_not_confirmed() -> None:
    """What ended after the instant up to which the store is known to have everything stays."""
    timeline = timeline_of(hourly())
    for number in range(1, 31):
        complete(timeline, 10 * number)
    confirmed = T0 + timedelta(minutes=55)
    assert [i.occurrence for i in timeline.foldable(confirmed)] == [1, 2, 3, 4, 5]
    assert [i.occurrence for i in timeline.foldable(confirmed, at_most=2)] == [1, 2]


def test_an_instance_that_changed_since_is_not_folded() -> None:
    """What comes between the record and its confirmation may be about the very instance that is to be folded."""
    timeline = timeline_of(hourly())
    for number in range(1, 21):
        complete(timeline, 10 * number)
    leaving = timeline.fork().foldable(timeline.state.last_at)
    timeline.state.instances[0].completed_by = "somebody else"
    timeline.fold(leaving)
    assert [i.occurrence for i in timeline.state.instances][:2] == [1, leaving[-1].occurrence + 1]


def test_a_completion_that_another_milestone_waited_for_stays() -> None:
    """`after` runs from a completion of before, also where its predecessor has begun anew time and again."""
    first = hourly(recurrence="none", restart_on=["group"])
    timeline = timeline_of(first, {"name": "Next", "within": "100h", "starts": {"after": "M"}}, group="a")
    complete(timeline, 5)
    for number in range(1, 31):
        at = T0 + timedelta(minutes=10 * number)
        timeline.apply(FieldsChanged(event_id=str(number), occurred_at=at, fields={"group": f"{number}"}), at)
        fold_all(timeline)
    kept = [i for i in timeline.state.instances if i.milestone == "M"]
    assert kept[0].completed_at == T0 + timedelta(minutes=5)
    assert len(kept) <= NEWEST + 2
    (follower,) = [m for m in timeline.view(T0 + timedelta(days=1)).milestones if m.milestone == "Next"]
    assert (follower.start_at, follower.removed_at) == (T0 + timedelta(minutes=5), None)


# --- what rules ask of the past ---


def test_a_sequential_one_waits_for_the_target_of_a_folded_one() -> None:
    """The latest target of one that was completed in time counts, however many were removed since."""
    timeline = timeline_of(hourly(recurrence="sequential", within="1000h", when="case.b"), b=True)
    complete(timeline, 10)
    target = T0 + timedelta(hours=1000)
    for number in range(1, 61):
        at = T0 + timedelta(minutes=20 + number)
        timeline.apply(FieldsChanged(event_id=str(number), occurred_at=at, fields={"b": number % 2 == 0}), at)
    assert timeline.view(at).milestones[-1].start_at == target
    assert timeline.foldable(timeline.state.last_at) == []  # none of the later ones has begun


def test_a_completion_that_was_folded_cannot_be_cleared() -> None:
    """A later occurrence has started; the refusal is the same as if it were still there."""
    timeline = timeline_of(hourly(recurrence="none", restart_on=["group"]), group="a")
    complete(timeline, 5)
    for number in range(1, 41):
        at = T0 + timedelta(minutes=10 * number)
        timeline.apply(FieldsChanged(event_id=str(number), occurred_at=at, fields={"group": f"{number}"}), at)
    never = timeline.fork()
    assert fold_all(timeline) > 0
    assert all(instance.completed_at is None for instance in timeline.state.instances)
    at = T0 + timedelta(days=1)
    clear: Event = CompletionCleared(event_id="clear", occurred_at=at, milestone="M")
    refusals = []
    for each in (timeline, never):
        with pytest.raises(Refused) as refusal:
            each.apply(clear, at)
        refusals.append((refusal.value.code, str(refusal.value)))
    assert refusals[0] == refusals[1]
    assert refusals[0][0] == "later_occurrence"


# --- why ---


@pytest.mark.parametrize("recurrence", ["independent", "sequential"])
def test_a_kept_one_is_explained_by_the_folded_one_before_it(recurrence: str) -> None:
    """The oldest that is left starts from the completion, or the target, of one that the state has no more."""
    timeline = timeline_of(hourly(recurrence=recurrence))
    for number in range(1, 41):
        complete(timeline, 70 * number)
    never = timeline.fork()
    assert fold_all(timeline) > 0
    now = T0 + timedelta(days=2)
    kept = explain(timeline.plan, timeline.state, now)
    whole = explain(never.plan, never.state, now, newest=len(kept.instances))
    assert kept.instances == whole.instances
    assert kept.instances[0].start.occurrence == kept.instances[0].occurrence - 1
    assert kept.more == whole.more
    first = next(i for i in never.state.instances if i.occurrence == 1)
    assert explain_instance(never.plan, never.state, first, now).start.kind == "entry"
