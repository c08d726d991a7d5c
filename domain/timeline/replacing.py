"""Another plan for a running case: another entitlement's, or another version of the same process."""

from __future__ import annotations

from datetime import datetime

from domain.frozen import FrozenCalendar
from domain.process import EntitlementProcess, Milestone
from domain.timeline.book import Book
from domain.timeline.entry import Entry
from domain.timeline.facts import Term
from domain.timeline.folding import leave_entitlement
from domain.timeline.instances import MilestoneInstance
from domain.timeline.plan import CORNERS, SETS_CORNERS_RIGHT, Plan
from domain.timeline.sight import Sight
from domain.timeline.spans_in_force import SpansInForce
from domain.timeline.tracks import Track, tracks


def leave_plan(book: Book, plan: Plan, at: datetime, *, not_before: datetime | None) -> None:
    """Go over to another plan: what is open is open at exit, and the new process is entered afresh."""
    state = book.state
    for instance in state.instances:
        if instance.unseen or instance.resting:
            instance.unseen = instance.resting = ()
        if instance.is_open:
            instance.exited_at = at
    state.end_hold("outside the process", at)
    state.end_hold("entry ahead", at)
    take_plan(book, plan)
    state.not_before = not_before
    state.first_stay = state.stay + 1
    leave_entitlement(state)
    state.entry_at = state.entered_at = state.exited_at = state.reentered_at = None


def take_plan(book: Book, plan: Plan) -> None:
    """Take a plan over. Calendars that differ from those of the same name are kept for what was counted by them."""
    kept: dict[str, FrozenCalendar] = {}
    versions = dict(book.plan.calendar_versions)
    instances = [each for instance in book.state.instances for each in _all_of(instance)]
    for name, calendar in book.plan.calendars.items():
        if name not in plan.calendars or plan.calendars[name] == calendar:
            kept[name] = calendar
            continue
        taken = {*book.plan.calendars, *plan.calendars, *kept}
        old = next(f"{name}@{n}" for n in range(1, len(taken) + 2) if f"{name}@{n}" not in taken)
        kept[old] = calendar
        versions[old] = versions.get(name, 0)
        for instance in instances:
            if any(term.business_hours == name for term in instance.terms):
                instance.terms = tuple(_renamed(term, name, old) for term in instance.terms)
    used = {term.business_hours for instance in instances for term in instance.terms}
    calendars = {name: calendar for name, calendar in kept.items() if name in used}
    sources = {name: versions[name] for name in calendars if name in versions}
    book.plan = plan.model_copy(
        update={
            "calendars": {**calendars, **plan.calendars},
            "calendar_versions": {**sources, **plan.calendar_versions},
        }
    )


def _all_of(instance: MilestoneInstance) -> list[MilestoneInstance]:
    return [instance, *instance.unseen, *instance.resting]


def _renamed(term: Term, name: str, other: str) -> Term:
    return term.model_copy(update={"business_hours": other}) if term.business_hours == name else term


def keep_spent(book: Book, new: EntitlementProcess) -> None:
    """Note which triggers have fired for good, unless the target moves: another offset or calendar is no such move.

    Args:
        book: has the plan of before.
        new: the process that follows.
    """
    for milestone in new.milestones:
        before = book.plan.process.milestone(milestone.name) if book.plan.process else None
        old = {trigger.id: trigger for trigger in before.triggers} if before else {}
        triggers = [old.get(trigger.id, trigger) for trigger in milestone.triggers if trigger.rearm]
        for track in tracks(book, milestone):
            instance = track.newest
            if instance is not None and instance.completed_at is None and (spent := book.spent(instance, triggers)):
                instance.spent = instance.spent | spent


def migrate(book: Book, before: EntitlementProcess | None, at: datetime) -> None:
    """Let the rules take the spans, starts and calendars of a new plan over, as if they had held from the start.

    What is completed or violated keeps what happened to it; a milestone that the process no longer has is removed. The
    rest follows when the change is evaluated: completions and removals come before new spans.

    Args:
        book: has the new plan.
        before: the process that the case had.
        at: the instant.
    """
    process = book.plan.process
    if process is None:
        return
    for instance in [i for i in book.state.instances if process.milestone(i.milestone) is None]:
        if instance.unseen or instance.resting:
            instance.unseen = instance.resting = ()  # there is nothing left that could be cleared
        old = before.milestone(instance.milestone) if before else None
        if instance.is_open and old is not None:
            book.remove(old, instance, at, f"process {process.name!r} has it no more")
    _Migration(book, before, process, at).take_over()


class _Migration:
    """One case going over to another version of its process."""

    def __init__(
        self, book: Book, before: EntitlementProcess | None, process: EntitlementProcess, at: datetime
    ) -> None:
        self.book = book
        self.before = before
        self.process = process
        self.at = at
        self.sight = Sight(book, at)
        self.spans = SpansInForce(book, self.sight, process)

    def take_over(self) -> None:
        Entry(self.book, self.sight, self.process).enter()
        for milestone in self.process.milestones:
            for track in tracks(self.book, milestone):
                instance = track.newest
                if instance is None:
                    continue
                if self.book.plan.rules >= SETS_CORNERS_RIGHT:
                    self._let_follow(milestone, instance)
                # One that was removed or left open at exit may come back, under the new plan.
                if instance.completed_at is None:
                    with self.book.writing(seen=track.is_seen):
                        self._migrate(milestone, track, instance)

    def _let_follow(self, milestone: Milestone, instance: MilestoneInstance) -> None:
        """Let what begins an occurrence anew by the new version count from now on, and not from before it."""
        instance.watched = self.sight.watched(milestone)
        if instance.is_open:
            instance.ran_under = instance.watched
        was = self.before.milestone(milestone.name) if self.before else None
        if instance.completed_at is not None and (was is None or not was.recurs):
            instance.lapsed = True

    def _migrate(self, milestone: Milestone, track: Track, instance: MilestoneInstance) -> None:
        was = self.before.milestone(milestone.name) if self.before else None
        same_start = was is None or (was.starts == milestone.starts)
        if not track.is_seen or self._was_missed(instance) or self._has_passed(instance):
            self._keep(milestone, instance, same_start=same_start)
        elif instance.takes_over != "start":
            instance.takes_over = "span" if same_start else "start"

    def _cutoff_before(self, name: str) -> int | None:
        was = self.before.milestone(name) if self.before else None
        return was.cutoff_seconds if was else None

    def _was_missed(self, instance: MilestoneInstance) -> bool:
        """Whether a violation stands that the migration does not come before, as what is asked in its second does."""
        missed = instance.standing_violation
        return missed is not None and not missed.violated_at == self.at == self.book.state.alone_at

    def _has_passed(self, instance: MilestoneInstance) -> bool:
        """Whether its target was no promise, and is behind."""
        return not instance.promise and instance.is_past_target(self.book.plan.calendars, self.at)

    def _follows(self, milestone: Milestone, term: Term) -> bool:
        """Whether it starts from the completion of another, and was not given a start of its own for good."""
        return milestone.predecessor is not None and not term.is_kept and self.book.plan.rules >= CORNERS

    def _keep(self, milestone: Milestone, instance: MilestoneInstance, *, same_start: bool) -> None:
        """Keep start and target, whatever the new version declares; what it declares later is a change as usual."""
        old = instance.terms[-1]
        anchor = old.anchor_at
        if same_start and milestone.starts == "process" and self.book.state.entered_at is not None:
            anchor = self.book.state.entered_at
        if same_start and milestone.on_reentry == "restart" and self.book.state.reentered_at is not None:
            anchor = max(anchor, self.book.state.reentered_at)
        kept = {
            "at": self.at,
            "anchor_at": anchor,
            "declared": self.spans.declared(milestone),
            "declared_at": self.sight.instant(milestone.by) if milestone.by else None,
            "is_kept": True,
            "kept_cutoff": old.kept_cutoff if old.is_kept else self._cutoff_before(milestone.name),
            "is_detached": not same_start or (old.is_detached and not self._follows(milestone, old)),
        }
        instance.add_term(old.model_copy(update=kept))
        if instance.is_open:
            instance.placed_at = self.at  # a warning that the new version adds is past
