"""The workflow of a case: a thin, durable shell around its timeline.

It feeds the timeline what is asked and what time it is, sleeps until the next instant at which something is due, and
hands what follows to activities. It decides nothing: by time stamps, never by which branch woke up, the timeline does.
"""

from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.errors import Refused
    from domain.frozen import HorizonExceeded
    from domain.ids import event_id_of
    from domain.messages import cases as messages
    from domain.messages.cases import CaseIntake, OverageChoice
    from domain.timeline import Case, Timeline
    from domain.timeline.effects import Noted, NoteKind, TriggerFired
    from domain.timeline.events import CaseReopened
    from domain.timeline.views import CaseView
    from workflows.waiting import until

from workflows.case.requests import CaseRequests

NEWEST = workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE


@workflow.defn(name=messages.CASE_WORKFLOW)
class CaseWorkflow(CaseRequests):
    """One case. Started with a `CaseIntake`; id ``case/{case_id}``."""

    @workflow.init
    def __init__(self, intake: CaseIntake) -> None:
        super().__init__(intake)

    @workflow.run
    async def run(self, intake: CaseIntake) -> CaseView:
        """Walk the case's timeline until it is closed, and nothing is left to do for it."""
        if self.timeline is None:
            await self._open(intake)
        elif intake.reopened is not None:
            await self._reopen(intake.reopened)
        while not self._is_over:
            await self._keep_horizon()
            self._do_what_is_due()
            self._take_silence_on_hours_for_no()
            await self._take_silence_for_no()
            if self._may_roll_over:
                await self._roll_over()
            await until(self._next_due, self._has_other_work, now=self._now, summary=self._timer_summary)
        return self._view()

    # --- opening ---

    async def _open(self, intake: CaseIntake) -> None:
        """Get the plan of the case, with its calendars frozen; everything after depends on nothing else."""
        opened_at = intake.opened_at or self._now()
        opening = messages.CaseOpening(intake=intake, opened_at=opened_at, now=self._now(), ahead=self.ahead)
        summary = "find the entitlement, freeze the calendars"
        try:
            opened = await self._plan_by(messages.OPEN_CASE, opening, messages.OpenedCase, summary)
        except ApplicationError as refusal:
            await self._refuse_opening(refusal)
            return
        self.account, self.entitlement, self.prompt = opened.account, opened.entitlement, opened.prompt
        self.coverage = opened.coverage
        timeline = Timeline.enter(opened.plan, Case(case_id=intake.case_id, fields=opened.fields), opened_at)
        self.timeline = timeline
        entered = timeline.advance(opened_at)
        if opened.coverage is not None:
            entered += timeline.remark(NoteKind.COVERED, opened_at, opened.coverage.text)
        # The opening activity has recorded what the entry noted; only what was fired is news.
        self.recorded_notes = sum(isinstance(effect, Noted) for effect in entered)
        self._do([effect for effect in entered if isinstance(effect, TriggerFired)])
        if self.prompt is not None:
            self._remark(NoteKind.PROMPTED, self.prompt.text)

    async def _reopen(self, reopened: CaseReopened) -> None:
        while True:
            await self._keep_horizon()
            try:
                self._take(reopened)
            except Refused as refused:
                await self._refuse_opening(ApplicationError(str(refused), type=refused.code, non_retryable=True))
            except HorizonExceeded as exceeded:
                if self.horizon_ends:
                    await self._refuse_opening(ApplicationError(str(exceeded), type="past_the_horizon"))
                self.is_beyond = True
            else:
                return

    async def _refuse_opening(self, refusal: ApplicationError) -> None:
        """Answer whoever waits for the opening, then fail."""
        self.refusal = refusal
        await workflow.wait_condition(workflow.all_handlers_finished)
        raise refusal

    # --- time ---

    def _next_due(self) -> datetime | None:
        dues = [decision.until for decision in self._open_decisions()]
        if self.timeline is not None and self.timeline.next_due is not None:
            dues.append(self.timeline.next_due)
        return min(dues, default=None)

    def _timer_summary(self) -> str:
        times_out = any(decision.until == self._next_due() for decision in self._open_decisions())
        return "time-out of the decision on overage" if times_out else self._view().next_summary

    def _has_other_work(self) -> bool:
        return self._is_over or self._may_roll_over or not self._covers()

    def _do_what_is_due(self) -> None:
        due = self._timeline().next_due
        if due is None or due > self._now():
            return
        timeline = self._timeline().fork()
        try:
            effects = timeline.advance(self._now())
        except HorizonExceeded:  # by a field update of a trigger; done again over a longer horizon
            self.is_beyond = True
            return
        self.timeline = timeline
        self._do(effects)

    async def _take_silence_for_no(self) -> None:
        """A decision that nobody has made in time counts as no."""
        prompt = self.prompt
        if prompt is None or prompt.until > self._now() or self._is_closed:
            return
        asked_for = prompt.change.event_id if prompt.change else prompt.entitlement
        choice = OverageChoice(
            event_id=event_id_of("time-out", self.intake.case_id, asked_for),
            occurred_at=prompt.until,
            by="time-out",
            approved=False,
        )
        try:
            await self._decide(prompt, choice)
        except ApplicationError as error:
            # Nobody has said yes, so nothing is taken; the case goes on as it is.
            self.prompt = None
            what = "the case keeps what it has" if prompt.change else "no other entitlement was found"
            self._remark(NoteKind.REFUSED, f"{what}: {error.message}")

    async def _keep_horizon(self) -> None:
        """Freeze the calendars further when a target, or the time itself, comes near to where they end."""
        while not self._covers():
            timeline = self._timeline()
            request = messages.HorizonRequest(plan=timeline.plan, now=self._now())
            try:
                horizon = await self._plan_by(
                    messages.FREEZE_CALENDARS, request, messages.Horizon, "freeze the calendars further"
                )
            except ApplicationError as error:
                # What lies past the horizon stays unknown; the case goes on without it.
                self.horizon_ends = True
                self._remark(NoteKind.HORIZON_ENDS, f"the calendars can't be frozen further: {error.message}")
                return
            timeline = self._timeline()
            timeline.extend_horizon(horizon.calendars)
            self.is_beyond = False

    # --- rolling over and closing ---

    @property
    def _may_roll_over(self) -> bool:
        info = workflow.info()
        wanted = info.is_continue_as_new_suggested() or info.is_target_worker_deployment_version_changed()
        return wanted and not self.under_way and not self._is_closed

    async def _roll_over(self) -> None:
        """Go on in a new run, under the newest deployment. The state is taken last, when nothing is under way."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self._may_roll_over:
            rolled = self.intake.model_copy(update={"carried": self._carried(), "clock": None, "reopened": None})
            moved = workflow.info().is_target_worker_deployment_version_changed()
            workflow.continue_as_new(rolled, initial_versioning_behavior=NEWEST if moved else None)

    @property
    def _is_over(self) -> bool:
        waits = self.under_way or self.questions or not workflow.all_handlers_finished()
        return self._is_closed and not waits
