"""What a case is asked: its updates, signals and queries.

Every one takes whatever arguments come, and every update has a validator: a message from outside with a wrong number of
arguments otherwise wedges the case for ever.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.errors import Refused
    from domain.explanation import Explanation, explain
    from domain.frozen import HorizonExceeded
    from domain.messages import cases as messages
    from domain.messages.cases import (
        Answer,
        EntitlementChange,
        HoursQuestion,
        Migration,
        OverageChoice,
        OveragePrompt,
        TimeLogged,
    )
    from domain.messages.inbox import read_event, read_message
    from domain.timeline.effects import NoteKind
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
    from domain.timeline.requests import refuse_future
    from domain.timeline.views import CaseView
    from domain.usage.requests import ENTITLEMENT_OVERFLOWED, EntitlementOverflowed
    from domain.usage.units import number_text

from workflows.case.hours import CaseHours


class CaseRequests(CaseHours):
    """A case that answers."""

    def _check(self, kind: type[Any], raw: tuple[Any, ...]) -> None:
        """Refuse a request before anything of it is recorded: it is tried on a copy of the timeline."""
        try:
            event = read_event(kind, raw, self._now())
            if self.timeline is not None and self._covers():
                with suppress(HorizonExceeded):
                    self.timeline.fork().apply(event, self._now())
        except Refused as refused:
            raise _refusal(refused) from None

    def _check_message(self, kind: type[Any], raw: tuple[Any, ...]) -> None:
        try:
            refuse_future(read_event(kind, raw, self._now()).occurred_at, self._now())
        except Refused as refused:
            raise _refusal(refused) from None

    async def _request(self, kind: type[Any], raw: tuple[Any, ...]) -> Answer:
        return await self._answer(read_event(kind, raw, self._now()))

    async def _ready(self) -> None:
        """Wait until the case is open and its calendars reach far enough."""
        await workflow.wait_condition(
            lambda: self.refusal is not None or (self.timeline is not None and self._covers())
        )
        if self.refusal is not None:
            raise self.refusal

    async def _answer(self, event: Event) -> Answer:
        """Take an event in, over a longer horizon if it needs one."""
        while True:
            await self._ready()
            try:
                return self._take(event)
            except Refused as refused:
                raise _refusal(refused) from None
            except HorizonExceeded as exceeded:
                if self.horizon_ends:
                    raise ApplicationError(str(exceeded), type="past_the_horizon", non_retryable=True) from None
                if isinstance(event, EntitlementChanged | PlanReplaced):
                    event = await self._over_a_longer_horizon(event)
                else:
                    self.is_beyond = True

    async def _over_a_longer_horizon(self, event: EntitlementChanged | PlanReplaced) -> Event:
        request = messages.HorizonRequest(plan=event.plan, now=self._now())
        summary = "freeze the calendars further"
        horizon = await self._plan_by(messages.FREEZE_CALENDARS, request, messages.Horizon, summary)
        plan = event.plan.model_copy(update={"calendars": {**event.plan.calendars, **horizon.calendars}})
        return event.model_copy(update={"plan": plan})

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
        return Answer(outcome="taken", notes=[], case=self._view(), coverage=self.coverage)

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

    @workflow.update(name="reopen")
    async def reopen(self, *raw: Any) -> Answer:
        """Take the case up again that is closed and still has something to do (`CaseReopened`).

        One whose workflow has ended is taken up by a new run.
        """
        return await self._request(CaseReopened, raw)

    @reopen.validator
    def _check_reopen(self, *raw: Any) -> None:
        if self.timeline is not None and not self._is_closed:
            raise ApplicationError(f"case {self.intake.case_id} is open", type="open", non_retryable=True)
        self._check(CaseReopened, raw)

    @workflow.update(name="change_entitlement")
    async def change_entitlement(self, *raw: Any) -> Answer:
        """The case goes over to another entitlement (`EntitlementChange`)."""
        change = read_event(EntitlementChange, raw, self._now())
        await self._ready()
        await self._until_decided()
        if (
            self.prompt is not None
            and self.prompt.change is not None
            and self.prompt.change.event_id == change.event_id
        ):
            return Answer(outcome="repeated", notes=[self.prompt.text], case=self._view())
        opened_at = self._timeline().state.opened_at
        planned = await self._plan_by(
            messages.PLAN_ENTITLEMENT_CHANGE,
            messages.EntitlementChangePlan(
                intake=self.intake.model_copy(update={"carried": None, "fields": self._timeline().state.fields}),
                event_id=change.event_id,
                entitlement=change.entitlement,
                opened_at=opened_at,
                now=self._now(),
            ),
            messages.OpenedCase,
            "freeze the calendars of another entitlement",
        )
        await self._until_decided()
        if planned.prompt is not None:
            return self._ask_before(change, planned.prompt)
        event = EntitlementChanged(plan=planned.plan, **change.model_dump())
        answer = await self._answer(event)
        self.account, self.entitlement = planned.account or self.account, planned.entitlement
        if self.prompt is not None and workflow.patched("a-change-settles-what-was-asked"):
            settled, self.prompt = self.prompt, None
            self._remark(
                NoteKind.DECIDED, f"one more of entitlement {settled.entitlement} is needed no longer", change.by
            )
        self._publish()
        return answer

    async def _until_decided(self) -> None:
        """A decision that is on its way comes first: it would undo a change."""
        if self.is_deciding and workflow.patched("a-change-waits-for-a-decision"):
            await workflow.wait_condition(lambda: not self.is_deciding)

    def _ask_before(self, change: EntitlementChange, prompt: OveragePrompt) -> Answer:
        """Have somebody decide before the case goes over to an entitlement that has nothing left.

        Raises:
            ApplicationError: the case waits for another decision.
        """
        if self.prompt is not None:
            why = f"the case waits for a decision on entitlement {self.prompt.entitlement}; decide that first"
            raise ApplicationError(why, type="decision_pending", non_retryable=True)
        self.prompt = prompt.model_copy(update={"change": change})
        self._remark(NoteKind.PROMPTED, self.prompt.text, change.by)
        return Answer(outcome="taken", notes=[self.prompt.text], case=self._view())

    @change_entitlement.validator
    def _check_change_entitlement(self, *raw: Any) -> None:
        self._check_message(EntitlementChange, raw)

    @workflow.update(name="decide_overage")
    async def decide_overage(self, *raw: Any) -> Answer:
        """Somebody decides about what is beyond a cap: of the case itself, or of a time entry (`OverageChoice`)."""
        choice = read_event(OverageChoice, raw, self._now())
        await self._ready()
        asked = self._asked(choice)
        if isinstance(asked, OveragePrompt):
            return await self._decide(asked, choice)
        return await self._decide_hours(asked, choice)

    @decide_overage.validator
    def _check_decide_overage(self, *raw: Any) -> None:
        self._check_message(OverageChoice, raw)
        if self.timeline is not None:
            self._asked(read_event(OverageChoice, raw, self._now()))

    def _asked(self, choice: OverageChoice) -> OveragePrompt | HoursQuestion:
        """What a choice answers.

        Raises:
            ApplicationError: nothing that the case asks.
        """
        if choice.entry in self.being_decided:
            why = f"the overage of time entry {choice.entry!r} is being decided on"
            raise ApplicationError(why, type="nothing_to_decide", non_retryable=True)
        prompt = None if self._is_closed else self.prompt
        asked = self.questions.get(choice.entry) if choice.entry else prompt
        if asked is None:
            about = f" of time entry {choice.entry!r}" if choice.entry else ""
            others = f", only on that of its time entries: {', '.join(self.questions)}" if self.questions else ""
            why = f"this case waits for no decision on overage{about}{others}"
            raise ApplicationError(why, type="nothing_to_decide", non_retryable=True)
        return asked

    async def _decide(self, prompt: OveragePrompt, choice: OverageChoice) -> Answer:
        """Go over to the entitlement that a decision leads to; its process is entered now."""
        self.prompt, self.is_deciding = None, True
        try:
            return await self._follow(prompt, choice)
        finally:
            self.is_deciding = False

    async def _follow(self, prompt: OveragePrompt, choice: OverageChoice) -> Answer:
        stays = prompt.change is not None and not choice.approved
        try:
            opened: messages.OpenedCase | None = await self._plan_by(
                messages.DECIDE_OVERAGE,
                messages.OverageDecided(
                    intake=self.intake.model_copy(update={"carried": None}),
                    prompt=prompt,
                    choice=choice,
                    opened_at=self._timeline().state.opened_at,
                    now=self._now(),
                ),
                type(None) if stays else messages.OpenedCase,
                "take one more at the overage price" if choice.approved else "stay" if stays else "fall back",
            )
        except ApplicationError:
            self.prompt = prompt
            raise
        said = "approved" if choice.approved else "declined"
        text = f"one more of entitlement {prompt.entitlement} is {said}" + (
            f": {choice.reason}" if choice.reason else ""
        )
        self._remark(NoteKind.DECIDED, text, choice.by)
        if opened is None:
            return Answer(outcome="taken", notes=[text], case=self._view())
        self.account, self.entitlement = opened.account or self.account, opened.entitlement
        self.prompt = opened.prompt
        if opened.prompt is not None:
            self._remark(NoteKind.PROMPTED, opened.prompt.text)
        return await self._answer(
            EntitlementChanged(
                # What was asked for has been done with this: asked for again, it is known.
                event_id=prompt.change.event_id if prompt.change else choice.event_id,
                occurred_at=choice.occurred_at,
                by=choice.by,
                reason=choice.reason,
                entitlement=opened.entitlement,
                plan=opened.plan,
                from_opening=prompt.change is not None and prompt.change.from_opening,
            )
        )

    @workflow.update(name="log_time")
    async def log_time(self, *raw: Any) -> list[str]:
        """Work was done on the case (`TimeLogged`): it is taken from the entitlements of hours that match."""
        return await self._log_time(read_event(TimeLogged, raw, self._now()))

    @log_time.validator
    def _check_log_time(self, *raw: Any) -> None:
        self._check_message(TimeLogged, raw)

    async def _log_time(self, entry: TimeLogged) -> list[str]:
        await self._ready()
        return await self._take_time(entry)

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
            "freeze the calendars of another version",
        )
        self.horizon_ends = False
        return await self._answer(PlanReplaced(plan=planned.plan, **migration.model_dump(exclude={"process_version"})))

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

    @workflow.signal(name="time_logged")
    async def time_logged(self, *raw: Any) -> None:
        """News of `TimeLogged`."""
        try:
            await self._log_time(read_event(TimeLogged, raw, self._now()))
        except (Refused, ApplicationError) as refused:
            self._remark(NoteKind.REFUSED, f"refused: {refused}")

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
            f"entitlement {told.entitlement_id} has nothing left: {number_text(told.used, told.unit)} of "
            f"{number_text(told.cap, told.unit)} {told.unit} used",
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
        whose = {"account": self.account, "entitlement": self.entitlement}
        return self._view(self._as_of(raw)).model_copy(update=whose)

    @workflow.query(name="explain")
    def explain_query(self, *raw: Any) -> Explanation:
        """Why every target is what it is, as of the caller's clock (see `timeline`); of one milestone, if named."""
        milestone = str(raw[1]) if len(raw) > 1 and raw[1] is not None else None
        return explain(self._timeline().plan, self._timeline().state, self._as_of(raw), milestone)

    def _as_of(self, raw: Sequence[Any]) -> datetime:
        asked = datetime.fromisoformat(raw[0]) if raw and isinstance(raw[0], str) else workflow.now()
        return max(asked, workflow.now()) + self.ahead


def _refusal(refused: Refused) -> ApplicationError:
    return ApplicationError(str(refused), type=refused.code, non_retryable=True)
