# mypy: ignore-errors
"""The timeline of a case, slowly: a model that the real timeline is held against.

It keeps what happened as plain facts: when the case was stopped and went on, when it was outside of its process, when a
rule paused an instance, when an instance was given a span, an extension, a completion. Nothing is summed up, cached or
moved along: whatever is asked (a target, a pause, a verdict) is worked out anew from the facts, as the sentence of the
specification says that stands beside it. The sections named here are those of the specification.

A completion hides what it completed and does not end it: unseen it goes on as if open (`Instance.unseen`), because §4 says
that a cleared completion is "as if it had never been"; of a milestone with `when_undone: resume` it goes on a second time,
paused since the completion (§3). What is unseen fires nothing; what fell due there is kept until it is revealed.

The calendars are handed in: anything with `add`, `elapsed`, `business_days_later`, `end_of_business_day` and, for what is
declared with them, `business_day_at` and `after_cutoff`. Events are told apart by the name of their class, attributes that
are not there have the default of `slow_inputs`. The readings, where the text leaves room, are numbered in README.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

try:
    from domain.criteria import evaluate as default_evaluate
except ImportError:
    try:
        from .slow_inputs import evaluate as default_evaluate
    except ImportError:
        from slow_inputs import evaluate as default_evaluate

EntitlementProcess = Milestone = Trigger = Span = Event = Any
SKEW = timedelta(seconds=5)
ROUNDS = 10


class Hours(Protocol):
    """What the model asks of a calendar."""

    def add(self, t: datetime, seconds: int) -> datetime: ...
    def elapsed(self, a: datetime, b: datetime) -> int: ...
    def business_days_later(self, t: datetime, n: int) -> datetime: ...
    def end_of_business_day(self, t: datetime, n: int = 0) -> datetime: ...
    def business_day_at(self, t: datetime, n: int, text: str) -> datetime: ...
    def after_cutoff(self, t: datetime, text: str) -> datetime: ...


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
    calendar: Any
    origin: datetime
    """The entry or completion that the start was taken from; `restart` leaves it behind."""
    span: Span | None = None
    by: datetime | None = None
    cutoff: str | None = None
    carried: tuple[datetime, int] | None = None
    """From this instant on so many open seconds were left (`on_change: carry`)."""
    fixed: datetime | None = None
    """The target itself: of what was missed and then carried, and of what a migration found completed or violated."""
    carried_at: datetime | None = None
    forgets_before: datetime | None = None
    """Pauses before it count no more: they are forgotten (`restart`), or in what is left (`carry`)."""
    forgets_extensions: int = 0
    """So many extensions are in the fixed target already."""
    sticky: bool = False
    """§3: editing the entry moves no start of "one that was restarted since"."""
    kept: bool = False
    """It was completed or violated when its process was migrated (§8)."""
    ruled: list[tuple[datetime | None, Any]] = field(default_factory=list)
    """§7: "elapsed counts each stretch by the calendar that ruled it": from when on which calendar."""

    @property
    def base(self) -> datetime:
        """§1: with a `cutoff` "the target is counted from the opening of the next open date [..]; the start itself
        stays"."""
        return self.start if self.cutoff is None else self.calendar.after_cutoff(self.start, self.cutoff)

    @property
    def counts_from(self) -> datetime:
        # §1: "a pause before that opening moves nothing"
        return self.forgets_before or self.base

    @property
    def measure(self) -> tuple[Any, ...]:
        return (self.hours, id(self.calendar), self.span, self.by, self.cutoff)


@dataclass(eq=False)
class Violation:
    violated_at: datetime
    corrected: bool = False
    recorded_at: datetime | None = None
    corrected_at: datetime | None = None
    promised: bool = True
    """§3: `promise: false`: passing the target "is no violation"; §8: "Whether a target was a promise is decided when it
    passes", so the passing is remembered with what it was."""

    def correct(self, at: datetime) -> None:
        if not self.corrected:
            self.corrected, self.corrected_at = True, at

    def stood_at(self, t: datetime) -> bool:
        """Whether it was on record, and not corrected, when something happened at `t`."""
        assert self.recorded_at is not None
        is_later = self.corrected_at is not None and self.corrected_at > t
        return self.recorded_at <= t and self.violated_at < t and (not self.corrected or is_later)


class Firing(NamedTuple):
    trigger: str
    due_at: datetime
    at: datetime


@dataclass(eq=False)
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
    held_back: bool = False
    """Its start was reached, but its `complete_when` held (§3: "a recurring one does not start while it is true")."""
    came_at: datetime | None = None
    """When its criteria became true, as far as the timeline knows."""
    follows: Any = None
    """The instance of its predecessor from whose completion it starts."""
    undone: list[Stretch] = field(default_factory=list)
    """From a completion to its being taken back."""
    rule_held: bool = False
    """`complete_when` held at its completion or since."""
    completed_at_start: bool = False
    handed_over: bool = False
    begins_anew: bool = False
    lapsed: bool = False
    """Something else than an entry ahead came between its completion and the next occurrence."""
    armed: dict[str, bool] = field(default_factory=dict)
    """Whether a trigger that fired may fire again (`rearm`)."""
    last_target: datetime | None = None
    pending: list[tuple[str, datetime]] = field(default_factory=list)
    """What fell due while it went on unseen."""
    unseen: list[Instance] | None = None
    """Of a completed one: itself as if open, and what came after that."""
    unseen_paused: list[Instance] | None = None
    """The same, paused since the completion (`when_undone: resume`)."""
    known_records: int = 0

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

    def standing_record(self) -> Violation | None:
        """Of a target that passed, promise or not."""
        return next((v for v in self.violations if not v.corrected), None)

    def standing_violation(self) -> Violation | None:
        record = self.standing_record()
        return record if record is not None and record.promised else None

    def fork(self) -> Instance:
        """Itself, to go on unseen."""

        def copied(stretches: list[Stretch]) -> list[Stretch]:
            return [replace(s) for s in stretches]

        return replace(
            self,
            terms=[replace(t) for t in self.terms],
            extensions=list(self.extensions),
            stops=copied(self.stops),
            ruled=copied(self.ruled),
            undone=copied(self.undone),
            violations=[replace(v) for v in self.violations],
            fired=list(self.fired),
            left_out=dict(self.left_out),
            armed=dict(self.armed),
            pending=[],
            unseen=None,
            unseen_paused=None,
            known_records=len(self.violations),
        )


class Due(NamedTuple):
    """Something that happens by itself."""

    at: datetime
    due_at: datetime
    rank: int
    place: int
    order: int
    is_unseen: bool
    instance: Instance | None
    trigger: Trigger | None


def word(value: Any) -> str:
    """`Recurrence.NONE`, "none" or nothing at all: "none"."""
    return str(getattr(value, "value", value) or "none").lower()


def says(thing: Any, name: str, default: Any = None) -> Any:
    """What a milestone, span or event says; `default` if it does not know the word."""
    return getattr(thing, name, default)


def whole(t: datetime) -> datetime:
    """§4: all instants that a timeline takes in are cut to whole seconds."""
    return t.astimezone(UTC).replace(microsecond=0)


class Model:
    ties = "all"
    """Reading 1: which violations an event of their very second corrects: "all", or "affected" ones only."""

    def __init__(
        self,
        process: EntitlementProcess | None,
        calendars: Mapping[str, Hours],
        default_hours: str,
        fields: dict[str, Any],
        at: datetime,
        *,
        evaluate: Callable[..., Any] | None = None,
    ) -> None:
        self.evaluate = evaluate or default_evaluate
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
        self.waits: list[Stretch] = []
        """§3: once entered, while the entry lies ahead."""
        self.by_itself = False
        """The last thing that was done, was done by itself."""
        self.regrouped: set[str] = set()
        self.beginning: Instance | None = None
        self.chained = 0
        """How many milestones were completed at their start."""
        self.world: tuple[Instance, list[Instance]] | None = None
        """The completed instance behind which the model looks, and what is there."""

    @classmethod
    def enter(
        cls,
        process: EntitlementProcess | None,
        calendars: Mapping[str, Hours],
        default_hours: str,
        fields: dict[str, Any],
        at: datetime,
        *,
        evaluate: Callable[..., Any] | None = None,
    ) -> Model:
        model = cls(process, calendars, default_hours, fields, at, evaluate=evaluate)
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
        # "An event older than the last thing that the timeline has done takes effect at that instant"
        at = max(occurred_at, self.floor)
        # "one of whatever kind whose time is that of the last thing that the timeline did by itself, with nothing applied
        # since, comes before a violation recorded there: that is corrected"
        corrected = self._recorded_there(occurred_at, at)
        if type(event).__name__ != "CaseMigrated":  # what a version does depends on what was missed before it
            self._take(event, occurred_at, at)
            corrected = [(i, v) for i, v in corrected if not v.corrected]
        for _, violation in corrected:
            violation.correct(at)
        if type(event).__name__ == "CaseMigrated":
            self._take(event, occurred_at, at)
        self.by_itself = False
        self.seen.add(event.event_id)
        self.floor = at
        self._evaluate(at)
        if self.ties == "affected":
            self._let_stand(corrected, at)
        # What is overdue because of the event happens at once (§5); what is due at this very instant waits, because
        # another event of the same instant would come before it.
        self._do_what_is_due(at, inclusive=False)
        self.by_itself = False

    def _recorded_there(self, occurred_at: datetime, at: datetime) -> list[tuple[Instance, Violation]]:
        """Violations that the timeline recorded by itself at the very instant of what is asked now."""
        if occurred_at != self.floor or not self.by_itself:
            return []
        on_record = [(i, v) for i in self.instances for v in i.violations if not v.corrected]
        return [(i, v) for i, v in on_record if v.violated_at == v.recorded_at == at]

    def _let_stand(self, corrected: list[tuple[Instance, Violation]], at: datetime) -> None:
        """What was asked at the instant of a violation, and did not touch it, leaves it as it was."""
        for instance, violation in corrected:
            runs = instance.is_open and self._open_pause(instance) is None
            # §8: "Whether a target was a promise is decided when it passes."
            is_same = violation.promised == says(instance.milestone, "promise", True)
            if runs and is_same and self._target(instance) == at and instance.standing_record() is None:
                violation.corrected, violation.corrected_at = False, None

    def advance(self, now: datetime) -> None:
        """§4: `advance(t)` does all that is due up to *and including* t."""
        self._do_what_is_due(whole(now), inclusive=True)

    def migrate(self, process: EntitlementProcess, at: datetime, calendars: Mapping[str, Hours] | None = None) -> None:
        """§8: `milepost migrate`, without an event object."""
        at = whole(at)
        self._do_what_is_due(at, inclusive=False)
        at = max(at, self.floor)
        self._take_migration(process, calendars, at)
        self.by_itself = False
        self.floor = at
        self._evaluate(at)
        self._do_what_is_due(at, inclusive=False)
        self.by_itself = False

    def _do_what_is_due(self, until: datetime, *, inclusive: bool) -> None:
        while True:
            dues = [d for d in self._dues() if d.due_at < until or (inclusive and d.due_at == until)]
            # What is unseen is no thing that the timeline has done: `advance` looks at it only on the way to one that is.
            if not dues or (inclusive and all(d.is_unseen for d in dues)):
                return
            self._happen(min(dues, key=lambda d: d[:6]))

    def _dues(self) -> Iterator[Due]:
        """§5: at one instant all milestones' warnings, then their violations, each in the process's order, then
        definition order. A violation itself comes before the triggers at it."""
        # §3: "an instant ahead, means not in the process yet: nothing of it runs until then"
        entry = self._entry()
        if self.entered_at is None and entry is not None:
            yield Due(max(entry, self.floor), entry, -1, -1, -1, False, None, None)
        if self.entered_at is not None and _holds(self.waits):
            yield Due(max(self.entered_at, self.floor), self.entered_at, -1, -1, -1, False, None, None)
        for place, milestone in enumerate(self._milestones()):
            for instance in self._of(milestone):
                yield from self._dues_of(place, milestone, instance, is_unseen=False)
            for _, world in self._worlds(milestone):
                for instance in world:
                    yield from self._dues_of(place, milestone, instance, is_unseen=True)

    def _dues_of(self, place: int, milestone: Milestone, instance: Instance, *, is_unseen: bool) -> Iterator[Due]:
        if not instance.is_open:
            return
        if not instance.begun:
            # Nothing of it is due before its start.
            if not instance.held_back:
                start = instance.start
                yield Due(max(start, self.floor), start, 0, place, -1, is_unseen, instance, None)
            return
        if self._open_pause(instance) is not None:
            return  # §7: while paused nothing fires.
        target = self._target(instance)
        if instance.standing_record() is None:
            yield Due(max(target, self.floor), target, 2, place, -1, is_unseen, instance, None)
        for order, trigger in enumerate(milestone.triggers):
            due_at = self._due_at(instance, trigger)
            if due_at is not None and self._may_fire(instance, trigger, due_at):
                rank = 1 if word(trigger.kind) == "warning" else 2
                yield Due(max(due_at, self.floor), due_at, rank, place, order, is_unseen, instance, trigger)

    def _happen(self, due: Due) -> None:
        instance, trigger = due.instance, due.trigger
        if instance is not None and due.rank == 0:
            # §3: "a recurring one does not start while it is true"
            milestone = instance.milestone
            if word(milestone.recurrence) != "none" and milestone.complete_when and self._holds(milestone.complete_when):
                instance.held_back = True
                return
        if due.is_unseen:
            assert instance is not None
            if due.rank == 0:
                instance.begun = True
            elif trigger is None:
                self._record(instance, due.due_at, due.due_at)
            else:
                # §4: "what fell due meanwhile fires, late", that is when the completion is cleared
                instance.pending.append((trigger.id, due.due_at))
                instance.fired.append(Firing(trigger.id, due.due_at, due.due_at))
                instance.armed.pop(trigger.id, None)
            return
        self.floor = max(self.floor, due.at)
        self.by_itself = True
        if due.rank == -1:
            self._evaluate(due.at)
            return
        assert instance is not None
        if due.rank == 0:
            instance.begun = True
            self.beginning = instance
            self._evaluate(due.at)
            return
        if trigger is None:
            # §4: "The violation is an event, recorded at the target (`violated_at`), exactly once"
            self._record(instance, due.due_at, due.at)
            return
        self._fire(instance, trigger, due.due_at, due.at)
        self._evaluate(due.at)

    def _record(self, instance: Instance, target: datetime, at: datetime) -> None:
        # §3: `promise: false`: "Passing it is no violation"; §8: "decided when it passes"
        promised = says(instance.milestone, "promise", True)
        instance.violations.append(Violation(target, recorded_at=at, promised=promised))

    def _record_if_violated(self, instance: Instance, at: datetime) -> None:
        """§4: "A violation that arises while an instance is paused or by a change (a shorter span, a start that lies
        back) is recorded at that change with the target as its time [..]; nothing is violated without a record"."""
        if not instance.is_open or not instance.begun or instance.standing_record() is not None:
            return
        target = self._target(instance)
        if self._effective_now(instance, at) > target:
            self._record(instance, target, at)

    def _record_at_its_end(self, instance: Instance, at: datetime) -> None:
        """§4: "nothing is violated without a record", also what ends with the very change that makes it so (reading 30)."""
        Model._record_if_violated(self, instance, at)

    def _due_at(self, instance: Instance, trigger: Trigger) -> datetime | None:
        """§5: offsets are open time of the milestone's calendar, counted from the target and following it."""
        term, target = instance.term(), self._target(instance)
        match word(trigger.kind):
            case "warning":
                # "longer than one row's, it fires at the start"
                return max(term.start, self._warning_time(instance, trigger))
            case "violation":
                # Offset 0 is the target itself and never `add` of nothing, which would be the next opening.
                after = trigger.after_target
                return target if after == 0 else term.calendar.add(target, after)
            case "success":
                return None
        raise AssertionError(trigger.kind)

    def _warning_time(self, instance: Instance, trigger: Trigger) -> datetime:
        term, target = instance.term(), self._target(instance)
        before = trigger.before_target(self._span_seconds(term))
        return target if before == 0 else term.calendar.add(target, -before)

    def _may_fire(self, instance: Instance, trigger: Trigger, due_at: datetime) -> bool:
        left_out = instance.left_out.get(trigger.id)
        if left_out is not None and self._warning_time(instance, trigger) < left_out:
            return False
        firings = [f for f in instance.fired if f.trigger == trigger.id]
        # §5: "A trigger that fired does not fire again when its target moves (`rearm: true` allows it, if its new time is
        # still ahead when the target moves)."
        return not firings or (says(trigger, "rearm", False) and instance.armed.get(trigger.id, False))

    def _see_what_moved(self, at: datetime) -> None:
        """Which triggers that fired may fire again, because the target of their instance moved at `at`."""
        for instance in self._every_instance():
            if not instance.is_open:
                continue
            target = self._target(instance)
            if instance.last_target is not None and target != instance.last_target:
                for trigger in instance.milestone.triggers:
                    due_at = self._due_at(instance, trigger)
                    if due_at is not None and any(f.trigger == trigger.id for f in instance.fired):
                        # What is due at `at` itself is still ahead of what happens at `at` (reading 2).
                        instance.armed[trigger.id] = due_at >= at
            instance.last_target = target

    def _fire(self, instance: Instance, trigger: Trigger, due_at: datetime, at: datetime) -> None:
        firing = Firing(trigger.id, due_at, at)
        instance.fired.append(firing)
        instance.armed.pop(trigger.id, None)
        self.fired.append((instance.milestone.name, instance.occurrence, firing))
        for action in trigger.actions:
            if type(action).__name__ == "FieldUpdate":
                # §5: "it takes effect at the instant its trigger was due and re-evaluates the timeline"
                self.fields[action.field] = action.value

    # --- the events ----------------------------------------------------------------------------------------------

    def _take(self, event: Event, occurred_at: datetime, at: datetime) -> None:
        match type(event).__name__:
            case "FieldsChanged":
                self.fields.update(event.fields)
            case "ClockStopped":
                stops = self._stops_for(event.milestone, stops=True)
                if not _holds(stops):  # §7: "Stopping what is stopped answers 'already'."
                    self._begin(stops, at)
            case "ClockResumed":
                self._finish(self._stops_for(event.milestone), at)
            case "CaseClosed":
                self.closed = True
            case "CaseReopened":
                self.closed = False
            case "MilestoneCompleted":
                self._take_completion(self._meant(event.milestone, occurred_at), occurred_at, at)
            case "CompletionCleared":
                self._take_clearing(self._started(event.milestone), at)
            case "MilestoneExtended":
                self._take_extension(event, at)
            case "CaseMigrated":
                self._take_migration(event.process, says(event, "calendars"), at)
            case name:
                raise NotImplementedError(f"{name}: not modelled")

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

    def _meant(self, milestone: str, occurred_at: datetime) -> Instance:
        """§3: `restart_on`: "A completion dated before the change goes to the occurrence then open"."""
        for instance in self._of(self._milestone(milestone)):
            is_then_open = instance.handed_over and instance.removed_at is not None
            if is_then_open and instance.start <= occurred_at < instance.removed_at:
                return instance
        return self._started(milestone)

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
        if occurred_at < instance.term(occurred_at).start or instance.held_back:
            raise RefusedError("before_start")
        self._complete(instance, occurred_at, at)

    def _complete(self, instance: Instance, completed_at: datetime, at: datetime, *, at_start: bool = False) -> None:
        # §4: "a completed instance goes on unseen as if open [..], so that a clear needs no history"
        unseen = instance.fork()
        instance.completed_at = completed_at
        instance.completed_at_start = at_start
        instance.removed_at = instance.exited_at = None
        instance.lapsed = False
        target = self._target(instance)
        if at_start or completed_at <= target:
            # §4: "or news comes of a completion in time, it is corrected"; §3: completed at its start: "in time"
            for violation in instance.violations:
                violation.correct(at)
        else:
            # §4: "A late one has the verdict it would have had on arriving in time": what was on record at its own time
            # stays, with its own target; what came on record since is corrected.
            stood = [v for v in instance.violations if v.stood_at(completed_at)]
            kept = next((v for v in stood if not v.corrected), None)
            if not stood:
                # "recorded at that change with the target as its time": what was put on record since says the same.
                kept = next((v for v in instance.violations if not v.corrected and v.violated_at == target), None)
            for violation in instance.violations:
                if violation is not kept:
                    violation.correct(at)
            if kept is None:
                # What was corrected after its time is on record anew (reading 6); else the target is the time.
                self._record(instance, stood[-1].violated_at if stood else target, at)
                if stood:
                    instance.violations[-1].promised = stood[-1].promised
        milestone = instance.milestone
        instance.unseen = [unseen]
        instance.rule_held = bool(milestone.complete_when) and self._holds(milestone.complete_when)
        if self._resumes(milestone):
            # §3: `resume`: the completion "is taken back and the time since it was a pause"
            paused = instance.fork()
            paused.completed_at, paused.completed_at_start = None, False
            paused.removed_at, paused.exited_at = unseen.removed_at, unseen.exited_at
            self._begin(paused.undone, completed_at)
            instance.unseen_paused = [paused]
        # §4: "fires the success actions once per instance, at once, also when late"
        for trigger in milestone.triggers:
            fired = any(f.trigger == trigger.id for f in instance.fired)
            # §3: "success fires again only with `rearm`" after a completion was taken back
            if word(trigger.kind) == "success" and (not fired or instance.armed.get(trigger.id, False)):
                self._fire(instance, trigger, at, at)

    def _resumes(self, milestone: Milestone) -> bool:
        # §3: `when_undone`: "Not for recurring ones."
        return word(says(milestone, "when_undone", "keep")) == "resume" and word(milestone.recurrence) == "none"

    def _take_clearing(self, last: Instance, at: datetime) -> None:
        milestone = last.milestone
        completed = [i for i in self._of(milestone) if i.completed_at is not None]
        if not completed:
            raise RefusedError("not_completed")
        instance = completed[-1]
        # §4: "One whose `complete_when` still holds is not cleared: the refusal names the rule and what it reads."
        now = self._milestone(milestone.name)
        if now.complete_when and self._holds(now.complete_when):
            raise RefusedError("rule_holds")
        later = [i for i in self._of(milestone) if i.occurrence > instance.occurrence]
        # §4: "Refused once a later occurrence has started."
        if any(i.begun for i in later):
            raise RefusedError("later_occurrence")
        for scheduled in later:
            scheduled.is_undone = True
            if scheduled.is_open:
                scheduled.removed_at = at
        assert instance.unseen is not None
        stops = later[-1].stops if later else []
        self._reveal(instance, instance.unseen, at)
        if not _holds(instance.stops):
            instance.stops += stops  # Who stopped the milestone meanwhile stopped what is open now.

    def _reveal(self, instance: Instance, world: list[Instance], at: datetime) -> None:
        """What went on unseen is seen again: the instance itself, and those that came after it."""
        hidden, *others = world
        # The records that were made in sight stay on record. What is violated behind it has a record too.
        standing = hidden.standing_record()
        added = hidden.violations[hidden.known_records :]
        if standing is not None and standing not in added:
            index = next(i for i, v in enumerate(hidden.violations) if v is standing)
            if instance.violations[index].corrected:
                added.append(Violation(standing.violated_at, recorded_at=at, promised=standing.promised))
        for record in instance.violations:
            if standing is None or record.violated_at != standing.violated_at:
                record.correct(at)
        there = instance.standing_record()
        instance.violations += [v for v in added if there is None or v.corrected or v.violated_at != there.violated_at]
        for name in (
            "milestone terms extensions stops ruled undone removed_at exited_at begun held_back left_out armed last_target "
            "handed_over came_at follows"
        ).split():
            setattr(instance, name, getattr(hidden, name))
        instance.completed_at = instance.unseen = instance.unseen_paused = None
        instance.completed_at_start = instance.rule_held = False
        pending = [(due_at, instance, trigger) for trigger, due_at in hidden.pending]
        for other in others:
            other.occurrence = 1 + max(i.occurrence for i in self._of(instance.milestone))
            pending += [(due_at, other, trigger) for trigger, due_at in other.pending]
            other.fired = []
            self.instances.append(other)
        # §4: "what fell due meanwhile fires, late"
        for due_at, owner, name in sorted(pending, key=lambda p: p[0]):
            trigger = next((t for t in owner.milestone.triggers if t.id == name), None)
            if trigger is not None:
                armed = dict(owner.armed)
                self._fire(owner, trigger, due_at, at)
                owner.armed = armed

    def _take_back(self, milestone: Milestone, at: datetime) -> None:
        """§3: `when_undone: resume`: "what follows when `complete_when` turns false again"."""
        for instance in self._of(milestone):
            if instance.completed_at is None:
                continue
            holds = bool(milestone.complete_when) and self._holds(milestone.complete_when)
            instance.rule_held = instance.rule_held or holds
            # "Also when it turned false outside the process: at the re-entry"; "`restart` wins over both"; "Taken back
            # whoever made it, if the rule held since"
            is_last = instance is self._last(milestone) and instance.stay == self._stay(milestone)
            if not self._resumes(milestone) or holds or not instance.rule_held or not self._is_inside() or not is_last:
                continue
            if instance.unseen_paused is None or self._is_regrouped(milestone):
                continue
            self._fact()
            paused = instance.unseen_paused
            self._reveal(instance, paused, at)
            # "the time since it was a pause"; of an exit meanwhile: "the time since it is one pause"
            self._finish(instance.undone, at)
            for trigger in milestone.triggers:
                # "success fires again only with `rearm`"
                if word(trigger.kind) == "success" and says(trigger, "rearm", False):
                    instance.armed[trigger.id] = True
            self._record_if_violated(instance, at)

    def _take_extension(self, event: MilestoneExtended, at: datetime) -> None:
        instance = self._open_instance(event.milestone)
        if instance.milestone.by is not None:
            raise RefusedError("deadline_of_field")  # It is moved by its field.
        target = self._target(instance)
        if event.until is not None:
            # §4: "`extend` adds open seconds to a target, or (to an instant) those between target and instant"
            seconds = instance.term().calendar.elapsed(target, whole(event.until))
        else:
            assert event.open_seconds is not None
            seconds = event.open_seconds
        if seconds <= 0:
            raise RefusedError("not_later")  # "only later, never earlier"
        instance.extensions.append((at, seconds))
        self._leave_out(instance, at)
        self._correct_if_moved(instance, at)
        self._see_what_moved(at)

    def _take_migration(self, process: EntitlementProcess, calendars: Mapping[str, Hours] | None, at: datetime) -> None:
        """§8: "Completed and violated instances keep what happened to them: start, target, record; also if cleared later,
        whatever the new version declares [..]; what is still to come of them [..] is the new version's"."""
        self._fact()
        old_process, self.process = self.process, process
        self.calendars = calendars or self.calendars
        self.judged_by = dict(self.fields)
        new = {m.name: m for m in self._milestones()}
        hidden = [i for i in self._every_instance(old_process) if all(i is not seen for seen in self.instances)]
        for instance in [*self.instances, *hidden]:
            if instance.completed_at is not None:
                continue  # What it goes on as unseen is among the hidden ones.
            milestone = new.get(instance.milestone.name)
            if milestone is None:
                # The new version has no such milestone (reading 12).
                if instance.is_open:
                    instance.removed_at = at
            elif any(instance is h for h in hidden) or instance.standing_violation() is not None:
                self._keep(instance, milestone, at)
            elif instance.is_open:
                self._take_other_start(instance, milestone, at)

    def _keep(self, instance: Instance, milestone: Milestone, at: datetime) -> None:
        old, origin = instance.term(), instance.milestone
        # §4: "An open pause moves no target until it ends", also where one that was removed meanwhile comes back (reading 29).
        since = self._open_pause(instance) if instance.is_open else self._effective_now(instance, at)
        target = self._target(instance, until=None if instance.is_open else since)
        term = self._term(milestone, at, old.start)
        term.fixed, term.kept, term.carried_at = target, True, at
        term.forgets_before, term.forgets_extensions = since or at, len(instance.extensions)
        term.ruled = [*old.ruled, (at, term.calendar)]
        # "another start": kept too, also when its field is edited later.
        term.sticky = old.sticky or _kind(origin) != _kind(milestone)
        term.origin = self._start_of(milestone, at, instance) or old.origin
        instance.terms.append(term)
        instance.milestone = milestone
        if instance.is_open:
            self._leave_out(instance, at)

    def _take_other_start(self, instance: Instance, milestone: Milestone, at: datetime) -> None:
        """An open one that is not violated takes the start of the new version, if that is of another kind."""
        old, is_other = instance.term(), _kind(instance.milestone) != _kind(milestone)
        instance.milestone = milestone
        start = instance.came_at if milestone.starts == "criteria" else self._start_of(milestone, at, instance)
        has_target = old.span is not None or old.by is not None
        if is_other and has_target and start is not None and not old.sticky and start != old.start:
            instance.terms.append(
                replace(old, since=at, start=start, origin=start, carried=None, fixed=None, forgets_before=None)
            )
            instance.begun = start <= at and not instance.held_back
            self._correct_if_moved(instance, at)

    # --- every change is evaluated at once (§4) ------------------------------------------------------------------

    def _evaluate(self, at: datetime) -> None:
        """§4: "first completions, then exit, then per milestone in the process's order remove, start, new span, pause
        or resume; again from the top until nothing changes (a guard ends it after ten rounds at one instant)"."""
        rounds = 0
        while rounds < ROUNDS:
            before, known = (self.facts, self.chained), self.judged_by
            self.judged_by = dict(self.fields)  # All criteria of a round see the same fields.
            # §3: `restart_on`: "The first value of an empty field is no change."
            self.regrouped = {f for f, v in known.items() if v is not None and self.judged_by.get(f) != v}
            self._complete_by_rule(at)
            self._exit_or_reenter(at)
            for milestone in self._milestones():
                self._take_back(milestone, at)
            for milestone in self._milestones():
                self._step(milestone, at)
                for completed, world in self._worlds(milestone):
                    with self._behind(completed, world):
                        self._step(milestone, at)
            if (self.facts, self.chained) == before:
                break
            # §3: of milestones that are completed at their start "a chain of them is one step of the guard"
            rounds += self.facts - before[0] > self.chained - before[1]
        else:
            self.guards += 1
        self.beginning = None
        self._see_what_moved(at)

    def _step(self, milestone: Milestone, at: datetime) -> None:
        """§4: "per milestone in the process's order remove, start, new span, pause or resume"."""
        self._lapse(milestone)
        if self._is_inside():
            self._remove(milestone, at)
            self._begin_held_back(milestone, at)
            if not self._start(milestone, at):
                self._change_term(milestone, at)
        self._pause_by_rule(milestone, at)

    def _complete_by_rule(self, at: datetime) -> None:
        for milestone in self._milestones():
            instance = self._open(milestone)
            rule = milestone.complete_when
            if not rule or instance is None or not self._is_inside() or instance.start > at or not self._holds(rule):
                continue
            if word(milestone.recurrence) != "none" and not instance.begun:
                continue  # §3: "a recurring one does not start while it is true"
            self._fact()
            is_beginning = instance is self.beginning or not instance.begun
            self._complete(instance, at, at, at_start=is_beginning and instance.start == at)

    def _begin_held_back(self, milestone: Milestone, at: datetime) -> None:
        instance = self._open(milestone)
        if instance is not None and instance.held_back and not self._holds(milestone.complete_when):
            self._fact()
            instance.held_back = False
            instance.terms.append(replace(instance.term(), since=at, start=at, origin=at))
            instance.begun = True

    def _exit_or_reenter(self, at: datetime) -> None:
        entry = self._entry()
        if self.entered_at is None:
            # §3: "null, or an instant ahead, means not in the process yet"
            if entry is None or entry > at:
                return
            self._fact()
            self.entered_at = entry
        elif entry is not None and entry != self.entered_at:
            # "once entered, null changes nothing"
            self._fact()
            self.entered_at = entry
            # "an instant ahead [..] pauses the others until then and starts none"
            if entry > at and not _holds(self.waits):
                self._begin(self.waits, at)
        if self.entered_at <= at:
            self._finish(self.waits, at)
        process = self.process
        assert process is not None
        # §3: "`exit_when` (default: the case is closed)"
        leaves = self.closed or (process.exit_when != "" and self._holds(process.exit_when))
        if leaves and not _holds(self.outside):
            self._begin(self.outside, at)
            for instance in self._every_instance():
                if instance.is_open:
                    self._record_at_its_end(instance, at)
                    instance.exited_at = at  # §4: "they are `open at exit`"
        elif not leaves and _holds(self.outside):
            # §7: "the time outside is a pause"; what pauses an instance when it is back follows it without a gap.
            for milestone in self._milestones():
                self._pause_by_rule(milestone, at)
            self._finish(self.outside, at)
            self.stay += 1
            self.stay_started_at = at
            for instance in self._every_instance():
                keeps = instance.milestone.on_reentry == "keep" and not instance.is_undone
                if instance.exited_at is not None and keeps:
                    instance.exited_at = None

    def _is_regrouped(self, milestone: Milestone) -> bool:
        """§3: `restart_on`, "(with `starts: criteria`)": whether such a field changed."""
        return milestone.starts == "criteria" and not self.regrouped.isdisjoint(says(milestone, "restart_on", ()) or ())

    def _remove(self, milestone: Milestone, at: datetime) -> None:
        instance, holds = self._open(milestone), self._holds(milestone.when)
        regrouped = self._is_regrouped(milestone)
        if instance is not None:
            # What a migration kept has started already, whatever the new version's start is.
            starts = instance.term().kept or self._start_of(milestone, at, instance) is not None
            if not holds or not starts:
                self._fact()
                self._record_at_its_end(instance, at)
                instance.removed_at = at
            elif regrouped:
                # §3: "the running instance ends as if its criteria had turned false and true at that instant"
                self._fact()
                self._record_at_its_end(instance, at)
                instance.removed_at, instance.handed_over = at, True
        elif regrouped and holds:
            last = self._last(milestone)
            if last is not None and last.completed_at is not None and last.stay == self._stay(milestone):
                last.begins_anew = True  # "a completed one begins anew too"

    def _lapse(self, milestone: Milestone) -> None:
        """§6: whether the next occurrence would start now, as soon as none is open; if not, it follows no completion."""
        last = self._last(milestone)
        if last is None or last.completed_at is None:
            return
        holds = self._holds(milestone.when) and not (milestone.complete_when and self._holds(milestone.complete_when))
        starts = word(milestone.recurrence) != "none" and (milestone.by is None or self._by(milestone) is not None)
        if not (self._is_inside() and holds and starts) or self._is_regrouped(milestone):
            last.lapsed = True

    def _start(self, milestone: Milestone, at: datetime) -> bool:
        if self._open(milestone) is not None or not self._holds(milestone.when):
            return False
        if _holds(self.waits):
            return False  # §3: an entry ahead "starts none"
        stay = self._stay(milestone)
        last = self._last(milestone)
        is_recurring = word(milestone.recurrence) != "none"
        comes_back = not is_recurring and last is not None and last.stay == stay and milestone.starts != "criteria"
        start = self._start_of(milestone, at, last if comes_back else None)
        if start is None:
            return False
        rule_holds = bool(milestone.complete_when) and self._holds(milestone.complete_when)
        if is_recurring:
            # §3: with `complete_when` true "a recurring one does not start while it is true"
            if rule_holds:
                return False
            if last is not None and last.completed_at is not None and not last.lapsed:
                # §4: "what follows from it (`after`, the next occurrence) starts from its time"
                start = last.completed_at
                # §3: an entry ahead "starts none"
                waits = [w.to_at for w in self.waits if w.to_at is not None and w.from_at <= start < w.to_at]
                start = max([start, *waits])
            if word(milestone.recurrence) == "sequential":
                # §6: "not before the target of a previous one that was completed in time"
                for previous in self._of(milestone):
                    if previous.completed_at is not None and previous.completed_at <= self._target(previous):
                        start = max(start, self._target(previous))
        elif last is not None and last.stay == stay:
            if (last.completed_at is not None and not last.begins_anew) or last.exited_at is not None:
                return False  # §6: "one completion per stay in the process"
            if comes_back:
                # §6: "gets its removed instance back, with its pauses and what it fired"
                self._fact()
                last.removed_at = None
                last.came_at = at
                if last.milestone is not milestone:
                    self._take_other_start(last, milestone, at)
                last.follows = self._followed(milestone, last)
                self._move_start(last, milestone, at)
                self._leave_out(last, at)
                self._record_if_violated(last, at)
                return True
        self._fact()
        completes = rule_holds and self.world is None and start <= at
        if completes:
            # §3: "a `none` milestone starts and is completed at that instant (elapsed 0, in time, however far back its
            # start would have lain [..])"; "One completed at its start has that instant as its start."
            origin, start = start, at
        term = self._term(milestone, at, start)
        if completes:
            term.origin = origin
            term.sticky = milestone.predecessor is None
        instance = Instance(milestone, 1 + len(self._of(milestone)), stay, [term])
        instance.begun = start <= at
        instance.came_at = at
        instance.follows = self._followed(milestone, None)
        if self.world is None:
            self.instances.append(instance)
        else:
            self.world[1].append(instance)
        if completes:
            self.chained += 1
            self._complete(instance, at, at, at_start=True)
            # §4: a clear is "as if it had never been" completed, so what goes on unseen follows the entry (reading 23).
            instance.unseen[0].terms[-1].sticky = False
            return True
        self._leave_out(instance, at)
        self._record_if_violated(instance, at)
        return True

    def _followed(self, milestone: Milestone, instance: Instance | None) -> Instance | None:
        """The completed instance of the predecessor from which this one starts, or would start.

        §7: an open one "runs on, also one whose predecessor begins anew"; §3: of one whose predecessor's completion was
        taken back: "comes back with the next completion, from that".
        """
        if milestone.predecessor is None:
            return None
        if instance is not None and instance.follows is not None and instance.follows.completed_at is not None:
            return instance.follows
        predecessor = self._milestone(milestone.predecessor)
        before = self._last(predecessor)
        is_new = instance is not None or not self._of(milestone)
        if before is not None and before.completed_at is None and is_new:
            # §4: "what follows from it (`after` [..]) starts from its time", also where a field has begun another since
            stay = self._stay(predecessor)
            late = [i for i in self._of(predecessor) if i.handed_over and i.completed_at is not None and i.stay == stay]
            before = late[-1] if late else before
        # One that is to begin anew with this stay, and has not, is not completed in it (reading 9).
        if before is None or before.completed_at is None or before.stay != self._stay(predecessor):
            return None
        return before

    def _start_of(self, milestone: Milestone, at: datetime, instance: Instance | None = None) -> datetime | None:
        """§3: when an instance that comes to be at `at` starts; None if it does not."""
        if milestone.by is not None and self._by(milestone) is None:
            return None  # "While the field is null the milestone does not start"
        if milestone.starts == "criteria":
            return at
        if milestone.predecessor is None:
            start = self.entered_at
        else:
            before = self._followed(milestone, instance)
            start = before.completed_at if before is not None else None
        if start is not None and milestone.on_reentry == "restart" and self.stay_started_at is not None:
            return max(start, self.stay_started_at)  # §7: "a new occurrence from the re-entry"
        return start

    def _stay(self, milestone: Milestone) -> int:
        """§7: with `keep` all stays are one; with `restart` each begins with "a new occurrence from the re-entry"."""
        return self.stay if milestone.on_reentry == "restart" else 1

    def _pause_by_rule(self, milestone: Milestone, at: datetime) -> None:
        for instance in self._every_of(milestone):
            # Of one that has ended too: it may come back (criteria that are true again; a case that is reopened), and
            # what paused it then did so without a gap.
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
            calendar = self.calendars[hours]
            return Term(at, start, hours, calendar, start, by=self._by(milestone), ruled=[(None, calendar)])
        # §3: "a first-match table of rows with criteria, span and, if wanted, business hours"
        row = next(row for row in milestone.within if self._holds(row.when))
        hours = row.business_hours or hours
        calendar, cutoff = self.calendars[hours], says(milestone, "cutoff")
        return Term(at, start, hours, calendar, start, row.span, cutoff=cutoff, ruled=[(None, calendar)])

    def _by(self, milestone: Milestone) -> datetime | None:
        assert milestone.by is not None
        return self._datetime(milestone.by)

    def _change_term(self, milestone: Milestone, at: datetime) -> None:
        instance = self._open(milestone)
        if instance is None:
            return
        if instance.milestone is not milestone:
            self._take_other_start(instance, milestone, at)
        self._move_start(instance, milestone, at)
        self._change_measure(instance, milestone, at)

    def _move_start(self, instance: Instance, milestone: Milestone, at: datetime) -> None:
        """§3: "editing the field moves the start of open milestones that start at `process`"; the start `after` another
        follows that one's completion."""
        if milestone.starts == "criteria" or instance.stay != self._stay(milestone):
            return
        old, moved = instance.term(), self._start_of(milestone, at, instance)
        if moved is None or moved == old.origin:
            return
        self._fact()
        if old.sticky and milestone.predecessor is None:
            old.origin = moved  # "except one that was restarted since"
            return
        new = replace(old, since=at, origin=moved, start=moved, sticky=False)
        # "of one that was carried, a start moved to before the carrying changes elapsed and not the target, one moved
        # past it counts the present span afresh from there"
        has_target = old.span is not None or old.by is not None
        if has_target and (old.carried_at is None or moved >= old.carried_at):
            new.carried = new.fixed = new.carried_at = new.forgets_before = None
            new.forgets_extensions, new.kept = 0, False
            new.ruled = [(None, old.calendar)]
        instance.terms.append(new)
        instance.begun = new.start <= at
        self._leave_out(instance, at)
        self._correct_if_moved(instance, at)
        self._record_if_violated(instance, at)

    def _change_measure(self, instance: Instance, milestone: Milestone, at: datetime) -> None:
        """§7: "When the span or calendar of a running instance changes (priority raised), `on_change` decides"."""
        old = instance.term()
        new = self._term(milestone, at, old.start)
        new.origin, new.sticky = old.origin, old.sticky
        if new.measure == old.measure or (new.span is None and new.by is None):
            return  # Of one that a migration kept, a deadline that is null says nothing.
        self._fact()
        carries = False
        if new.span is not None and old.start <= at and not instance.held_back:  # §7: of "a running instance"
            match word(milestone.on_change):
                case "retroactive":
                    pass  # "from the same start; pauses, kept as instants, are counted again by the new calendar"
                case "restart":
                    # "start is now, pauses forgotten"
                    new.start = new.forgets_before = at
                    new.sticky = True
                    if new.cutoff is not None:
                        new.forgets_before = None  # §1: counted from the opening after a `cutoff`, "also [..] restart"
                case "carry":
                    carries = True
                    self._carry(instance, old, new, at)
                case other:
                    raise AssertionError(other)
        instance.terms.append(new)
        # §3: "a recurring one does not start while it is true"
        instance.begun = new.start <= at and not instance.held_back
        self._leave_out(instance, at)
        if not carries:
            self._correct_if_moved(instance, at)
        self._record_if_violated(instance, at)

    def _carry(self, instance: Instance, old: Term, new: Term, at: datetime) -> None:
        """§7: "the same fraction already used, up to now or to the pause; the rest rounded up to the second"."""
        now = self._effective_now(instance, at)
        new.carried_at = at
        # "elapsed counts each stretch by the calendar that ruled it"
        new.ruled = [*old.ruled, (at, new.calendar)]
        new.forgets_before = now
        missed = instance.standing_record()
        if missed is not None:
            # "what was missed keeps the target of its record"
            new.fixed, new.forgets_extensions = missed.violated_at, len(instance.extensions)
            return
        # Those that are in a kept target are in what is left of it; §4: "a new span keeps" each, and once.
        new.forgets_extensions = old.forgets_extensions
        left = math.ceil(self._share_left(instance, old, now) * self._span_seconds(new))
        begins = now if old.base <= now else max(now, new.base)
        if begins > now:
            new.forgets_before = begins
        # However much was over (an extension can hide it): the target is not before the start.
        is_within = left >= 0 or -left < new.calendar.elapsed(new.start, now)
        new.carried = (begins, left) if is_within else (new.start, 0)

    def _share_left(self, instance: Instance, term: Term, now: datetime) -> Fraction:
        span = self._span_seconds(term)
        if term.carried is not None:
            begun, left = term.carried
        elif term.fixed is not None:
            begun, left = term.counts_from, term.calendar.elapsed(term.counts_from, term.fixed)
        elif term.by is None and term.span is not None and term.span.seconds is None:
            begun, left = term.start, span  # §1: such a span counts "the open seconds from start to it"
        else:
            begun, left = (term.base if term.by is None else term.start), span
        used = max(0, term.calendar.elapsed(begun, now))
        used -= self._paused_seconds(instance, term, term.counts_from, now)
        return Fraction(left - used, span) if span else Fraction(0)

    def _open_seconds(self, term: Term, a: datetime, b: datetime) -> int:
        """§7: "elapsed counts each stretch by the calendar that ruled it"."""
        total = 0
        for number, (since, calendar) in enumerate(term.ruled):
            until = term.ruled[number + 1][0] if number + 1 < len(term.ruled) else None
            begin = a if since is None else max(a, since)
            end = b if until is None else min(b, until)
            if begin < end:
                total += calendar.elapsed(begin, end)
        return total

    def _span_seconds(self, term: Term) -> int:
        """§1: "percentages and `carry` count the open seconds from start to it" where a span follows the days."""
        if term.span is None:
            return term.calendar.elapsed(term.start, term.by) if term.by is not None else 0
        if term.span.seconds is not None:
            return term.span.seconds
        return term.calendar.elapsed(term.start, self._days_target(term))

    def _days_target(self, term: Term) -> datetime:
        assert term.span is not None
        hours, days = term.calendar, term.span.business_days
        at = says(term.span, "at")
        if at is not None:
            # §1: "`1bd 16:00` (by four on the next business day), `0bd 16:00` (today by four)"
            return hours.business_day_at(term.base, days, at)
        if term.span.end_of_day:
            return hours.end_of_business_day(term.base, days)
        return hours.business_days_later(term.base, days)

    def _leave_out(self, instance: Instance, at: datetime) -> None:
        """§5: "A warning whose time is already past when its instance starts, or when the target moves earlier, fires
        at once (`late: skip` leaves it out); if the target itself is no longer ahead, only the violation fires."
        """
        now = max(self._effective_now(instance, at), instance.start)
        for trigger in instance.milestone.triggers:
            if word(trigger.kind) == "warning":
                is_past = self._warning_time(instance, trigger) < now
                if is_past and (trigger.late == "skip" or self._target(instance) <= now):
                    instance.left_out[trigger.id] = now
                else:
                    instance.left_out.pop(trigger.id, None)

    def _correct_if_moved(self, instance: Instance, at: datetime) -> None:
        """§4: "If an extension or a new span moves the target to or past the effective now [..] it is corrected"."""
        violation = instance.standing_record()
        if violation is not None and self._target(instance) >= self._effective_now(instance, at):
            violation.correct(at)

    # --- targets, pauses, verdicts (§4) --------------------------------------------------------------------------

    def _target(self, instance: Instance, until: datetime | None = None) -> datetime:
        """§4: "Target = `add(start, span + paused open seconds)`, each extension added."

        Of a completion only what was so at its own time counts: later stops are cut off by it, later spans and
        extensions are not known yet.
        """
        as_of = instance.completed_at
        term = instance.term(as_of)
        hours = term.calendar
        known = instance.extensions[term.forgets_extensions :]
        extended = sum(seconds for at, seconds in known if as_of is None or at <= as_of)
        moved = extended + self._paused_seconds(instance, term, term.counts_from, until or instance.ended_at)
        if term.fixed is not None:
            # §7: "what was missed keeps the target of its record"; §8: what was completed or violated keeps its own
            return hours.add(term.fixed, moved) if moved else term.fixed
        if term.by is not None or term.span is None:
            # §3: "A `by:` target is the field's instant itself, also in closed time. Stops [..] do not touch it."
            assert term.by is not None
            return hours.add(term.by, extended) if extended else term.by
        if term.carried is not None:
            since, left = term.carried
            # §7: "at exactly 100% the target is that instant"
            return since if left + moved == 0 else hours.add(since, left + moved)
        if term.span.seconds is not None:
            return hours.add(term.base, term.span.seconds + moved)
        # §1: "Such an instant is the target itself; a pause moves it by add(target, paused)"
        target = self._days_target(term)
        return hours.add(target, moved) if moved else target

    def _pauses(self, instance: Instance) -> list[Pause]:
        """§4: overlapping pauses count once. §7: an instance is running again when nothing pauses it."""
        if instance.milestone.by is not None:
            return []
        stretches = [*self.stops, *instance.stops, *self.outside, *instance.ruled, *instance.undone]
        if not self._waits_as_scheduled(instance):
            # §3: an entry ahead "pauses the others until then"
            stretches += self.waits
        merged: list[Stretch] = []
        for s in sorted(stretches, key=lambda s: (s.from_at, s.from_no)):
            last = merged[-1] if merged else None
            meets = last is not None and (
                last.to_at is None
                or s.from_at < last.to_at
                or (s.from_at == last.to_at and s.from_no <= (last.to_no or 0))
            )
            if last is None or not meets:
                merged.append(replace(s))
            elif last.to_at is not None and (
                s.to_at is None or (s.to_at, s.to_no or 0) > (last.to_at, last.to_no or 0)
            ):
                last.to_at, last.to_no = s.to_at, s.to_no
        return [Pause(s.from_at, s.to_at) for s in merged]

    def _waits_as_scheduled(self, instance: Instance) -> bool:
        """§3: an entry ahead "makes open milestones that start at `process` `scheduled` from it"."""
        return _kind(instance.milestone) == ("process", None) and not instance.term().sticky

    def _paused_seconds(self, instance: Instance, term: Term, since: datetime, until: datetime | None) -> int:
        """§4: "A pause counts up to its end, or up to the completion, removal or exit that comes first; [..] time
        before the start counts for nothing. An open pause moves no target until it ends."
        """
        return sum(term.calendar.elapsed(a, b) for a, b in self._paused_times(instance, since, until))

    def _paused_times(
        self, instance: Instance, since: datetime, until: datetime | None
    ) -> Iterator[tuple[datetime, datetime]]:
        for pause in self._pauses(instance):
            ends = [t for t in (pause.to_at, until) if t is not None]
            if ends and (until is None or pause.from_at < until):
                begin, end = max(pause.from_at, since), min(ends)
                if begin < end:
                    yield begin, end

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
        if instance.completed_at is not None or instance.standing_record() is not None:
            # §4: "nothing is violated without a record"; a completion that is late has one.
            return instance.standing_violation() is not None
        if not says(instance.milestone, "promise", True):
            return False  # §3: "a target that is no promise. Passing it is no violation"
        now = self._effective_now(instance, now)
        return now > self._target(instance, until=now)

    # --- what can be compared ------------------------------------------------------------------------------------

    def snapshot(self, now: datetime) -> dict[str, Any]:
        now = max(whole(now), self.floor)
        instances = [self._look_at(i, now) for i in self.instances]
        ended = ("completed", "removed", "open at exit")
        # §4: "`open violation` if a case in its process has an open violated instance, else `closed violation` if any
        # instance is violated, else `compliant`"; without a process nothing was promised
        if not _holds(self.outside) and any(i["violated"] and i["state"] not in ended for i in instances):
            status = "open violation"
        elif any(i["violated"] for i in instances):
            status = "closed violation"
        elif self.process is not None or instances:
            status = "compliant"
        else:
            status = "nothing promised"
        return {"status": status, "instances": {(i["milestone"], i["occurrence"]): i for i in instances}}

    def _look_at(self, instance: Instance, now: datetime) -> dict[str, Any]:
        term = instance.term(instance.completed_at)
        # §4: "Elapsed = open seconds from start to completion, less pauses = actual elapsed"
        end = max(instance.ended_at or now, term.start)
        elapsed = self._open_seconds(term, term.start, end)
        paused = sum(self._open_seconds(term, a, b) for a, b in self._paused_times(instance, term.start, end))
        standing = instance.standing_violation()
        return {
            "milestone": instance.milestone.name,
            "occurrence": instance.occurrence,
            "state": self._state(instance, now),
            "start": term.start,
            "target": self._target(instance),
            "completed_at": instance.completed_at,
            "violated": self._is_violated(instance, now),
            "violated_at": standing.violated_at if standing is not None else None,
            "violations": [(v.violated_at, v.corrected) for v in instance.violations if v.promised],
            "records": [(v.violated_at, v.recorded_at, v.corrected_at) for v in instance.violations if v.promised],
            "handed_over": instance.handed_over,
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
        if instance.term().start > now or instance.held_back:
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
        seen = [i for i in self.instances if i.milestone.name == milestone.name]
        if self.world is None or self.world[0].milestone.name != milestone.name:
            return seen
        completed, unseen = self.world
        return [*(i for i in seen if i.occurrence < completed.occurrence), *unseen]

    def _worlds(self, milestone: Milestone) -> list[tuple[Instance, list[Instance]]]:
        """What goes on unseen behind the last completion of a milestone, while it can still be revealed."""
        seen = [i for i in self.instances if i.milestone.name == milestone.name]
        completed = [i for i in seen if i.completed_at is not None]
        if not completed or any(i.begun and i.occurrence > completed[-1].occurrence for i in seen):
            return []
        last = completed[-1]
        return [(last, world) for world in (last.unseen, last.unseen_paused) if world is not None]

    @contextmanager
    def _behind(self, completed: Instance, world: list[Instance]) -> Iterator[None]:
        self.world = (completed, world)
        try:
            yield
        finally:
            self.world = None

    def _every_of(self, milestone: Milestone) -> list[Instance]:
        """Seen and unseen."""
        if self.world is not None:
            return self.world[1]
        return [*self._of(milestone), *(i for _, world in self._worlds(milestone) for i in world)]

    def _every_instance(self, process: EntitlementProcess | None = None) -> list[Instance]:
        milestones = process.milestones if process is not None else self._milestones()
        known = [i for milestone in milestones for i in self._every_of(milestone)]
        return known + [i for i in self.instances if all(i is not k for k in known)]

    def _last(self, milestone: Milestone) -> Instance | None:
        # One that a clear took away comes back never, so the one before it is the last again (reading 28).
        return next((i for i in reversed(self._of(milestone)) if not i.is_undone), None)

    def _open(self, milestone: Milestone) -> Instance | None:
        return next((i for i in self._of(milestone) if i.is_open), None)

    def _holds(self, source: str) -> bool:
        """§3: an error while a criterion is evaluated "means false"."""
        return source == "" or self.evaluate(source, {"case": self.judged_by, "entitlement": None, "account": None}).holds

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
        if text is None or isinstance(text, datetime):
            return None if text is None else whole(text)
        return whole(datetime.fromisoformat(text))


def _kind(milestone: Milestone) -> tuple[str, str | None]:
    """From what a milestone starts."""
    return ("criteria", None) if milestone.starts == "criteria" else ("process", milestone.predecessor)


def _holds(stretches: list[Stretch]) -> bool:
    return bool(stretches) and stretches[-1].to_no is None
