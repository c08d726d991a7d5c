"""The book of a timeline: everything that changes its state and says so.

The rules (`domain.timeline.rules`) and the order of events (`domain.timeline.machine`) decide; the book writes. It has
the state, the plan and the effects that came of it, and no opinion of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from domain.bounds import cut
from domain.frozen import FrozenCalendar, HorizonExceeded
from domain.process import ActionCall, FieldUpdate, Milestone, Trigger, TriggerKind
from domain.timeline.effects import Noted, NoteKind, TriggerFired
from domain.timeline.instances import Firing, MilestoneInstance, Pause, Term, Violation
from domain.timeline.plan import Plan
from domain.timeline.state import TimelineState


class Book:
    """Writes on a timeline.

    Attributes:
        noticed_at: the engine's now while it works; later than the instants it writes about after an outage.
        occurred_at: the own time of the event that is written down, which may be older than the instant of its effect.
    """

    def __init__(self, plan: Plan, state: TimelineState) -> None:
        self.plan = plan
        self.state = state
        self.noticed_at = state.last_at
        self.occurred_at: datetime | None = None
        self._by_milestone: dict[tuple[str, str], list[MilestoneInstance]] = {}
        for instance in state.instances:
            self._file(instance)

    # --- reading ---

    def newest(self, milestone: Milestone) -> MilestoneInstance | None:
        """The newest instance of a milestone, under the entitlement that the case has now."""
        return next((i for i in reversed(self._runs(milestone)) if i.stay >= self.state.first_stay), None)

    def latest(self, milestone: Milestone) -> MilestoneInstance | None:
        """The newest instance of a milestone, if it belongs to what the case lives through now."""
        newest = self.newest(milestone)
        if newest is None or (milestone.on_reentry == "restart" and newest.stay != self.state.stay):
            return None
        return newest

    def last_completed(self, milestone: Milestone) -> MilestoneInstance | None:
        """The newest instance of a milestone that is completed."""
        runs = reversed(self._runs(milestone))
        return next((i for i in runs if i.completed_at is not None and i.stay >= self.state.first_stay), None)

    def completed(self, milestone: Milestone) -> list[MilestoneInstance]:
        """The completed instances of a milestone, under the entitlement that the case has now."""
        runs = self._runs(milestone)
        return [i for i in runs if i.completed_at is not None and i.stay >= self.state.first_stay]

    def take_up_again(
        self, milestone: Milestone, instance: MilestoneInstance, latest: MilestoneInstance, at: datetime
    ) -> None:
        """Make an earlier instance the newest again, in place of one that was scheduled and never started."""
        if latest.is_open:
            latest.removed_at = at
            self.note(NoteKind.REMOVED, at, f"{latest.milestone} is scheduled no more", latest)
        if instance.completed_at and not milestone.by:
            # Since the completion the pauses were written down for the one that followed, its own stops too.
            if (pause := instance.open_pause) and instance.stopped_at is None:
                instance.change_pause(to_at=max(instance.completed_at, pause.from_at))
            instance.pauses = _union(instance.pauses + self.holds_since(instance.completed_at) + latest.pauses)
            instance.stopped_at = latest.stopped_at or instance.stopped_at
        instance.stay = self.state.stay
        for instances in (self.state.instances, self._runs(milestone)):
            instances.remove(instance)
            instances.append(instance)

    def _runs(self, milestone: Milestone) -> list[MilestoneInstance]:
        return self._by_milestone.get((self._process_id, milestone.name), [])

    def _file(self, instance: MilestoneInstance) -> None:
        self._by_milestone.setdefault((instance.process, instance.milestone), []).append(instance)

    @property
    def _process_id(self) -> str:
        return self.plan.process.id if self.plan.process else ""

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
    ) -> None:
        """Put a line on record."""
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
            )
        )

    # --- instances ---

    def start(self, milestone: Milestone, term: Term, at: datetime) -> MilestoneInstance:
        """A new instance. One that starts in the past has the pauses that the case had since."""
        instance = MilestoneInstance(
            process=self._process_id,
            milestone=milestone.name,
            occurrence=len(self._runs(milestone)) + 1,
            stay=self.state.stay,
            created_at=at,
            placed_at=at,
            begun=term.start_at <= at,
            terms=(term,),
            pauses=() if milestone.by else self.holds_since(term.start_at),
        )
        self.state.instances.append(instance)
        self._file(instance)
        target = self.target(instance)
        when = "starts" if instance.begun else f"starts at {_clock(term.start_at)},"
        self.note(NoteKind.STARTED, at, f"{milestone.name} {when} with {term.span}, target {_clock(target)}", instance)
        return instance

    def holds_since(self, start: datetime) -> tuple[Pause, ...]:
        """The times since `start` in which the whole case stood."""
        return _union(
            Pause(from_at=max(h.from_at, start), to_at=h.to_at, causes=(h.cause,))
            for h in self.state.holds
            if h.to_at is None or h.to_at > start
        )

    def move(self, instance: MilestoneInstance, term: Term, at: datetime, why: str) -> None:
        """Give an instance another span or start; a violation that this takes back is corrected."""
        before = self.target(instance)
        if term.start_at < instance.terms[-1].start_at and not self.plan.milestone(instance.milestone).by:
            instance.pauses = _union(self.holds_since(term.start_at) + instance.pauses)
        instance.terms = (*instance.terms, term)
        instance.placed_at = at
        instance.begun = instance.begun or term.start_at <= at
        if not instance.is_open:
            return
        moved = f"target {_clock(before)} moves to {_clock(self.target(instance))}"
        self.note(NoteKind.MOVED, at, f"{why}: {instance.milestone} has {term.span}, {moved}", instance)
        self.correct_if_ahead(instance, at, why)

    def complete(self, instance: MilestoneInstance, at: datetime, by: str, reason: str | None = None) -> None:
        """Complete an instance at `at`, which may lie before its removal or exit; judged by what counted then."""
        instance.completed_at = at
        instance.completed_by = by
        instance.lapsed = False
        instance.removed_at = instance.exited_at = None
        target = self.target(instance)
        standing = instance.standing_violation
        verdict = "in time"
        if target is not None and at > target:
            verdict = "late"
            if standing is None:
                self.violate(instance, target)
        elif standing is not None:
            self._correct(instance, standing, f"completed in time at {_clock(at)}")
        self.note(
            NoteKind.COMPLETED,
            self.state.last_at,
            f"{instance.milestone} completed {verdict}, target {_clock(target)}",
            instance,
            by=by,
            reason=reason,
            occurred_at=at,
        )
        for trigger in self.plan.milestone(instance.milestone).triggers:
            if trigger.kind is TriggerKind.SUCCESS and not instance.firings(trigger.id):
                self.fire(instance, trigger, at, self.state.last_at)

    # --- another plan ---

    def leave_plan(self, plan: Plan, at: datetime, *, not_before: datetime | None) -> None:
        """Go over to another plan: what is open is open at exit, and the new process is entered afresh."""
        for instance in self.state.instances:
            if instance.is_open:
                instance.exited_at = at
        self.state.end_hold("outside the process", at)
        self.take_plan(plan)
        self.state.not_before = not_before
        self.state.first_stay = self.state.stay + 1
        self.state.entry_at = self.state.entered_at = self.state.exited_at = self.state.reentered_at = None

    def take_plan(self, plan: Plan) -> None:
        """Take a plan over. Calendars that differ from those of the same name are kept for what was counted by them."""
        kept: dict[str, FrozenCalendar] = {}
        versions = dict(self.plan.calendar_versions)
        for name, calendar in self.plan.calendars.items():
            if name not in plan.calendars or plan.calendars[name] == calendar:
                kept[name] = calendar
                continue
            taken = {*self.plan.calendars, *plan.calendars, *kept}
            old = next(f"{name}@{n}" for n in range(1, len(taken) + 2) if f"{name}@{n}" not in taken)
            kept[old] = calendar
            versions[old] = versions.get(name, 0)
            for instance in self.state.instances:
                if any(term.business_hours == name for term in instance.terms):
                    instance.terms = tuple(
                        term.model_copy(update={"business_hours": old}) if term.business_hours == name else term
                        for term in instance.terms
                    )
        used = {term.business_hours for instance in self.state.instances for term in instance.terms}
        calendars = {name: calendar for name, calendar in kept.items() if name in used}
        sources = {name: versions[name] for name in calendars if name in versions}
        self.plan = plan.model_copy(
            update={
                "calendars": {**calendars, **plan.calendars},
                "calendar_versions": {**sources, **plan.calendar_versions},
            }
        )

    # --- violations ---

    def violate(self, instance: MilestoneInstance, target: datetime) -> None:
        """Record that a target was missed."""
        missed = Violation(violated_at=target, noticed_at=self.noticed_at)
        instance.violations = (*instance.violations, missed)
        self.note(NoteKind.VIOLATED, target, f"{instance.milestone} violated at {_clock(target)}", instance)

    def correct_if_ahead(self, instance: MilestoneInstance, at: datetime, why: str) -> None:
        """Take back a violation whose target moved to or past the effective now."""
        standing = instance.standing_violation
        target = self.target(instance)
        if standing and (target is None or target >= instance.effective_now(at)):
            self._correct(instance, standing, why)

    def _correct(self, instance: MilestoneInstance, violation: Violation, why: str) -> None:
        corrected = violation.model_copy(update={"corrected_at": self.state.last_at, "correction": why})
        instance.violations = tuple(corrected if v is violation else v for v in instance.violations)
        text = f"{instance.milestone}: the violation at {_clock(violation.violated_at)} is corrected: {why}"
        self.note(NoteKind.CORRECTED, self.state.last_at, text, instance)

    # --- triggers ---

    def fire(self, instance: MilestoneInstance, trigger: Trigger, due_at: datetime, at: datetime) -> bool:
        """Fire a trigger; its field updates take effect here and now. Returns whether a field changed."""
        firing = len(instance.firings(trigger.id)) + 1
        instance.fired = (*instance.fired, Firing(trigger=trigger.id, due_at=due_at, at=at))
        milestone = self.plan.milestone(instance.milestone)
        occurrence = f"{self.state.case_id}/{instance.process}/{milestone.id}/{instance.occurrence}"
        place = f"{occurrence}/{trigger.id}/{firing}"
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
                calls=[ActionCall(key=f"{place}/{action.id}", action=action) for action in trigger.actions],
                context=self._context(instance, trigger) if trigger.actions else {},
            )
        )
        changed = False
        for action in trigger.actions:
            if isinstance(action, FieldUpdate):
                changed |= self.change_fields({action.field: action.value}, at, by=f"{milestone.name}: {trigger.id}")
        return changed

    def change_fields(self, fields: dict[str, Any], at: datetime, *, by: str | None, reason: str | None = None) -> bool:
        """Set fields of the case. Returns whether one of them has another value now."""
        new = {
            name: value
            for name, value in fields.items()
            if self.state.fields.get(name) != value or name not in self.state.fields
        }
        if not new:
            return False
        self.state.fields.update(new)
        text = ", ".join(f"{name} is {value!r}" for name, value in new.items())
        self.note(NoteKind.CHANGED, at, cut(text), by=by, reason=reason)
        return True

    def _context(self, instance: MilestoneInstance, trigger: Trigger) -> dict[str, Any]:
        target = self.target(instance)
        return {
            "case": {"id": self.state.case_id, **self.state.fields},
            "milestone": {
                "name": instance.milestone,
                "occurrence": instance.occurrence,
                "kind": str(trigger.kind),
                "start_at": instance.start_at.isoformat(),
                "target_at": target.isoformat() if target else None,
                "completed_at": instance.completed_at.isoformat() if instance.completed_at else None,
            },
            "entitlement": self.plan.entitlement,
            "account": self.plan.account,
        }


def _union(pauses: Iterable[Pause]) -> tuple[Pause, ...]:
    """The same paused time without overlaps, in order; an open pause stays open."""
    merged: list[Pause] = []
    for pause in sorted(pauses, key=lambda p: p.from_at):
        last = merged[-1] if merged else None
        if last and (last.to_at is None or pause.from_at <= last.to_at):
            to_at = None if last.to_at is None or pause.to_at is None else max(last.to_at, pause.to_at)
            causes = last.causes + tuple(c for c in pause.causes if c not in last.causes)
            merged[-1] = Pause(from_at=last.from_at, to_at=to_at, causes=causes)
        else:
            merged.append(pause)
    return tuple(merged)


def _clock(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}Z" if instant else "past the horizon"
