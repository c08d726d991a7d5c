"""The rules at one instant: what follows when something about a case has changed.

First completions (judged by the span before the change), then entry to and exit from the process, then, per milestone
in the process's order: remove, start, new span, pause or resume. Again from the top until nothing changes.
"""

from __future__ import annotations

from datetime import datetime

from domain.criteria.evaluating import Scope
from domain.criteria.fields import utc_text
from domain.open_time.spans import Span
from domain.process import EntitlementProcess, Milestone, OnChange, Recurrence
from domain.timeline.book import Book
from domain.timeline.effects import NoteKind
from domain.timeline.instances import MilestoneInstance, Pause, Term
from domain.timeline.state import Hold, Verdict

MOST_ROUNDS = 10
"""Rounds of evaluation at one instant after which the rules are taken to chase one another."""

OPENED_AT = "opened_at"


class Rules:
    """Evaluates the process of a case at one instant."""

    def __init__(self, book: Book, at: datetime) -> None:
        self.book = book
        self.plan = book.plan
        self.state = book.state
        self.at = at

    def settle(self) -> None:
        """Evaluate until nothing changes, or the guard ends it."""
        if self.plan.process is None:
            return
        if self.state.rounds_at != self.at:
            self.state.rounds_at, self.state.rounds = self.at, 0
        while self.state.rounds < MOST_ROUNDS:
            if not self._round(self.plan.process):
                return
            self.state.rounds += 1
            if self.state.rounds == MOST_ROUNDS:
                name = self.plan.process.name
                text = f"the rules of process {name!r} still change after {MOST_ROUNDS} rounds; stopped here"
                self.book.note(NoteKind.GUARD, self.at, text)

    def _see(self) -> None:
        """Look at the case as it is now, once for all criteria of a round."""
        self.scope = Scope.of_plain(
            {
                "case": {"id": self.state.case_id, OPENED_AT: utc_text(self.state.opened_at), **self.state.fields},
                "entitlement": self.plan.entitlement,
                "account": self.plan.account,
            }
        )

    def _round(self, process: EntitlementProcess) -> bool:
        self._see()
        changed = self._completions(process)
        changed |= self._entry_and_exit(process)
        for milestone in process.milestones:
            changed |= self._milestone(process, milestone)
        return changed

    def holds(self, milestone: Milestone | None, rule: str, source: str) -> bool:
        """Whether criteria hold. What they come to goes on record when it changes; an error is false."""
        if not source:
            return True
        holds, error = self.scope.evaluate(source)
        name = f"{milestone.name}: {rule}" if milestone else rule
        history = self.state.verdicts.get(name, ())
        last = history[-1] if history else None
        if last is None or (last.holds, last.error) != (holds, error):
            self.state.verdicts[name] = (*history, Verdict(at=self.at, holds=holds, error=error))
            if error is not None and (last is None or last.error is None):
                said = f"{rule} of {milestone.name}" if milestone else rule
                self.book.note(NoteKind.CRITERIA_FAILED, self.at, f"{said} counts as false: {error}")
        return holds

    # --- completions ---

    def _completions(self, process: EntitlementProcess) -> bool:
        changed = False
        for milestone in process.milestones:
            instance = self.book.latest(milestone)
            if instance and instance.is_open and instance.start_at <= self.at and self._is_complete(milestone):
                self.book.complete(instance, self.at, by="complete_when")
                changed = True
        return changed

    def _is_complete(self, milestone: Milestone) -> bool:
        return bool(milestone.complete_when) and self.holds(milestone, "complete_when", milestone.complete_when)

    # --- entry and exit ---

    def _entry_and_exit(self, process: EntitlementProcess) -> bool:
        state, changed = self.state, False
        entry_at = state.opened_at if process.entry == OPENED_AT else self._instant(process.entry)
        if entry_at is not None and state.not_before is not None:
            entry_at = max(entry_at, state.not_before)
        if entry_at is not None and entry_at != state.entry_at:
            if state.entered_at is None:
                state.stay += 1
                self.book.note(NoteKind.ENTERED, self.at, f"process {process.name!r} version {process.version} entered")
            state.entry_at = state.entered_at = entry_at
            changed = True
        if state.entered_at is None:
            return changed
        outside = state.closed_at is not None or (
            bool(process.exit_when) and self.holds(None, "exit_when", process.exit_when)
        )
        if outside == (state.exited_at is not None):
            return changed
        if outside:
            self._exit(process)
        else:
            self._reenter(process)
        return True

    def _exit(self, process: EntitlementProcess) -> None:
        self.state.exited_at = self.at
        self.state.holds = (*self.state.holds, Hold(cause="outside the process", from_at=self.at))
        self.book.note(NoteKind.EXITED, self.at, f"process {process.name!r} left")
        for instance in self.state.instances:
            if instance.is_open:
                instance.exited_at = self.at

    def _reenter(self, process: EntitlementProcess) -> None:
        self.state.exited_at = None
        self.state.reentered_at = self.at
        self.state.stay += 1
        self.state.end_hold("outside the process", self.at)
        self.book.note(NoteKind.REENTERED, self.at, f"process {process.name!r} entered again")
        for milestone in process.milestones:
            instance = self.book.latest(milestone)
            if instance and instance.exited_at is not None:
                instance.exited_at = None
                instance.stay = self.state.stay
                if not milestone.by:
                    self._pause_or_resume(milestone, instance)  # the time outside ends before anything else follows

    def _instant(self, field: str) -> datetime | None:
        value = self.state.fields.get(field)
        return datetime.fromisoformat(value).replace(microsecond=0) if isinstance(value, str) and value else None

    # --- one milestone ---

    def _milestone(self, process: EntitlementProcess, milestone: Milestone) -> bool:
        instance = self.book.latest(milestone)
        changed = False
        if self.state.entered_at is None or self.state.exited_at is not None:
            if instance is not None:
                instance.lapsed = True
        else:
            anchor = self._anchor(milestone)
            eligible = anchor is not None and self._is_wanted(milestone)
            if instance is not None and instance.is_open:
                changed = self._keep_or_remove(process, milestone, instance, anchor if eligible else None)
            elif eligible and anchor is not None:
                changed = self._start(process, milestone, instance, anchor)
            elif instance is not None:
                instance.lapsed = True
            instance = self.book.latest(milestone)
        if instance is not None and not milestone.by:
            changed |= self._pause_or_resume(milestone, instance)
        return changed

    def _is_wanted(self, milestone: Milestone) -> bool:
        if milestone.by is not None and self._instant(milestone.by) is None:
            return False
        return self.holds(milestone, "when", milestone.when)

    def _anchor(self, milestone: Milestone) -> datetime | None:
        """From when a new instance would run: the entry, the completion it waits for, or now. None: not yet."""
        if milestone.starts == "criteria":
            return self.at
        anchor = self.state.entered_at
        if milestone.predecessor is not None:
            # Also of the stay before, until a re-entry begins another: nobody has taken its completion back.
            first = self.book.newest(self.plan.milestone(milestone.predecessor))
            anchor = first.completed_at if first else None
        if anchor is not None and milestone.on_reentry == "restart" and self.state.reentered_at is not None:
            return max(anchor, self.state.reentered_at)
        return anchor

    def _keep_or_remove(
        self, process: EntitlementProcess, milestone: Milestone, instance: MilestoneInstance, anchor: datetime | None
    ) -> bool:
        if anchor is None:
            instance.removed_at = self.at
            self.book.note(NoteKind.REMOVED, self.at, f"{milestone.name} removed: its criteria do not hold", instance)
            return True
        return self._follow(process, milestone, instance, anchor)

    def _follow(
        self, process: EntitlementProcess, milestone: Milestone, instance: MilestoneInstance, anchor: datetime
    ) -> bool:
        """Follow a moved entry, and a new span, calendar or deadline."""
        term = instance.terms[-1]
        if milestone.starts != "criteria" and term.anchor_at != anchor:
            # Under the span that it has; a new one follows in the next round, by the milestone's own rule for it.
            kept = None if milestone.by else Span.parse(term.span)
            moved = self._term_of(milestone, kept, term.business_hours, anchor)
            moved = moved.model_copy(update={"declared": term.declared})
            self.book.move(instance, moved, self.at, "its start moved")
            return True
        span, hours = self._span(process, milestone)
        if milestone.by is not None:
            if term.fixed_at == self._instant(milestone.by):
                return False
            moved = self._term(process, milestone, term.start_at).model_copy(update={"anchor_at": term.anchor_at})
            self.book.move(instance, moved, self.at, f"{milestone.by} changed")
            return True
        if _declared(span, hours) == term.declared:
            return False
        self.book.move(instance, self._changed_term(process, milestone, instance), self.at, "its span changed")
        return True

    def _start(
        self, process: EntitlementProcess, milestone: Milestone, last: MilestoneInstance | None, anchor: datetime
    ) -> bool:
        if last is not None and last.completed_at is not None and not milestone.recurs:
            return False
        if milestone.recurs and self._is_complete(milestone):
            if last is not None:
                last.lapsed = True
            return False
        if last is not None and last.removed_at is not None and milestone.starts != "criteria":
            last.removed_at = None
            last.placed_at = self.at
            self.book.note(NoteKind.RETURNED, self.at, f"{milestone.name} is back: its criteria hold again", last)
            return True
        start = self._next_start(milestone, last) if milestone.recurs else anchor
        self.book.start(milestone, self._term(process, milestone, start), self.at)
        return True

    def _next_start(self, milestone: Milestone, last: MilestoneInstance | None) -> datetime:
        """When the next occurrence starts: from the completion it follows, for `sequential` not before its target."""
        start = last.completed_at if last and last.completed_at and not last.lapsed else self.at
        if milestone.recurrence is Recurrence.SEQUENTIAL:
            # The target of one that was completed late is behind its completion.
            targets = [self.book.target(done) for done in self.book.completed(milestone)]
            start = max([start, *(target for target in targets if target is not None)])
        return start

    # --- a migration ---

    def migrate(self) -> None:
        """Take the spans and calendars of a new plan over, as if they had held from the start.

        What is completed or violated keeps what happened to it; a milestone that the process no longer has is removed.
        """
        process = self.plan.process
        if process is None:
            return
        self._see()
        for instance in [i for i in self.state.instances if i.is_open]:
            if process.milestone(instance.milestone) is None:
                instance.removed_at = self.at
                text = f"{instance.milestone} removed: process {process.name!r} has it no more"
                self.book.note(NoteKind.REMOVED, self.at, text, instance)
        for milestone in process.milestones:
            latest = self.book.latest(milestone)
            # One that was removed or left open at exit may come back, under the new plan.
            if latest is None or latest.completed_at is not None:
                continue
            if milestone.by is None or self._instant(milestone.by) is not None:
                self._migrate(process, milestone, latest)

    def _migrate(self, process: EntitlementProcess, milestone: Milestone, instance: MilestoneInstance) -> None:
        old = instance.terms[-1]
        new = self._term(process, milestone, old.start_at).model_copy(update={"anchor_at": old.anchor_at})
        if instance.standing_violation is not None:
            kept = old.model_copy(update={"at": self.at, "declared": new.declared})
            instance.terms = (*instance.terms, kept)
        elif (new.span, new.business_hours) != (old.span, old.business_hours):
            self.book.move(instance, new, self.at, "migrated")

    # --- spans ---

    def _span(self, process: EntitlementProcess, milestone: Milestone) -> tuple[Span | None, str]:
        default = milestone.business_hours or process.business_hours or self.plan.business_hours
        for number, row in enumerate(milestone.within or [], 1):
            if not row.when or self.holds(milestone, f"row {number}", row.when):
                return row.span, row.business_hours or default
        return None, default

    def _term(self, process: EntitlementProcess, milestone: Milestone, start: datetime) -> Term:
        """The span that a milestone has now, from `start`."""
        return self._term_of(milestone, *self._span(process, milestone), start)

    def _term_of(self, milestone: Milestone, span: Span | None, hours: str, start: datetime) -> Term:
        calendar = self.plan.calendars[hours]
        fixed_at: datetime | None = None
        seconds = 0
        if span is None:
            fixed_at = self._instant(milestone.by or "")
        elif span.seconds is None:
            fixed_at = span.target(calendar, start)
            seconds = calendar.elapsed(start, fixed_at)
        else:
            seconds = span.seconds
        return Term(
            at=self.at,
            anchor_at=start,
            start_at=start,
            base_at=start,
            span=str(span) if span else f"by {milestone.by}",
            business_hours=hours,
            declared=_declared(span, hours),
            open_seconds=seconds,
            nominal_seconds=seconds,
            fixed_at=fixed_at,
        )

    def _changed_term(self, process: EntitlementProcess, milestone: Milestone, instance: MilestoneInstance) -> Term:
        old = instance.terms[-1]
        start = max(self.at, old.start_at) if milestone.on_change is OnChange.RESTART else old.start_at
        new = self._term(process, milestone, start).model_copy(update={"anchor_at": old.anchor_at})
        return self._carried(instance, new) if milestone.on_change is OnChange.CARRY else new

    def _carried(self, instance: MilestoneInstance, new: Term) -> Term:
        """The new span with the same fraction used as of the old one, up to now or to the pause."""
        old = instance.terms[-1]
        base = max(instance.effective_now(self.at), old.start_at)
        calendar = self.plan.calendars[old.business_hours]
        used = calendar.elapsed(old.base_at, base) - instance.paused_seconds(calendar, old.base_at, base)
        left = -(-(old.open_seconds - used) * new.nominal_seconds // max(old.nominal_seconds, 1))
        # However far over 100%, the target does not come to lie before the start.
        earliest = -self.plan.calendars[new.business_hours].elapsed(new.start_at, base)
        at_start = left < 0 and left <= earliest
        return new.model_copy(
            update={
                "base_at": base,
                "open_seconds": earliest if at_start else left,
                "fixed_at": new.start_at if at_start else None,
            }
        )

    # --- pause and resume ---

    def _pause_or_resume(self, milestone: Milestone, instance: MilestoneInstance) -> bool:
        causes = self._causes(milestone, instance)
        pause = instance.open_pause
        if pause is None and not causes:
            return False
        if pause is None:
            instance.pauses = (*instance.pauses, Pause(from_at=self.at, causes=causes))
        elif causes:
            if new := tuple(c for c in causes if c not in pause.causes):
                instance.change_pause(causes=pause.causes + new)
            return False
        elif pause.from_at >= self.at:
            instance.pauses = instance.pauses[:-1]
        else:
            instance.change_pause(to_at=self.at)
        if instance.is_open:
            kind = NoteKind.PAUSED if causes else NoteKind.RESUMED
            said = f"paused: {', '.join(causes)}" if causes else f"runs again, target {self._target_text(instance)}"
            self.book.note(kind, self.at, f"{milestone.name} {said}", instance)
        return True

    def _target_text(self, instance: MilestoneInstance) -> str:
        target = self.book.target(instance)
        return f"{target:%Y-%m-%d %H:%M:%S}Z" if target else "past the horizon"

    def _causes(self, milestone: Milestone, instance: MilestoneInstance) -> tuple[str, ...]:
        causes = [cause for cause in ("case stopped", "outside the process") if self.state.hold(cause)]
        if instance.stopped_at is not None:
            causes.append("milestone stopped")
        if milestone.pause_when and self.holds(milestone, "pause_when", milestone.pause_when):
            causes.append("pause_when")
        return tuple(causes)


def _declared(span: Span | None, hours: str) -> str:
    return f"{span or 'by'} of {hours}"
