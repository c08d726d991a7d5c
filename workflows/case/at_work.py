"""What a case does: actions, records, and what the Temporal UI shows of it. Nothing here ever holds up its clock."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey, SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from domain.messages import cases as messages
    from domain.messages.cases import Answer, CarriedCase, CaseIntake, CaseRecord, HoursQuestion, OveragePrompt
    from domain.messages.coverage import CaseCoverage
    from domain.process import FieldUpdate
    from domain.timeline import Timeline
    from domain.timeline.effects import Effect, Noted, NoteKind, TriggerFired
    from domain.timeline.events import Event
    from domain.timeline.views import CaseView, OpenDecision
    from workflows.case.shown import case_details

ACCOUNT = SearchAttributeKey.for_keyword("MilepostAccount")
ENTITLEMENT = SearchAttributeKey.for_keyword("MilepostEntitlement")
PRIORITY = SearchAttributeKey.for_keyword("MilepostPriority")
STATUS = SearchAttributeKey.for_keyword("MilepostStatus")
MILESTONE = SearchAttributeKey.for_keyword("MilepostMilestone")
STATE = SearchAttributeKey.for_keyword("MilepostState")
NEXT_DUE = SearchAttributeKey.for_datetime("MilepostNextDue")

PLANNING = timedelta(seconds=60)
SIGN_OF_LIFE = timedelta(seconds=10)
"""Without one for so long the worker that makes a plan is taken to be gone, and another tries."""
RECORDING = timedelta(seconds=10)
ACTING = timedelta(seconds=15)
ACTION_GIVES_UP_AFTER = timedelta(hours=24)

P = TypeVar("P")


class CaseAtWork:
    """A case's timeline with what is under way for it."""

    def __init__(self, intake: CaseIntake) -> None:
        self.intake = intake
        self.timeline: Timeline | None = None
        self.refusal: ApplicationError | None = None
        self.account: str | None = None
        self.entitlement: str | None = None
        self.prompt: OveragePrompt | None = None
        self.is_deciding = False  # what somebody said about the prompt is on its way
        self.coverage: CaseCoverage | None = None  # found in this run
        self.questions: dict[str, HoursQuestion] = {}
        self.being_decided: dict[str, HoursQuestion] = {}
        self.ahead = intake.clock - workflow.info().workflow_start_time if intake.clock else timedelta()
        self.is_beyond = False  # something asked for needs a longer horizon
        self.horizon_ends = False  # there is none
        self.failed: dict[str, messages.ActionOrder] = {}
        self.under_way: list[asyncio.Task[None]] = []
        self.runs = 1
        self.records = 1
        self.recorded_notes = 0
        self.recording = False
        self.unrecorded: list[Noted | TriggerFired] = []
        self.new_failures: list[messages.ActionFailure] = []
        self.published: dict[str, Any] = {}
        if carried := intake.carried:
            self._take_up(carried)

    def _take_up(self, carried: CarriedCase) -> None:
        self.timeline = Timeline(carried.plan, carried.state)
        self.account, self.entitlement, self.prompt = carried.account, carried.entitlement, carried.prompt
        self.questions = {question.entry: question for question in carried.questions}
        self.runs = carried.runs + 1
        self.records = carried.records
        self.recorded_notes = carried.recorded_notes
        self.ahead = carried.ahead
        if self.ahead and self.intake.reopened:  # a clock of its own does not go back
            self.ahead = max(self.ahead, self.intake.reopened.occurred_at - workflow.now())
        self.failed = dict(carried.failed)

    # --- where it stands ---

    def _now(self) -> datetime:
        """The case's own clock: the workflow's, ahead by what its intake said."""
        return workflow.now() + self.ahead

    @property
    def _is_closed(self) -> bool:
        return self.timeline is not None and self.timeline.state.closed_at is not None

    @property
    def _is_taken_up(self) -> bool:
        reopened = self.intake.reopened
        return self.timeline is not None and (reopened is None or reopened.event_id in self.timeline.state.event_ids)

    def _covers(self) -> bool:
        if self.timeline is None or self.horizon_ends:
            return True
        return not self.is_beyond and self.timeline.covers(self._now())

    def _timeline(self) -> Timeline:
        if self.timeline is None:
            raise ApplicationError("the case is not open yet", type="NotOpened")
        return self.timeline

    def _view(self, at: datetime | None = None) -> CaseView:
        view = self._timeline().view(at or self._now())
        return view.model_copy(update={"open_decisions": self._open_decisions()})

    def _open_decisions(self) -> list[OpenDecision]:
        asked: list[tuple[str | None, OveragePrompt | HoursQuestion]] = [*self.questions.items()]
        if self.prompt and not self._is_closed:
            asked.insert(0, (None, self.prompt))
        return [OpenDecision(entry=e, entitlement=q.entitlement, text=q.text, until=q.until) for e, q in asked]

    def _carried(self) -> CarriedCase:
        timeline = self._timeline()
        return CarriedCase(
            plan=timeline.plan,
            state=timeline.state,
            account=self.account,
            entitlement=self.entitlement,
            prompt=self.prompt,
            questions=[*self.questions.values(), *self.being_decided.values()],
            runs=self.runs,
            records=self.records,
            recorded_notes=self.recorded_notes,
            ahead=self.ahead,
            failed=self.failed,
        )

    # --- effects ---

    def _take(self, event: Event) -> Answer:
        """Take an event in, on a copy that takes the place of the timeline when it has gone well.

        Raises:
            Refused: it makes no sense.
            HorizonExceeded: a target that follows from it lies past the horizon; nothing has changed.
        """
        timeline = self._timeline().fork()
        repeated = event.event_id in timeline.state.event_ids
        effects = timeline.apply(event, self._now())
        self.timeline = timeline
        self._do(effects)
        already = any(isinstance(e, Noted) and e.kind is NoteKind.ALREADY for e in effects)
        outcome = "repeated" if repeated else "already" if already else "taken"
        return Answer.model_validate(
            {"outcome": outcome, "notes": [e.text for e in effects if isinstance(e, Noted)], "case": self._view()}
        )

    def _do(self, effects: list[Effect]) -> None:
        """Set going what the timeline wants done. Nothing here waits, so nothing here holds up the clock."""
        for effect in effects:
            if isinstance(effect, TriggerFired):
                self._start_actions(effect)
        if effects:
            self.unrecorded += effects
            self._publish()
            self._start_recording()

    def _start_actions(self, fired: TriggerFired) -> None:
        for call in fired.calls:
            if isinstance(call.action, FieldUpdate):
                continue  # took effect on the timeline itself
            order = messages.ActionOrder(
                case_id=self.intake.case_id,
                milestone=fired.milestone,
                trigger=fired.trigger,
                kind=fired.kind,
                due_at=fired.due_at,
                at=fired.at,
                call=call,
                context=fired.context,
            )
            self._spawn(self._act(order))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.under_way.append(task)
        task.add_done_callback(self.under_way.remove)

    async def _act(self, order: messages.ActionOrder) -> None:
        """Carry an action out. One that fails for good goes on record, and stops nothing."""
        try:
            await workflow.execute_activity(
                order.call.action.do,
                order,
                start_to_close_timeout=ACTING,
                schedule_to_close_timeout=ACTION_GIVES_UP_AFTER,
                summary=f"{order.milestone}: {order.kind}, {order.call.action.do}",
            )
        except FailureError as error:
            reason = str(error.cause or error)
            self.failed[order.call.key] = order
            self.new_failures.append(messages.ActionFailure(key=order.call.key, error=reason))
            self._remark(NoteKind.ACTION_FAILED, f"{order.call.key} failed for good: {reason}")

    def _remark(self, kind: NoteKind, text: str, by: str | None = None) -> None:
        if self.timeline is not None:
            self._do(self.timeline.remark(kind, self._now(), text, by))

    # --- records and what the Temporal UI shows ---

    def _start_recording(self) -> None:
        if not self.recording:
            self.recording = True
            self._spawn(self._record())

    async def _record(self) -> None:
        """Write the case down as it stands, in the background; what comes meanwhile goes into one more record."""
        try:
            while self.unrecorded:
                record = self._next_record()
                try:
                    await workflow.execute_local_activity(
                        messages.RECORD_CASE,
                        record,
                        schedule_to_close_timeout=timedelta(seconds=2),
                        retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=3),
                    )
                except FailureError:  # the store is down; a normal activity waits for it without holding anything up
                    await workflow.execute_activity(
                        messages.RECORD_CASE, record, start_to_close_timeout=RECORDING, summary="record"
                    )
        finally:
            self.recording = False

    def _next_record(self) -> CaseRecord:
        self.records += 1
        notes_from, self.recorded_notes = self.recorded_notes + 1, self._timeline().state.notes
        record = CaseRecord(
            run=self.runs,
            history=workflow.info().get_current_history_length(),
            number=self.records,
            notes_from=notes_from,
            run_id=workflow.info().run_id,
            account=self.account,
            entitlement=self.entitlement,
            view=self._view(),
            notes=[e for e in self.unrecorded if isinstance(e, Noted)],
            fired=[e for e in self.unrecorded if isinstance(e, TriggerFired)],
            failures=self.new_failures,
            carried=self._carried(),
        )
        self.unrecorded, self.new_failures = [], []
        return record

    def _publish(self) -> None:
        """Keep the Temporal UI's picture of the case right: details at no cost, search attributes when one changed."""
        view = self._view()
        asked = [f"To decide: {decision.text}" for decision in view.open_decisions]
        workflow.set_current_details("\n\n".join([case_details(view), *asked]))
        if self._is_closed:
            return
        running = next((m.milestone for m in view.milestones if m.remaining_seconds is not None), None)
        priority = view.fields.get("priority")
        words: list[tuple[SearchAttributeKey[str], str | None]] = [
            (ACCOUNT, self.account),
            (ENTITLEMENT, self.entitlement),
            (PRIORITY, None if priority is None else str(priority)),
            (STATUS, str(view.status)),
            (MILESTONE, running),
            (STATE, "paused" if view.stopped else "open"),
        ]
        updates: list[SearchAttributeUpdate[Any]] = [
            key.value_unset() if word is None else key.value_set(word)
            for key, word in words
            if word != self.published.get(key.name)
        ]
        if view.next_due != self.published.get(NEXT_DUE.name):
            updates.append(NEXT_DUE.value_set(view.next_due) if view.next_due else NEXT_DUE.value_unset())
        if updates:
            workflow.upsert_search_attributes(updates)
            self.published = {key.name: word for key, word in words} | {NEXT_DUE.name: view.next_due}

    # --- plans ---

    async def _plan_by(self, activity: str, request: Any, kind: type[P], summary: str) -> P:
        """What a planning activity comes to.

        Raises:
            ApplicationError: it refuses, in its own words.
        """
        try:
            planned: P = await workflow.execute_activity(
                activity,
                request,
                result_type=kind,
                start_to_close_timeout=PLANNING,
                heartbeat_timeout=SIGN_OF_LIFE,
                summary=summary,
            )
        except ActivityError as error:
            cause = error.cause
            said = cause if isinstance(cause, ApplicationError) else ApplicationError(str(cause), type="NotPlanned")
            raise ApplicationError(said.message, type=said.type, non_retryable=True) from error
        return planned
