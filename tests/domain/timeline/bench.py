"""A bench for timelines: one process, the calendars of the rules, and what happens when.

Instants are texts in New York's local time in the week of Monday, 9 June 2025: ``Mon 09:00``, ``Tue 10:00:01``, and
``Mon+1 08:45`` in the week after. What comes back is in the same form.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.calendar import BusinessHours, FrozenCalendar
from domain.criteria.fields import FieldType
from domain.errors import Refused
from domain.process import EntitlementProcess
from domain.timeline.effects import Effect, Noted, NoteKind, TriggerFired
from domain.timeline.events import (
    CaseClosed,
    CaseReopened,
    ClockResumed,
    ClockStopped,
    CompletionCleared,
    EntitlementChanged,
    Event,
    FieldsChanged,
    MilestoneCompleted,
    MilestoneExtended,
    PlanReplaced,
)
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from domain.timeline.state import TimelineState
from domain.timeline.views import CaseView, MilestoneView

NEW_YORK = ZoneInfo("America/New_York")
MONDAY = datetime(2025, 6, 9, tzinfo=NEW_YORK)
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_WORKDAYS = ("mon", "tue", "wed", "thu", "fri")

HOURS: dict[str, Any] = {
    "B": {day: ["09:00-17:00"] for day in _WORKDAYS},
    "A": {day: ["08:00-17:00"] for day in _WORKDAYS},
    "X": "always",
}
"""Two calendars of office hours, and one that never closes."""

FIELDS = {
    "priority": FieldType.STRING,
    "state": FieldType.STRING,
    "count": FieldType.INTEGER,
    "due_at": FieldType.DATETIME,
    "entry_at": FieldType.DATETIME,
}


@cache
def calendars() -> dict[str, FrozenCalendar]:
    """The calendars, frozen from 2025 to 2027."""
    start, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    return {
        name: BusinessHours(name=name, time_zone="America/New_York", week=week).freeze(start, end)
        for name, week in HOURS.items()
    }


def ny(text: str) -> datetime:
    """The instant that a text stands for."""
    day, clock = text.split(" ")
    name, _, weeks = day.partition("+")
    date = MONDAY + timedelta(days=DAYS.index(name) + 7 * int(weeks or 0))
    hour, minute, second = (int(part) for part in (*clock.split(":"), "0")[:3])
    return date.replace(hour=hour, minute=minute, second=second).astimezone(UTC)


def told(instant: datetime | None) -> str:
    """An instant as a text; nothing for none."""
    if instant is None:
        return ""
    local = instant.astimezone(NEW_YORK)
    weeks = (local.date() - MONDAY.date()).days // 7
    day = DAYS[local.weekday()] + (f"+{weeks}" if weeks else "")
    return f"{day} {local:%H:%M}" + (f":{local:%S}" if local.second else "")


def field_at(text: str) -> str:
    """An instant as a field of a case holds it."""
    return ny(text).isoformat()


def triggers(*texts: str, **also: Any) -> list[dict[str, Any]]:
    """Triggers by kind and offset: ``warning 30m``, ``violation 0``, ``success``; `also` is said of each of them."""
    return [dict(zip(("kind", "at"), text.split(" "), strict=False)) | also for text in texts]


def sets(**fields: Any) -> list[dict[str, Any]]:
    """Actions that give fields of the case new values."""
    return [{"do": "field_update", "field": name, "value": value} for name, value in fields.items()]


def process(*milestones: dict[str, Any], **also: Any) -> EntitlementProcess:
    """A process; milestones without a name are called M."""
    return EntitlementProcess.model_validate(
        {"name": "P", "milestones": [{"name": "M", **milestone} for milestone in milestones], **also}
    )


def plan(by: EntitlementProcess | None, hours: str = "B", **also: Any) -> Plan:
    """A plan with all three calendars."""
    return Plan(process=by, business_hours=hours, calendars=calendars(), fields=FIELDS, **also)


class Bench:
    """A case on its timeline, driven by what happens when.

    Attributes:
        effects: everything the timeline wanted done so far, in order.
    """

    def __init__(self, *milestones: dict[str, Any], opened: str = "Mon 09:00", hours: str = "B", **also: Any) -> None:
        """Open a case.

        Args:
            milestones: declarations of milestones.
            opened: when the case is opened.
            hours: the calendar of milestones that name none.
            also: `fields`, `entitlement` and `account` of the case, `values` of its fields, the `rules` it is opened
                under; all else is of the process.
        """
        fields = also.pop("fields", {})
        of_plan = {name: also.pop(name) for name in ("entitlement", "account", "values", "rules") if name in also}
        by = plan(process(*milestones, **also), hours, **of_plan)
        self.timeline = Timeline.enter(by, Case(case_id="c", fields=fields), ny(opened))
        self.effects: list[Effect] = []
        self._numbers = count(1)

    # --- what happens ---

    def to(self, when: str) -> Bench:
        """Time passes; everything due up to and including `when` happens."""
        self.effects += self.timeline.advance(ny(when))
        return self

    def complete(self, when: str, milestone: str = "M", **event: Any) -> Bench:
        return self._send(MilestoneCompleted, when, milestone=milestone, **event)

    def change(self, when: str, occurred: str | None = None, by: str | None = None, **fields: Any) -> Bench:
        return self._send(FieldsChanged, when, fields=fields, occurred=occurred, by=by)

    def stop(self, when: str, milestone: str | None = None, **event: Any) -> Bench:
        return self._send(ClockStopped, when, milestone=milestone, **event)

    def resume(self, when: str, milestone: str | None = None, **event: Any) -> Bench:
        return self._send(ClockResumed, when, milestone=milestone, **event)

    def close(self, when: str, **event: Any) -> Bench:
        return self._send(CaseClosed, when, **event)

    def reopen(self, when: str, **event: Any) -> Bench:
        return self._send(CaseReopened, when, **event)

    def clear(self, when: str, milestone: str = "M", **event: Any) -> Bench:
        return self._send(CompletionCleared, when, milestone=milestone, **event)

    def extend(self, when: str, milestone: str = "M", **event: Any) -> Bench:
        return self._send(MilestoneExtended, when, milestone=milestone, **event)

    def go_over(self, when: str, to: Plan, **event: Any) -> Bench:
        """The case goes over to another entitlement's plan."""
        return self._send(EntitlementChanged, when, entitlement="other", plan=to, **event)

    def migrate(self, when: str, to: Plan, **event: Any) -> Bench:
        return self._send(PlanReplaced, when, plan=to, **event)

    def refused(self, request: Callable[..., Bench], *args: Any, **kwargs: Any) -> str:
        """The code with which a request is refused; it must have changed nothing that can be seen."""
        before = self._seen()
        with pytest.raises(Refused) as refusal:
            request(*args, **kwargs)
        assert self._seen() == before
        return refusal.value.code

    def through_json(self) -> Bench:
        """Go on from the state as text, as a worker does that takes the case over."""
        text = self.timeline.state.model_dump_json()
        self.timeline = Timeline(self.timeline.plan, TimelineState.model_validate_json(text))
        return self

    def _send(self, kind: type[Event], when: str, occurred: str | None = None, **event: Any) -> Bench:
        """What is known at `when`; it happened then, or at `occurred`."""
        event.setdefault("event_id", str(next(self._numbers)))
        self.effects += self.timeline.apply(kind(occurred_at=ny(occurred or when), **event), ny(when))
        return self

    def _seen(self) -> list[dict[str, Any]]:
        return [
            i.model_dump(exclude={"fired", "violations", "unseen", "resting"}) for i in self.timeline.state.instances
        ]

    # --- how it stands ---

    def view(self, when: str) -> CaseView:
        return self.timeline.view(ny(when))

    def runs(self, when: str, name: str = "M") -> list[MilestoneView]:
        """All instances of a milestone."""
        return [m for m in self.view(when).milestones if m.milestone == name]

    def milestone(self, when: str, name: str = "M") -> MilestoneView:
        """The newest instance of a milestone."""
        return self.runs(when, name)[-1]

    def start(self, when: str, name: str = "M") -> str:
        return told(self.milestone(when, name).start_at)

    def target(self, when: str, name: str = "M") -> str:
        return told(self.milestone(when, name).target_at)

    def minutes(self, when: str, name: str = "M") -> tuple[float, float, float]:
        """Elapsed, paused and actual minutes of open time."""
        m = self.milestone(when, name)
        seconds = (m.elapsed_seconds, m.paused_seconds, m.actual_seconds)
        return tuple((s or 0) / 60 for s in seconds)  # type: ignore[return-value]  # three of them

    @property
    def fired(self) -> list[str]:
        """What fired, in order: ``M warning-30m Mon 12:30``, with its instant after `at` where it was late."""
        return [
            f"{e.milestone} {e.trigger} {told(e.due_at)}" + (f" at {told(e.at)}" if e.at != e.due_at else "")
            for e in self.effects
            if isinstance(e, TriggerFired)
        ]

    @property
    def violations(self) -> list[str]:
        """When targets were missed, of all instances; those that were corrected say so."""
        return [
            told(v.violated_at) + (f" corrected {told(v.corrected_at)}" if v.corrected_at else "")
            for i in self.timeline.state.instances
            for v in i.violations
        ]

    def notes(self, kind: NoteKind) -> list[Noted]:
        """What is on record of one kind."""
        return [e for e in self.effects if isinstance(e, Noted) and e.kind is kind]
