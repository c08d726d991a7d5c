"""A milestone instance: dated facts, and the arithmetic on them.

An instance keeps what happened to it with the instant at which it happened, and derives the rest. So its target can be
asked for *as of* any instant, which is what judges a completion that became known late: what came after its own time
does not count.

Its facts (`domain.timeline.facts`) never change once they are made, and it holds them in tuples: a copy shares them,
and every change is an assignment. So what follows from them is worked out once and remembered until something is
assigned.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from itertools import dropwhile
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from domain.frozen import FrozenCalendar, HorizonExceeded
from domain.process import Trigger, TriggerKind
from domain.timeline.facts import Cleared, Extension, Firing, Pause, Rested, Term, Violation
from domain.timeline.stood import Sums, counted, read_pauses, summed, written_pauses

Calendars = Mapping[str, FrozenCalendar]

_MOVE_TIMES = frozenset(
    {"terms", "pauses", "rested", "extensions", "placed_at", "completed_at", "removed_at", "exited_at"}
)
"""Attributes of an instance from which its target and the times of its triggers follow."""

_MOVE_NOTHING = frozenset({"completed_by", "lapsed", "handed_over", "rule_held", "watched", "ran_under", "stopped_at"})
"""Attributes from which nothing follows that happens by itself; what they do, the rules do at once."""


MOST_PAUSES = 1000
"""Pauses of an instance that are kept one by one; of those before their sum is."""
_SUMMED_AT_ONCE = 100
"""Pauses that are kept longer than that, so that their sums are not worked out anew for every pause."""
MOST_TERMS = 20
"""Spans of an instance that are kept; what came before the oldest of them is judged by that one."""
MOST_CLEARED = 10
"""Completions of an instance that were taken back and are kept; notes have those before."""
_FEW_PAUSES = 8
"""Up to which they are looked at one by one."""


class InstanceState(StrEnum):
    """Where an instance stands."""

    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    REMOVED = "removed"
    OPEN_AT_EXIT = "open at exit"


class MilestoneInstance(BaseModel):
    """One run of a milestone of one process.

    Attributes:
        stay: which stay of the case in the process it belongs to, from 1.
        placed_at: when it last started, came back, or had its target moved by a new span; a warning that was due
            before that is late by that, not by an outage.
        rested: the pauses before those that are kept one by one.
        stopped_at: since when somebody has stopped the clock of this milestone alone.
        cleared: its completions that somebody took back.
        lapsed: it was completed, and after that its criteria were false (or its completion rule true) at some time, so
            that its next occurrence does not follow from the completion.
        held_back: its start was reached while its completion rule held; it starts when that turns false.
        promise: false: passing its target is no violation.
        handed_over: it was removed because a field of `restart_on` changed.
        rule_held: since its completion its completion rule has been true.
        watched: the fields of `restart_on`, as they were when it was last evaluated; those that are empty left out. Of
            a long one its beginning and a digest.
        ran_under: the same, as they were when it was last evaluated while it was open: whose stay it was.
        unseen: of a completed one: it as if it had never been completed, and the occurrences that followed from that.
            A clear brings them to light.
        resting: the same, paused since the completion. A completion rule that turns false brings them to light.
        owed: triggers that fell due while it was unseen.
        takes_over: what a migration left for when the rules come to it, which may be when it is back: the new version's
            span, or its start as well, where that is of another kind.
        spent: triggers that fired and were not to fire again when something else than the target changed, such as the
            calendar; each with the target, by which it stays so.
    """

    model_config = ConfigDict(extra="forbid")
    # Remembered and watched; a slot takes no part in a comparison, a copy or the JSON.
    __slots__ = ("_sums", "_target", "_times", "_watch")
    if TYPE_CHECKING:
        _sums: Sums | None
        _target: tuple[Calendars, datetime] | None
        _times: tuple[Any, Any] | None
        _watch: dict[int, MilestoneInstance] | None

    process: str
    milestone: str
    occurrence: int
    stay: int
    created_at: AwareDatetime
    placed_at: AwareDatetime
    begun: bool = False
    terms: tuple[Term, ...]
    pauses: Annotated[
        tuple[Pause, ...], BeforeValidator(read_pauses), PlainSerializer(written_pauses, when_used="json")
    ] = ()
    rested: Rested | None = Field(default=None, exclude_if=operator.not_)
    extensions: tuple[Extension, ...] = ()
    violations: tuple[Violation, ...] = ()
    fired: tuple[Firing, ...] = ()
    stopped_at: AwareDatetime | None = None
    completed_at: AwareDatetime | None = None
    completed_by: str | None = None
    cleared: tuple[Cleared, ...] = Field(default=(), exclude_if=operator.not_)
    removed_at: AwareDatetime | None = None
    exited_at: AwareDatetime | None = None
    lapsed: bool = False
    held_back: bool = Field(default=False, exclude_if=operator.not_)
    promise: bool = Field(default=True, exclude_if=operator.truth)
    handed_over: bool = Field(default=False, exclude_if=operator.not_)
    rule_held: bool = Field(default=False, exclude_if=operator.not_)
    watched: dict[str, Any] = Field(default_factory=dict, exclude_if=operator.not_)
    ran_under: dict[str, Any] = Field(default_factory=dict, exclude_if=operator.not_)
    unseen: tuple[MilestoneInstance, ...] = Field(default=(), exclude_if=operator.not_)
    resting: tuple[MilestoneInstance, ...] = Field(default=(), exclude_if=operator.not_)
    owed: tuple[Firing, ...] = Field(default=(), exclude_if=operator.not_)
    takes_over: Literal["", "span", "start"] = Field(default="", exclude_if=operator.not_)
    spent: dict[str, AwareDatetime] = Field(default_factory=dict, exclude_if=operator.not_)

    # --- what is remembered ---

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in _MOVE_TIMES:
            object.__setattr__(self, "_target", None)
            object.__setattr__(self, "_times", None)
        if name in _MOVE_NOTHING:
            return
        watch = getattr(self, "_watch", None)
        if watch is not None:
            watch[id(self)] = self

    def fork(self) -> Self:
        """A copy that shares the facts and what follows from them, and that nobody watches."""
        copy = self.model_copy()
        if copy.unseen or copy.resting:
            copy.unseen = tuple(each.fork() for each in self.unseen)
            copy.resting = tuple(each.fork() for each in self.resting)
        object.__setattr__(copy, "_target", getattr(self, "_target", None))
        object.__setattr__(copy, "_times", getattr(self, "_times", None))
        object.__setattr__(copy, "_sums", getattr(self, "_sums", None))
        return copy

    def watched_by(self, changed: dict[int, MilestoneInstance]) -> bool:
        """Enter this instance in `changed` at every change from now on. Returns whether it did so before."""
        before = getattr(self, "_watch", None)
        object.__setattr__(self, "_watch", changed)
        return before is changed

    def remembered(self, basis: object) -> Any:
        """What was remembered of its times on the same basis, if nothing has moved them since; else None."""
        times = getattr(self, "_times", None)
        return times[1] if times is not None and times[0] is basis else None

    def remember(self, basis: object, times: Any) -> None:
        """Remember what follows from its terms, pauses, extensions and end on a basis (the plan)."""
        object.__setattr__(self, "_times", (basis, times))

    # --- where it stands ---

    @property
    def is_open(self) -> bool:
        """Not completed, not removed, not left open at exit; it may be scheduled or paused."""
        return self.completed_at is None and self.removed_at is None and self.exited_at is None

    @property
    def ended_at(self) -> datetime | None:
        """When it was completed, or else removed, or else left open at exit."""
        return self.completed_at or self.removed_at or self.exited_at

    @property
    def open_pause(self) -> Pause | None:
        """The pause that has not ended."""
        return self.pauses[-1] if self.pauses and self.pauses[-1].to_at is None else None

    def change_pause(self, **facts: Any) -> None:
        """Write down more of the last pause: its end, or another cause."""
        self.pauses = (*self.pauses[:-1], self.pauses[-1].model_copy(update=facts))

    def begin_pause(self, pause: Pause, calendar: FrozenCalendar) -> None:
        """Pause it. Of very many pauses the oldest are kept as their sum by its calendar."""
        self.pauses = (*self.pauses, pause)
        many = len(self.pauses) - MOST_PAUSES
        if many < _SUMMED_AT_ONCE:
            return
        oldest = self.pauses[:many]
        if oldest[-1].to_at is None:
            return
        try:
            seconds = counted(calendar, oldest, self.terms[-1].base_at, None)
        except HorizonExceeded:
            return
        before = self.rested
        self.rested = Rested(
            pauses=len(oldest) + (before.pauses if before else 0),
            from_at=before.from_at if before else oldest[0].from_at,
            to_at=oldest[-1].to_at,
            open_seconds=seconds + (before.open_seconds if before else 0),
        )
        self.pauses = self.pauses[many:]

    def add_term(self, term: Term) -> None:
        """Give it another span from now on; the newest ones are kept."""
        self.terms = (*self.terms, term)[-MOST_TERMS:]

    @property
    def standing_violation(self) -> Violation | None:
        """The violation that nothing has corrected."""
        return next((v for v in self.violations if v.corrected_at is None), None)

    def state(self, now: datetime) -> InstanceState:
        """Where it stands at `now`."""
        if self.completed_at is not None:
            return InstanceState.COMPLETED
        if self.removed_at is not None:
            return InstanceState.REMOVED
        if self.exited_at is not None:
            return InstanceState.OPEN_AT_EXIT
        if self.start_at > now or self.held_back:
            return InstanceState.SCHEDULED
        return InstanceState.PAUSED if self.open_pause else InstanceState.RUNNING

    def effective_now(self, now: datetime) -> datetime:
        """The instant at which an instance that is not completed is judged: its pause or its end, if it has one."""
        end = min(self.ended_at or now, now)
        pause = next((p for p in reversed(self.pauses) if p.from_at <= end), None)
        return pause.from_at if pause and (pause.to_at is None or pause.to_at > end) else end

    def stands_at(self, now: datetime) -> datetime:
        """From when the time that is left to its target counts: the effective now, and never before its start."""
        return max(self.effective_now(now), self.start_at)

    # --- its span, as of an instant ---

    @property
    def term(self) -> Term:
        """The span that counts: the one at its end, or the newest."""
        return self.term_at(self.ended_at)

    def term_at(self, instant: datetime | None) -> Term:
        """The span that counted at an instant; None for the newest."""
        if instant is None:
            return self.terms[-1]
        return next((t for t in reversed(self.terms) if t.at <= instant), self.terms[0])

    @property
    def start_at(self) -> datetime:
        """From when its span is counted."""
        return self.term.start_at

    def target_at(
        self, calendars: Calendars, as_of: datetime | None = None, paused_until: datetime | None = None
    ) -> datetime:
        """The target, by the facts up to `as_of` (default: its end, or else all), its pauses up to `paused_until`.

        A pause counts up to its end, or up to `as_of` or the end of the instance; one that is open moves nothing yet.

        Raises:
            HorizonExceeded: the target lies past the horizon of its calendar.
        """
        if as_of is None and paused_until is None:
            remembered = getattr(self, "_target", None)
            if remembered is not None and remembered[0] is calendars:
                known: datetime = remembered[1]
                return known
        target = self._reckoned(calendars, as_of or self.ended_at, paused_until)
        if as_of is None and paused_until is None:
            object.__setattr__(self, "_target", (calendars, target))
        return target

    def _reckoned(self, calendars: Calendars, end: datetime | None, paused_until: datetime | None) -> datetime:
        term = self.term_at(end)
        calendar = calendars[term.business_hours]
        moved = self.paused_seconds(calendar, term.base_at, paused_until or end) - term.extended_seconds
        moved += sum(e.open_seconds for e in self.extensions if end is None or e.at <= end)
        if term.fixed_at is None:
            return calendar.add(term.base_at, term.open_seconds + moved)
        return calendar.add(term.fixed_at, moved) if moved else term.fixed_at

    def paused_seconds(self, calendar: FrozenCalendar, since: datetime, until: datetime | None) -> int:
        """Open seconds of the pauses between two instants; an open pause counts only up to a given `until`."""
        pauses = self.pauses
        total = self.rested.between(since, until) if self.rested else 0
        if len(pauses) > _FEW_PAUSES:
            sums = summed(calendar, pauses, getattr(self, "_sums", None))
            if sums is not None:
                object.__setattr__(self, "_sums", sums)
                total += sums.between(since, until)
                pauses = pauses[len(sums.pauses) :]
        return total + counted(calendar, pauses, since, until)

    def stretches(self, until: datetime) -> Iterator[tuple[str, datetime, datetime]]:
        """The time from its start to an instant, newest first: each stretch with the calendar that ruled it.

        After a `carry` what was used before it is counted by the calendar of then.
        """
        term = self.term
        start = term.start_at
        ruled = dropwhile(lambda other: other is not term, reversed(self.terms))
        for ruling in ruled:
            since = max(ruling.carried_at or start, start)
            if since < until:
                yield ruling.business_hours, since, until
                until = since
            if ruling.carried_at is None:
                return
        if start < until:  # by a calendar that is not kept any more
            yield self.terms[0].business_hours, start, until

    def elapsed_seconds(self, calendars: Calendars, until: datetime) -> int:
        """Open seconds from the start, each stretch by the calendar that ruled it."""
        return sum(calendars[name].elapsed(a, b) for name, a, b in self.stretches(until))

    def rested_seconds(self, calendars: Calendars, until: datetime) -> int:
        """Open seconds of its pauses from the start, each stretch by the calendar that ruled it."""
        return sum(self.paused_seconds(calendars[name], a, b) for name, a, b in self.stretches(until))

    def is_past_target(self, calendars: Calendars, now: datetime) -> bool:
        """Whether the effective now is after the target. Strict: at the target is in time."""
        if self.is_open and (not self.pauses or (self.pauses[-1].to_at or now) < now):
            return now > self.target_at(calendars)
        effective_now = self.effective_now(now)
        # The pause that it is judged at has not moved the target of that instant.
        return effective_now > self.target_at(calendars, paused_until=effective_now)

    def is_violated(self, calendars: Calendars, now: datetime) -> bool:
        """Whether a violation stands on record, or is about to: open, a promise, and the effective now is after it.

        An open instance whose violation is on record and stands is violated at the very instant of the target too, and
        after a resume that moved the target past it. One that is held back has not started, and misses nothing.
        """
        if self.standing_violation is not None:
            return True
        return self.is_open and not self.held_back and self.promise and self.is_past_target(calendars, now)

    # --- its triggers ---

    def firings(self, trigger: str) -> list[Firing]:
        """The times that a trigger fired, in order."""
        return [f for f in (*self.fired, *self.owed) if f.trigger == trigger]

    def due_at(self, trigger: Trigger, calendar: FrozenCalendar, target: datetime) -> datetime:
        """When a warning or violation trigger is due by a given target. A warning may be due before the start."""
        if trigger.kind is TriggerKind.WARNING:
            before = trigger.before_target(self.term.nominal_seconds)
            return calendar.add(target, -before) if before else target
        return calendar.add(target, trigger.after_target) if trigger.after_target else target

    def may_fire(self, trigger: Trigger, due_at: datetime, target: datetime) -> bool:
        """Whether a trigger is still to come: once per instance.

        One that rearms comes again if its new time was still ahead when the target last moved.
        """
        fired = self.firings(trigger.id)
        return not fired or (trigger.rearm and self._comes_again(fired[-1], due_at, target))

    def _comes_again(self, fired: Firing, due_at: datetime, target: datetime) -> bool:
        is_ahead = due_at > fired.at and due_at >= self.moved_at
        return is_ahead and self.spent.get(fired.trigger) != target

    def spent_by(self, triggers: Iterable[Trigger], calendars: Calendars) -> dict[str, datetime]:
        """Which triggers fired and are not to fire again while the target is what it is, each with that target.

        Raises:
            HorizonExceeded: its target, or an offset from it, lies past the horizon.
        """
        spent: dict[str, datetime] = {}
        for trigger in triggers:
            fired = self.firings(trigger.id)
            if not fired or trigger.kind is TriggerKind.SUCCESS:
                continue  # success has no target to move
            target = self.target_at(calendars)
            due_at = self.due_at(trigger, calendars[self.term.business_hours], target)
            if trigger.kind is TriggerKind.WARNING:
                due_at = max(due_at, self.start_at)
            if not self._comes_again(fired[-1], due_at, target):
                spent[trigger.id] = target
        return spent

    @property
    def moved_at(self) -> datetime:
        """When its target last moved: by its start, a new span, an extension or a resume."""
        ended = next((p.to_at for p in reversed(self.pauses) if p.to_at is not None), None)
        return self.placed_at if ended is None else max(self.placed_at, ended)
