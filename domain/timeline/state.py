"""The state of a timeline: plain data that goes through JSON and back at any moment and continues identically."""

from __future__ import annotations

import operator
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.model import Value
from domain.timeline.effects import Noted, TriggerFired
from domain.timeline.instances import MilestoneInstance
from domain.timeline.seen import EventIds
from domain.timeline.stood import PLAIN, packed, unpacked


def _is_none(value: object) -> bool:
    return value is None


HoldCause = Literal["case stopped", "outside the process", "entry ahead"]


class Hold(Value):
    """A time in which every clock of the case stands: stopped, outside its process, or before an entry moved ahead."""

    cause: HoldCause
    from_at: AwareDatetime
    to_at: AwareDatetime | None = None
    by: str | None = None
    reason: str | None = None


class Verdict(Value):
    """What criteria came to from an instant on."""

    at: AwareDatetime
    holds: bool
    error: str | None = None


class PastHolds(Value):
    """Holds that ended, of which it is not known here any more who and why.

    Attributes:
        text: of each its cause, and from when until when it lasted, in few letters.
        until: when the last of them ended.
    """

    text: str
    until: AwareDatetime

    def all(self) -> tuple[Hold, ...]:
        """Each of them, in the order in which they were put here."""
        return _unpacked(self.text)


@lru_cache(maxsize=64)
def _unpacked(text: str) -> tuple[Hold, ...]:
    times = unpacked(text.split(";"))
    return tuple(Hold.model_validate({"cause": causes[0], "from_at": a, "to_at": b}) for a, b, causes in times)


class Ended(Value):
    """How an occurrence ended: what the start of the next one may have followed from.

    Attributes:
        handed_over_at: when it was removed because a field of `restart_on` changed.
        target_at: of a completed one.
    """

    occurrence: int
    completed_at: AwareDatetime | None = Field(default=None, exclude_if=_is_none)
    handed_over_at: AwareDatetime | None = Field(default=None, exclude_if=_is_none)
    target_at: AwareDatetime | None = Field(default=None, exclude_if=_is_none)


class Folded(Value):
    """The occurrences of a milestone that the state has no more: the store has them. What rules ask of them is here.

    Attributes:
        occurrences: how many they are.
        last: the highest of their numbers.
        violated: one of them was violated.
        completed: one of them was completed under the entitlement that the case has now.
        target_at: the latest target of those.
        ended: how the last of them ended.
    """

    process: str
    milestone: str
    occurrences: int
    last: int
    violated: bool = Field(default=False, exclude_if=operator.not_)
    completed: bool = Field(default=False, exclude_if=operator.not_)
    target_at: AwareDatetime | None = Field(default=None, exclude_if=_is_none)
    ended: Ended | None = Field(default=None, exclude_if=_is_none)


class TimelineState(BaseModel):
    """What happened to a case so far.

    Attributes:
        external_id: the id of another system that the case's was made of; None where there is none.
        channel: by which the case came in; None: its intake named none, or was taken by a build that kept none.
        last_at: the instant of the last event applied or trigger fired; nothing takes effect before it any more.
        entry_at: the instant that the process's entry last named; a new one moves the start of open milestones.
        entered_at: from when the case is in its process; None while it has not been in it.
        not_before: the process is not entered before this instant; set when the entitlement changes.
        folded: of the occurrences that were folded, for each process and milestone that has any.
        stay: which stay in the process this is, from 1; `first_stay` is the first under this entitlement.
        holds: those that are open, and the newest of the others.
        past_holds: those before; None: there are none.
        verdicts: by criteria (``First response: when``), each time that they came to something else.
        event_ids: the events taken, as far as they are remembered.
        notes: how many notes there are so far.
        rounds: rounds of evaluation since the last event from outside, at the instant `rounds_at`.
        alone_at: the instant of the last thing that the timeline did by itself, if nothing older was applied since.
        unsent: effects that no caller has been given yet.
    """

    model_config = ConfigDict(extra="forbid")

    case_id: str
    external_id: str | None = Field(default=None, exclude_if=operator.not_)
    channel: str | None = Field(default=None, exclude_if=operator.not_)
    opened_at: AwareDatetime
    fields: dict[str, Any]
    last_at: AwareDatetime
    entry_at: AwareDatetime | None = None
    entered_at: AwareDatetime | None = None
    reentered_at: AwareDatetime | None = None
    exited_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    not_before: AwareDatetime | None = None
    stay: int = 0
    first_stay: int = 1
    holds: tuple[Hold, ...] = ()
    past_holds: PastHolds | None = Field(default=None, exclude_if=operator.not_)
    instances: list[MilestoneInstance] = Field(default_factory=list)
    folded: tuple[Folded, ...] = Field(default=(), exclude_if=operator.not_)
    verdicts: dict[str, tuple[Verdict, ...]] = Field(default_factory=dict)
    event_ids: EventIds = EventIds()
    notes: int = 0
    rounds: int = 0
    rounds_at: AwareDatetime | None = None
    alone_at: AwareDatetime | None = Field(default=None, exclude_if=operator.not_)
    unsent: list[Noted | TriggerFired] = Field(default_factory=list)

    def hold(self, cause: str) -> Hold | None:
        """The hold of that cause which is open now."""
        for hold in self.holds:
            if hold.to_at is None and hold.cause == cause:
                return hold
        return None

    @property
    def held(self) -> list[HoldCause]:
        """The causes of the holds that are open now."""
        return [hold.cause for hold in self.holds if hold.to_at is None]

    @property
    def awaited_at(self) -> datetime | None:
        """The entry into the process that lies ahead: the first one, or one that was moved."""
        is_ahead = self.entered_at is None or self.hold("entry ahead") is not None
        return self.entry_at if is_ahead else None

    def end_hold(self, cause: str, at: datetime) -> bool:
        """End the hold of that cause which is open now. Returns whether there was one."""
        found = self.hold(cause)
        if found is None:
            return False
        ended = found.model_copy(update={"to_at": at})
        self.holds = tuple(ended if hold is found else hold for hold in self.holds)
        closed = [(hold, hold.to_at) for hold in self.holds if hold.to_at is not None]
        for oldest, ended_at in closed[:-PLAIN]:
            self.holds = tuple(hold for hold in self.holds if hold is not oldest)
            said, before = packed(oldest.from_at, ended_at, (oldest.cause,)), self.past_holds
            text = f"{before.text};{said}" if before else said
            self.past_holds = PastHolds(text=text, until=max(before.until, ended_at) if before else ended_at)
        return True

    @property
    def all_holds(self) -> tuple[Hold, ...]:
        """All holds so far."""
        return (*self.past_holds.all(), *self.holds) if self.past_holds else self.holds

    def holds_since(self, start: datetime) -> tuple[Hold, ...]:
        """The holds that lasted beyond an instant."""
        known = self.all_holds if self.past_holds and self.past_holds.until > start else self.holds
        return tuple(hold for hold in known if hold.to_at is None or hold.to_at > start)

    def folded_of(self, process: str, milestone: str) -> Folded | None:
        """What is left of the folded occurrences of a milestone; None: none was folded."""
        return next((f for f in self.folded if (f.process, f.milestone) == (process, milestone)), None)

    def fork(self) -> TimelineState:
        """A copy that goes its own way. It shares what never changes."""
        copy = self.model_copy()
        copy.fields = dict(self.fields)
        copy.instances = [instance.fork() for instance in self.instances]
        copy.verdicts = dict(self.verdicts)
        copy.unsent = list(self.unsent)
        return copy
