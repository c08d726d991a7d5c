"""A milestone instance: dated facts, and the arithmetic on them.

An instance keeps what happened to it with the instant at which it happened, and derives the rest. So its target can be
asked for *as of* any instant, which is what judges a completion that became known late: what came after its own time
does not count.

Facts never change once they are made, and an instance holds them in tuples: a copy shares them, and every change is an
assignment. So what follows from the facts is worked out once and remembered until something is assigned.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.frozen import FrozenCalendar
from domain.model import Value
from domain.process import Trigger, TriggerKind

Calendars = Mapping[str, FrozenCalendar]

_MOVE_TIMES = frozenset({"terms", "pauses", "extensions", "placed_at", "completed_at", "removed_at", "exited_at"})
"""Attributes of an instance from which its target and the times of its triggers follow."""


class InstanceState(StrEnum):
    """Where an instance stands."""

    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    REMOVED = "removed"
    OPEN_AT_EXIT = "open at exit"


class Term(Value):
    """The span that an instance has from `at` on.

    Attributes:
        at: when this span came to count.
        anchor_at: what the start follows: the entry into the process, or the completion it waited for.
        start_at: the start of the instance under it; later than its anchor after a restart.
        base_at: from where `open_seconds` are counted; later than the start where a used fraction was carried over.
        span: as it was declared (``4h``, ``2bd``, ``by due_at``).
        business_hours: the calendar, by its name in the plan.
        declared: what the process declared when this span came to count; it changes when that does.
        open_seconds: from `base_at` to the target, before pauses and extensions. Negative where a carried fraction is
            over 100%.
        nominal_seconds: the whole span in open seconds, of which percentages are taken.
        fixed_at: the target itself, for spans that follow the calendar's days and for deadlines from a field.
    """

    at: AwareDatetime
    anchor_at: AwareDatetime
    start_at: AwareDatetime
    base_at: AwareDatetime
    span: str
    business_hours: str
    declared: str
    open_seconds: int = 0
    nominal_seconds: int = 0
    fixed_at: AwareDatetime | None = None


class Pause(Value):
    """A time in which the clock of an instance stood, for whatever reasons, each named once."""

    from_at: AwareDatetime
    to_at: AwareDatetime | None = None
    causes: tuple[str, ...]


class Extension(Value):
    """Open seconds that somebody added to a target."""

    at: AwareDatetime
    open_seconds: int
    by: str | None = None
    reason: str | None = None


class Violation(Value):
    """A missed target, with when it was missed and when that was noticed.

    Attributes:
        corrected_at: set when the target moved to or past the effective now, or a completion in time became known.
    """

    violated_at: AwareDatetime
    noticed_at: AwareDatetime
    corrected_at: AwareDatetime | None = None
    correction: str | None = None


class Firing(Value):
    """A trigger that fired: which, for which time, and at which instant of the timeline."""

    trigger: str
    due_at: AwareDatetime
    at: AwareDatetime


class MilestoneInstance(BaseModel):
    """One run of a milestone of one process.

    Attributes:
        stay: which stay of the case in the process it belongs to, from 1.
        placed_at: when it last started, came back, or had its target moved by a new span; a warning that was due
            before that is late by that, not by an outage.
        stopped_at: since when somebody has stopped the clock of this milestone alone.
        lapsed: it was completed, and after that its criteria were false (or its completion rule true) at some time, so
            that its next occurrence does not follow from the completion.
    """

    model_config = ConfigDict(extra="forbid")
    # Remembered and watched; a slot takes no part in a comparison, a copy or the JSON.
    __slots__ = ("_target", "_times", "_watch")
    if TYPE_CHECKING:
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
    pauses: tuple[Pause, ...] = ()
    extensions: tuple[Extension, ...] = ()
    violations: tuple[Violation, ...] = ()
    fired: tuple[Firing, ...] = ()
    stopped_at: AwareDatetime | None = None
    completed_at: AwareDatetime | None = None
    completed_by: str | None = None
    removed_at: AwareDatetime | None = None
    exited_at: AwareDatetime | None = None
    lapsed: bool = False

    # --- what is remembered ---

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in _MOVE_TIMES:
            object.__setattr__(self, "_target", None)
            object.__setattr__(self, "_times", None)
        watch = getattr(self, "_watch", None)
        if watch is not None:
            watch[id(self)] = self

    def fork(self) -> Self:
        """A copy that shares the facts and what follows from them, and that nobody watches."""
        copy = self.model_copy()
        object.__setattr__(copy, "_target", getattr(self, "_target", None))
        object.__setattr__(copy, "_times", getattr(self, "_times", None))
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
        if self.start_at > now:
            return InstanceState.SCHEDULED
        return InstanceState.PAUSED if self.open_pause else InstanceState.RUNNING

    def effective_now(self, now: datetime) -> datetime:
        """The instant at which an instance that is not completed is judged: its pause or its end, if it has one."""
        end = min(self.ended_at or now, now)
        pause = next(
            (p for p in reversed(self.pauses) if p.from_at <= end and (p.to_at is None or p.to_at > end)), None
        )
        return pause.from_at if pause else end

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
        moved = self.paused_seconds(calendar, term.base_at, paused_until or end)
        moved += sum(e.open_seconds for e in self.extensions if end is None or e.at <= end)
        if term.fixed_at is None:
            return calendar.add(term.base_at, term.open_seconds + moved)
        return calendar.add(term.fixed_at, moved) if moved else term.fixed_at

    def paused_seconds(self, calendar: FrozenCalendar, since: datetime, until: datetime | None) -> int:
        """Open seconds of the pauses between two instants; an open pause counts only up to a given `until`."""
        total = 0
        for pause in self.pauses:
            to_at = pause.to_at if until is None or (pause.to_at is not None and pause.to_at <= until) else until
            from_at = max(pause.from_at, since)
            if to_at is not None and to_at > from_at:
                total += calendar.elapsed(from_at, to_at)
        return total

    def is_violated(self, calendars: Calendars, now: datetime) -> bool:
        """Completed after the target, or open and the effective now is after it. Strict: at the target is in time.

        An open instance whose violation is on record and stands is violated too: at the very instant of the target, and
        after a resume that moved the target past it.
        """
        if self.completed_at is not None:
            return self.completed_at > self.target_at(calendars)
        if self.standing_violation is not None:
            return True
        effective_now = self.effective_now(now)
        # The pause that it is judged at has not moved the target of that instant.
        return effective_now > self.target_at(calendars, paused_until=effective_now)

    # --- its triggers ---

    def firings(self, trigger: str) -> list[Firing]:
        """The times that a trigger fired, in order."""
        return [f for f in self.fired if f.trigger == trigger]

    def due_at(self, trigger: Trigger, calendar: FrozenCalendar, target: datetime) -> datetime:
        """When a warning or violation trigger is due by a given target. A warning may be due before the start."""
        if trigger.kind is TriggerKind.WARNING:
            before = trigger.before_target(self.term.nominal_seconds)
            return calendar.add(target, -before) if before else target
        return calendar.add(target, trigger.after_target) if trigger.after_target else target

    def may_fire(self, trigger: Trigger, due_at: datetime) -> bool:
        """Whether a trigger is still to come: once per instance, or again past its last firing if it rearms."""
        fired = self.firings(trigger.id)
        return not fired or (trigger.rearm and due_at > fired[-1].at)
