"""The real timeline and the slow model behind one interface, so that the same story can be told to either."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple, Protocol

from domain.calendar import FrozenCalendar
from domain.criteria.fields import FieldType
from domain.errors import Refused
from domain.process import EntitlementProcess
from domain.timeline import Case, Timeline
from domain.timeline.effects import Effect, TriggerFired
from domain.timeline.events import Event
from domain.timeline.plan import Plan
from domain.timeline.state import TimelineState
from tests.models.slow_timeline import Model, RefusedError

Fired = tuple[str, int, str, datetime, datetime]
"""A trigger that fired: milestone, occurrence, trigger, when it was due, when it fired."""


class Opening(NamedTuple):
    """A case as it is opened."""

    process: EntitlementProcess
    calendars: dict[str, FrozenCalendar]
    hours: str
    fields: dict[str, Any]
    at: datetime
    types: dict[str, FieldType]


class AnyTimeline(Protocol):
    """What both can do. A request that makes no sense raises `RefusedError`."""

    def __init__(self, case: Opening) -> None: ...
    @property
    def fired(self) -> list[Fired]: ...
    def apply(self, event: Event, noticed_at: datetime | None = None) -> None: ...
    def advance(self, now: datetime) -> None: ...
    def snapshot(self, now: datetime) -> dict[str, Any]: ...


class RealTimeline:
    """`domain.timeline.machine`."""

    def __init__(self, case: Opening) -> None:
        self.plan = Plan(process=case.process, business_hours=case.hours, calendars=case.calendars, fields=case.types)
        self.timeline = Timeline.enter(self.plan, Case(case_id="c", fields=case.fields), case.at)
        self.fired: list[Fired] = []
        self.effects: list[Effect] = []
        self.owes_effects = True
        """What followed from opening, or was due before a refused event, is returned by the next call."""

    def apply(self, event: Event, noticed_at: datetime | None = None) -> None:
        try:
            self._note(self.timeline.apply(event, noticed_at))
        except Refused as error:
            self.owes_effects = True
            raise RefusedError(error.code) from error

    def advance(self, now: datetime) -> None:
        self._note(self.timeline.advance(now))

    def _note(self, effects: list[Effect]) -> None:
        self.owes_effects = False
        self.effects += effects
        fired = [e for e in effects if isinstance(e, TriggerFired)]
        self.fired += [(e.milestone, e.occurrence, e.trigger, e.due_at, e.at) for e in fired]

    def through_json(self) -> None:
        """Continue from the state as JSON."""
        state = TimelineState.model_validate_json(self.timeline.state.model_dump_json())
        assert state == self.timeline.state
        self.timeline = Timeline(self.plan, state)

    def snapshot(self, now: datetime) -> dict[str, Any]:
        view = self.timeline.view(now)
        return {
            "status": str(view.status),
            "instances": {
                (m.milestone, m.occurrence): {
                    "milestone": m.milestone,
                    "occurrence": m.occurrence,
                    "state": str(m.state),
                    "start": m.start_at,
                    "target": m.target_at,
                    "completed_at": m.completed_at,
                    "violated": m.violated,
                    "violations": [(v.violated_at, v.corrected_at is not None) for v in m.violations],
                    "fired": [(f.trigger, f.due_at, f.at) for f in m.fired],
                    "elapsed": m.elapsed_seconds,
                    "paused": m.paused_seconds,
                    "actual": m.actual_seconds,
                }
                for m in view.milestones
            },
        }


class SlowTimeline:
    """The model."""

    def __init__(self, case: Opening) -> None:
        self.model = Model.enter(*case[:5])

    @property
    def fired(self) -> list[Fired]:
        return [(name, occurrence, *firing) for name, occurrence, firing in self.model.fired]

    def apply(self, event: Event, noticed_at: datetime | None = None) -> None:
        self.model.apply(event, noticed_at)

    def advance(self, now: datetime) -> None:
        self.model.advance(now)

    def snapshot(self, now: datetime) -> dict[str, Any]:
        return self.model.snapshot(now)
