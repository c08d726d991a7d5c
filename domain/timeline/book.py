"""The book of a timeline: everything that changes its state and says so.

The rules (`domain.timeline.rules`) and the order of events (`domain.timeline.machine`) decide; the book writes. It has
the state, the plan and the effects that came of it, and no opinion of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any

from domain.bounds import cut
from domain.frozen import HorizonExceeded
from domain.process import FieldUpdate, Milestone, Trigger
from domain.process.actions import ordered
from domain.timeline.context import context
from domain.timeline.effects import Noted, NoteFacts, NoteKind, TriggerFired
from domain.timeline.facts import Firing, Pause, Term, Violation, clock_text, union
from domain.timeline.instances import MilestoneInstance
from domain.timeline.plan import AS_BEFORE, CORNERS, LATE_NEWS, SETS_CORNERS_RIGHT, Plan
from domain.timeline.state import Folded, TimelineState

_IN_SIGHT = nullcontext()
"""Of the common case, in which everybody sees what is written."""


class Book:
    """Writes on a timeline.

    Attributes:
        noticed_at: the engine's now while it works; later than the instants it writes about after an outage.
        occurred_at: the own time of the event that is written down, which may be older than the instant of its effect.
    """

    def __init__(self, plan: Plan, state: TimelineState) -> None:
        self.state = state
        self.plan = plan
        self.noticed_at = state.last_at
        self.occurred_at: datetime | None = None
        self._is_seen = True
        self._by_milestone: dict[tuple[str, str], list[MilestoneInstance]] = {}
        for instance in state.instances:
            self._file(instance)

    @property
    def plan(self) -> Plan:
        """What the case runs by now; a change of entitlement or process replaces it."""
        return self._plan

    @plan.setter
    def plan(self, plan: Plan) -> None:
        self._plan = plan
        self._process_id = plan.process.id if plan.process else ""

    def writing(self, *, seen: bool) -> AbstractContextManager[None]:
        """Write what happens behind a completion on nothing but the instances themselves."""
        return _IN_SIGHT if seen and self._is_seen else self._writing(seen=seen)

    @contextmanager
    def _writing(self, *, seen: bool) -> Iterator[None]:
        before, self._is_seen = self._is_seen, seen
        try:
            yield
        finally:
            self._is_seen = before

    # --- reading ---

    def newest(self, milestone: Milestone) -> MilestoneInstance | None:
        """The newest instance of a milestone, under the entitlement that the case has now."""
        first = self.state.first_stay
        for instance in reversed(self.runs_of(milestone)):
            if instance.stay >= first:
                return instance
        return None

    def latest(self, milestone: Milestone) -> MilestoneInstance | None:
        """The newest instance of a milestone, if it belongs to what the case lives through now."""
        newest = self.newest(milestone)
        if newest is None or (milestone.on_reentry == "restart" and newest.stay != self.state.stay):
            return None
        return newest

    def last_completed(self, milestone: Milestone) -> MilestoneInstance | None:
        """The newest instance of a milestone that is completed."""
        first = self.state.first_stay
        for instance in reversed(self.runs_of(milestone)):
            if instance.completed_at is not None and instance.stay >= first:
                return instance
        return None

    def completed(self, milestone: Milestone) -> list[MilestoneInstance]:
        """The completed instances of a milestone, under the entitlement that the case has now."""
        runs = self.runs_of(milestone)
        return [i for i in runs if i.completed_at is not None and i.stay >= self.state.first_stay]

    def make_newest(self, milestone: Milestone, instance: MilestoneInstance) -> None:
        """Make an earlier instance the newest again."""
        for instances in (self.state.instances, self.runs_of(milestone)):
            instances.remove(instance)
            instances.append(instance)

    def runs(self, milestone: Milestone) -> list[MilestoneInstance]:
        """The instances of a milestone under the entitlement that the case has now, oldest first."""
        return [i for i in self.runs_of(milestone) if i.stay >= self.state.first_stay]

    def runs_of(self, milestone: Milestone) -> list[MilestoneInstance]:
        """The instances of a milestone, oldest first."""
        return self._by_milestone.get((self._process_id, milestone.name), [])

    def folded(self, milestone: Milestone) -> Folded | None:
        """What is left of the folded instances of a milestone; None: none was folded."""
        return self.state.folded_of(self._process_id, milestone.name)

    def _file(self, instance: MilestoneInstance) -> None:
        self._by_milestone.setdefault((instance.process, instance.milestone), []).append(instance)

    def target(self, instance: MilestoneInstance) -> datetime | None:
        """The target, or None while it lies past the horizon of its calendar."""
        try:
            return instance.target_at(self.plan.calendars)
        except HorizonExceeded:
            return None

    # --- notes ---

    def note(
        self,
        kind: NoteKind,
        at: datetime,
        text: str,
        instance: MilestoneInstance | None = None,
        *,
        by: str | None = None,
        reason: str | None = None,
        occurred_at: datetime | None = None,
        **facts: Any,
    ) -> None:
        """Put a line on record.

        Args:
            kind: what it is about.
            at: when it took effect.
            text: for people.
            instance: the milestone instance that it is about.
            by: who caused it.
            reason: why.
            occurred_at: the event's own time, where that differs.
            facts: the same for programs, by the names of `NoteFacts`; the times of the instance are added.
        """
        if not self._is_seen:
            return
        if instance is not None:
            facts = self._times(instance) | facts
        self.state.notes += 1
        occurred_at = occurred_at or self.occurred_at
        self.state.unsent.append(
            Noted(
                number=self.state.notes,
                at=at,
                kind=kind,
                text=text,
                milestone=instance.milestone if instance else None,
                occurrence=instance.occurrence if instance else None,
                by=by,
                reason=reason,
                occurred_at=occurred_at if occurred_at != at else None,
                facts=NoteFacts(**facts) if facts else None,
            )
        )

    def _times(self, instance: MilestoneInstance) -> dict[str, Any]:
        term = instance.term
        return {
            "start_at": term.start_at,
            "target_at": self.target(instance),
            "span": term.span,
            "business_hours": term.business_hours,
        }

    # --- instances ---

    def start(self, milestone: Milestone, term: Term, at: datetime) -> MilestoneInstance:
        """A new instance in sight. One that starts in the past has the pauses that the case had since."""
        instance = self.made(milestone, term, at, occurrence=self.next_occurrence(milestone))
        self.add(instance)
        if instance.begun:
            self.forget_unseen(milestone)
        when = "starts" if instance.begun else f"starts at {clock_text(term.start_at)},"
        text = f"{milestone.name} {when} with {term.span}, target {clock_text(self.target(instance))}"
        self.note(NoteKind.STARTED, at, text, instance)
        return instance

    def made(self, milestone: Milestone, term: Term, at: datetime, occurrence: int) -> MilestoneInstance:
        """An instance that nobody knows of yet."""
        return MilestoneInstance(
            process=self._process_id,
            milestone=milestone.name,
            occurrence=occurrence,
            stay=self.state.stay,
            created_at=at,
            placed_at=at,
            begun=term.start_at <= at,
            terms=(term,),
            pauses=() if milestone.by else self.holds_since(milestone, term.start_at),
            promise=milestone.promise,
        )

    def next_occurrence(self, milestone: Milestone) -> int:
        """The number of the next instance of a milestone."""
        folded = self.folded(milestone)
        return (folded.occurrences if folded else 0) + len(self.runs_of(milestone)) + 1

    def add(self, instance: MilestoneInstance) -> None:
        """Take an instance in."""
        self.state.instances.append(instance)
        self._file(instance)

    def begin(self, instance: MilestoneInstance, at: datetime) -> None:
        """Note that a scheduled instance has reached its start."""
        instance.begun = True
        self.note(NoteKind.STARTED, at, f"{instance.milestone} starts", instance)
        if self._is_seen:
            self.forget_unseen(self.plan.milestone(instance.milestone))

    def forget_unseen(self, milestone: Milestone) -> None:
        """Drop what goes on behind a completion that can be cleared no more, since a later occurrence has begun."""
        owner = self.last_completed(milestone)
        if owner is not None and (owner.unseen or owner.resting):
            owner.unseen = owner.resting = ()

    def bring_back(self, instance: MilestoneInstance, at: datetime) -> None:
        """Give a milestone its removed instance back."""
        instance.removed_at = None
        instance.placed_at = at
        self.note(NoteKind.RETURNED, at, f"{instance.milestone} is back: its criteria hold again", instance)

    def remove(self, milestone: Milestone, instance: MilestoneInstance, at: datetime, why: str) -> None:
        """Remove an instance; it stays on record."""
        self.record_missed(instance, milestone, at)
        instance.removed_at = at
        self.note(NoteKind.REMOVED, at, f"{milestone.name} removed: {why}", instance, why=why)

    def holds_since(self, milestone: Milestone, start: datetime) -> tuple[Pause, ...]:
        """The times since `start` in which the whole case stood.

        An entry that lies ahead makes what starts at it wait, and pauses the others.
        """
        follows_entry = milestone.starts == "process"
        return union(
            Pause(from_at=max(h.from_at, start), to_at=h.to_at, causes=(h.cause,))
            for h in self.state.holds_since(start)
            if not (follows_entry and h.cause == "entry ahead")
        )

    def move(self, instance: MilestoneInstance, term: Term, at: datetime, why: str) -> None:
        """Give an instance another span or start; a violation that this takes back is corrected."""
        before = self.target(instance)
        milestone = self.plan.milestone(instance.milestone)
        spent = self.spent(instance, [trigger for trigger in milestone.triggers if trigger.rearm])
        if term.start_at < instance.terms[-1].start_at and not milestone.by:
            since = self.holds_since(milestone, term.start_at)
            if (rested := instance.rested) is not None:  # what is in the sum is not counted twice
                since = tuple(p for p in since if p.from_at >= rested.to_at or (p.to_at or at) <= rested.from_at)
            instance.pauses = union(since + instance.pauses)
        instance.add_term(term)
        instance.placed_at = at
        if instance.is_open:
            instance.begun = term.start_at <= at and not (instance.held_back and self.plan.rules >= SETS_CORNERS_RIGHT)
        is_moved = before is None or self.target(instance) != before
        if is_moved or spent:
            instance.spent = {} if is_moved else instance.spent | spent
        if not instance.is_open:
            return
        moved = f"target {clock_text(before)} moves to {clock_text(self.target(instance))}"
        text = f"{why}: {instance.milestone} has {term.span}, {moved}"
        self.note(NoteKind.MOVED, at, text, instance, why=why, target_before=before)
        missed = instance.standing_violation
        if missed is None or term.carried_at is None or term.fixed_at != missed.violated_at:
            self.correct_if_ahead(instance, at, why)  # what was missed and carried keeps its record

    def spent(self, instance: MilestoneInstance, triggers: Iterable[Trigger]) -> dict[str, datetime]:
        """Those of the triggers that fired and are not to fire again unless the target moves; none past the horizon."""
        try:
            return instance.spent_by(triggers, self.plan.calendars)
        except HorizonExceeded:
            return {}

    # --- violations ---

    def violate(self, instance: MilestoneInstance, target: datetime) -> None:
        """Record that a target was missed."""
        last = self.state.last_at
        recorded_at = last if last > target and self.plan.rules >= LATE_NEWS else None
        missed = Violation(violated_at=target, noticed_at=self.noticed_at, recorded_at=recorded_at)
        instance.violations = (*instance.violations, missed)
        self.tell_violated(instance, missed)

    def tell_violated(self, instance: MilestoneInstance, missed: Violation) -> None:
        """Note that an instance missed its target."""
        text = f"{instance.milestone} violated at {clock_text(missed.violated_at)}"
        self.note(NoteKind.VIOLATED, missed.violated_at, text, instance, **missed.times)

    def correct_if_ahead(self, instance: MilestoneInstance, at: datetime, why: str) -> None:
        """Take back a violation whose target moved to or past the effective now."""
        standing, target = instance.standing_violation, self.target(instance)
        if standing is None or (self.plan.rules >= CORNERS and self.is_missed_now(instance, standing, at)):
            return
        if target is None or target >= instance.effective_now(at):
            self.correct_one(instance, standing, why)

    def record_missed(self, instance: MilestoneInstance, milestone: Milestone, at: datetime) -> None:
        """Put on record what was missed by a change; whether a target was a promise is decided when it passes."""
        is_past = self.is_past(instance, at) if instance.begun else None
        if is_past is None:
            return
        if not is_past:
            # What a migration ends before it has taken it over stays what it was, promise and all.
            is_as_before = bool(instance.takes_over) and self.plan.rules >= AS_BEFORE
            if instance.promise != milestone.promise and not is_as_before:
                instance.promise = milestone.promise
        elif instance.promise and instance.standing_violation is None:
            effective_now = instance.effective_now(at)
            self.violate(instance, instance.target_at(self.plan.calendars, paused_until=effective_now))

    def is_missed_now(self, instance: MilestoneInstance, standing: Violation, at: datetime) -> bool:
        """Whether the target that was missed in this very second is missed in it still, whatever moved it."""
        runs = instance.is_open and instance.open_pause is None and instance.promise
        return runs and standing.violated_at == at == self.target(instance)

    def is_past(self, instance: MilestoneInstance, at: datetime) -> bool | None:
        """Whether its target has passed; None: it lies past the horizon."""
        try:
            return instance.is_past_target(self.plan.calendars, at)
        except HorizonExceeded:
            return None

    def correct(self, instance: MilestoneInstance, why: str) -> None:
        """Take back the violation that stands."""
        if standing := instance.standing_violation:
            self.correct_one(instance, standing, why)

    def correct_one(self, instance: MilestoneInstance, violation: Violation, why: str) -> None:
        """Take back one violation, with the reason."""
        corrected = violation.model_copy(update={"corrected_at": self.state.last_at, "correction": why})
        instance.violations = tuple(corrected if v is violation else v for v in instance.violations)
        text = f"{instance.milestone}: the violation at {clock_text(violation.violated_at)} is corrected: {why}"
        self.note(NoteKind.CORRECTED, self.state.last_at, text, instance, why=why, **violation.times)

    # --- triggers ---

    def fire(self, instance: MilestoneInstance, trigger: Trigger, due_at: datetime, at: datetime) -> bool:
        """Fire a trigger; its field updates take effect here and now. Returns whether a field changed."""
        firing = len(instance.firings(trigger.id)) + 1
        instance.fired = (*instance.fired, Firing(trigger=trigger.id, due_at=due_at, at=at))
        milestone = self.plan.milestone(instance.milestone)
        occurrence = f"{self.state.case_id}/{instance.process}/{milestone.id}/{instance.occurrence}"
        place = f"{occurrence}/{trigger.id}/{firing}"
        calendar, target = self.plan.calendars[instance.term.business_hours], self.target(instance)
        self.state.unsent.append(
            TriggerFired(
                milestone=milestone.name,
                occurrence=instance.occurrence,
                trigger=trigger.id,
                kind=trigger.kind,
                firing=firing,
                due_at=due_at,
                at=at,
                noticed_at=max(self.noticed_at, at),
                calls=[ordered(action, f"{place}/{action.id}", calendar, due_at, target) for action in trigger.actions],
                context=context(self.plan, self.state, instance, trigger, target) if trigger.actions else {},
            )
        )
        changed = False
        for action in trigger.actions:
            if isinstance(action, FieldUpdate):
                changed |= self.change_fields({action.field: action.value}, at, by=f"{milestone.name}: {trigger.id}")
        return changed

    def owe(self, instance: MilestoneInstance, trigger: Trigger, due_at: datetime) -> None:
        """Keep for later that a trigger fell due behind a completion."""
        instance.owed = (*instance.owed, Firing(trigger=trigger.id, due_at=due_at, at=due_at))

    def change_fields(self, fields: dict[str, Any], at: datetime, *, by: str | None, reason: str | None = None) -> bool:
        """Set fields of the case. Returns whether one of them has another value now."""
        new = {
            name: value
            for name, value in fields.items()
            if self.state.fields.get(name) != value or name not in self.state.fields
        }
        if not new:
            return False
        before = {name: self.state.fields.get(name) for name in new}
        self.state.fields.update(new)
        text = ", ".join(f"{name} is {value!r}" for name, value in new.items())
        self.note(NoteKind.CHANGED, at, cut(text), by=by, reason=reason, fields=new, before=before)
        return True
