"""A case worked out once more from its histories: the pure timeline, fed the messages that the histories have.

Within one workflow task the law does not say which comes first, a message or what was due by then. So the model keeps
every order that is possible, and strikes out those that contradict what the engine has put on record. What the engine
did is right if one of them is left. Where none is, the engine broke a rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from domain.ids import event_id_of
from domain.messages.case_state import EntitlementChange
from domain.messages.cases import CaseIntake, Migration
from domain.messages.inbox import read_event, read_message
from domain.messages.steps import OpenedCase, OverageDecided
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
from domain.usage.requests import ENTITLEMENT_OVERFLOWED, EntitlementOverflowed
from tests.siege.histories import Asked, Done, Run, Step

OF_UPDATES: dict[str, type[Any]] = {
    "complete_milestone": MilestoneCompleted,
    "change_fields": FieldsChanged,
    "stop_clock": ClockStopped,
    "resume_clock": ClockResumed,
    "clear_completion": CompletionCleared,
    "extend_milestone": MilestoneExtended,
    "close": CaseClosed,
    "reopen": CaseReopened,
}
OF_SIGNALS: dict[str, type[Any]] = {
    "milestone_completed": MilestoneCompleted,
    "fields_changed": FieldsChanged,
    "clock_stopped": ClockStopped,
    "clock_resumed": ClockResumed,
    "case_closed": CaseClosed,
}

REMARKS = frozenset(
    {
        *(NoteKind.REFUSED, NoteKind.OVERFLOWED, NoteKind.PROMPTED, NoteKind.DECIDED, NoteKind.TIME_LOGGED),
        NoteKind.TIME_REVERSED,
        *(NoteKind.ACTION_FAILED, NoteKind.ACTION_RETRIED, NoteKind.COVERED, NoteKind.HORIZON_ENDS),
    }
)
"""What a case puts on record beside its timeline."""

MOST_ORDERS = 200

_SECOND = timedelta(seconds=1)
_NOTICED = re.compile(r'"noticed_at":"[^"]*"')


@dataclass(frozen=True)
class Pending:
    """A message that the timeline has not taken yet.

    Attributes:
        wanted: what the update was answered: None of a signal, and of an update without an answer.
    """

    event: Event | EntitlementOverflowed
    lane: str
    wanted: Asked | None = None


@dataclass(frozen=True)
class Fired:
    """A trigger that fired.

    Attributes:
        knowable_at: from when on the engine could know: when it was due, or when the message came that made it due.
    """

    effect: TriggerFired
    knowable_at: datetime


@dataclass
class Order:
    """One possible order of what has happened so far.

    Attributes:
        noted: how many of the notes on record it explains.
        taken: by lane, how many of the pending messages it has taken.
        deeds: what the timeline was fed, to feed another with the same.
    """

    timeline: Timeline
    noted: int = 0
    fired: tuple[Fired, ...] = ()
    taken: dict[str, int] = field(default_factory=dict)
    deeds: tuple[tuple[datetime, Event | None], ...] = ()

    def key(self) -> str:
        """Two orders that come to the same are one; when the engine got to something decides nothing."""
        state = _NOTICED.sub("", self.timeline.state.model_dump_json())
        return f"{sorted(self.taken.items())} {self.noted} {state}"


class CaseModel:
    """One case.

    Attributes:
        orders: those that are left.
        broken: what contradicted every order, in words.
        entitlements: all that it was planned under.
    """

    def __init__(self, case_id: str, on_record: Sequence[Noted]) -> None:
        self.case_id = case_id
        self.on_record = [_fact(note) for note in on_record if note.kind not in REMARKS]
        self.orders: list[Order] = []
        self.broken: str | None = None
        self.entitlements: set[str] = set()
        self.first: tuple[Plan, dict[str, Any], datetime] | None = None
        self.crowded = 0
        self._waiting: list[Pending] = []
        self._put_off: list[Pending] = []  # changes that wait for a decision that is on its way
        self._asked: dict[str, Asked] = {}
        self._migrations: list[Asked] = []

    def walk(self, runs: Iterable[Run]) -> None:
        """Go through all runs of the case; stops where no order explains what is on record."""
        for run in runs:
            if not run.goes_on and run.ended == "FAILED":
                continue  # refused when it was opened, or when it was to be reopened
            reopened = _reopening(run)
            if reopened is not None:
                self._waiting.append(Pending(reopened, "reopening"))
            for number, step in enumerate(run.steps):
                self._step(step, decided_later=_decided_later(run, number))
                if self.broken:
                    return

    # --- one task ---

    def _step(self, step: Step, *, decided_later: bool) -> None:
        due = self._due_by(step.now)
        arrived = min((told.arrived_at for told in step.told), default=step.now)
        for told in step.told:
            if told.name in OF_SIGNALS:
                self._wait_for(OF_SIGNALS[told.name], told.arguments, step.now, "signals", None)
            elif told.name == ENTITLEMENT_OVERFLOWED:
                self._hear_of_overflow(told.arguments)
        for asked in step.asked:
            self._ask(asked, step.now)
        for done in step.done:
            self._finish(done)
        if not decided_later:
            self._waiting += self._put_off
            self._put_off = []
        if self.orders:
            self._explore(step, due, arrived)

    def _due_by(self, now: datetime) -> set[str]:
        """What fires by then whatever arrives."""
        due: set[str] = set()
        for order in self.orders:
            if order.timeline.next_due is not None and order.timeline.next_due <= now:
                due |= {_place(e) for e in order.timeline.fork().advance(now) if isinstance(e, TriggerFired)}
        return due

    def _ask(self, asked: Asked, now: datetime) -> None:
        if asked.name in OF_UPDATES:
            self._wait_for(OF_UPDATES[asked.name], asked.arguments, now, "updates", asked)
        elif asked.name == "change_entitlement":
            self._asked[str(asked.arguments[0]["event_id"])] = asked
        elif asked.name == "migrate":
            self._migrations.append(asked)

    def _wait_for(self, kind: type[Any], arguments: list[Any], now: datetime, lane: str, asked: Asked | None) -> None:
        try:
            event = read_event(kind, arguments, now)
        except Exception:  # noqa: BLE001  refused, or worse: it never reaches the timeline
            return
        self._waiting.append(Pending(event, lane, asked))

    def _hear_of_overflow(self, arguments: list[Any]) -> None:
        try:
            self._waiting.append(Pending(read_message(EntitlementOverflowed, arguments), "overflows"))
        except Exception:  # noqa: BLE001  as above
            return

    def _finish(self, done: Done) -> None:
        if done.failed or done.result is None:
            return
        match done.activity:
            case "open_case":
                opened = OpenedCase.model_validate(done.result)
                self._note_plan(opened)
                at = datetime.fromisoformat(done.asked["opened_at"])
                self._enter(opened.plan, opened.fields, at)
            case "plan_entitlement_change":
                planned = OpenedCase.model_validate(done.result)
                self._note_plan(planned)
                asked = self._asked.get(done.asked["event_id"])
                if planned.prompt is None and asked is not None:
                    change = read_event(EntitlementChange, asked.arguments, self._latest())
                    event: Event = EntitlementChanged(plan=planned.plan, **change.model_dump())
                    self._put_off.append(Pending(event, f"change {change.event_id}", asked))
            case "decide_overage" if "prompt" in done.asked:
                decided, opened = OverageDecided.model_validate(done.asked), OpenedCase.model_validate(done.result)
                self._note_plan(opened)
                self._waiting.append(Pending(_of_decision(decided, opened), f"decision {decided.choice.event_id}"))
            case "plan_migration":
                asked = self._migrations.pop(0)
                migration = read_event(Migration, asked.arguments, self._latest())
                plan = Plan.model_validate(done.result["plan"])
                event = PlanReplaced(plan=plan, **migration.model_dump(exclude={"process_version"}))
                self._waiting.append(Pending(event, f"migration {migration.event_id}", asked))
            case _:
                pass

    def _note_plan(self, opened: OpenedCase) -> None:
        found = {opened.entitlement, opened.prompt.entitlement if opened.prompt else None}
        self.entitlements |= {name for name in found if name is not None}

    def _latest(self) -> datetime:
        return max(order.timeline.state.last_at for order in self.orders)

    def _enter(self, plan: Plan, fields: dict[str, Any], at: datetime) -> None:
        if self.orders:
            return  # opened again by a run that begins where another ended
        self.first = plan, fields, at
        timeline = Timeline.enter(plan, Case(case_id=self.case_id, fields=fields), at)
        order = Order(timeline)
        entered = self._followed(order, timeline, timeline.advance(at), None)
        if entered is None:
            self.broken = "the opening is on record otherwise than by the rules"
        else:
            self.orders = [replace(entered, deeds=((at, None),))]

    # --- every order of a task ---

    def _explore(self, step: Step, due: set[str], arrived: datetime) -> None:
        lanes: dict[str, list[Pending]] = {}
        for pending in self._waiting:
            lanes.setdefault(pending.lane, []).append(pending)
        seen: dict[str, Order] = {}
        front = [replace(order, taken={}) for order in self.orders]
        while front:
            order = front.pop()
            key = order.key()
            if key in seen or len(seen) > MOST_ORDERS * 10:
                continue
            seen[key] = order
            front += self._nexts(order, lanes, step, due, arrived)
        whole = [order for order in seen.values() if sum(order.taken.values()) == len(self._waiting)]
        if not whole:
            self.broken = self._contradiction(seen.values(), lanes, step.now)
            return
        self._waiting = []
        self.crowded = max(self.crowded, len(whole))
        self.orders = sorted(whole, key=lambda order: -order.noted)[:MOST_ORDERS]

    def _nexts(
        self, order: Order, lanes: dict[str, list[Pending]], step: Step, due: set[str], arrived: datetime
    ) -> list[Order]:
        found: list[Order | None] = []
        now, next_due = step.now, order.timeline.next_due
        if next_due is not None and next_due <= step.ended_at:
            # The clock goes on within a task, when a record has been written.
            by = max(now, next_due)
            timeline = order.timeline.fork()
            effects = timeline.advance(by)
            advanced = replace(order, deeds=(*order.deeds, (by, None)))
            found.append(self._followed(advanced, timeline, effects, (by, due, arrived)))
        for name, pending in lanes.items():
            number = order.taken.get(name, 0)
            if number < len(pending):
                taken = replace(order, taken={**order.taken, name: number + 1})
                found.append(self._take(taken, pending[number], now, due, arrived))
        return [one for one in found if one is not None]

    def _take(self, order: Order, pending: Pending, now: datetime, due: set[str], arrived: datetime) -> Order | None:
        """The order with one message more; None if its answer was another.

        One that is refused changes nothing, but what was due before it is done by then.
        """
        if isinstance(pending.event, EntitlementOverflowed):
            return _noted_once(order, pending.event, now)
        caught_up = self._caught_up(order, pending.event, now, due, arrived)
        if caught_up is None:
            return None
        timeline, asked = caught_up.timeline.fork(), pending.wanted
        try:
            effects = timeline.apply(pending.event, now)
        except Exception:  # noqa: BLE001  whatever a message raises on the copy is a refusal
            return None if asked is not None and asked.is_answered and asked.refused is None else caught_up
        if asked is not None and asked.refused is not None:
            return None
        if asked is not None and asked.is_answered:
            notes = [effect.text for effect in effects if isinstance(effect, Noted)]
            if asked.answer["notes"] != notes:
                return None
        told = replace(caught_up, deeds=(*caught_up.deeds, (now, pending.event)))
        return self._followed(told, timeline, effects, (now, due, arrived))

    def _caught_up(self, order: Order, event: Event, now: datetime, due: set[str], arrived: datetime) -> Order | None:
        """The order with what was due before a message done apart from it; of its very second nothing is."""
        before = min(event.occurred_at, now).replace(microsecond=0)
        next_due = order.timeline.next_due
        if next_due is None or next_due >= before:
            return order
        timeline = order.timeline.fork()
        effects = timeline.advance(now, before=before)
        caught_up = replace(order, deeds=(*order.deeds, (before - _SECOND, None)))
        return self._followed(caught_up, timeline, effects, (now, due, arrived))

    def _followed(
        self,
        order: Order,
        timeline: Timeline,
        effects: list[Effect],
        when: tuple[datetime, set[str], datetime] | None,
    ) -> Order | None:
        """The order after some effects; None if other notes are on record."""
        notes = [_fact(effect) for effect in effects if isinstance(effect, Noted)]
        noted = order.noted + len(notes)
        if self.on_record[order.noted : noted] != notes:
            return None
        fired = list(order.fired)
        for effect in effects:
            if isinstance(effect, TriggerFired):
                was_due = when is None or _place(effect) in when[1]
                fired.append(Fired(effect, effect.at if was_due or when is None else max(effect.at, when[2])))
        return replace(order, timeline=timeline, noted=noted, fired=tuple(fired))

    def _contradiction(self, tried: Iterable[Order], lanes: dict[str, list[Pending]], now: datetime) -> str:
        best = max(tried, key=lambda order: (sum(order.taken.values()), order.noted))
        left = [each.event for name, waiting in lanes.items() for each in waiting[best.taken.get(name, 0) :]]
        said = [f"{type(e).__name__} {e.event_id} of {e.occurred_at.isoformat()}" for e in left]
        found = self.on_record[best.noted] if best.noted < len(self.on_record) else "nothing more"
        return f"at {now.isoformat()} no order explains {said}; next on record: {found}"


def _noted_once(order: Order, told: EntitlementOverflowed, now: datetime) -> Order:
    """The order with an overflow known by its number. What is noted of it is beside the timeline."""
    timeline = order.timeline.fork()
    known = event_id_of("overflowed", told.entitlement_id, str(told.number))
    timeline.remark(NoteKind.OVERFLOWED, now, "", once=known)
    return replace(order, timeline=timeline)


def _of_decision(decided: OverageDecided, opened: OpenedCase) -> Event:
    prompt, choice = decided.prompt, decided.choice
    return EntitlementChanged(
        event_id=prompt.change.event_id if prompt.change else choice.event_id,
        occurred_at=choice.occurred_at,
        by=choice.by,
        reason=choice.reason,
        entitlement=opened.entitlement,
        plan=opened.plan,
        from_opening=prompt.change is not None and prompt.change.from_opening,
    )


def _decided_later(run: Run, number: int) -> bool:
    """Whether a decision on the case was on its way when a task of the run began, and still is when it ends."""
    return any(
        done.activity == "decide_overage" and "prompt" in done.asked and done.task < number
        for step in run.steps[number + 1 :]
        for done in step.done
    )


def _reopening(run: Run) -> CaseReopened | None:
    if run.goes_on or not isinstance(run.argument, dict) or not run.argument.get("reopened"):
        return None
    asked = read_message(CaseIntake, [run.argument]).reopened
    if asked is None or asked.occurred_at is None:
        raise AssertionError("the siege's clients say when they reopen a case")
    return CaseReopened.model_validate(asked.model_dump(exclude_none=True))


def _place(fired: TriggerFired) -> str:
    """Which trigger it is, of which instance, for the how manieth time."""
    return f"{fired.milestone}/{fired.occurrence}/{fired.trigger}/{fired.firing}/{fired.due_at}"


def _fact(note: Noted) -> tuple[Any, ...]:
    return (note.kind, note.at, note.text, note.milestone, note.occurrence, note.occurred_at, note.by)
