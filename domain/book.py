"""The book of a timeline: everything that changes its state and says so.

The rules (`domain.rules`) and the order of events (`domain.timeline`) decide; the book writes. It has the state, the plan
and the effects that came of it, and no opinion of its own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from domain.effects import ActionCall, Noted, NoteKind, TriggerFired
from domain.frozen import HorizonExceeded
from domain.instance import Firing, MilestoneInstance, Pause, Term, Violation
from domain.plan import Plan
from domain.process import FieldUpdate, Milestone, Trigger, TriggerKind
from domain.state import TimelineState


class Book:
    """Writes on a timeline.

    Attributes:
        noticed_at: the engine's now while it works; later than the instants it writes about after an outage.
    """

    def __init__(self, plan: Plan, state: TimelineState) -> None:
        self.plan = plan
        self.state = state
        self.noticed_at = state.last_at

    # --- reading ---

    def latest(self, milestone: Milestone) -> MilestoneInstance | None:
        """The newest instance of a milestone, if it belongs to what the case lives through now."""
        assert self.plan.process is not None
        process = self.plan.process.id
        for instance in reversed(self.state.instances):
            if instance.milestone == milestone.name and instance.process == process:
                fresh = milestone.on_reentry == "restart" and instance.stay != self.state.stay
                return None if fresh else instance
        return None

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
        self.state.notes += 1
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
        assert self.plan.process is not None
        process = self.plan.process.id
        before = [i for i in self.state.instances if i.milestone == milestone.name and i.process == process]
        instance = MilestoneInstance(
            process=process,
            milestone=milestone.name,
            occurrence=len(before) + 1,
            stay=self.state.stay,
            created_at=at,
            placed_at=at,
            begun=term.start_at <= at,
            terms=[term],
            pauses=[] if milestone.by else self.holds_since(term.start_at),
        )
        self.state.instances.append(instance)
        target = self.target(instance)
        when = "starts" if instance.begun else f"starts at {_clock(term.start_at)},"
        self.note(NoteKind.STARTED, at, f"{milestone.name} {when} with {term.span}, target {_clock(target)}", instance)
        return instance

    def holds_since(self, start: datetime) -> list[Pause]:
        """The times since `start` in which the whole case stood."""
        pauses = [
            Pause(from_at=max(h.from_at, start), to_at=h.to_at, causes=[h.cause])
            for h in self.state.holds
            if h.to_at is None or h.to_at > start
        ]
        return _union(pauses)

    def move(self, instance: MilestoneInstance, term: Term, at: datetime, why: str) -> None:
        """Give an instance another span or start; a violation that this takes back is corrected."""
        before = self.target(instance)
        if term.start_at < instance.terms[-1].start_at and not self._is_by(instance):
            instance.pauses = _union(self.holds_since(term.start_at) + instance.pauses)
        instance.terms.append(term)
        instance.placed_at = at
        instance.begun = instance.begun or term.start_at <= at
        if not instance.is_open:
            return
        text = f"{why}: {instance.milestone} has {term.span}, target {_clock(before)} moves to {_clock(self.target(instance))}"
        self.note(NoteKind.MOVED, at, text, instance)
        self.correct_if_ahead(instance, at, why)

    def _is_by(self, instance: MilestoneInstance) -> bool:
        milestone = self.plan.process.milestone(instance.milestone) if self.plan.process else None
        return milestone is not None and milestone.by is not None

    def complete(self, instance: MilestoneInstance, at: datetime, by: str, reason: str | None = None) -> None:
        """Complete an instance at `at`, which may lie before its removal or exit; judged by what counted then."""
        instance.completed_at = at
        instance.completed_by = by
        instance.removed_at = instance.exited_at = None
        target = self.target(instance)
        in_time = target is None or at <= target
        standing = instance.standing_violation
        if in_time and standing:
            self._correct(instance, standing, f"completed in time at {_clock(at)}")
        elif not in_time and standing is None:
            assert target is not None
            self.violate(instance, target)
        verdict = "in time" if in_time else "late"
        self.note(
            NoteKind.COMPLETED,
            self.state.last_at,
            f"{instance.milestone} completed {verdict}, target {_clock(target)}",
            instance,
            by=by,
            reason=reason,
            occurred_at=at,
        )
        milestone = self.plan.process.milestone(instance.milestone) if self.plan.process else None
        for trigger in milestone.triggers if milestone else []:
            if trigger.kind is TriggerKind.SUCCESS and not instance.firings(trigger.id):
                self.fire(instance, trigger, at, self.state.last_at)

    # --- violations ---

    def violate(self, instance: MilestoneInstance, target: datetime) -> None:
        instance.violations.append(Violation(violated_at=target, noticed_at=self.noticed_at))
        self.note(NoteKind.VIOLATED, target, f"{instance.milestone} violated at {_clock(target)}", instance)

    def correct_if_ahead(self, instance: MilestoneInstance, at: datetime, why: str) -> None:
        """Take back a violation whose target moved to or past the effective now."""
        standing = instance.standing_violation
        target = self.target(instance)
        if standing and (target is None or target >= instance.effective_now(at)):
            self._correct(instance, standing, why)

    def _correct(self, instance: MilestoneInstance, violation: Violation, why: str) -> None:
        violation.corrected_at = self.state.last_at
        violation.correction = why
        text = f"{instance.milestone}: the violation at {_clock(violation.violated_at)} is corrected: {why}"
        self.note(NoteKind.CORRECTED, self.state.last_at, text, instance)

    # --- triggers ---

    def fire(self, instance: MilestoneInstance, trigger: Trigger, due_at: datetime, at: datetime) -> bool:
        """Fire a trigger; its field updates take effect here and now. Returns whether a field changed."""
        firing = len(instance.firings(trigger.id)) + 1
        instance.fired.append(Firing(trigger=trigger.id, due_at=due_at, at=at))
        process, milestone = self.plan.process, instance.milestone
        found = process.milestone(milestone) if process else None
        assert process is not None and found is not None
        place = f"{self.state.case_id}/{process.id}/{found.id}/{instance.occurrence}/{trigger.id}/{firing}"
        self.state.unsent.append(
            TriggerFired(
                milestone=milestone,
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
                changed |= self.change_fields({action.field: action.value}, at, by=f"{milestone}: {trigger.id}")
        return changed

    def change_fields(self, fields: dict[str, Any], at: datetime, *, by: str | None, reason: str | None = None) -> bool:
        new = {
            name: value
            for name, value in fields.items()
            if self.state.fields.get(name) != value or name not in self.state.fields
        }
        if not new:
            return False
        self.state.fields.update(new)
        text = ", ".join(f"{name} is {value!r}" for name, value in new.items())
        self.note(NoteKind.CHANGED, at, text, by=by, reason=reason)
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


def _union(pauses: list[Pause]) -> list[Pause]:
    """The same paused time without overlaps, in order; an open pause stays open."""
    merged: list[Pause] = []
    for pause in sorted(pauses, key=lambda p: p.from_at):
        last = merged[-1] if merged else None
        if last and (last.to_at is None or pause.from_at <= last.to_at):
            to_at = None if last.to_at is None or pause.to_at is None else max(last.to_at, pause.to_at)
            causes = last.causes + [c for c in pause.causes if c not in last.causes]
            merged[-1] = Pause(from_at=last.from_at, to_at=to_at, causes=causes)
        else:
            merged.append(pause)
    return merged


def _clock(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}Z" if instant else "past the horizon"
