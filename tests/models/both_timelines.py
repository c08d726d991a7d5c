"""The real timeline and the slow model behind one interface, so that the same story can be told to either."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, Protocol, cast

from domain.calendar import FrozenCalendar
from domain.criteria.evaluating import evaluate
from domain.criteria.fields import FieldType
from domain.errors import Refused
from domain.open_time.spans import Span
from domain.open_time.windows import clock_seconds, clock_text
from domain.process import EntitlementProcess, Milestone, TriggerKind
from domain.timeline.effects import Effect, TriggerFired
from domain.timeline.events import Event, PlanReplaced
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from domain.timeline.state import TimelineState
from tests.models.specified import slow_inputs
from tests.models.specified.slow_timeline import Model, RefusedError, Term, whole

Fired = tuple[str, int, str, datetime, datetime]
"""A trigger that fired: milestone, occurrence, trigger, when it was due, when it fired."""


class Opening(NamedTuple):
    """A case as it is opened."""

    process: EntitlementProcess
    calendars: dict[str, FrozenCalendar]
    hours: str
    fields: dict[str, Any]
    at: datetime
    types: dict[str, FieldType]


class AnyTimeline(Protocol):
    """What both can do. A request that makes no sense raises `RefusedError`."""

    def __init__(self, case: Opening) -> None: ...
    @property
    def fired(self) -> list[Fired]: ...
    def apply(self, event: Event, noticed_at: datetime | None = None) -> None: ...
    def advance(self, now: datetime) -> None: ...
    def snapshot(self, now: datetime) -> dict[str, Any]: ...


def success_triggers(process: EntitlementProcess) -> frozenset[tuple[str, str]]:
    """The success triggers of a process: milestone and trigger."""
    kinds = ((m.name, t.id, t.kind) for m in process.milestones for t in m.triggers)
    return frozenset((name, trigger) for name, trigger, kind in kinds if kind is TriggerKind.SUCCESS)


def times_of(
    success: frozenset[tuple[str, str]], milestone: str, trigger: str, due_at: datetime, at: datetime
) -> tuple[datetime, datetime]:
    """When a trigger was due and fired. Success is due at the completion's own time; the model says when it fired."""
    return (at if (milestone, trigger) in success else due_at), at


class RealTimeline:
    """`domain.timeline.machine`."""

    def __init__(self, case: Opening) -> None:
        self.success = success_triggers(case.process)
        self.plan = Plan(process=case.process, business_hours=case.hours, calendars=case.calendars, fields=case.types)
        self.timeline = Timeline.enter(self.plan, Case(case_id="c", fields=case.fields), case.at)
        self.fired: list[Fired] = []
        self.effects: list[Effect] = []
        self.owes_effects = True
        """What followed from opening, or was due before a refused event, is returned by the next call."""

    def apply(self, event: Event, noticed_at: datetime | None = None) -> None:
        if isinstance(event, PlanReplaced) and event.plan.process is not None:
            self.success |= success_triggers(event.plan.process)
        try:
            self._note(self.timeline.apply(event, noticed_at))
        except Refused as error:
            self.owes_effects = True
            raise RefusedError(error.code) from error

    def advance(self, now: datetime) -> None:
        self._note(self.timeline.advance(now))

    def _note(self, effects: list[Effect]) -> None:
        self.owes_effects = False
        self.effects += effects
        fired = [e for e in effects if isinstance(e, TriggerFired)]
        self.fired += [
            (e.milestone, e.occurrence, e.trigger, *times_of(self.success, e.milestone, e.trigger, e.due_at, e.at))
            for e in fired
        ]

    def through_json(self) -> None:
        """Continue from the state as JSON."""
        state = TimelineState.model_validate_json(self.timeline.state.model_dump_json())
        assert state == self.timeline.state
        self.timeline = Timeline(self.timeline.plan, state)

    def snapshot(self, now: datetime) -> dict[str, Any]:
        view = self.timeline.view(now)
        return {
            "status": str(view.status),
            "instances": {
                (m.milestone, m.occurrence): {
                    "milestone": m.milestone,
                    "occurrence": m.occurrence,
                    "state": str(m.state),
                    "start": m.start_at,
                    "target": m.target_at,
                    "completed_at": m.completed_at,
                    "violated": m.violated,
                    "violations": [(v.violated_at, v.corrected_at is not None) for v in m.violations],
                    "fired": [
                        (f.trigger, *times_of(self.success, m.milestone, f.trigger, f.due_at, f.at)) for f in m.fired
                    ],
                    "handed_over": m.handed_over,
                    "elapsed": m.elapsed_seconds,
                    "paused": m.paused_seconds,
                    "actual": m.actual_seconds,
                }
                for m in view.milestones
            },
        }


class SlowHours:
    """A frozen calendar under the names that the model knows."""

    def __init__(self, calendar: FrozenCalendar) -> None:
        self.calendar = calendar
        self.add = calendar.add
        self.elapsed = calendar.elapsed
        self.business_days_later = calendar.business_days_later
        self.end_of_business_day = calendar.end_of_business_day

    def business_day_at(self, t: datetime, n: int, clock: str) -> datetime:
        return self.calendar.business_day_at(t, n, clock_seconds(clock))

    def after_cutoff(self, t: datetime, clock: str) -> datetime:
        return self.calendar.counted_from(t, clock_seconds(clock))


@cache
def slow_hours(calendar: FrozenCalendar) -> SlowHours:
    """One object for each calendar: the model takes another object for an edited calendar."""
    return SlowHours(calendar)


def slow_process(process: EntitlementProcess) -> Any:
    """A process as the model is told of it."""
    return slow_inputs.EntitlementProcess(
        milestones=[_slow_milestone(milestone) for milestone in process.milestones],
        name=process.name,
        entry=process.entry,
        exit_when=process.exit_when,
        business_hours=process.business_hours,
    )


def _slow_milestone(milestone: Milestone) -> Any:
    rows = [slow_inputs.Row(_slow_span(row.span), row.when, row.business_hours) for row in milestone.within or []]
    same = ("name", "by", "when", "complete_when", "pause_when", "business_hours", "when_undone", "promise", "cutoff")
    return slow_inputs.Milestone(
        **{name: getattr(milestone, name) for name in same},
        within=rows or None,
        starts=milestone.starts if isinstance(milestone.starts, str) else "after",
        after=milestone.predecessor,
        recurrence=milestone.recurrence.value,
        on_change=milestone.on_change.value,
        on_reentry=milestone.on_reentry,
        triggers=cast("Any", tuple(milestone.triggers)),
        restart_on=tuple(milestone.restart_on),
    )


def _slow_span(span: Span) -> Any:
    clock = clock_text(span.clock) if span.clock is not None else None
    return slow_inputs.Span(span.seconds, span.business_days, span.end_of_day, clock)


VIOLATION = 2
"""How the model ranks what happens at a target."""


@dataclass
class KeptTerm(Term):
    """What a migration kept: counted by the calendar that it had, compared with what the new version declares."""

    declared: tuple[Any, ...] = ()
    nominal: int = 0

    @property
    def measure(self) -> tuple[Any, ...]:
        return self.declared


class Amended(Model):
    """The model, with what it reads otherwise than the engine.

    A violation that arises by a change is recorded when the change has been evaluated, not by a span that the very next
    round replaces. Passing a target that is no promise is nothing that the timeline does, so that later news of before
    counts at its own time. Two events of the very second of a target both come before it. A change of a field that
    begins an occurrence anew does not end that very occurrence. Success that rearms fires with every completion, also
    with one that follows a clear. A time that is that of the last firing is not ahead. A warning
    that is past at the start is left out too where the milestone is completed at its start. Whether one is past is told
    when a change has been evaluated, also where that ends a pause. What does not start while its rule of completion
    holds is not violated either.

    A migration is retroactive whatever `on_change` says of changes of the case, also for what comes back later; what it
    sets off in the case, in its very second too, is a change as usual. A closed case is not migrated. A target that was
    no promise and has passed is kept as a violated one is. What is kept is counted by its own span and calendar,
    percentages, offsets and elapsed time too, and a pause before the opening after its cutoff moves nothing; an entry
    that is edited later moves it as if there had been no migration. What the new version lacks does not come back at a
    re-entry. A target that is now is kept by a carry, also where an extension has made it so; so is, as it is then, one
    that has passed and was no promise. A missed milestone that a migration kept is removed as any other when the
    completion that it follows is taken back.
    """

    ties = "affected"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.in_doubt: list[Any] | None = None
        self.evaluated_at: datetime | None = None
        self.comes_first = self.is_migrating = False
        self.taking_over: list[Any] = []
        self.judged: list[Any] = []
        super().__init__(*args, **kwargs)

    def apply(self, event: Any, noticed_at: datetime | None = None) -> None:
        self.comes_first, self.is_migrating = False, type(event).__name__ == "CaseMigrated"
        super().apply(event, noticed_at)
        self.is_migrating = False
        if self.comes_first and self.floor == whole(event.occurred_at):
            self.by_itself = True

    def _take(self, event: Any, occurred_at: datetime, at: datetime) -> None:
        if self.is_migrating and self.closed:
            raise RefusedError("closed")
        self.comes_first = self.by_itself and self.floor == occurred_at
        super()._take(event, occurred_at, at)

    def _complete(self, instance: Any, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("at_start"):
            self._leave_out(instance, args[-1])
        for trigger in instance.milestone.triggers:
            if trigger.kind is TriggerKind.SUCCESS and trigger.rearm:
                instance.armed[trigger.id] = True
        super()._complete(instance, *args, **kwargs)
        if _is_among(self.taking_over, instance):
            self.taking_over += [*(instance.unseen or ()), *(instance.unseen_paused or ())]

    def _reveal(self, instance: Any, world: Any, at: datetime) -> None:
        others = [other for other in self.taking_over if other is not instance]
        self.taking_over = [*others, instance] if _is_among(others, world[0]) else others
        super()._reveal(instance, world, at)

    def _may_fire(self, instance: Any, trigger: Any, due_at: datetime) -> bool:
        fired = [firing.at for firing in instance.fired if firing.trigger == trigger.id]
        return (not fired or due_at > fired[-1]) and super()._may_fire(instance, trigger, due_at)

    def _happen(self, due: Any) -> None:
        before = self.floor, self.by_itself
        super()._happen(due)
        if due.rank == VIOLATION and due.trigger is None and not due.instance.milestone.promise:
            self.floor, self.by_itself = before

    def _take_migration(self, process: Any, calendars: Any, at: datetime) -> None:
        passed = [i for i in self.instances if i.standing_record() is not None and i.standing_violation() is None]
        for instance in list(passed):
            passed_at = instance.standing_record()
            # The migration came first: the new version judges the target.
            if passed_at is not None and instance.is_open and passed_at.violated_at == at:
                passed_at.correct(at)
                passed.remove(instance)
        super()._take_migration(process, calendars, at)
        new = {milestone.name: milestone for milestone in process.milestones}
        self.taking_over = [i for i in self.instances if i.completed_at is None and i.standing_record() is None]
        for instance in cast("list[Any]", self.instances):
            if instance.milestone.name not in new:
                instance.is_undone = True
            elif _is_among(passed, instance) and instance.completed_at is None:
                self._keep(instance, new[instance.milestone.name], at)

    def _take_back(self, milestone: Any, at: datetime) -> None:
        done = sum(instance.completed_at is not None for instance in self._of(milestone))
        super()._take_back(milestone, at)
        if sum(instance.completed_at is not None for instance in self._of(milestone)) == done:
            return
        for other in cast("list[Any]", self._milestones()):
            if other.predecessor == milestone.name:
                for instance in self._every_of(other):
                    instance.term().kept = False  # it has no start any more that could be kept

    def _keep(self, instance: Any, milestone: Any, at: datetime) -> None:
        old = instance.term()
        super()._keep(instance, milestone, at)
        term = instance.terms[-1]
        values = {**vars(term), "calendar": old.calendar, "ruled": old.ruled}
        values |= {"span": old.span, "by": old.by, "cutoff": old.cutoff, "carried_at": old.carried_at}
        values["forgets_before"] = max(term.forgets_before, old.counts_from)
        instance.terms[-1] = KeptTerm(**values, declared=term.measure, nominal=self._span_seconds(old))
        if instance.is_open:
            self._leave_out(instance, at)  # anew: what is past by the calendar that it keeps

    def _move_start(self, instance: Any, milestone: Any, at: datetime) -> None:
        before = instance.term()
        super()._move_start(instance, milestone, at)
        term = instance.terms[-1]
        if term is not before and isinstance(term, KeptTerm):
            term.kept = True
            if term.fixed is None:
                term.nominal = super()._span_seconds(term)

    def _span_seconds(self, term: Any) -> int:
        seconds: int = term.nominal if isinstance(term, KeptTerm) else super()._span_seconds(term)
        return seconds

    def _carry(self, instance: Any, old: Any, new: Any, at: datetime) -> None:
        now, passed = self._effective_now(instance, at), instance.standing_record()
        target = self._target(instance, until=now)
        stays = target == now if passed is None else not passed.promised
        super()._carry(instance, old, new, at)
        if stays:
            new.fixed, new.carried, new.forgets_extensions = target, None, len(instance.extensions)

    def _change_measure(self, instance: Any, milestone: Any, at: datetime) -> None:
        if _is_among(self.taking_over, instance):
            self.taking_over = [other for other in self.taking_over if other is not instance]
            retroactive = replace(milestone, on_change="retroactive")
            super()._change_measure(instance, retroactive, at)
        else:
            super()._change_measure(instance, milestone, at)

    def _is_regrouped(self, milestone: Any) -> bool:
        began_now = self.world is not None and self.world[0].came_at == self.evaluated_at
        return not began_now and super()._is_regrouped(milestone)

    def _evaluate(self, at: datetime) -> None:
        self.in_doubt, self.evaluated_at = [], at
        super()._evaluate(at)
        doubtful, self.in_doubt = self.in_doubt, None
        judged, self.judged = self.judged, []
        for instance in judged:
            if instance.is_open:
                super()._leave_out(instance, at)
        for instance in doubtful:
            self._record_if_violated(instance, at)

    def _leave_out(self, instance: Any, at: datetime) -> None:
        super()._leave_out(instance, at)
        self.judged.append(instance)

    def _is_violated(self, instance: Any, now: datetime) -> bool:
        return not instance.held_back and super()._is_violated(instance, now)

    def _record_if_violated(self, instance: Any, at: datetime) -> None:
        if self.in_doubt is None:
            super()._record_if_violated(instance, at)
        elif not _is_among(self.in_doubt, instance):
            self.in_doubt.append(instance)


def _is_among(instances: list[Any], instance: Any) -> bool:
    """Whether it is this very one."""
    return any(other is instance for other in instances)


class SlowTimeline:
    """The model."""

    def __init__(self, case: Opening) -> None:
        self.success = success_triggers(case.process)
        hours = {name: slow_hours(calendar) for name, calendar in case.calendars.items()}
        self.model = Amended.enter(
            slow_process(case.process), hours, case.hours, case.fields, case.at, evaluate=evaluate
        )

    @property
    def fired(self) -> list[Fired]:
        return [
            (name, n, f.trigger, *times_of(self.success, name, f.trigger, f.due_at, f.at))
            for name, n, f in self.model.fired
        ]

    def apply(self, event: Event, noticed_at: datetime | None = None) -> None:
        told: Any = event
        if isinstance(event, PlanReplaced):
            assert event.plan.process is not None
            self.success |= success_triggers(event.plan.process)
            hours = {name: slow_hours(calendar) for name, calendar in event.plan.calendars.items()}
            told = slow_inputs.CaseMigrated(event.event_id, event.occurred_at, slow_process(event.plan.process), hours)
        self.model.apply(told, noticed_at)

    def advance(self, now: datetime) -> None:
        self.model.advance(now)

    def snapshot(self, now: datetime) -> dict[str, Any]:
        seen: dict[str, Any] = self.model.snapshot(now)
        for (name, _), instance in seen["instances"].items():
            instance["fired"] = [
                (t, *times_of(self.success, name, t, due_at, at)) for t, due_at, at in instance["fired"]
            ]
            del instance["violated_at"], instance["records"]
        return seen
