"""What a case has folded stays in the store, as long as what the case says of itself is taken for good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain.criteria.fields import FieldType
from domain.messages.case_state import CaseState
from domain.messages.steps import CaseRecord, FoldedInstance
from domain.process import EntitlementProcess
from domain.timeline.effects import Effect, Noted, TriggerFired
from domain.timeline.events import FieldsChanged, MilestoneCompleted
from domain.timeline.folding import NEWEST
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from domain.timeline.views import look_at
from store import Store
from tests.domain.timeline.test_model import calendars

T0 = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)


class Recorded:
    """A case whose every step is recorded, and that folds what the store has confirmed."""

    def __init__(self, store: Store, **fields: str) -> None:
        milestone = {"name": "M", "within": "1h", "starts": "criteria", "recurrence": "independent"}
        success = {"kind": "success", "actions": [{"do": "task", "subject": "told"}]}
        process = EntitlementProcess.model_validate({"name": "P", "milestones": [{**milestone, "triggers": [success]}]})
        self.store = store
        types = dict.fromkeys(fields, FieldType.STRING)
        plan = Plan(process=process, business_hours="always", calendars=calendars(), fields=types)
        self.timeline = Timeline.enter(plan, Case(case_id="c-1", fields=fields), T0)
        self.settled_at: datetime | None = None
        self.number = 0
        self.record(self.timeline.advance(T0), T0)

    def complete(self, minutes: int) -> None:
        at = T0 + timedelta(minutes=minutes)
        event = MilestoneCompleted(event_id=str(minutes), occurred_at=at, milestone="M")
        self.record(self.timeline.apply(event, at), at)

    def change(self, minutes: int, **fields: str) -> None:
        at = T0 + timedelta(minutes=minutes)
        event = FieldsChanged(event_id=f"changed {minutes}", occurred_at=at, fields=fields)
        self.record(self.timeline.apply(event, at), at)

    def record(self, effects: list[Effect], now: datetime) -> None:
        record = self.made(effects, now)
        self.put(record)
        self.timeline.fold(each.instance for each in record.folded)
        self.settled_at = self.timeline.state.last_at

    def put(self, record: CaseRecord) -> None:
        self.store.cases.record(record)

    def made(self, effects: list[Effect], now: datetime) -> CaseRecord:
        timeline = self.timeline
        leaving = timeline.foldable(self.settled_at, 100) if self.settled_at else []
        follows = [f.ended for f in timeline.state.folded]
        rest = timeline.fork()
        rest.fold(leaving)
        self.number += 1
        return CaseRecord(
            history=self.number,
            number=self.number,
            notes_from=timeline.state.notes + 1,
            run_id="run",
            account=None,
            entitlement=None,
            view=rest.view(now),
            notes=[effect for effect in effects if isinstance(effect, Noted)],
            fired=[effect for effect in effects if isinstance(effect, TriggerFired)],
            carried=CaseState(plan=timeline.plan, state=rest.state),
            folded=[
                FoldedInstance(
                    instance=each,
                    view=look_at(timeline.plan, each, now),
                    follows=follows[0] if follows and each is leaving[0] else None,
                )
                for each in leaving
            ],
            settled_at=self.settled_at,
        )


def test_folded_occurrences_are_read_from_the_store(store: Store) -> None:
    """Rows, triggers and explanations of all are there, though the case has only the newest."""
    case = Recorded(store)
    for number in range(1, 31):
        case.complete(40 * number)
    assert len(store.cases.get("c-1").carried.state.instances) == NEWEST
    assert [m.occurrence for m in store.cases.milestones("c-1")] == list(range(1, 32))
    assert len(store.cases.triggers("c-1")) == 30
    first, second = (store.cases.explained("c-1", "M", number)[0] for number in (1, 2))
    assert (first.start.kind, second.start.kind, second.start.occurrence) == ("entry", "completed", 1)
    assert store.cases.explained("c-1", "M", 31) == []  # the case has it itself


def test_the_same_record_again_changes_nothing(store: Store) -> None:
    """One that folds, and came twice."""
    case = Recorded(store)
    for number in range(1, NEWEST + 5):
        case.complete(40 * number)
    at = T0 + timedelta(days=1)
    event = MilestoneCompleted(event_id="late", occurred_at=at, milestone="M")
    record = case.made(case.timeline.apply(event, at), at)
    assert record.folded
    store.cases.record(record)
    before = (store.cases.milestones("c-1"), store.cases.triggers("c-1"), store.cases.explained("c-1", "M", 2))
    store.cases.record(record)
    assert (store.cases.milestones("c-1"), store.cases.triggers("c-1"), store.cases.explained("c-1", "M", 2)) == before


def test_a_case_that_is_opened_anew_leaves_nothing_of_the_old_one(store: Store) -> None:
    """Its first record takes nothing for good: what another workflow had folded is gone, and so are its triggers."""
    case = Recorded(store)
    for number in range(1, NEWEST + 9):
        case.complete(40 * number)
    anew = Recorded.__new__(Recorded)
    anew.store, anew.settled_at, anew.number = store, None, 0
    anew.timeline = Timeline.enter(case.timeline.plan, Case(case_id="c-1"), T0 + timedelta(days=3))
    opened = anew.made(anew.timeline.advance(T0 + timedelta(days=3)), T0 + timedelta(days=3))
    store.cases.record(opened.model_copy(update={"run_id": "anew", "history": 0, "number": 1}))
    assert [m.occurrence for m in store.cases.milestones("c-1")] == [1]
    assert store.cases.triggers("c-1") == []
    assert store.cases.explained("c-1", "M", 1) == []
