"""Cases that are recorded in a store step by step, as their workflows do it, without a server."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.errors import Refused
from domain.messages.case_state import CaseState
from domain.messages.steps import CaseRecord, FeedPart
from domain.timeline.effects import Effect, Noted, TriggerFired
from domain.timeline.events import Event
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from store import Store


class RecordedCase:
    """A case whose every step is recorded, with its events of the feed.

    Attributes:
        timeline: of the case.
        refused: codes of what it did not take.
    """

    def __init__(
        self,
        store: Store,
        plan: Plan,
        case_id: str,
        fields: Mapping[str, Any],
        at: datetime,
        *,
        account: str | None = None,
        entitlement: str | None = None,
        channel: str | None = None,
        external_id: str | None = None,
    ) -> None:
        case = Case(case_id=case_id, external_id=external_id, channel=channel, fields=dict(fields))
        self.timeline = Timeline.enter(plan, case, at)
        self.refused: list[str] = []
        self._store = store
        self._account, self._entitlement = account, entitlement
        self._number = self._history = self._notes = self._events = 0
        self.record(self.timeline.advance(at))

    def apply(self, event: Event, noticed_at: datetime | None = None) -> None:
        """Let something happen, and record what came of it."""
        try:
            effects = self.timeline.apply(event, noticed_at)
        except Refused as error:
            self.refused.append(error.code)
            effects = []
        self.record(effects)

    def advance(self, now: datetime) -> None:
        """Let time pass, and record what came of it."""
        self.record(self.timeline.advance(now))

    def record(self, effects: list[Effect], *, one_by_one: bool = True) -> None:
        """Record what came of something, by itself or as several cases at once are recorded."""
        self._number += 1
        self._history += 5
        notes = [effect for effect in effects if isinstance(effect, Noted)]
        fired = [effect for effect in effects if isinstance(effect, TriggerFired)]
        before, fired_after = 0, list[int]()
        for effect in effects:
            before += isinstance(effect, Noted)
            if isinstance(effect, TriggerFired):
                fired_after.append(before)
        view = self.timeline.view(self.timeline.state.last_at).short()
        record = CaseRecord(
            history=self._history,
            number=self._number,
            notes_from=self._notes + 1,
            run_id="run",
            view=view,
            notes=notes,
            fired=fired,
            carried=CaseState(
                plan=self.timeline.plan,
                state=self.timeline.state,
                events=self._events + len(effects),
                account=self._account,
                entitlement=self._entitlement,
            ),
            feed=FeedPart(first=self._events + 1, fired_after=fired_after),
            account=self._account,
            entitlement=self._entitlement,
        )
        self._notes = notes[-1].number if notes else self._notes
        self._events += len(effects)
        if one_by_one:
            self._store.cases.record(record)
        else:
            self._store.cases.record_all([record])
