"""What a timeline looks like from outside, at one instant: for queries, answers, records and people."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, TypeVar

from pydantic import AwareDatetime, Field
from pydantic_core import to_json

from domain.frozen import HorizonExceeded
from domain.model import Value
from domain.timeline.facts import Firing, Pause, Violation
from domain.timeline.folding import NEWEST
from domain.timeline.instances import InstanceState, MilestoneInstance
from domain.timeline.plan import SETS_CORNERS_RIGHT, Plan
from domain.timeline.state import Folded, TimelineState
from domain.timeline.stood import PLAIN

T = TypeVar("T")

MOST_SHOWN_BYTES = 512 * 1024
"""Of the instances in an answer, as JSON: the server takes no answer of 2 MB, and tries its workflow task for ever."""


class MilestoneStatus(StrEnum):
    """The milestone status of a case. One without an entitlement process has nothing to keep, or to violate."""

    NOTHING_PROMISED = "nothing promised"
    COMPLIANT = "compliant"
    OPEN_VIOLATION = "open violation"
    CLOSED_VIOLATION = "closed violation"


class MilestoneView(Value):
    """One milestone instance at one instant. Seconds are open seconds of its calendar.

    Attributes:
        target_at: None while it lies past the horizon of the calendar.
        elapsed_seconds: from the start to the end (or now); `actual_seconds` is that less `paused_seconds`.
        promise: false: passing the target is no violation.
        handed_over: it ended because a field of `restart_on` changed, and another began.
        ran_under: of a milestone with `restart_on`: these fields as they were while it was open, so whose stay it was.
        deadline_of: the field of the case whose instant is the target; None of a span.
        pauses: in order; of very many only the newest, and `more_pauses` says how many came before them.
        remaining_seconds: to the target from the effective now, negative when it is overdue; None once it has ended.
    """

    milestone: str
    occurrence: int
    process: str
    state: InstanceState
    span: str
    business_hours: str
    start_at: AwareDatetime
    target_at: AwareDatetime | None
    completed_at: AwareDatetime | None
    completed_by: str | None
    removed_at: AwareDatetime | None
    exited_at: AwareDatetime | None
    violated: bool
    promise: bool = Field(default=True, exclude_if=operator.truth)
    handed_over: bool = Field(default=False, exclude_if=operator.not_)
    ran_under: dict[str, Any] = Field(default_factory=dict, exclude_if=operator.not_)
    deadline_of: str | None = Field(default=None, exclude_if=operator.not_)
    violations: list[Violation]
    elapsed_seconds: int | None
    paused_seconds: int | None
    actual_seconds: int | None
    remaining_seconds: int | None
    pauses: list[Pause]
    more_pauses: int = Field(default=0, exclude_if=operator.not_)
    fired: list[Firing]

    def short(self) -> MilestoneView:
        """The same with its newest pauses only."""
        more = len(self.pauses) - PLAIN
        if more <= 0:
            return self
        return self.model_copy(update={"pauses": self.pauses[more:], "more_pauses": self.more_pauses + more})

    @property
    def is_open(self) -> bool:
        """Not completed, not removed, not left open at exit."""
        return self.completed_at is None and self.removed_at is None and self.exited_at is None


class OpenDecision(Value):
    """Something that a case asks about.

    Attributes:
        entry: the time entry it is about; None: the case itself.
        text: one line for people, with the price.
        until: without a decision by then it counts as no.
    """

    entry: str | None
    entitlement: str
    text: str
    until: AwareDatetime


class MoreInstances(Value):
    """Instances of a milestone that a view does not show: older ones, or too many of them, which the store has.

    Attributes:
        occurrences: how many they are.
        last: the highest of their numbers.
        violated: one of them was violated.
        where: who has them.
    """

    process: str
    milestone: str
    occurrences: int
    last: int
    violated: bool = Field(default=False, exclude_if=operator.not_)
    where: Literal["store"] = "store"


class CaseView(Value):
    """A case and its milestones at one instant.

    Attributes:
        external_id: the id of another system that the case's was made of; not written where there is none.
        channel: by which it came in; not written where its intake named none.
        account, entitlement: whose case it is, and what covers it; only where a case is asked how it stands.
        more: of each milestone that has more instances than are shown.
        now: the instant that it is about.
        asked_at: the instant that was asked about, where that lies before the last thing that happened.
        next_due: when something happens next by itself, and `next_summary` what.
        open_decisions: what somebody is asked about; not written where there is nothing.
    """

    case_id: str
    external_id: str | None = Field(default=None, exclude_if=operator.not_)
    channel: str | None = Field(default=None, exclude_if=operator.not_)
    account: str | None = Field(default=None, exclude_if=operator.not_)
    entitlement: str | None = Field(default=None, exclude_if=operator.not_)
    now: AwareDatetime
    asked_at: AwareDatetime | None = Field(default=None, exclude_if=operator.not_)
    opened_at: AwareDatetime
    closed_at: AwareDatetime | None
    process: str | None
    process_version: int | None
    entered_at: AwareDatetime | None
    exited_at: AwareDatetime | None
    stopped: bool
    status: MilestoneStatus
    fields: dict[str, Any]
    milestones: list[MilestoneView] = Field(default_factory=list)
    more: list[MoreInstances] = Field(default_factory=list, exclude_if=operator.not_)
    next_due: AwareDatetime | None = None
    next_summary: str = ""
    open_decisions: list[OpenDecision] = Field(default_factory=list, exclude_if=operator.not_)

    def short(self) -> CaseView:
        """The same with the newest pauses of each instance only."""
        if all(len(view.pauses) <= PLAIN for view in self.milestones):
            return self
        return self.model_copy(update={"milestones": [view.short() for view in self.milestones]})

    def newest(self, most: int = NEWEST) -> CaseView:
        """The same with the newest instances of each milestone, their newest pauses, and how many the others are."""
        if len(self.milestones) <= most:
            return self.short()
        left = Counter((m.process, m.milestone) for m in self.milestones)
        more = {(each.process, each.milestone): each for each in self.more}
        shown: list[MilestoneView] = []
        for view in self.milestones:
            key = (view.process, view.milestone)
            if left[key] <= most or view.is_open:
                shown.append(view.short())
            else:
                more[key] = _with(more.get(key), view)
            left[key] -= 1
        return self.model_copy(update={"milestones": shown, "more": sorted(more.values(), key=_whose)})

    def within(self, most_bytes: int = MOST_SHOWN_BYTES) -> CaseView:
        """The same with as many instances as so many bytes hold, and how many the others are.

        The oldest of those that have ended are left out first, then the oldest of those that are open.
        """
        sizes = [len(to_json(view)) for view in self.milestones]
        excess = sum(sizes) - most_bytes
        if excess <= 0:
            return self
        more = {(each.process, each.milestone): each for each in self.more}
        left_out: set[int] = set()
        for place in sorted(range(len(sizes)), key=lambda place: self.milestones[place].is_open):
            if excess <= 0:
                break
            view = self.milestones[place]
            key = (view.process, view.milestone)
            more[key] = _with(more.get(key), view)
            left_out.add(place)
            excess -= sizes[place]
        shown = [view for place, view in enumerate(self.milestones) if place not in left_out]
        return self.model_copy(update={"milestones": shown, "more": sorted(more.values(), key=_whose)})


def _whose(more: MoreInstances) -> tuple[str, str]:
    return more.process, more.milestone


def _with(more: MoreInstances | None, view: MilestoneView) -> MoreInstances:
    return MoreInstances(
        process=view.process,
        milestone=view.milestone,
        occurrences=(more.occurrences if more else 0) + 1,
        last=max(more.last if more else 0, view.occurrence),
        violated=bool(more and more.violated) or view.violated,
    )


def look(plan: Plan, state: TimelineState, now: datetime, next_due: datetime | None, next_summary: str) -> CaseView:
    """The case at `now`, with every instance that is not folded."""
    milestones = [look_at(plan, instance, now) for instance in in_order(plan, state.instances)]
    more = sorted(map(_folded, state.folded), key=_whose)
    return CaseView(
        case_id=state.case_id,
        external_id=state.external_id,
        channel=state.channel,
        now=now,
        opened_at=state.opened_at,
        closed_at=state.closed_at,
        process=plan.process.name if plan.process else None,
        process_version=plan.process.version if plan.process else None,
        entered_at=state.entered_at,
        exited_at=state.exited_at,
        stopped=state.hold("case stopped") is not None,
        status=_status(plan, milestones, more),
        fields=state.fields,
        milestones=milestones,
        more=more,
        next_due=next_due,
        next_summary=next_summary,
    )


def _folded(folded: Folded) -> MoreInstances:
    return MoreInstances(
        process=folded.process,
        milestone=folded.milestone,
        occurrences=folded.occurrences,
        last=folded.last,
        violated=folded.violated,
    )


def in_order(plan: Plan, instances: Iterable[MilestoneInstance]) -> list[MilestoneInstance]:
    """The instances as people read them: by when they were made, then as the process has its milestones."""
    names = [milestone.name for milestone in plan.process.milestones] if plan.process else []
    places = {name: place for place, name in enumerate(names)}
    return sorted(instances, key=lambda i: (i.created_at, places.get(i.milestone, len(names)), i.occurrence))


def _status(plan: Plan, milestones: list[MilestoneView], more: list[MoreInstances]) -> MilestoneStatus:
    ended = (InstanceState.COMPLETED, InstanceState.REMOVED, InstanceState.OPEN_AT_EXIT)
    if any(m.violated and m.state not in ended for m in milestones):
        return MilestoneStatus.OPEN_VIOLATION
    if any(m.violated for m in milestones) or any(m.violated for m in more):
        return MilestoneStatus.CLOSED_VIOLATION
    is_promised = plan.process is not None or milestones or more
    return MilestoneStatus.COMPLIANT if is_promised else MilestoneStatus.NOTHING_PROMISED


def _known(value: Callable[[], T]) -> T | None:
    """A value, or None if it lies past the horizon: the calendars are about to be frozen further."""
    try:
        return value()
    except HorizonExceeded:
        return None


def look_at(plan: Plan, instance: MilestoneInstance, now: datetime) -> MilestoneView:
    """One instance at `now`. What lies past the horizon of its calendar is not known yet, and None."""
    term = instance.term
    calendar = plan.calendars[term.business_hours]
    end = instance.ended_at or max(now, term.start_at)
    target = _known(lambda: instance.target_at(plan.calendars))
    elapsed = _known(lambda: instance.elapsed_seconds(plan.calendars, end))
    paused = _known(lambda: instance.rested_seconds(plan.calendars, end))
    remaining: int | None = None
    if instance.is_open and target is not None:
        is_from_start = plan.rules >= SETS_CORNERS_RIGHT
        since = instance.stands_at(end) if is_from_start else instance.effective_now(end)
        remaining = _known(lambda: calendar.elapsed(since, target))
    return MilestoneView(
        milestone=instance.milestone,
        occurrence=instance.occurrence,
        process=instance.process,
        state=instance.state(now),
        span=term.span,
        business_hours=term.business_hours,
        start_at=term.start_at,
        target_at=target,
        completed_at=instance.completed_at,
        completed_by=instance.completed_by,
        removed_at=instance.removed_at,
        exited_at=instance.exited_at,
        violated=bool(_known(lambda: instance.is_violated(plan.calendars, now))),
        promise=instance.promise,
        handed_over=instance.handed_over,
        ran_under=_ran_under(plan, instance),
        deadline_of=term.by,
        violations=list(instance.violations),
        elapsed_seconds=elapsed,
        paused_seconds=paused,
        actual_seconds=elapsed - paused if elapsed is not None and paused is not None else None,
        remaining_seconds=remaining,
        pauses=list(instance.pauses),
        more_pauses=instance.rested.pauses if instance.rested else 0,
        fired=list(instance.fired),
    )


def _ran_under(plan: Plan, instance: MilestoneInstance) -> dict[str, Any]:
    """The fields of `restart_on` under which an instance ran, also those that were empty."""
    process = plan.process if plan.process and plan.process.id == instance.process else None
    milestone = process.milestone(instance.milestone) if process else None
    return {**dict.fromkeys(milestone.restart_on if milestone else ()), **instance.ran_under}
