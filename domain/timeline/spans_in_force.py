"""Which span an instance has: the row that counts now, and what a change of it does to a running instance."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from domain.frozen import FrozenCalendar
from domain.open_time.spans import Span
from domain.process import EntitlementProcess, Milestone, OnChange
from domain.timeline.book import Book
from domain.timeline.facts import Term
from domain.timeline.instances import MilestoneInstance
from domain.timeline.plan import SETS_CORNERS_RIGHT
from domain.timeline.sight import Sight


class SpansInForce:
    """The spans of a process's milestones at one instant."""

    def __init__(self, book: Book, sight: Sight, process: EntitlementProcess) -> None:
        self.book = book
        self.sight = sight
        self.process = process
        self.at = sight.at

    def term(self, milestone: Milestone, start: datetime) -> Term:
        """The span that a milestone has now, from `start`."""
        return self._term_of(milestone, *self._span(milestone), start)

    def declared(self, milestone: Milestone) -> str:
        """What the process declares of the span now."""
        return _declared(milestone, *self._span(milestone))

    def _span(self, milestone: Milestone) -> tuple[Span | None, str]:
        plan = self.book.plan
        default = milestone.business_hours or self.process.business_hours or plan.business_hours
        for number, row in enumerate(milestone.within or [], 1):
            if not row.when or self.sight.holds(milestone, f"row {number}", row.when):
                return row.span, row.business_hours or default
        return None, default

    def _term_of(self, milestone: Milestone, span: Span | None, hours: str, start: datetime) -> Term:
        deadline = self.sight.instant(milestone.by or "") if span is None else None
        term = Term(
            at=self.at,
            anchor_at=start,
            start_at=start,
            base_at=start,
            span=str(span) if span else f"by {milestone.by}",
            business_hours=hours,
            declared=_declared(milestone, span, hours),
            fixed_at=deadline,
            by=None if span else milestone.by,
        )
        return term if span is None else self._counted(term, span, milestone.cutoff_seconds)

    def _counted(self, term: Term, span: Span, cutoff: int | None) -> Term:
        """A term with what its span comes to from its start, or from the opening after the cutoff."""
        calendar = self.book.plan.calendars[term.business_hours]
        base = term.start_at if cutoff is None else calendar.counted_from(term.start_at, cutoff)
        target = None if span.seconds is not None else span.target(calendar, base)
        seconds = span.seconds if target is None else calendar.elapsed(term.start_at, target)
        counts = {"base_at": base, "open_seconds": seconds, "nominal_seconds": seconds, "fixed_at": target}
        return term.model_copy(update=counts)

    # --- a start that moves ---

    def moved(self, milestone: Milestone, old: Term, anchor: datetime) -> Term:
        """The span that an instance has, after what its start follows moved.

        One that was carried keeps its target, unless its start is moved past the carrying.
        """
        moved = old.model_copy(update={"at": self.at, "anchor_at": anchor, "start_at": anchor})
        if old.by is not None:
            return moved.model_copy(update={"base_at": anchor})
        if old.carried_at is not None and anchor < old.carried_at:
            return moved
        afresh = moved.model_copy(update={"base_at": anchor, "carried_at": None, "extended_seconds": 0})
        cutoff = old.kept_cutoff if old.is_kept else milestone.cutoff_seconds
        return self._counted(afresh, Span.parse(old.span), cutoff)

    # --- a new version ---

    def taken_over(self, milestone: Milestone, instance: MilestoneInstance) -> Term:
        """The span that an instance has by a new version of its process, as if that had held from the start."""
        old = instance.terms[-1]
        begins_then = instance.takes_over == "start" and milestone.starts == "criteria"
        new = self.term(milestone, instance.created_at if begins_then else old.start_at)
        return new.model_copy(update={"anchor_at": old.anchor_at, "is_detached": old.is_detached})

    # --- a new span ---

    def changed(self, milestone: Milestone, instance: MilestoneInstance) -> Term:
        """The span that a running instance has from now on, by the milestone's rule for changes."""
        old = instance.terms[-1]
        is_held_back = instance.held_back and self.book.plan.rules >= SETS_CORNERS_RIGHT  # it has not started
        runs = old.start_at <= self.at and not is_held_back
        restarts = milestone.on_change is OnChange.RESTART and runs
        new = self.term(milestone, self.at if restarts else old.start_at)
        new = new.model_copy(update={"anchor_at": old.anchor_at, "is_detached": old.is_detached or restarts})
        if milestone.on_change is OnChange.CARRY and runs and not (old.by or new.by):
            return self._carried(instance, new)
        return new

    def _carried(self, instance: MilestoneInstance, new: Term) -> Term:
        """The new span with the same fraction used as of the old one, up to now or to the pause."""
        old = instance.terms[-1]
        until = max(instance.effective_now(self.at), old.start_at)
        # What has begun to count goes on from there; what waits for an opening after its cutoff still does.
        base = until if old.base_at <= until else max(until, new.base_at)
        carried: dict[str, Any] = {"base_at": base, "carried_at": self.at}
        calendar = self.book.plan.calendars[new.business_hours]
        is_right = self.book.plan.rules >= SETS_CORNERS_RIGHT
        kept = self._kept_target(instance, until)
        if kept is not None:
            had = sum(e.open_seconds for e in instance.extensions)
            left = calendar.elapsed(base, kept) if is_right else 0  # what was missed is over by so much already
            return new.model_copy(update={**carried, "open_seconds": left, "fixed_at": kept, "extended_seconds": had})
        if is_right:
            carried["extended_seconds"] = old.extended_seconds  # what is left of a kept target has them in it
        used = self._used(instance, old, until)
        left = -(-(old.open_seconds - used) * new.nominal_seconds // max(old.nominal_seconds, 1))
        if left == 0:
            return new.model_copy(update={**carried, "open_seconds": 0, "fixed_at": until})
        # However far over 100%, the target does not come to lie before the start.
        earliest = -calendar.elapsed(new.start_at, base)
        at_start = left < 0 and left <= earliest
        return new.model_copy(
            update={
                **carried,
                "open_seconds": earliest if at_start else left,
                "fixed_at": new.start_at if at_start else None,
            }
        )

    def _kept_target(self, instance: MilestoneInstance, until: datetime) -> datetime | None:
        """The target that a carry keeps: the one that was missed, of what is no promise too, or that is now."""
        if standing := instance.standing_violation:
            return standing.violated_at
        target = instance.target_at(self.book.plan.calendars, paused_until=until)
        return target if until == target or (until > target and not instance.promise) else None

    def _used(self, instance: MilestoneInstance, old: Term, until: datetime) -> int:
        """Open seconds used of an old span, from where its open seconds are counted.

        A pause before the opening after a cutoff moves nothing, so that it is used like other time.
        """
        calendar: FrozenCalendar = self.book.plan.calendars[old.business_hours]
        since = old.base_at if old.carried_at is not None or old.fixed_at is None else old.start_at
        if until <= since:
            return 0
        return calendar.elapsed(since, until) - instance.paused_seconds(calendar, old.base_at, until)


def _declared(milestone: Milestone, span: Span | None, hours: str) -> str:
    return _in_words(span, hours, milestone.cutoff)


@lru_cache(maxsize=1024)
def _in_words(span: Span | None, hours: str, cutoff: str | None) -> str:
    return f"{span or 'by'} of {hours}{f', cutoff {cutoff}' if cutoff else ''}"
