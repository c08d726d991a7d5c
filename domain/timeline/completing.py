"""Completing an instance: its verdict, its record, and what goes on behind it."""

from __future__ import annotations

from datetime import datetime

from domain.process import Milestone, TriggerKind
from domain.timeline.book import Book
from domain.timeline.effects import NoteKind
from domain.timeline.facts import COMPLETED, Pause, clock_text, union
from domain.timeline.instances import MilestoneInstance


def complete(
    book: Book,
    instance: MilestoneInstance,
    at: datetime,
    *,
    by: str,
    reason: str | None = None,
    in_time: bool = False,
) -> None:
    """Complete an instance at `at`, which may lie before its removal or exit; judged by what counted then.

    What is completed as it starts is `in_time`, whatever its target.
    """
    milestone = book.plan.milestone(instance.milestone)
    _go_on_unseen(book, milestone, instance, at)
    instance.completed_at = at
    instance.completed_by = by
    instance.lapsed = False
    instance.rule_held = milestone.when_undone == "resume" and by == "complete_when"
    instance.removed_at = instance.exited_at = None
    target = book.target(instance)
    is_late = target is not None and at > target and not in_time
    if target is not None and is_late and instance.promise:
        _judge_late(book, instance, target)
    elif standing := instance.standing_violation:
        book.correct_one(instance, standing, f"completed in time at {clock_text(at)}")
    for resting in instance.resting:
        resting.violations = instance.violations  # what it was paused before, it has not missed
    book.note(
        NoteKind.COMPLETED,
        book.state.last_at,
        f"{instance.milestone} completed {'late' if is_late else 'in time'}, target {clock_text(target)}",
        instance,
        by=by,
        reason=reason,
        occurred_at=at,
        completed_at=at,
        in_time=not is_late,
    )
    for trigger in milestone.triggers:
        if trigger.kind is TriggerKind.SUCCESS and (trigger.rearm or not instance.firings(trigger.id)):
            book.fire(instance, trigger, at, book.state.last_at)


def _go_on_unseen(book: Book, milestone: Milestone, instance: MilestoneInstance, at: datetime) -> None:
    """Let an instance that is about to be completed go on behind that, unless a later occurrence has begun."""
    if any(i.begun for i in book.runs_of(milestone) if i.occurrence > instance.occurrence):
        return
    instance.unseen = (instance.fork(),)
    if milestone.when_undone == "resume":
        resting = instance.fork()
        resting.unseen = ()
        if not milestone.by:
            resting.pauses = union((*resting.pauses, Pause(from_at=max(at, resting.start_at), causes=(COMPLETED,))))
        instance.resting = (resting,)


def _judge_late(book: Book, instance: MilestoneInstance, target: datetime) -> None:
    """Put the record right of one completed late: by what was on record at its own time.

    What came on record after that is corrected, and what was corrected after it is on record anew; what says the same
    as this completion stays.
    """
    at = instance.completed_at
    if at is None:
        return
    standing = instance.standing_violation
    stood = [v for v in instance.violations if v.stood_at(at)]
    if standing is not None:
        if standing in stood or (not stood and standing.violated_at == target):
            return
        book.correct_one(instance, standing, f"completed at {clock_text(at)}, before it")
    book.violate(instance, stood[-1].violated_at if stood else target)
