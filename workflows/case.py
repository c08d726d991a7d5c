"""The workflow of a case: a thin, durable shell around its timeline.

It feeds the timeline what is asked and what time it is, sleeps until the next instant at which something is due, and
hands what follows to activities. It decides nothing: by time stamps, never by which branch woke up, the timeline does.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy, SearchAttributeKey, SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from domain import messages
    from domain.effects import Effect, Noted, NoteKind, TriggerFired
    from domain.entitlement_messages import ENTITLEMENT_OVERFLOWED, EntitlementOverflowed
    from domain.errors import Refused
    from domain.events import (
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
    from domain.explanation import Explanation, explain
    from domain.inbox import read_event, read_message
    from domain.messages import Answer, CarriedCase, CaseIntake, CaseRecord, EntitlementChange, Migration
    from domain.process import FieldUpdate
    from domain.timeline import Case, Timeline
    from domain.views import CaseView
    from workflows.details import case_details
    from workflows.waiting import until

ACCOUNT = SearchAttributeKey.for_keyword("MilepostAccount")
ENTITLEMENT = SearchAttributeKey.for_keyword("MilepostEntitlement")
PRIORITY = SearchAttributeKey.for_keyword("MilepostPriority")
STATUS = SearchAttributeKey.for_keyword("MilepostStatus")
MILESTONE = SearchAttributeKey.for_keyword("MilepostMilestone")
STATE = SearchAttributeKey.for_keyword("MilepostState")
NEXT_DUE = SearchAttributeKey.for_datetime("MilepostNextDue")

P = TypeVar("P")

OPENING = timedelta(seconds=60)
RECORDING = timedelta(seconds=30)
ACTING = timedelta(seconds=60)
ACTION_GIVES_UP_AFTER = timedelta(hours=24)


@workflow.defn(name="CaseWorkflow")
class CaseWorkflow:
    """One case. Started with a `CaseIntake`; id ``case/{case_id}``."""

    @workflow.init
    def __init__(self, intake: CaseIntake) -> None:
        self.intake = intake
        self.timeline: Timeline | None = None
        self.refusal: ApplicationError | None = None
        self.account: str | None = None
        self.entitlement: str | None = None
        self.ahead = intake.clock - workflow.info().start_time if intake.clock else timedelta()
        self.horizon_ends = False
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

    @workflow.run
    async def run(self, intake: CaseIntake) -> CaseView:
        """Walk the case's timeline until it is closed."""
        if self.timeline is None:
            await self._open(intake)
        elif intake.reopened is not None:
            await self._reopen(intake.reopened)
        while not self._is_closed:
            await self._keep_horizon()
            self._do_what_is_due()
            if self._may_roll_over:
                await self._roll_over()
            await until(self._next_due, self._has_other_work, now=self._now, summary=self._timer_summary)
        await self._drain()
        return self._view()

    # --- opening ---

    async def _open(self, intake: CaseIntake) -> None:
        """Get the plan of the case, with its calendars frozen; everything after depends on nothing else."""
        opened_at = intake.opened_at or self._now()
        opening = messages.CaseOpening(intake=intake, opened_at=opened_at, now=self._now(), ahead=self.ahead)
        try:
            opened = await workflow.execute_activity(
                messages.OPEN_CASE,
                opening,
                result_type=messages.OpenedCase,
                start_to_close_timeout=OPENING,
                summary="find the entitlement, freeze the calendars",
            )
        except ActivityError as error:
            await self._refuse_opening(_said(error))
            return
        self.account, self.entitlement = opened.account, opened.entitlement
        timeline = Timeline.enter(opened.plan, Case(case_id=intake.case_id, fields=opened.fields), opened_at)
        self.timeline = timeline
        entered = timeline.advance(opened_at)
        # The opening activity has recorded what the entry noted; only what was fired is news.
        self.recorded_notes = sum(isinstance(effect, Noted) for effect in entered)
        self._do([effect for effect in entered if isinstance(effect, TriggerFired)])

    async def _reopen(self, reopened: CaseReopened) -> None:
        try:
            self._take(reopened)
        except Refused as refused:
            await self._refuse_opening(_refusal(refused))

    async def _refuse_opening(self, refusal: ApplicationError) -> None:
        """Answer whoever waits for the opening, then fail."""
        self.refusal = refusal
        await workflow.wait_condition(workflow.all_handlers_finished)
        raise refusal

    def _take_up(self, carried: CarriedCase) -> None:
        self.timeline = Timeline(carried.plan, carried.state)
        self.account, self.entitlement = carried.account, carried.entitlement
        self.runs = carried.runs + 1
        self.records = carried.records
        self.recorded_notes = carried.recorded_notes
        self.ahead = carried.ahead
        if self.ahead and self.intake.reopened:  # a clock of its own does not go back
            self.ahead = max(self.ahead, self.intake.reopened.occurred_at - workflow.now())
        self.failed = dict(carried.failed)

    # --- time ---

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

    def _next_due(self) -> datetime | None:
        return self.timeline.next_due if self.timeline else None

    def _timer_summary(self) -> str:
        return self._view().next_summary

    def _has_other_work(self) -> bool:
        return self._is_closed or self._may_roll_over or not self._covers()

    def _do_what_is_due(self) -> None:
        self._do(self._timeline().advance(self._now()))

    def _covers(self) -> bool:
        return self.timeline is None or self.horizon_ends or self.timeline.covers(self._now())

    async def _keep_horizon(self) -> None:
        """Freeze the calendars further when a target, or the time itself, comes near to where they end."""
        while not self._covers():
            timeline = self._timeline()
            request = messages.HorizonRequest(plan=timeline.plan, now=self._now())
            try:
                horizon = await self._plan_by(messages.FREEZE_CALENDARS, request, messages.Horizon)
            except ApplicationError as error:
                # What lies past the horizon stays unknown; the case goes on without it.
                self.horizon_ends = True
                self._remark(NoteKind.HORIZON_ENDS, f"the calendars can't be frozen further: {error.message}")
                return
            timeline.extend_horizon(horizon.calendars)

    # --- effects ---

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
                        start_to_close_timeout=timedelta(seconds=2),
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
        workflow.set_current_details(case_details(view))
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

    # --- rolling over and closing ---

    @property
    def _may_roll_over(self) -> bool:
        return workflow.info().is_continue_as_new_suggested() and not self.under_way and not self._is_closed

    async def _roll_over(self) -> None:
        """Go on in a new run. The state is taken last, when nothing is under way any more."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self._may_roll_over:
            rolled = self.intake.model_copy(update={"carried": self._carried(), "clock": None, "reopened": None})
            workflow.continue_as_new(rolled)

    def _carried(self) -> CarriedCase:
        timeline = self._timeline()
        return CarriedCase(
            plan=timeline.plan,
            state=timeline.state,
            account=self.account,
            entitlement=self.entitlement,
            runs=self.runs,
            records=self.records,
            recorded_notes=self.recorded_notes,
            ahead=self.ahead,
            failed=self.failed,
        )

    async def _drain(self) -> None:
        await workflow.wait_condition(lambda: not self.under_way and workflow.all_handlers_finished())

    # --- what is asked ---

    def _timeline(self) -> Timeline:
        if self.timeline is None:
            raise ApplicationError("the case is not open yet", type="NotOpened")
        return self.timeline

    def _view(self) -> CaseView:
        return self._timeline().view(self._now())

    def _check(self, kind: type[Any], raw: tuple[Any, ...]) -> None:
        """Refuse a request before anything of it is recorded: it is tried on a copy of the timeline."""
        try:
            event = read_event(kind, raw, self._now())
            if self.timeline is not None and self._covers():
                self.timeline.fork().apply(event, self._now())
        except Refused as refused:
            raise _refusal(refused) from None

    def _check_message(self, kind: type[Any], raw: tuple[Any, ...]) -> None:
        try:
            read_event(kind, raw, self._now())
        except Refused as refused:
            raise _refusal(refused) from None

    async def _request(self, kind: type[Any], raw: tuple[Any, ...]) -> Answer:
        event = read_event(kind, raw, self._now())
        await self._ready()
        return self._answer(event)

    async def _ready(self) -> None:
        """Wait until the case is open and its calendars reach far enough."""
        await workflow.wait_condition(
            lambda: self.refusal is not None or (self.timeline is not None and self._covers())
        )
        if self.refusal is not None:
            raise self.refusal

    async def _plan_by(self, activity: str, request: Any, kind: type[P]) -> P:
        try:
            planned: P = await workflow.execute_activity(
                activity, request, result_type=kind, start_to_close_timeout=OPENING, summary=activity.replace("_", " ")
            )
        except ActivityError as error:
            raise _said(error) from error
        return planned

    def _answer(self, event: Event) -> Answer:
        try:
            return self._take(event)
        except Refused as refused:
            raise _refusal(refused) from None

    def _take(self, event: Event) -> Answer:
        timeline = self._timeline()
        repeated = event.event_id in timeline.state.event_ids
        effects = timeline.apply(event, self._now())
        self._do(effects)
        already = any(isinstance(e, Noted) and e.kind is NoteKind.ALREADY for e in effects)
        outcome = "repeated" if repeated else "already" if already else "taken"
        return Answer.model_validate(
            {"outcome": outcome, "notes": [e.text for e in effects if isinstance(e, Noted)], "case": self._view()}
        )

    async def _news(self, kind: type[Any], raw: tuple[Any, ...]) -> None:
        """A signal has nobody to answer to: what is refused goes on record."""
        try:
            await self._request(kind, raw)
        except (Refused, ApplicationError) as refused:
            self._remark(NoteKind.REFUSED, f"refused: {refused}")

    @workflow.update(name="open")
    async def opened(self, *_: Any) -> Answer:
        """Answer once the case is open."""
        await workflow.wait_condition(lambda: self.refusal is not None or self._is_taken_up)
        if self.refusal is not None:
            raise self.refusal
        return Answer(outcome="taken", notes=[], case=self._view())

    @opened.validator
    def _check_open(self, *_: Any) -> None:
        """Opening takes no arguments; whatever comes is ignored."""

    @workflow.update(name="complete_milestone")
    async def complete_milestone(self, *raw: Any) -> Answer:
        """A milestone was reached (`MilestoneCompleted`)."""
        return await self._request(MilestoneCompleted, raw)

    @complete_milestone.validator
    def _check_complete_milestone(self, *raw: Any) -> None:
        self._check(MilestoneCompleted, raw)

    @workflow.update(name="change_fields")
    async def change_fields(self, *raw: Any) -> Answer:
        """Fields of the case have new values (`FieldsChanged`)."""
        return await self._request(FieldsChanged, raw)

    @change_fields.validator
    def _check_change_fields(self, *raw: Any) -> None:
        self._check(FieldsChanged, raw)

    @workflow.update(name="stop_clock")
    async def stop_clock(self, *raw: Any) -> Answer:
        """Stop the clock of the case, or of one milestone (`ClockStopped`)."""
        return await self._request(ClockStopped, raw)

    @stop_clock.validator
    def _check_stop_clock(self, *raw: Any) -> None:
        self._check(ClockStopped, raw)

    @workflow.update(name="resume_clock")
    async def resume_clock(self, *raw: Any) -> Answer:
        """Let the clock of the case, or of one milestone, go on (`ClockResumed`)."""
        return await self._request(ClockResumed, raw)

    @resume_clock.validator
    def _check_resume_clock(self, *raw: Any) -> None:
        self._check(ClockResumed, raw)

    @workflow.update(name="clear_completion")
    async def clear_completion(self, *raw: Any) -> Answer:
        """Take a completion back (`CompletionCleared`)."""
        return await self._request(CompletionCleared, raw)

    @clear_completion.validator
    def _check_clear_completion(self, *raw: Any) -> None:
        self._check(CompletionCleared, raw)

    @workflow.update(name="extend_milestone")
    async def extend_milestone(self, *raw: Any) -> Answer:
        """Move a target later (`MilestoneExtended`)."""
        return await self._request(MilestoneExtended, raw)

    @extend_milestone.validator
    def _check_extend_milestone(self, *raw: Any) -> None:
        self._check(MilestoneExtended, raw)

    @workflow.update(name="close")
    async def close(self, *raw: Any) -> Answer:
        """Close the case (`CaseClosed`)."""
        return await self._request(CaseClosed, raw)

    @close.validator
    def _check_close(self, *raw: Any) -> None:
        self._check(CaseClosed, raw)

    @workflow.update(name="change_entitlement")
    async def change_entitlement(self, *raw: Any) -> Answer:
        """The case goes over to another entitlement (`EntitlementChange`)."""
        change = read_event(EntitlementChange, raw, self._now())
        await self._ready()
        opened_at = self._timeline().state.opened_at
        planned = await self._plan_by(
            messages.PLAN_ENTITLEMENT_CHANGE,
            messages.EntitlementChangePlan(
                intake=self.intake.model_copy(update={"carried": None, "fields": self._timeline().state.fields}),
                entitlement=change.entitlement,
                opened_at=opened_at,
                now=self._now(),
            ),
            messages.OpenedCase,
        )
        event = EntitlementChanged(plan=planned.plan, **change.model_dump())
        answer = self._answer(event)
        self.account, self.entitlement = planned.account or self.account, planned.entitlement
        self._publish()
        return answer

    @change_entitlement.validator
    def _check_change_entitlement(self, *raw: Any) -> None:
        self._check_message(EntitlementChange, raw)

    @workflow.update(name="migrate")
    async def migrate(self, *raw: Any) -> Answer:
        """The case goes on under another version of its process, and its calendars as they are now (`Migration`)."""
        migration = read_event(Migration, raw, self._now())
        await self._ready()
        timeline = self._timeline()
        planned = await self._plan_by(
            messages.PLAN_MIGRATION,
            messages.MigrationPlan(
                plan=timeline.plan,
                earliest=timeline.earliest,
                now=self._now(),
                process_version=migration.process_version,
            ),
            messages.MigratedPlan,
        )
        self.horizon_ends = False
        return self._answer(PlanReplaced(plan=planned.plan, **migration.model_dump(exclude={"process_version"})))

    @migrate.validator
    def _check_migrate(self, *raw: Any) -> None:
        self._check_message(Migration, raw)

    @workflow.update(name="retry_action")
    async def retry_action(self, *raw: Any) -> str:
        """Try a failed action again, under the key that it has (`ActionRetry`)."""
        retry = read_message(messages.ActionRetry, raw)
        order = self.failed.pop(retry.key)
        self._remark(NoteKind.ACTION_RETRIED, f"{retry.key} is tried again", retry.by)
        self._spawn(self._act(order))
        return f"{retry.key} is tried again"

    @retry_action.validator
    def _check_retry_action(self, *raw: Any) -> None:
        try:
            retry = read_message(messages.ActionRetry, raw)
        except Refused as refused:
            raise _refusal(refused) from None
        if retry.key not in self.failed:
            known = ", ".join(self.failed) or "none"
            raise ApplicationError(
                f"no failed action {retry.key!r}; failed: {known}", type="unknown_action", non_retryable=True
            )

    @workflow.signal(name="milestone_completed")
    async def milestone_completed(self, *raw: Any) -> None:
        """News of `MilestoneCompleted`."""
        await self._news(MilestoneCompleted, raw)

    @workflow.signal(name="fields_changed")
    async def fields_changed(self, *raw: Any) -> None:
        """News of `FieldsChanged`."""
        await self._news(FieldsChanged, raw)

    @workflow.signal(name="clock_stopped")
    async def clock_stopped(self, *raw: Any) -> None:
        """News of `ClockStopped`."""
        await self._news(ClockStopped, raw)

    @workflow.signal(name="clock_resumed")
    async def clock_resumed(self, *raw: Any) -> None:
        """News of `ClockResumed`."""
        await self._news(ClockResumed, raw)

    @workflow.signal(name="case_closed")
    async def case_closed(self, *raw: Any) -> None:
        """News of `CaseClosed`."""
        await self._news(CaseClosed, raw)

    @workflow.signal(name=ENTITLEMENT_OVERFLOWED)
    async def entitlement_overflowed(self, *raw: Any) -> None:
        """An entitlement had nothing left for this case (`EntitlementOverflowed`)."""
        try:
            told = read_message(EntitlementOverflowed, raw)
        except Refused as refused:
            self._remark(NoteKind.REFUSED, f"refused: {refused}")
            return
        await workflow.wait_condition(lambda: self.refusal is not None or self.timeline is not None)
        self._remark(
            NoteKind.OVERFLOWED,
            f"entitlement {told.entitlement_id} has nothing left: {told.used} of {told.cap} {told.unit} used",
        )

    @workflow.signal(dynamic=True)
    async def unknown(self, name: str, _: Sequence[RawValue]) -> None:
        """A signal that a case does not know goes on record."""
        self._remark(NoteKind.REFUSED, f"refused: unknown signal {name!r}")

    @workflow.query(name="timeline")
    def timeline_query(self, *raw: Any) -> CaseView:
        """The case as it stands now.

        A workflow's clock stands still between its events. A caller that gives the time of its own clock (ISO 8601)
        gets the case as of then.
        """
        now = workflow.now()
        if raw and isinstance(raw[0], str):
            now = max(now, datetime.fromisoformat(raw[0]))
        return self._timeline().view(now + self.ahead)

    @workflow.query(name="explain")
    def explain_query(self, *raw: Any) -> Explanation:
        """Why every target is what it is, as of the caller's clock (see `timeline`); of one milestone, if it is named."""
        now = workflow.now()
        if raw and isinstance(raw[0], str):
            now = max(now, datetime.fromisoformat(raw[0]))
        milestone = str(raw[1]) if len(raw) > 1 and raw[1] is not None else None
        return explain(self._timeline().plan, self._timeline().state, now + self.ahead, milestone)


def _refusal(refused: Refused) -> ApplicationError:
    return ApplicationError(str(refused), type=refused.code, non_retryable=True)


def _said(error: ActivityError) -> ApplicationError:
    """What an activity refused, in its own words."""
    cause = error.cause
    said = cause if isinstance(cause, ApplicationError) else ApplicationError(str(cause), type="NotOpened")
    return ApplicationError(said.message, type=said.type, non_retryable=True)
