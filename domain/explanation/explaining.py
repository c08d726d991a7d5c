"""Why every target of a case is what it is: a pure function of its plan and state.

    explanation = explain(timeline.plan, timeline.state, now)

The explanation is data (`domain.explanation.parts`); `domain.explanation.text` puts it into words.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from domain.explanation.parts import (
    Because,
    ClearedExplained,
    Explanation,
    InstanceExplained,
    MoreExplained,
    NotStarted,
    Outcome,
    ViolationExplained,
)
from domain.explanation.reasons import Reasons, criteria_of, exit_criterion
from domain.explanation.sums import PausesOf, extensions_of, reckon, wall_seconds
from domain.explanation.triggers import Triggers
from domain.frozen import FrozenCalendar, HorizonExceeded
from domain.process import Milestone
from domain.timeline.folding import by_milestone
from domain.timeline.instances import MilestoneInstance
from domain.timeline.plan import Plan
from domain.timeline.state import TimelineState
from domain.timeline.views import in_order, look_at

__all__ = ["Explanation", "explain", "explain_instance"]


def explain(
    plan: Plan, state: TimelineState, now: datetime, milestone: str | None = None, newest: int | None = None
) -> Explanation:
    """Explain the targets of a case as they stand at `now`. Nothing that is due is done.

    Args:
        plan: what the case runs by.
        state: what happened to it.
        now: an aware instant; cut to the whole second.
        milestone: of this milestone only.
        newest: so many instances of each milestone and no more, the newest ones; all that are not folded, if left out.

    Raises:
        Refused: the case has no milestone of that name.
    """
    now = now.astimezone(UTC).replace(microsecond=0)
    process = plan.process
    hours = plan.calendars.get((process.business_hours if process else None) or plan.business_hours)
    explained, more = _parted(state, newest)
    instances = in_order(plan, explained)
    explanation = Explanation(
        case_id=state.case_id,
        external_id=state.external_id,
        now=_local(hours, now),
        opened_at=_local(hours, state.opened_at),
        closed_at=_local(hours, state.closed_at) if state.closed_at else None,
        process=process.name if process else None,
        process_version=process.version if process else None,
        entered_at=_local(hours, state.entered_at) if state.entered_at else None,
        exited_at=_local(hours, state.exited_at) if state.exited_at else None,
        exit_when=exit_criterion(plan, state, hours) if hours else None,
        more=more,
        instances=[explain_instance(plan, state, instance, now) for instance in instances],
        not_started=[
            _not_started(plan, state, declared)
            for declared in (process.milestones if process else [])
            if not any((i.process, i.milestone) == (process.id if process else "", declared.name) for i in instances)
        ],
    )
    return explanation.of(milestone)


def _parted(state: TimelineState, newest: int | None) -> tuple[list[MilestoneInstance], list[MoreExplained]]:
    """The instances that are explained, and how many the others are. An open one is the newest of its milestone."""
    runs_of = by_milestone(state.instances)
    explained: list[MilestoneInstance] = []
    more: list[MoreExplained] = []
    for process, milestone in dict.fromkeys([*runs_of, *((f.process, f.milestone) for f in state.folded)]):
        runs, folded = runs_of.get((process, milestone), []), state.folded_of(process, milestone)
        older = [] if newest is None else runs[:-newest]
        explained += runs[len(older) :]
        numbers = [i.occurrence for i in older] + ([folded.last] if folded else [])
        if numbers:
            count = len(older) + (folded.occurrences if folded else 0)
            more.append(MoreExplained(process=process, milestone=milestone, occurrences=count, last=max(numbers)))
    return explained, more


def _local(calendar: FrozenCalendar | None, at: datetime) -> datetime:
    return calendar.local(at) if calendar else at


def explain_instance(plan: Plan, state: TimelineState, instance: MilestoneInstance, now: datetime) -> InstanceExplained:
    """Explain the target of one instance of a case as it stands at `now`."""
    reasons = Reasons(plan, state, instance)
    calendar = reasons.calendar
    pause_when = reasons.milestone.pause_when if reasons.milestone else ""
    pauses = PausesOf(state, instance, calendar, pause_when).explained(now)
    reckoning = reckon(instance, calendar, pauses, reasons.end)
    return InstanceExplained(
        milestone=instance.milestone,
        occurrence=instance.occurrence,
        process=instance.process,
        calendar=reasons.calendar_choice(),
        start=reasons.start_reason(),
        span=reasons.span_choice(),
        changes=reasons.changes(),
        pauses=pauses,
        extensions=extensions_of(instance, calendar),
        reckoning=reckoning,
        outcome=_outcome(plan, instance, calendar, now, reckoning.target_at).model_copy(update=reasons.removal()),
        triggers=Triggers(instance, calendar).explained(reasons.milestone, now, reckoning.target_at),
        criteria=reasons.criteria(),
    )


def _outcome(
    plan: Plan, instance: MilestoneInstance, calendar: FrozenCalendar, now: datetime, target: datetime | None
) -> Outcome:
    view = look_at(plan, instance, now)
    judged_at = instance.completed_at or instance.stands_at(instance.ended_at or now)
    margin = wall = None
    if target is not None:
        with suppress(HorizonExceeded):  # the instant lies past the horizon
            if instance.completed_at is None:
                # The pause that it is judged at has not moved the target of that instant.
                target = instance.target_at(plan.calendars, paused_until=judged_at)
            wall = wall_seconds(judged_at, target)
            margin = calendar.elapsed(judged_at, target)
    return Outcome(
        state=view.state,
        state_at=calendar.local(instance.ended_at or judged_at),
        completed_by=instance.completed_by,
        violated=view.violated,
        promise=instance.promise,
        margin_seconds=margin,
        margin_wall_seconds=wall,
        elapsed_seconds=view.elapsed_seconds,
        paused_seconds=view.paused_seconds,
        actual_seconds=view.actual_seconds,
        violations=[
            ViolationExplained(
                violated_at=calendar.local(violation.violated_at),
                noticed_at=calendar.local(violation.noticed_at),
                corrected_at=calendar.local(violation.corrected_at) if violation.corrected_at else None,
                correction=violation.correction,
            )
            for violation in instance.violations
        ],
        cleared=[
            ClearedExplained(
                at=calendar.local(cleared.at),
                by=cleared.by,
                reason=cleared.reason,
                completed_at=calendar.local(cleared.completed_at),
                completed_by=cleared.completed_by,
                violated=cleared.violated,
            )
            for cleared in instance.cleared
        ],
    )


def _not_started(plan: Plan, state: TimelineState, milestone: Milestone) -> NotStarted:
    because: Because
    name: str | None = None
    entered_at: datetime | None = None
    hours = plan.calendars[plan.business_hours]
    verdicts = state.verdicts.get(f"{milestone.name}: when", ())
    if state.entered_at is None:
        because, name = "not entered", plan.process.entry if plan.process else None
        entered_at = hours.local(state.entry_at) if state.entry_at else None
    elif state.exited_at is not None:
        because = "left"
    elif milestone.predecessor is not None and not _is_completed(plan, state, milestone.predecessor):
        because, name = "after", milestone.predecessor
    elif milestone.by is not None and not state.fields.get(milestone.by):
        because, name = "deadline", milestone.by
    elif milestone.when and verdicts and not verdicts[-1].holds:
        because = "criteria"
    elif milestone.recurs and _is_complete(state, milestone):
        because = "complete"
    else:
        because = "not yet"
    criteria = criteria_of(state, milestone, hours)
    return NotStarted(milestone=milestone.name, because=because, name=name, entered_at=entered_at, criteria=criteria)


def _is_complete(state: TimelineState, milestone: Milestone) -> bool:
    verdicts = state.verdicts.get(f"{milestone.name}: complete_when", ())
    return bool(milestone.complete_when and verdicts) and verdicts[-1].holds


def _is_completed(plan: Plan, state: TimelineState, milestone: str) -> bool:
    process = plan.process.id if plan.process else ""
    folded = state.folded_of(process, milestone)
    kept = (i for i in state.instances if (i.process, i.milestone) == (process, milestone))
    return bool(folded and folded.completed) or any(instance.completed_at is not None for instance in kept)
