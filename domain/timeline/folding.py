"""Folding: occurrences that can no longer change leave the state of a timeline once the store has them for good.

A case may recur ten thousand times. Of its past the rules ask only how many occurrences there were, whether one was
violated, and the latest target of those completed in time (`domain.timeline.state.Folded`). So the state keeps the
newest `NEWEST` of each milestone, what may still change, and what a kept instance follows. Whether an instance is
folded makes no difference to any rule, and to no view of the newest ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from domain.frozen import HorizonExceeded
from domain.timeline.instances import MilestoneInstance
from domain.timeline.plan import Plan
from domain.timeline.state import Ended, Folded, TimelineState

NEWEST = 10
"""Instances of each milestone that are kept, and shown, whatever has become of them."""

Key = tuple[str, str]
"""Process and milestone."""


def key_of(instance: MilestoneInstance) -> Key:
    """Which milestone of which process it is a run of."""
    return instance.process, instance.milestone


def by_milestone(instances: Iterable[MilestoneInstance]) -> dict[Key, list[MilestoneInstance]]:
    """Instances by process and milestone, each list in the order of the state: oldest first."""
    found: dict[Key, list[MilestoneInstance]] = {}
    for instance in instances:
        found.setdefault(key_of(instance), []).append(instance)
    return found


def foldable(plan: Plan, state: TimelineState, before: datetime, at_most: int | None = None) -> list[MilestoneInstance]:
    """The instances that can no longer change, oldest first.

    Such an instance is not among the newest of its milestone, has ended, a later occurrence has begun, and no instance
    that is kept waited for its completion.

    Args:
        plan: says which milestone comes after which.
        state: of the timeline.
        before: all that is on record of it lies before this instant, and before the last thing that happened.
        at_most: so many and no more.
    """
    found: list[MilestoneInstance] = []
    runs_of = by_milestone(state.instances)
    before = min(before, state.last_at)
    for key, runs in runs_of.items():
        if len(runs) <= NEWEST:
            continue
        begun = max((i.occurrence for i in runs if i.begun), default=0)
        past = [i for i in runs[:-NEWEST] if i.occurrence < begun and _is_past(i, before)]
        anchors = _anchors(plan, runs_of, key)
        found += [instance for instance in past if not _is_followed(instance, anchors, state)]
    return found[:at_most]


def _is_past(instance: MilestoneInstance, before: datetime) -> bool:
    """Whether everything about an instance lies before an instant, so that nothing of that instant corrects it."""
    ended_at = instance.ended_at
    if ended_at is None or ended_at >= before or instance.unseen or instance.resting:
        return False
    dates = [v.corrected_at or v.violated_at for v in instance.violations] + [f.at for f in instance.fired]
    return all(at < before for at in dates)


def _anchors(plan: Plan, runs_of: dict[Key, list[MilestoneInstance]], key: Key) -> set[datetime]:
    """What the starts of the instances that come after a milestone follow, also behind a completion."""
    process, name = key
    declared = plan.process.milestones if plan.process and plan.process.id == process else []
    followers = [m.name for m in declared if m.predecessor == name]
    instances = [i for follower in followers for i in runs_of.get((process, follower), [])]
    return {each.terms[-1].anchor_at for i in instances for each in (i, *i.unseen, *i.resting)}


def _is_followed(instance: MilestoneInstance, anchors: Collection[datetime], state: TimelineState) -> bool:
    completed_at = instance.completed_at
    if completed_at is None:
        return False
    anchor = completed_at if state.reentered_at is None else max(completed_at, state.reentered_at)
    return completed_at in anchors or anchor in anchors


def fold(plan: Plan, state: TimelineState, instances: Iterable[MilestoneInstance]) -> None:
    """Take instances out of the state, and keep of them what rules ask.

    Args:
        plan: has the calendars of their targets.
        state: that has them.
        instances: the very ones, of those that are `foldable`.
    """
    gone = {id(instance) for instance in instances}
    if not gone:
        return
    known = {(f.process, f.milestone): f for f in state.folded}
    for instance in state.instances:
        if id(instance) in gone:
            known[key_of(instance)] = _with(known.get(key_of(instance)), instance, plan, state)
    state.instances = [instance for instance in state.instances if id(instance) not in gone]
    state.folded = tuple(known.values())


def _with(before: Folded | None, instance: MilestoneInstance, plan: Plan, state: TimelineState) -> Folded:
    ended = ended_of(plan, instance)
    counts = instance.completed_at is not None and instance.stay >= state.first_stay
    targets = [before.target_at if before else None, ended.target_at if counts else None]
    is_last = before is None or before.last < instance.occurrence
    return Folded(
        process=instance.process,
        milestone=instance.milestone,
        occurrences=(before.occurrences if before else 0) + 1,
        last=max(before.last if before else 0, instance.occurrence),
        violated=bool(before and before.violated) or instance.standing_violation is not None,
        completed=bool(before and before.completed) or counts,
        target_at=max((target for target in targets if target is not None), default=None),
        ended=ended if is_last or before is None else before.ended,
    )


def ended_of(plan: Plan, instance: MilestoneInstance) -> Ended:
    """How an instance ended."""
    target: datetime | None = None
    if instance.completed_at is not None:
        try:
            target = instance.target_at(plan.calendars)
        except HorizonExceeded:
            target = None
    return Ended(
        occurrence=instance.occurrence,
        completed_at=instance.completed_at,
        handed_over_at=instance.removed_at if instance.handed_over else None,
        target_at=target,
    )


def leave_entitlement(state: TimelineState) -> None:
    """Forget the completions of folded occurrences: under another entitlement they count no more."""
    gone = {"completed": False, "target_at": None}
    state.folded = tuple(folded.model_copy(update=gone) for folded in state.folded)
