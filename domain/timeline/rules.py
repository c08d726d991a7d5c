"""The rules at one instant: what follows when something about a case has changed.

First completions (judged by the span before the change), then entry to and exit from the process, then completions that
their rule takes back, then, per milestone in the process's order: remove, start, new span, pause or resume. Again from
the top until nothing changes.
"""

from __future__ import annotations

from datetime import datetime

from domain.process import EntitlementProcess, Milestone, Recurrence
from domain.timeline.book import Book
from domain.timeline.completing import complete
from domain.timeline.effects import NoteKind
from domain.timeline.entry import Entry
from domain.timeline.folding import NEWEST
from domain.timeline.instances import MilestoneInstance
from domain.timeline.pauses import pause_or_resume
from domain.timeline.plan import AT_ITS_START, CORNERS, SETS_CORNERS_RIGHT
from domain.timeline.revealing import take_back
from domain.timeline.sight import Sight
from domain.timeline.spans_in_force import SpansInForce
from domain.timeline.tracks import Track, tracks

MOST_ROUNDS = 10
"""Rounds of evaluation at one instant after which the rules are taken to chase one another."""


def settle(book: Book, at: datetime) -> None:
    """Evaluate the process of a case at one instant, if it has one."""
    if book.plan.process is not None:
        Rules(book, at, book.plan.process).settle()


def begin(book: Book, instance: MilestoneInstance, at: datetime) -> None:
    """Let a scheduled instance start. A recurring one does not while its completion rule holds."""
    milestone = book.plan.milestone(instance.milestone)
    if milestone.recurs and Sight(book, at).is_complete(milestone):
        instance.held_back = True
    else:
        book.begin(instance, at)


class Rules:
    """Evaluates the process of a case at one instant."""

    def __init__(self, book: Book, at: datetime, process: EntitlementProcess) -> None:
        self.book = book
        self.state = book.state
        self.process = process
        self.at = at
        self.sight = Sight(book, at)
        self.spans = SpansInForce(book, self.sight, process)
        self.entry = Entry(book, self.sight, process)
        self._changed = False
        self._counts = False

    def settle(self) -> None:
        """Evaluate until nothing changes, or the guard ends it; then put on record what was missed by the change."""
        if self.state.rounds_at != self.at:
            self.state.rounds_at, self.state.rounds = self.at, 0
        while self.state.rounds < MOST_ROUNDS:
            self._round()
            if not self._changed:
                break
            if not self._counts:
                continue
            self.state.rounds += 1
            if self.state.rounds == MOST_ROUNDS:
                name = self.process.name
                text = f"the rules of process {name!r} still change after {MOST_ROUNDS} rounds; stopped here"
                self.book.note(NoteKind.GUARD, self.at, text)
        for milestone in self.process.milestones:
            for track in tracks(self.book, milestone):
                instance = track.newest
                if instance is not None and instance.is_open:
                    with self.book.writing(seen=track.is_seen):
                        self.book.record_missed(instance, milestone, self.at)

    def _round(self) -> None:
        self._changed = self._counts = False
        self.sight.look()
        self._complete()
        if self.entry.follow():
            self._mark()
        self._take_back()
        for milestone in self.process.milestones:
            for track in tracks(self.book, milestone):
                with self.book.writing(seen=track.is_seen):
                    self._walk(track)

    def _mark(self, *, counts: bool = True) -> None:
        """Something changed. A chain of milestones complete at their start ends by itself and never counts."""
        self._changed = True
        self._counts |= counts

    # --- completions ---

    def _complete(self) -> None:
        for milestone in self.process.milestones:
            instance = self.book.latest(milestone)
            if instance is None or not instance.is_open or instance.start_at > self.at:
                continue
            if milestone.recurs and not instance.begun:
                continue
            if self.sight.is_complete(milestone):
                if milestone.restart_on:  # whoever had it completed it; of an empty field whoever has it now
                    instance.ran_under = {**self.sight.watched(milestone), **instance.ran_under}
                at_start = instance.start_at == self.at and not milestone.recurs
                in_time = at_start and self.book.plan.rules >= AT_ITS_START
                complete(self.book, instance, self.at, by="complete_when", in_time=in_time)
                self._mark()

    def _take_back(self) -> None:
        """Take back completions whose rule held since and holds no more."""
        for milestone in self.process.milestones:
            instance = self.book.latest(milestone)
            if milestone.when_undone == "keep" or instance is None or not instance.resting:
                continue
            if self.sight.is_complete(milestone):
                if not instance.rule_held:
                    instance.rule_held = True
            elif instance.rule_held and self.entry.is_inside and not self._is_handed_over(milestone, instance):
                take_back(self.book, milestone, instance, self.at)
                self._mark()

    # --- one milestone ---

    def _walk(self, track: Track) -> None:
        milestone, instance = track.milestone, track.newest
        if instance is None and not track.is_seen:
            return  # another has begun, so nothing goes on behind the completion any more
        if not self.entry.is_inside:
            self._lapse(instance)
        else:
            anchor = self._anchor(milestone, instance)
            is_kept = instance is not None and instance.is_open and instance.terms[-1].is_kept
            wanted = anchor is not None and self.sight.is_wanted(milestone, is_kept=is_kept)
            if wanted and anchor is not None and instance is not None and self._is_handed_over(milestone, instance):
                self._hand_over(track, instance, anchor)
            elif instance is not None and instance.is_open:
                self._keep_or_remove(track, instance, anchor if wanted else None)
                self._let_go(track, instance)
            elif wanted and anchor is not None:
                self._start(track, instance, anchor)
            else:
                self._lapse(instance)
        instance = track.newest
        if instance is None:
            return
        self._watch(milestone, instance)
        if pause_or_resume(self.book, self.sight, milestone, instance, track.causes):
            self._mark(counts=track.is_seen)

    def _lapse(self, instance: MilestoneInstance | None) -> None:
        if instance is not None and not instance.lapsed:
            instance.lapsed = True

    def _anchor(self, milestone: Milestone, instance: MilestoneInstance | None) -> datetime | None:
        """From when a new instance would run: the entry, the completion it waits for, or now. None: not yet."""
        if milestone.starts == "criteria":
            return self.at
        if instance is not None and instance.terms[-1].is_kept and instance.terms[-1].is_detached:
            return instance.terms[-1].anchor_at
        if milestone.predecessor is None:
            anchor = self.state.entered_at
            return self._of_the_stay(milestone, anchor) if anchor else None
        before = self.process.milestone(milestone.predecessor)
        done = [] if before is None else self.book.completed(before)
        anchors = [self._of_the_stay(milestone, each.completed_at) for each in done if each.completed_at]
        if instance is not None and instance.terms[-1].anchor_at in anchors:
            # It runs on from the completion that it follows, also where its predecessor has begun anew.
            return instance.terms[-1].anchor_at
        if before is None or not anchors:
            return None
        # Of this stay, where each stay begins anew.
        last = self.book.latest(before) if self.book.plan.rules >= CORNERS else self.book.newest(before)
        if last is not None and last.completed_at:
            return anchors[-1]
        # What it is to follow may have become known late; another stay of its own has nothing to do with that.
        may_follow = instance is not None or self.book.newest(milestone) is None
        return self._completed_late(milestone, before) if may_follow else None

    def _completed_late(self, milestone: Milestone, before: Milestone) -> datetime | None:
        """The completion, if there is one, of an occurrence that had been handed over when news of it came."""
        if self.book.plan.rules < SETS_CORNERS_RIGHT:
            return None
        for done in reversed(self.book.runs(before)[-NEWEST:]):
            is_of_the_stay = before.on_reentry == "keep" or done.stay == self.state.stay
            if done.handed_over and done.completed_at is not None and is_of_the_stay:
                return self._of_the_stay(milestone, done.completed_at)
        return None

    def _of_the_stay(self, milestone: Milestone, anchor: datetime) -> datetime:
        if milestone.on_reentry == "restart" and self.state.reentered_at is not None:
            return max(anchor, self.state.reentered_at)
        return anchor

    def _keep_or_remove(self, track: Track, instance: MilestoneInstance, anchor: datetime | None) -> None:
        if anchor is None:
            self.book.remove(track.milestone, instance, self.at, "its criteria do not hold")
            self._mark(counts=track.is_seen)
        elif self._follow(track.milestone, instance, anchor):
            self._mark(counts=track.is_seen)

    def _let_go(self, track: Track, instance: MilestoneInstance) -> None:
        """Start what was held back while its completion rule held."""
        if instance.is_open and instance.held_back and not self.sight.is_complete(track.milestone):
            instance.held_back = False
            instance.add_term(self.spans.term(track.milestone, self.at))
            instance.placed_at = self.at
            self.book.begin(instance, self.at)
            self._mark(counts=track.is_seen)

    def _follow(self, milestone: Milestone, instance: MilestoneInstance, anchor: datetime) -> bool:
        """Follow a migration, a moved entry, and a new span, calendar or deadline."""
        if instance.takes_over and self._take_over(milestone, instance):
            return True
        if self._follow_start(milestone, instance, anchor):
            return True
        term = instance.terms[-1]
        if milestone.by is not None:
            deadline = self.sight.instant(milestone.by)
            if term.deadline_at == deadline or (deadline is None and term.is_kept):
                return False
            moved = self.spans.term(milestone, term.start_at).model_copy(
                update={"anchor_at": term.anchor_at, "is_detached": term.is_detached}
            )
            self.book.move(instance, moved, self.at, f"{milestone.by} changed")
            return True
        if self.spans.declared(milestone) == term.declared:
            return False
        self.book.move(instance, self.spans.changed(milestone, instance), self.at, "its span changed")
        return True

    def _follow_start(self, milestone: Milestone, instance: MilestoneInstance, anchor: datetime) -> bool:
        """Follow what its start follows, under the span that it has; a new one comes next, by its own rule."""
        term = instance.terms[-1]
        if milestone.starts == "criteria" or term.anchor_at == anchor or self._is_loose(milestone, instance):
            return False
        self.book.move(instance, self.spans.moved(milestone, term, anchor), self.at, "its start moved")
        return True

    def _take_over(self, milestone: Milestone, instance: MilestoneInstance) -> bool:
        """Take over what a migration left; returns whether that differs from what there was."""
        old, new = instance.terms[-1], self.spans.taken_over(milestone, instance)
        instance.takes_over = ""
        instance.promise = milestone.promise  # the target of before had not passed
        same = (new.span, new.business_hours, new.declared, new.start_at)
        if same == (old.span, old.business_hours, old.declared, old.start_at):
            return False
        if (old.by is None) != (new.by is None):
            # As if it had held from the start: a deadline has no pauses, and a span those that the case had since.
            instance.rested = None
            instance.pauses = () if new.by else self.book.holds_since(milestone, new.start_at)
        self.book.move(instance, new, self.at, "migrated")
        return True

    def _is_loose(self, milestone: Milestone, instance: MilestoneInstance) -> bool:
        """Whether its start follows nothing any more. What waits for another always follows its completion."""
        term = instance.terms[-1]
        return term.is_detached and (term.is_kept or milestone.predecessor is None)

    # --- starting ---

    def _start(self, track: Track, last: MilestoneInstance | None, anchor: datetime) -> None:
        milestone = track.milestone
        if self.entry.is_ahead or (last is not None and last.completed_at is not None and not milestone.recurs):
            return
        if milestone.recurs and self.sight.is_complete(milestone):
            self._lapse(last)
            return
        if last is not None and last.removed_at is not None and milestone.starts != "criteria":
            self.book.bring_back(last, self.at)
            if last.takes_over != "start":  # else its new version says so next, with its new span
                self._follow_start(milestone, last, anchor)
            self._mark(counts=track.is_seen)
            return
        self._begin(track, last, anchor)

    def _begin(self, track: Track, last: MilestoneInstance | None, anchor: datetime) -> None:
        milestone = track.milestone
        start = self._next_start(track, last) if milestone.recurs else anchor
        at_once = track.is_seen and start <= self.at and not milestone.recurs and self.sight.is_complete(milestone)
        instance = track.start(self.spans.term(milestone, self.at if at_once else start), self.at)
        self._watch(milestone, instance)
        if at_once:
            if start != self.at:
                instance.terms = (instance.terms[0].model_copy(update={"anchor_at": start}),)
            complete(self.book, instance, self.at, by="complete_when", in_time=True)
            for resting in instance.resting:
                # Should its rule take that back, it has this instant as its start, whatever becomes of the entry.
                resting.terms = (resting.terms[0].model_copy(update={"is_detached": True}),)
        self._mark(counts=track.is_seen and not at_once)

    def _next_start(self, track: Track, last: MilestoneInstance | None) -> datetime:
        """When the next occurrence starts: from the completion it follows, for `sequential` not before its target.

        None does while the entry lies ahead.
        """
        start = last.completed_at if last and last.completed_at and not last.lapsed else self.at
        if self.book.plan.rules >= SETS_CORNERS_RIGHT:
            waits = [hold for hold in self.state.holds_since(start) if hold.cause == "entry ahead"]
            start = max([start, *(hold.to_at or self.at for hold in waits if hold.from_at <= start)])
        if track.milestone.recurrence is Recurrence.SEQUENTIAL:
            # The target of one that was completed late is behind its completion.
            folded = self.book.folded(track.milestone)
            targets = [folded.target_at if folded else None, *(self.book.target(done) for done in track.completed())]
            start = max([start, *(target for target in targets if target is not None)])
        return start

    # --- handing over ---

    def _is_handed_over(self, milestone: Milestone, instance: MilestoneInstance) -> bool:
        """Whether a field that restarts a milestone has another value; the first one of an empty field is no change."""
        if not instance.watched:
            return False
        now = self.sight.watched(milestone)
        # What it has may have been kept whole, under the rules of an entitlement before.
        return any(now.get(name) != self.sight.kept(value) for name, value in instance.watched.items())

    def _watch(self, milestone: Milestone, instance: MilestoneInstance) -> None:
        if not milestone.restart_on:
            return
        now = self.sight.watched(milestone)
        if instance.watched != now:
            instance.watched = now
        if instance.is_open and instance.ran_under != now:
            instance.ran_under = now

    def _hand_over(self, track: Track, instance: MilestoneInstance, anchor: datetime) -> None:
        """End the running instance as if its criteria had turned false and true again, and begin another."""
        if instance.is_open:
            self.book.remove(track.milestone, instance, self.at, "handed over")
            instance.handed_over = True
            self._mark(counts=track.is_seen)
        self._lapse(instance)
        if self.entry.is_ahead or (track.milestone.recurs and self.sight.is_complete(track.milestone)):
            return
        self._begin(track, instance, anchor)
