"""Records of cases with their events, as the recorder of a case's workflow makes them, without one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.calendar import ALWAYS
from domain.messages.case_state import ActionOutcome, CaseState
from domain.messages.steps import CaseRecord, FeedPart
from domain.timeline.effects import Effect, Noted, NoteKind, TriggerFired
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan

T0 = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)
PLAN = Plan(business_hours=ALWAYS.name, calendars={ALWAYS.name: ALWAYS.freeze(T0, T0 + timedelta(days=9))})


def at(minutes: int) -> datetime:
    return T0 + timedelta(minutes=minutes)


class Recorded:
    """A case that is recorded step by step.

    Attributes:
        timeline: of the case.
        events: how many events it has so far.
    """

    def __init__(self, case_id: str, *, plan: Plan = PLAN, account: str | None = "acme", run_id: str = "run") -> None:
        self.timeline = Timeline.enter(plan, Case(case_id=case_id), T0)
        self.account = account
        self.run_id = run_id
        self.number = 0
        self.notes = 0
        self.events = 0
        self.history = 0

    def record(self, effects: Sequence[Effect], outcomes: Sequence[ActionOutcome] = (), **also: Any) -> CaseRecord:
        """The next record, with what has come of a step."""
        self.number += 1
        self.history += 5
        notes = [effect for effect in effects if isinstance(effect, Noted)]
        before, fired_after = 0, list[int]()
        for effect in effects:
            before += isinstance(effect, Noted)
            if isinstance(effect, TriggerFired):
                fired_after.append(before)
        record = CaseRecord(
            history=self.history,
            number=self.number,
            notes_from=self.notes + 1,
            run_id=self.run_id,
            account=self.account,
            entitlement=None,
            view=self.timeline.view(self.timeline.state.last_at),
            notes=notes,
            fired=[effect for effect in effects if isinstance(effect, TriggerFired)],
            carried=CaseState(plan=self.timeline.plan, state=self.timeline.state),
            feed=FeedPart(first=self.events + 1, fired_after=fired_after, outcomes=list(outcomes)),
        ).model_copy(update=also)
        self.events += record.events
        self.notes += len(notes)
        return record

    def remarks(self, *texts: str) -> CaseRecord:
        """A record with so many remarks; the first one has the opening as well."""
        effects: list[Effect] = []
        for text in texts:
            effects += self.timeline.remark(NoteKind.REFUSED, at(self.number), text)
        return self.record(effects)
