"""Why the triggers of an instance fired, or did not."""

from __future__ import annotations

from datetime import datetime

from domain.explanation.parts import FiringExplained, LateBecause, TriggerExplained, TriggerStanding
from domain.frozen import FrozenCalendar, HorizonExceeded
from domain.process import Milestone, Trigger, TriggerKind
from domain.timeline.facts import Firing
from domain.timeline.instances import MilestoneInstance

_LEFT_OUT = ("skipped", "no target ahead")
"""How triggers stand whose time was past at the start. Any other is due at the start, if its time lies before that."""


class Triggers:
    """The triggers of one instance, by its calendar."""

    def __init__(self, instance: MilestoneInstance, calendar: FrozenCalendar) -> None:
        self.instance = instance
        self.calendar = calendar

    def explained(self, milestone: Milestone | None, now: datetime, target: datetime | None) -> list[TriggerExplained]:
        """Each trigger of a milestone: when it fired, or why it did not."""
        return [self._explained(trigger, now, target) for trigger in (milestone.triggers if milestone else [])]

    def _explained(self, trigger: Trigger, now: datetime, target: datetime | None) -> TriggerExplained:
        due_at: datetime | None = None
        if trigger.kind is not TriggerKind.SUCCESS and target is not None:
            try:
                due_at = self.instance.due_at(trigger, self.calendar, target)
            except HorizonExceeded:
                due_at = None
        standing = self._standing(trigger, due_at, target, now)
        if due_at is not None and standing not in _LEFT_OUT:
            due_at = max(due_at, self.instance.start_at)
        return TriggerExplained(
            trigger=trigger.id,
            kind=trigger.kind,
            offset=trigger.at,
            due_at=self.calendar.local(due_at) if due_at else None,
            fired=[self._firing(firing) for firing in self.instance.firings(trigger.id)],
            standing=standing,
        )

    def _standing(
        self, trigger: Trigger, due_at: datetime | None, target: datetime | None, now: datetime
    ) -> TriggerStanding:
        instance = self.instance
        fired = instance.firings(trigger.id)
        if trigger.kind is TriggerKind.SUCCESS:
            return "fired" if fired else "not completed"
        if fired:
            moved = due_at is not None and due_at > fired[-1].at
            if not moved or (trigger.rearm and instance.is_open):
                return "fired"
            return "fired, not again" if instance.is_open else "fired"
        if due_at is None or target is None:
            return "to come" if instance.is_open else "ended first"
        placed_at = max(instance.placed_at, instance.start_at)
        if trigger.kind is TriggerKind.WARNING and due_at < placed_at:
            if trigger.late == "skip":
                return "skipped"
            if target <= placed_at:
                return "no target ahead"
        return self._coming(max(due_at, instance.start_at), now)

    def _coming(self, due_at: datetime, now: datetime) -> TriggerStanding:
        """Where a trigger stands that did not fire and was not left out."""
        if self.instance.ended_at is not None:
            return "ended first" if due_at >= self.instance.ended_at else "paused then"
        if self.instance.open_pause is not None:
            return "waits"
        return "to come" if due_at > now else "due"

    def _firing(self, firing: Firing) -> FiringExplained:
        because: LateBecause | None = None
        if firing.at > firing.due_at:
            because = "late news"
            if any(p.from_at <= firing.due_at and p.to_at == firing.at for p in self.instance.pauses):
                because = "paused"
            elif firing.at in (self.instance.created_at, self.instance.start_at):
                because = "started"
            elif any(term.at == firing.at for term in self.instance.terms[1:]):
                because = "moved"
        local = self.calendar.local
        return FiringExplained(due_at=local(firing.due_at), at=local(firing.at), late_because=because)
