"""The timeline of a case, slowly: a model that the real timeline is held against.

It keeps what happened as plain facts: when the case was stopped and went on, when it was outside of its process, when a
rule paused an instance, when an instance was given a span, an extension, a completion. Nothing is summed up, cached or
moved along: whatever is asked (a target, a pause, a verdict) is worked out anew from the facts, as the sentence of the
specification says that stands beside it. The sections named here are those of the specification.

The calendars are handed in: anything with `add`, `elapsed`, `business_days_later` and `end_of_business_day`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple, Protocol, assert_never

from domain.criteria.compiling import evaluate
from domain.open_time.spans import Span
from domain.process import EntitlementProcess, FieldUpdate, Milestone, OnChange, Recurrence, Trigger, TriggerKind
from domain.timeline.events import (
    CaseClosed,
    CaseReopened,
    ClockResumed,
    ClockStopped,
    CompletionCleared,
    Event,
    FieldsChanged,
    MilestoneCompleted,
    MilestoneExtended,
)

SKEW = timedelta(seconds=5)
ROUNDS = 10


class Hours(Protocol):
    """What the model asks of a calendar."""

    def add(self, t: datetime, seconds: int) -> datetime: ...
    def elapsed(self, a: datetime, b: datetime) -> int: ...
    def business_days_later(self, t: datetime, n: int) -> datetime: ...
    def end_of_business_day(self, t: datetime, n: int = 0) -> datetime: ...


class RefusedError(Exception):
    """A request that is not taken."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Stretch:
    """A time during which something held: from one fact (when, and its number in the order of facts) to another."""

    from_at: datetime
    from_no: int
    to_at: datetime | None = None
    to_no: int | None = None


class Pause(NamedTuple):
    from_at: datetime
    to_at: datetime | None


@dataclass
class Term:
    """What an instance is measured by, from `since` on, until the next term."""

    since: datetime
    start: datetime
    hours: str
    origin: datetime
    """The entry or completion that the start was taken from; `restart` leaves it behind."""
    span: Span | None = None
    by: datetime | None = None
    carried: tuple[datetime, int] | None = None
    """From this instant on so many open seconds were left (`on_change: carry`)."""
    forgets_before: datetime | None = None
    """Pauses before it count no more: they are forgotten (`restart`), or in what is left (`carry`)."""

    @property
    def counts_from(self) -> datetime:
        return self.forgets_before or self.start


@dataclass
class Violation:
    violated_at: datetime
    corrected: bool = False


class Firing(NamedTuple):
    trigger: str
    due_at: datetime
    at: datetime


@dataclass
class Instance:
    milestone: Milestone
    occurrence: int
    stay: int
    terms: list[Term]
    extensions: list[tuple[datetime, int]] = field(default_factory=list)
    stops: list[Stretch] = field(default_factory=list)
    """When it was stopped by request, it alone."""
    ruled: list[Stretch] = field(default_factory=list)
    """When `pause_when` held."""
    completed_at: datetime | None = None
    removed_at: datetime | None = None
    exited_at: datetime | None = None
    violations: list[Violation] = field(default_factory=list)
    fired: list[Firing] = field(default_factory=list)
    left_out: dict[str, datetime] = field(default_factory=dict)
    """Warnings that were past when the instance started or its target moved earlier, and until when."""
    is_undone: bool = False
    """The completion that it followed was cleared; it never comes back."""
    begun: bool = False
    """Its start was reached and seen."""

    @property
    def ended_at(self) -> datetime | None:
        return self.completed_at or self.removed_at or self.exited_at

    @property
    def is_open(self) -> bool:
        return self.ended_at is None

    @property
    def start(self) -> datetime:
        return self.term(self.completed_at).start

    def term(self, as_of: datetime | None = None) -> Term:
        """§4: what a completion that came late is judged by is the span of its own time."""
        known = [t for t in self.terms if as_of is None or t.since <= as_of]
        return known[-1] if known else self.terms[0]

    def standing_violation(self) -> Violation | None:
        return next((v for v in self.violations if not v.corrected), None)


class Due(NamedTuple):
    """Something that happens by itself."""

    at: datetime
    due_at: datetime
    rank: int
    place: int
    order: int
    instance: Instance | None
    trigger: Trigger | None


def whole(t: datetime) -> datetime:
    """§4: all instants that a timeline takes in are cut to whole seconds."""
    return t.astimezone(UTC).replace(microsecond=0)


class Model:
    def __init__(
        self,
        process: EntitlementProcess | None,
        calendars: Mapping[str, Hours],
        default_hours: str,
        fields: dict[str, Any],
        at: datetime,
    ) -> None:
        self.process = process
        self.calendars = calendars
        self.default_hours = default_hours
        self.fields = dict(fields)
        self.judged_by = self.fields
        self.opened_at = whole(at)
        self.floor = self.opened_at
        self.facts = 0
        self.stops: list[Stretch] = []
        self.outside: list[Stretch] = []
        self.closed = False
        self.entered_at: datetime | None = None
        self.stay = 1
        self.stay_started_at: datetime | None = None
        self.instances: list[Instance] = []
        self.seen: set[str] = set()
        self.fired: list[tuple[str, int, Firing]] = []
        self.guards = 0
        self.taken: tuple[str, datetime] | None = None

    @classmethod
    def enter(
        cls,
        process: EntitlementProcess | None,
        calendars: Mapping[str, Hours],
        default_hours: str,
        fields: dict[str, Any],
        at: datetime,
    ) -> Model:
        model = cls(process, calendars, default_hours, fields, at)
        model._evaluate(model.opened_at)
        model._do_what_is_due(model.opened_at, inclusive=False)
        return model

    # --- the order of events (§4) --------------------------------------------------------------------------------

    def apply(self, event: Event, noticed_at: datetime | None = None) -> None:
        """§4: first what was due *before* the event's instant, then the event."""
        if event.event_id in self.seen:
            return
        occurred_at = whole(event.occurred_at)
        # "Up to 5 s ahead of the case's clock is clock skew and kept as it is; further ahead, or before the case was
        # opened, is refused."
        if occurred_at < self.opened_at:
            raise RefusedError("before_case")
        if noticed_at is not None and occurred_at > whole(noticed_at) + SKEW:
            raise RefusedError("in_the_future")
        if (named := getattr(event, "milestone", None)) is not None:
            self._milestone(named)
        self._do_what_is_due(occurred_at, inclusive=False)
        # "An event older than the last one applied or trigger fired takes effect at that instant."
        at = max(occurred_at, self.floor)
        self._take(event, occurred_at, at)
        self.seen.add(event.event_id)
        self.floor = at
        self._evaluate(at)
        # What is overdue because of the event happens at once (§5); what is due at this very instant waits, because
        # another event of the same instant would come before it.
        self._do_what_is_due(at, inclusive=False)

    def advance(self, now: datetime) -> None:
        """§4: `advance(t)` does all that is due up to *and including* t."""
        self._do_what_is_due(whole(now), inclusive=True)

    def _do_what_is_due(self, until: datetime, *, inclusive: bool) -> None:
        while True:
            dues = [d for d in self._dues() if d.due_at < until or (inclusive and d.due_at == until)]
            if not dues:
                return
            self._happen(min(dues, key=lambda d: d[:5]))

    def _dues(self) -> Iterator[Due]:
        """§5: at one instant all milestones' warnings, then their violations, each in the process's order, then
        definition order. A violation itself comes before the triggers at it."""
        for place, milestone in enumerate(self._milestones()):
            for instance in self._of(milestone):
                if not instance.is_open:
                    continue
                if not instance.begun:
                    # Nothing of it is due before its start.
                    yield Due(max(instance.start, self.floor), instance.start, 0, place, -1, instance, None)
                    continue
                if self._open_pause(instance) is not None:
                    continue  # §7: while paused nothing fires.
                target = self._target(instance)
                if instance.standing_violation() is None:
                    yield Due(max(target, self.floor), target, 2, place, -1, instance, None)
                for order, trigger in enumerate(milestone.triggers):
                    due_at = self._due_at(instance, trigger)
                    if due_at is not None and self._may_fire(instance, trigger, due_at):
                        rank = 1 if trigger.kind is TriggerKind.WARNING else 2
                        yield Due(max(due_at, self.floor), due_at, rank, place, order, instance, trigger)

    def _happen(self, due: Due) -> None:
        instance, trigger = due.instance, due.trigger
        assert instance is not None
        self.floor = max(self.floor, due.at)
        if due.rank == 0:
            instance.begun = True
            self._evaluate(due.at)
            return
        if trigger is None:
            # §4: "The violation is an event, recorded at the target, exactly once."
            instance.violations.append(Violation(due.due_at))
            return
        self._fire(instance, trigger, due.due_at, due.at)
        self._evaluate(due.at)

    def _due_at(self, instance: Instance, trigger: Trigger) -> datetime | None:
        """§5: offsets are open time of the milestone's calendar, counted from the target and following it."""
        term, target = instance.term(), self._target(instance)
        hours = self.calendars[term.hours]
        match trigger.kind:
            case TriggerKind.WARNING:
                # "longer than one row's, it fires at the start"
                return max(term.start, self._warning_time(instance, trigger))
            case TriggerKind.VIOLATION:
                # Offset 0 is the target itself and never `add` of nothing, which would be the next opening.
                after = trigger.after_target
                return target if after == 0 else hours.add(target, after)
            case TriggerKind.SUCCESS:
                return None
            case never:
                assert_never(never)

    def _warning_time(self, instance: Instance, trigger: Trigger) -> datetime:
        term, target = instance.term(), self._target(instance)
        before = trigger.before_target(self._span_seconds(term))
        return target if before == 0 else self.calendars[term.hours].add(target, -before)

    def _may_fire(self, instance: Instance, trigger: Trigger, due_at: datetime) -> bool:
        left_out = instance.left_out.get(trigger.id)
        if left_out is not None and self._warning_time(instance, trigger) < left_out:
            return False
        firings = [f for f in instance.fired if f.trigger == trigger.id]
        # §5: "A trigger that fired does not fire again when its target moves (`rearm: true` allows it)."
        return not firings or (trigger.rearm and due_at > firings[-1].at)

    def _fire(self, instance: Instance, trigger: Trigger, due_at: datetime, at: datetime) -> None:
        firing = Firing(trigger.id, due_at, at)
        instance.fired.append(firing)
        self.fired.append((instance.milestone.name, instance.occurrence, firing))
        for action in trigger.actions:
            if isinstance(action, FieldUpdate):
                # §5: "it takes effect at the instant its trigger was due and re-evaluates the timeline"
                self.fields[action.field] = action.value

    # --- the events ----------------------------------------------------------------------------------------------

    def _take(self, event: Event, occurred_at: datetime, at: datetime) -> None:
        match event:
            case FieldsChanged():
                self.fields.update(event.fields)
            case ClockStopped():
                stops = self._stops_for(event.milestone, stops=True)
                if not _holds(stops):  # §7: "Stopping what is stopped answers 'already'."
                    self._begin(stops, at)
            case ClockResumed():
                self._finish(self._stops_for(event.milestone), at)
            case CaseClosed():
                self.closed = True
            case CaseReopened():
                self.closed = False
            case MilestoneCompleted():
                self._take_completion(self._started(event.milestone), occurred_at, at)
            case CompletionCleared():
                self._take_clearing(self._started(event.milestone), at)
            case MilestoneExtended():
                self._take_extension(event, at)
            case _:
                # Plans are made elsewhere; the examples of versions hold these two events, no random sequence has them.
                raise NotImplementedError(f"{event.type}: a change of process is not modelled")

    def _stops_for(self, milestone: str | None, *, stops: bool = False) -> list[Stretch]:
        if milestone is not None:
            instance = self._open_instance(milestone)  # §7: "on one milestone only that one"
            if instance.milestone.by is not None and stops:
                raise RefusedError("deadline_of_field")  # §3: stops do not touch it
            return instance.stops
        if self.closed:
            raise RefusedError("closed")
        return self.stops

    def _started(self, milestone: str) -> Instance:
        """The instance that a request is about: the open one, else the last of this stay."""
        known = [i for i in self._of(self._milestone(milestone)) if not i.is_undone]
        instance = next((i for i in known if i.is_open), known[-1] if known else None)
        if instance is None or instance.stay != self._stay(instance.milestone):
            raise RefusedError("not_started")
        return instance

    def _open_instance(self, milestone: str) -> Instance:
        instance = self._started(milestone)
        if not instance.is_open:
            raise RefusedError("not_open")
        return instance

    def _take_completion(self, instance: Instance, occurred_at: datetime, at: datetime) -> None:
        if instance.completed_at is not None:
            raise RefusedError("already_completed")
        # §4: "Completed wins over removed and over exit."
        ended_at = instance.ended_at
        if ended_at is not None and occurred_at > ended_at:
            raise RefusedError("not_open")
        # §4: "A completion may carry the time at which it happened; before the start, or in the future, is refused."
        # §6: a scheduled one "takes no completion".
        if occurred_at < instance.term(occurred_at).start:
            raise RefusedError("before_start")
        instance.removed_at = instance.exited_at = None
        self._complete(instance, occurred_at, at)

    def _complete(self, instance: Instance, completed_at: datetime, at: datetime) -> None:
        instance.completed_at = completed_at
        self.taken = (instance.milestone.name, at)
        if completed_at <= self._target(instance):
            # §4: "or news comes of a completion in time, it is corrected"
            for violation in instance.violations:
                violation.corrected = True
        elif instance.standing_violation() is None:
            # A violated instance has the event, also when it was completed as soon as it started.
            instance.violations.append(Violation(self._target(instance)))
        # §4: "fires the success actions once per instance, at once, also when late"
        for trigger in instance.milestone.triggers:
            if trigger.kind is TriggerKind.SUCCESS and trigger.id not in {f.trigger for f in instance.fired}:
                self._fire(instance, trigger, completed_at, at)

    def _take_clearing(self, last: Instance, at: datetime) -> None:
        milestone = last.milestone
        completed = [i for i in self._of(milestone) if i.completed_at is not None]
        if not completed:
            raise RefusedError("not_completed")
        instance = completed[-1]
        later = [i for i in self._of(milestone) if i.occurrence > instance.occurrence]
        # §4: "Refused once a later occurrence has started."
        if any(i.begun for i in later):
            raise RefusedError("later_occurrence")
        for scheduled in later:
            scheduled.is_undone = True
            if scheduled.is_open:
                scheduled.removed_at = at
        if later and not _holds(instance.stops):
            instance.stops += later[-1].stops  # Who stopped the milestone meanwhile stopped what is open now.
        instance.completed_at = None
        # It runs now, so it is this stay's, also where a re-entry had begun another that never started.
        instance.stay = self._stay(milestone)
        if _holds(self.outside):
            instance.exited_at = self.outside[-1].from_at

    def _take_extension(self, event: MilestoneExtended, at: datetime) -> None:
        instance = self._open_instance(event.milestone)
        if instance.milestone.by is not None:
            raise RefusedError("deadline_of_field")  # It is moved by its field.
        target = self._target(instance)
        if event.until is not None:
            # §4: "`extend` adds open seconds to a target, or (to an instant) those between target and instant"
            seconds = self.calendars[instance.term().hours].elapsed(target, whole(event.until))
        else:
            assert event.open_seconds is not None
            seconds = event.open_seconds
        if seconds <= 0:
            raise RefusedError("not_later")  # "only later, never earlier"
        instance.extensions.append((at, seconds))
        self._leave_out(instance, at)
        self._correct_if_moved(instance, at)

    # --- every change is evaluated at once (§4) ------------------------------------------------------------------

    def _evaluate(self, at: datetime) -> None:
        """§4: "first completions, then exit, then per milestone in the process's order remove, start, new span, pause
        or resume; again from the top until nothing changes (a guard ends it after ten rounds at one instant)"."""
        for _ in range(ROUNDS):
            before = self.facts
            self.judged_by = dict(self.fields)  # All criteria of a round see the same fields.
            self._complete_by_rule(at)
            self._exit_or_reenter(at)
            for milestone in self._milestones():
                if self._is_inside():
                    self._remove(milestone, at)
                    if not self._start(milestone, at):
                        self._change_term(milestone, at)
                self._pause_by_rule(milestone, at)
            if self.facts == before:
                self.taken = None
                return
        self.guards += 1
        self.taken = None

    def _complete_by_rule(self, at: datetime) -> None:
        for milestone in self._milestones():
            instance = self._open(milestone)
            rule = milestone.complete_when
            if rule and instance is not None and self._is_inside() and instance.start <= at and self._holds(rule):
                self._fact()
                self._complete(instance, at, at)

    def _exit_or_reenter(self, at: datetime) -> None:
        entry = self._entry()
        if entry is None and self.entered_at is None:
            return
        if entry is not None and entry != self.entered_at:
            self._fact()
            self.entered_at = entry
        process = self.process
        assert process is not None
        # §3: "`exit_when` (default: the case is closed)"
        leaves = self.closed or (process.exit_when != "" and self._holds(process.exit_when))
        if leaves and not _holds(self.outside):
            self._begin(self.outside, at)
            for instance in self.instances:
                if instance.is_open:
                    instance.exited_at = at  # §4: "they are `open at exit`"
        elif not leaves and _holds(self.outside):
            # §7: "the time outside is a pause"; what pauses an instance when it is back follows it without a gap.
            for milestone in self._milestones():
                self._pause_by_rule(milestone, at)
            self._finish(self.outside, at)
            self.stay += 1
            self.stay_started_at = at
            for instance in self.instances:
                keeps = instance.milestone.on_reentry == "keep" and not instance.is_undone
                if instance.exited_at is not None and keeps:
                    instance.exited_at = None

    def _remove(self, milestone: Milestone, at: datetime) -> None:
        instance = self._open(milestone)
        if instance is not None and (not self._holds(milestone.when) or self._start_of(milestone, at) is None):
            self._fact()
            instance.removed_at = at

    def _start(self, milestone: Milestone, at: datetime) -> bool:
        if self._open(milestone) is not None or not self._holds(milestone.when):
            return False
        start = self._start_of(milestone, at)
        if start is None:
            return False
        stay = self._stay(milestone)
        last = self._last(milestone)
        if milestone.recurrence is not Recurrence.NONE:
            # §3: with `complete_when` true "a recurring one does not start while it is true"
            if milestone.complete_when and self._holds(milestone.complete_when):
                return False
            if last is not None and last.completed_at is not None and self.taken == (milestone.name, at):
                # §4: "what follows from it (`after`, the next occurrence) starts from its time"
                start = last.completed_at
            if milestone.recurrence is Recurrence.SEQUENTIAL:
                # §6: "not before the target of a previous one that was completed in time"
                for previous in self._of(milestone):
                    if previous.completed_at is not None and previous.completed_at <= self._target(previous):
                        start = max(start, self._target(previous))
        elif last is not None and last.stay == stay:
            if last.completed_at is not None or last.exited_at is not None:
                return False  # §6: "one completion per stay in the process"
            if milestone.starts != "criteria":
                # §6: "gets its removed instance back, with its pauses and what it fired"
                self._fact()
                last.removed_at = None
                self._leave_out(last, at)
                return True
        self._fact()
        instance = Instance(milestone, 1 + len(self._of(milestone)), stay, [self._term(milestone, at, start)])
        instance.begun = start <= at
        self.instances.append(instance)
        self._leave_out(instance, at)
        return True

    def _start_of(self, milestone: Milestone, at: datetime) -> datetime | None:
        """§3: when an instance that comes to be at `at` starts; None if it does not."""
        if milestone.by is not None and self._by(milestone) is None:
            return None  # "While the field is null the milestone does not start"
        if milestone.starts == "criteria":
            return at
        if milestone.predecessor is None:
            start = self.entered_at
        else:
            before = self._last(self._milestone(milestone.predecessor))
            start = before.completed_at if before is not None else None
        if start is not None and milestone.on_reentry == "restart" and self.stay_started_at is not None:
            return max(start, self.stay_started_at)  # §7: "a new occurrence from the re-entry"
        return start

    def _stay(self, milestone: Milestone) -> int:
        """§7: with `keep` all stays are one; with `restart` each begins with "a new occurrence from the re-entry"."""
        return self.stay if milestone.on_reentry == "restart" else 1

    def _pause_by_rule(self, milestone: Milestone, at: datetime) -> None:
        for instance in self._of(milestone):
            # Of one that has ended too: it may come back (a completion that is cleared, "as if it had never been";
            # criteria that are true again; a case that is reopened), and what paused it then did so without a gap.
            holds = milestone.pause_when != "" and self._holds(milestone.pause_when)
            if holds and not _holds(instance.ruled):
                self._begin(instance.ruled, at)
            elif not holds:
                self._finish(instance.ruled, at)

    # --- spans and calendars (§3, §7) ----------------------------------------------------------------------------

    def _term(self, milestone: Milestone, at: datetime, start: datetime) -> Term:
        process = self.process
        assert process is not None
        hours = milestone.business_hours or process.business_hours or self.default_hours
        if milestone.within is None:
            return Term(at, start, hours, start, by=self._by(milestone))
        # §3: "a first-match table of rows with criteria, span and, if wanted, business hours"
        row = next(row for row in milestone.within if self._holds(row.when))
        return Term(at, start, row.business_hours or hours, start, row.span)

    def _by(self, milestone: Milestone) -> datetime | None:
        assert milestone.by is not None
        return self._datetime(milestone.by)

    def _change_term(self, milestone: Milestone, at: datetime) -> None:
        instance = self._open(milestone)
        if instance is None:
            return
        old = instance.term()
        start, origin = old.start, old.origin
        if milestone.starts == "process" or milestone.predecessor is not None:
            # §3: "editing the field moves the start of open milestones that start at `process`"
            moved = self._start_of(milestone, at)
            if moved is not None and moved != origin and instance.stay == self._stay(milestone):
                start = origin = moved
        new = self._term(milestone, at, start)
        new.origin = origin
        new_measure = (new.hours, new.span, new.by) != (old.hours, old.span, old.by)
        if not new_measure and origin == old.origin:
            return
        self._fact()
        if new_measure and new.span is not None and old.start <= at:
            match milestone.on_change:
                case OnChange.RETROACTIVE:
                    pass  # "from the same start; pauses, kept as instants, are counted again by the new calendar"
                case OnChange.RESTART:
                    # "start is now, pauses forgotten"
                    new.start = new.forgets_before = at
                case OnChange.CARRY:
                    # "the same fraction already used, up to now or to the pause; the rest rounded up to the second,
                    # over 100% stays violated"
                    now = self._effective_now(instance, at)
                    left = math.ceil(self._share_left(instance, old, now) * self._span_seconds(new))
                    # However much was over: the target is not before the start.
                    new.carried = (now, left) if left >= 0 or -left < self._elapsed(new, now) else (new.start, 0)
                    new.forgets_before = now
                case never:
                    assert_never(never)
        instance.terms.append(new)
        instance.begun = new.start <= at
        self._leave_out(instance, at)
        self._correct_if_moved(instance, at)

    def _share_left(self, instance: Instance, term: Term, now: datetime) -> Fraction:
        hours, span = self.calendars[term.hours], self._span_seconds(term)
        used = hours.elapsed(term.carried[0] if term.carried else term.start, now)
        used -= self._paused_seconds(instance, term, term.counts_from, now)
        left = (term.carried[1] if term.carried else span) - used
        return Fraction(left, span) if span else Fraction(0)

    def _elapsed(self, term: Term, now: datetime) -> int:
        return self.calendars[term.hours].elapsed(term.start, now)

    def _span_seconds(self, term: Term) -> int:
        """§1: "percentages and `carry` count the open seconds from start to it" where a span follows the days."""
        if term.span is None:
            return 0
        if term.span.seconds is not None:
            return term.span.seconds
        return self.calendars[term.hours].elapsed(term.start, self._days_target(term))

    def _days_target(self, term: Term) -> datetime:
        assert term.span is not None
        hours = self.calendars[term.hours]
        if term.span.end_of_day:
            return hours.end_of_business_day(term.start, term.span.business_days)
        return hours.business_days_later(term.start, term.span.business_days)

    def _leave_out(self, instance: Instance, at: datetime) -> None:
        """§5: "A warning whose time is already past when its instance starts, or when the target moves earlier, fires
        at once (`late: skip` leaves it out); if the target itself is no longer ahead, only the violation fires."
        """
        now = max(self._effective_now(instance, at), instance.start)
        for trigger in instance.milestone.triggers:
            if trigger.kind is TriggerKind.WARNING:
                is_past = self._warning_time(instance, trigger) < now
                if is_past and (trigger.late == "skip" or self._target(instance) <= now):
                    instance.left_out[trigger.id] = now
                else:
                    instance.left_out.pop(trigger.id, None)

    def _correct_if_moved(self, instance: Instance, at: datetime) -> None:
        """§4: "If an extension or a new span moves the target to or past the effective now [..] it is corrected"."""
        violation = instance.standing_violation()
        if violation is not None and self._target(instance) >= self._effective_now(instance, at):
            violation.corrected = True

    # --- targets, pauses, verdicts (§4) --------------------------------------------------------------------------

    def _target(self, instance: Instance, until: datetime | None = None) -> datetime:
        """§4: "Target = `add(start, span + paused open seconds)`, each extension added."

        Of a completion only what was so at its own time counts: later stops are cut off by it, later spans and
        extensions are not known yet.
        """
        as_of = instance.completed_at
        term = instance.term(as_of)
        hours = self.calendars[term.hours]
        extended = sum(seconds for at, seconds in instance.extensions if as_of is None or at <= as_of)
        if term.by is not None:
            # §3: "A `by:` target is the field's instant itself, also in closed time. Stops do not touch it."
            return hours.add(term.by, extended) if extended else term.by
        assert term.span is not None
        moved = self._paused_seconds(instance, term, term.counts_from, until or instance.ended_at) + extended
        if term.carried is not None:
            since, left = term.carried
            return since if since == term.start and left + moved == 0 else hours.add(since, left + moved)
        if term.span.seconds is not None:
            return hours.add(term.start, term.span.seconds + moved)
        # §1: "Such an instant is the target itself; a pause moves it by add(target, paused)"
        target = self._days_target(term)
        return hours.add(target, moved) if moved else target

    def _pauses(self, instance: Instance) -> list[Pause]:
        """§4: overlapping pauses count once. §7: an instance is running again when nothing pauses it."""
        stretches = [
            *self.stops,
            *instance.stops,
            *self.outside,
            *instance.ruled,
        ]
        if instance.milestone.by is not None:
            return []
        merged: list[Stretch] = []
        for s in sorted(stretches, key=lambda s: s.from_no):
            last = merged[-1] if merged else None
            if last is None or (last.to_no is not None and last.to_no < s.from_no):
                merged.append(Stretch(s.from_at, s.from_no, s.to_at, s.to_no))
            elif last.to_no is not None and (s.to_no is None or s.to_no > last.to_no):
                last.to_at, last.to_no = s.to_at, s.to_no
        return [Pause(s.from_at, s.to_at) for s in merged]

    def _paused_seconds(self, instance: Instance, term: Term, since: datetime, until: datetime | None) -> int:
        """§4: "A pause counts up to its end, or up to the completion, removal or exit that comes first; [..] time
        before the start counts for nothing. An open pause moves no target until it ends."
        """
        total = 0
        for pause in self._pauses(instance):
            ends = [t for t in (pause.to_at, until) if t is not None]
            if ends and (until is None or pause.from_at < until):
                begin, end = max(pause.from_at, since), min(ends)
                if begin < end:
                    total += self.calendars[term.hours].elapsed(begin, end)
        return total

    def _open_pause(self, instance: Instance) -> datetime | None:
        """Since when the instance has been paused."""
        pauses = self._pauses(instance)
        if not pauses or pauses[-1].to_at is not None:
            return None
        return max(pauses[-1].from_at, instance.term().start)

    def _effective_now(self, instance: Instance, at: datetime) -> datetime:
        """§4: "The effective now of a paused instance is the time of its pause; of one that is removed or open at exit,
        that instant (or its pause)".
        """
        if instance.is_open:
            since = self._open_pause(instance)
            return at if since is None else min(since, at)
        end = instance.ended_at
        assert end is not None
        stands = [p for p in self._pauses(instance) if p.from_at < end and (p.to_at is None or p.to_at >= end)]
        return max(stands[-1].from_at, instance.term().start) if stands else end

    def _is_violated(self, instance: Instance, now: datetime) -> bool:
        """§4: "*Violated* is strict and derived: completed after the target, or open and the effective now is after
        it."
        """
        if instance.completed_at is not None:
            return instance.completed_at > self._target(instance)
        if instance.standing_violation() is not None:
            return True  # recorded at the target, and nothing corrected it
        now = self._effective_now(instance, now)
        return now > self._target(instance, until=now)

    # --- what can be compared ------------------------------------------------------------------------------------

    def snapshot(self, now: datetime) -> dict[str, Any]:
        now = max(whole(now), self.floor)
        instances = [self._look_at(i, now) for i in self.instances]
        ended = ("completed", "removed", "open at exit")
        # §4: "`open violation` if a case in its process has an open violated instance, else `closed violation` if any
        # instance is violated, else `compliant`"
        if not _holds(self.outside) and any(i["violated"] and i["state"] not in ended for i in instances):
            status = "open violation"
        elif any(i["violated"] for i in instances):
            status = "closed violation"
        else:
            status = "compliant"
        return {"status": status, "instances": {(i["milestone"], i["occurrence"]): i for i in instances}}

    def _look_at(self, instance: Instance, now: datetime) -> dict[str, Any]:
        term = instance.term(instance.completed_at)
        hours = self.calendars[term.hours]
        # §4: "Elapsed = open seconds from start to completion, less pauses = actual elapsed"
        end = max(instance.ended_at or now, term.start)
        elapsed = hours.elapsed(term.start, end)
        paused = self._paused_seconds(instance, term, term.start, end)
        return {
            "milestone": instance.milestone.name,
            "occurrence": instance.occurrence,
            "state": self._state(instance, now),
            "start": term.start,
            "target": self._target(instance),
            "completed_at": instance.completed_at,
            "violated": self._is_violated(instance, now),
            "violations": [(v.violated_at, v.corrected) for v in instance.violations],
            "fired": [tuple(f) for f in instance.fired],
            "elapsed": elapsed,
            "paused": paused,
            "actual": elapsed - paused,
        }

    def _state(self, instance: Instance, now: datetime) -> str:
        if instance.completed_at is not None:
            return "completed"
        if instance.removed_at is not None:
            return "removed"
        if instance.exited_at is not None:
            return "open at exit"
        if instance.term().start > now:
            return "scheduled"
        return "running" if self._open_pause(instance) is None else "paused"

    # --- facts ---------------------------------------------------------------------------------------------------

    def _fact(self) -> int:
        self.facts += 1
        return self.facts

    def _begin(self, stretches: list[Stretch], at: datetime) -> None:
        stretches.append(Stretch(at, self._fact()))

    def _finish(self, stretches: list[Stretch], at: datetime) -> None:
        if _holds(stretches):
            stretches[-1].to_at, stretches[-1].to_no = at, self._fact()

    def _milestones(self) -> list[Milestone]:
        return self.process.milestones if self.process is not None else []

    def _milestone(self, name: str) -> Milestone:
        found = next((m for m in self._milestones() if m.name == name), None)
        if found is None:
            raise RefusedError("unknown_milestone")
        return found

    def _of(self, milestone: Milestone) -> list[Instance]:
        return [i for i in self.instances if i.milestone.name == milestone.name]

    def _last(self, milestone: Milestone) -> Instance | None:
        return next(reversed(self._of(milestone)), None)

    def _open(self, milestone: Milestone) -> Instance | None:
        return next((i for i in self._of(milestone) if i.is_open), None)

    def _holds(self, source: str) -> bool:
        """§3: an error while a criterion is evaluated "means false"."""
        return source == "" or evaluate(source, {"case": self.judged_by, "entitlement": None, "account": None}).holds

    def _is_inside(self) -> bool:
        return self.entered_at is not None and not _holds(self.outside)

    def _entry(self) -> datetime | None:
        """§3: "an entry time (`opened_at` or a date-time field of the case; null means not in the process yet"."""
        if self.process is None:
            return None
        if self.process.entry == "opened_at":
            return self.opened_at
        return self._datetime(self.process.entry)

    def _datetime(self, name: str) -> datetime | None:
        text = self.fields.get(name)
        return None if text is None else whole(datetime.fromisoformat(text))


def _holds(stretches: list[Stretch]) -> bool:
    return bool(stretches) and stretches[-1].to_no is None
