"""What happens next by itself on a timeline: starts, warnings and violations, in order.

The times of an instance are worked out once and remembered until something about it changes, and the agenda asks again
only those that changed. So a step costs the same however much is due and however many instances there are.
"""

from __future__ import annotations

import heapq
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.frozen import HorizonExceeded
from domain.process import Trigger, TriggerKind
from domain.timeline.instances import MilestoneInstance
from domain.timeline.plan import SETS_CORNERS_RIGHT, Plan
from domain.timeline.state import TimelineState

ENTRY, START, WARNING, VIOLATION = range(-1, 3)
THE_VIOLATION_ITSELF = -1
NOBODY = -1

_A_SECOND = timedelta(seconds=1)


class Due(NamedTuple):
    """Something that happens by itself. Sorts by when, then warnings before violations, then by order of definition."""

    at: datetime
    rank: int
    milestone: int
    trigger: int
    instance: int
    """Its number on the agenda."""


class _Times(NamedTuple):
    """What an instance has ahead, whether or not it happened already.

    Attributes:
        order: of its milestone in the process.
        target_at: when it is missed.
        triggers: when each warning and violation trigger is due; its place among the triggers beside it.
        is_whole: False: when another trigger is due lies past the horizon.
    """

    order: int
    target_at: datetime
    triggers: list[tuple[datetime, int, int]]
    is_whole: bool


class Agenda:
    """The dues of the instances of one state under one plan."""

    def __init__(self, plan: Plan, state: TimelineState) -> None:
        self.plan = plan
        self.state = state
        milestones = plan.process.milestones if plan.process else []
        self._places = {milestone.name: place for place, milestone in enumerate(milestones)}
        self._milestones = milestones
        self._changed: dict[int, MilestoneInstance] = {}
        self._numbers: dict[int, int] = {}
        self._instances: list[MilestoneInstance] = []
        self._is_seen: list[bool] = []
        self._next: list[Due | None] = []
        self._heaps: dict[bool, list[Due]] = {True: [], False: []}
        self._behind: dict[int, list[MilestoneInstance]] = {}
        self._known = 0

    def is_of(self, plan: Plan, state: TimelineState) -> bool:
        """Whether it is about this very plan and state."""
        return self.plan is plan and self.state is state

    def next(self) -> Due | None:
        """The first of what is to come. None: nothing happens by itself, or it lies past the horizon."""
        due = self._first_of(seen=True)
        entry_at = self.state.awaited_at
        if entry_at is None:
            return due
        entry = Due(entry_at, ENTRY, 0, 0, NOBODY)
        return entry if due is None else min(entry, due)

    def next_unseen(self) -> Due | None:
        """The first of what is to come behind completions, of which nobody is told."""
        return self._first_of(seen=False)

    def _first_of(self, *, seen: bool) -> Due | None:
        self._catch_up()
        heap = self._heaps[seen]
        while heap:
            if self._next[heap[0].instance] is heap[0]:
                return heap[0]
            heapq.heappop(heap)
        return None

    def instance(self, due: Due) -> MilestoneInstance:
        """Whose due it is; an entry is nobody's."""
        return self._instances[due.instance]

    def triggers(self, instance: MilestoneInstance) -> list[Trigger]:
        """The triggers of its milestone."""
        return self._milestones[self._places[instance.milestone]].triggers

    def trigger(self, due: Due) -> Trigger:
        """The trigger that is due."""
        return self.triggers(self.instance(due))[due.trigger]

    def is_known(self, instance: MilestoneInstance) -> bool:
        """Whether everything that an open instance has ahead lies within the horizon."""
        try:
            return self._times(instance).is_whole
        except HorizonExceeded:
            return False

    # --- keeping up ---

    def _catch_up(self) -> None:
        """Take in instances that are new, and those that changed."""
        missing = len(self.state.instances) - self._known
        for instance in reversed(self.state.instances):
            if missing <= 0:
                break
            if not instance.watched_by(self._changed):
                self._take_in(instance, seen=True)
                self._known += 1
                missing -= 1
        while self._changed:
            changed = sorted(self._changed.values(), key=self._age)
            self._changed.clear()
            for instance in changed:
                self._look_behind(instance)
            for instance in changed:
                if id(instance) in self._numbers:  # else it was dropped
                    self._plan_next(instance)

    def _take_in(self, instance: MilestoneInstance, *, seen: bool) -> None:
        self._numbers[id(instance)] = len(self._instances)
        self._instances.append(instance)
        self._is_seen.append(seen)
        self._next.append(None)
        self._changed[id(instance)] = instance

    def _look_behind(self, instance: MilestoneInstance) -> None:
        """Take in what goes on behind a completion, and drop what went on there."""
        behind = [*instance.unseen, *instance.resting]
        for gone in self._behind.pop(id(instance), ()):
            if all(gone is not other for other in behind):
                self._next[self._numbers.pop(id(gone))] = None
                gone.watched_by({})
        if behind:
            self._behind[id(instance)] = behind
        for other in behind:
            if not other.watched_by(self._changed):
                self._take_in(other, seen=False)

    def _age(self, instance: MilestoneInstance) -> tuple[datetime, int, int]:
        return instance.created_at, self._places.get(instance.milestone, 0), instance.occurrence

    def _plan_next(self, instance: MilestoneInstance) -> None:
        number = self._numbers[id(instance)]
        due = self._first(instance, number) if instance.is_open else None
        self._next[number] = due
        if due is not None:
            heapq.heappush(self._heaps[self._is_seen[number]], due)

    def _first(self, instance: MilestoneInstance, number: int) -> Due | None:
        if instance.held_back:
            return None
        if not instance.begun:
            return Due(instance.start_at, START, self._places[instance.milestone], 0, number)
        if instance.open_pause is not None:
            return None
        try:
            return min((Due(*due, number) for due in self._ahead(instance)), default=None)
        except HorizonExceeded:
            return None

    def _ahead(self, instance: MilestoneInstance) -> list[tuple[datetime, int, int, int]]:
        """The violation of a running instance and its triggers that are still to come.

        Raises:
            HorizonExceeded: its target, or by older rules an offset from it, lies past the horizon.
        """
        times = self._times(instance)
        ahead: list[tuple[datetime, int, int, int]] = []
        if instance.promise and instance.standing_violation is None:
            ahead.append((times.target_at, VIOLATION, times.order, THE_VIOLATION_ITSELF))
        triggers = self.triggers(instance)
        ahead += [
            (due_at, rank, times.order, place)
            for due_at, rank, place in times.triggers
            if instance.may_fire(triggers[place], due_at, times.target_at)
        ]
        return ahead

    def _times(self, instance: MilestoneInstance) -> _Times:
        remembered = instance.remembered(self.plan)
        if isinstance(remembered, _Times):
            return remembered
        times = self._reckon(instance)
        instance.remember(self.plan, times)
        return times

    def _reckon(self, instance: MilestoneInstance) -> _Times:
        target = instance.target_at(self.plan.calendars)
        placed_at = max(instance.placed_at, instance.start_at)
        triggers: list[tuple[datetime, int, int]] = []
        is_whole = True
        for place, trigger in enumerate(self.triggers(instance)):
            if trigger.kind is TriggerKind.SUCCESS:
                continue
            due_at = self._due_at(instance, trigger, target)
            if due_at is None:
                is_whole = False
            elif trigger.kind is TriggerKind.VIOLATION:
                triggers.append((due_at, VIOLATION, place))
            elif due_at >= placed_at or (trigger.late != "skip" and target > placed_at):
                triggers.append((max(due_at, instance.start_at), WARNING, place))
        return _Times(self._places[instance.milestone], target, triggers, is_whole)

    def _due_at(self, instance: MilestoneInstance, trigger: Trigger, target: datetime) -> datetime | None:
        """When a warning or violation trigger is due. None: past the horizon, which takes nothing from the others.

        Raises:
            HorizonExceeded: likewise, by older rules.
        """
        calendar = self.plan.calendars[instance.term.business_hours]
        try:
            return instance.due_at(trigger, calendar, target)
        except HorizonExceeded:
            if self.plan.rules < SETS_CORNERS_RIGHT:
                raise
            if trigger.kind is TriggerKind.WARNING and instance.start_at >= calendar.start and target <= calendar.end:
                return calendar.start - _A_SECOND  # somewhere before: past at its start, which is all that counts
            return None
