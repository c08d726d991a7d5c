"""What came of milestone instances, in numbers: each one measured.

It takes instances as they are seen (`MilestoneView`), so that any run of them can be measured. All seconds are open
seconds of the instance's own calendar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.frozen import FrozenCalendar, HorizonExceeded
from domain.open_time.spans import Span
from domain.reports.compliance import Outcome, outcome
from domain.timeline.instances import MilestoneInstance
from domain.timeline.views import MilestoneView

HOUR = 3600
WELL_AHEAD = 2 * HOUR
"""A completion this long before its target was met with room to spare."""

LAST_PART = 20
"""Per cent of the span: what is completed with less of it left was nearly missed."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One milestone instance, measured.

    Attributes:
        target_at: None: past the horizon of its calendar.
        ended_at: when it was completed, removed or left open at exit; None: it is open still.
        violations: how many are on record, `corrected` of them corrected.
        span_seconds: the whole span; None of a deadline from a field, and past the horizon.
        response_seconds: from start to completion, less pauses; None if it was not completed.
        margin_seconds: from the completion to the target, negative after it; None if it was not completed.
        overrun_seconds: from the target to the completion, or to the instant at which it is judged; None if it is not
            violated. 0 for one that was completed after the target, but before any more open time.
    """

    milestone: str
    occurrence: int
    outcome: Outcome
    violated: bool
    target_at: datetime | None
    ended_at: datetime | None
    violations: int
    corrected: int
    span_seconds: int | None
    response_seconds: int | None
    margin_seconds: int | None
    overrun_seconds: int | None
    paused_seconds: int
    was_paused: bool


def measure(
    milestone: MilestoneView,
    calendars: Mapping[str, FrozenCalendar],
    now: datetime,
    instance: MilestoneInstance | None = None,
) -> Measured:
    """Measure an instance as of its view.

    Args:
        milestone: the instance.
        calendars: of its plan.
        now: of its view.
        instance: what the view is of; None: it is not known any more, nor whether a cutoff moved its span.
    """
    calendar = calendars[milestone.business_hours]
    completed, target = milestone.completed_at, milestone.target_at
    ended = completed or milestone.removed_at or milestone.exited_at
    margin = calendar.elapsed(completed, target) if completed and target else None
    overrun: int | None = None
    if milestone.violated and target:
        overrun = max(calendar.elapsed(target, completed or _judged_at(milestone, ended or now)), 0)
    return Measured(
        milestone=milestone.milestone,
        occurrence=milestone.occurrence,
        outcome=outcome(milestone),
        violated=milestone.violated,
        target_at=target,
        ended_at=ended,
        violations=len(milestone.violations),
        corrected=sum(violation.corrected_at is not None for violation in milestone.violations),
        span_seconds=_span_seconds(milestone, calendar, instance),
        response_seconds=milestone.actual_seconds if completed else None,
        margin_seconds=margin,
        overrun_seconds=overrun,
        paused_seconds=milestone.paused_seconds or 0,
        was_paused=any(True for _ in pauses_of(milestone, now)),
    )


def pauses_of(milestone: MilestoneView, now: datetime) -> Iterable[tuple[datetime, datetime, tuple[str, ...]]]:
    """The pauses of an instance that count, each from when until when and by which causes.

    They begin with its start at the earliest, and end with its end at the latest.
    """
    end = milestone.completed_at or milestone.removed_at or milestone.exited_at or now
    for pause in milestone.pauses:
        begins, ends = max(pause.from_at, milestone.start_at), min(pause.to_at or end, end)
        if begins < ends:
            yield begins, ends, tuple(pause.causes)


def _judged_at(milestone: MilestoneView, end: datetime) -> datetime:
    """The effective now of an instance that was not completed: its end, or the pause that it ended in."""
    last = milestone.pauses[-1] if milestone.pauses else None
    return last.from_at if last and last.from_at <= end and (last.to_at is None or last.to_at > end) else end


def _span_seconds(milestone: MilestoneView, calendar: FrozenCalendar, instance: MilestoneInstance | None) -> int | None:
    if milestone.deadline_of is not None:
        return None
    if instance is not None:
        return instance.term.nominal_seconds  # of which the timeline takes percentages, too
    span = Span.parse(milestone.span)
    if span.seconds is not None:
        return span.seconds
    try:
        return calendar.elapsed(milestone.start_at, span.target(calendar, milestone.start_at))
    except HorizonExceeded:
        return None


def is_near_miss(one: Measured) -> bool:
    """Whether an instance was met with less than the last part of its span, or less than an hour, to go."""
    if one.outcome is not Outcome.MET or one.margin_seconds is None:
        return False
    return one.margin_seconds < HOUR or bool(one.span_seconds and is_last_part(one.margin_seconds, one.span_seconds))


def is_last_part(margin_seconds: int, span_seconds: int) -> bool:
    """Whether less than the last part of a span was left. Exactly that much left is not."""
    return 100 * margin_seconds < LAST_PART * span_seconds
