"""The workflow of a case: a thin, durable shell around its timeline.

It feeds the timeline what is asked and what time it is, sleeps until the next instant at which something is due, and
hands what follows to activities. It decides nothing: the timeline does, by the time stamps of events, never by which
coroutine woke first.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.bounds import cut
    from domain.messages.names import CASE_WORKFLOW
    from domain.timeline.views import CaseView
    from domain.usage.requests import ENTITLEMENT_OVERFLOWED
    from workflows.barrier import barrier
    from workflows.case import asked, opening
    from workflows.case.handlers import query, signal, update
    from workflows.case.parts import Parts
    from workflows.waiting import until

NEWEST = workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
MOST_SUMMARY_BYTES = 200


@workflow.defn(name=CASE_WORKFLOW)
class CaseWorkflow:
    """One case. Started with a `CaseIntake`; id ``case/{case_id}``."""

    @workflow.init
    def __init__(self, *raw: Any) -> None:
        intake, refusal = opening.read_intake(raw)
        self.parts = Parts(intake)
        self.case = self.parts.case
        self.case.refusal = refusal
        if refusal is None and intake.carried is not None:
            opening.take_up(self.case, intake.carried)

    @workflow.run
    async def run(self, *_: Any) -> CaseView:
        """Walk the case's timeline until it is closed, and nothing is left to do for it."""
        await self._begin()
        while not self._is_over:
            await self.parts.passing.catch_up()
            self.parts.overage.take_silence_for_no()
            self.parts.plans.keep_horizon()
            self.parts.actions.send_due()
            self._wind_down()
            if self._may_roll_over:
                self._roll_over()
            await until(self._next_due, self._has_other_work, now=self.case.now, summary=self._timer_summary)
        return self.case.view()

    async def _begin(self) -> None:
        """Open the case, reopen it, or go on from the run before; then set to work."""
        case, is_continued = self.case, self.case.is_open
        case.jobs.start(self.parts.recorder.tasks.watch())
        if case.refusal is None and not is_continued:
            self.parts.coverage = await opening.open_or_reopen(case)
        if case.refusal is not None:
            # Whoever waits for the opening is answered first.
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise case.refusal
        case.jobs.start(self.parts.recorder.work())
        self.parts.passing.resume()
        self.parts.actions.resume(is_continued=is_continued)

    # --- waiting ---

    def _next_due(self) -> datetime | None:
        dues = [decision.until for decision in self.case.open_decisions()]
        also = (self.parts.passing.next_due, self.parts.actions.next_due, self.parts.winding.next_due)
        dues += [due for due in also if due is not None]
        return min(dues, default=None)

    def _timer_summary(self) -> str:
        due = self._next_due()
        times_out = any(decision.until == due for decision in self.case.open_decisions())
        if times_out:
            return "time-out of the decision on overage"
        if due == self.parts.actions.next_due:
            return "send what a message brought forward"
        if due == self.parts.winding.next_due:
            return "wait for what is under way"
        return cut(self.case.next_summary, MOST_SUMMARY_BYTES)

    def _has_other_work(self) -> bool:
        if self._is_over or self.parts.plans.needs_horizon or self.parts.passing.has_news:
            return True
        return self._wants_a_new_run and (self._may_roll_over or self._is_to_wind_down)

    @property
    def _is_over(self) -> bool:
        case = self.case
        if not case.is_closed or case.kept.questions or case.being_decided or case.prompt_being_decided:
            return False
        return self.parts.actions.are_done and self.parts.recorder.is_idle and workflow.all_handlers_finished()

    @property
    def _wants_a_new_run(self) -> bool:
        info = workflow.info()
        if not info.is_continue_as_new_suggested() and not info.is_target_worker_deployment_version_changed():
            return False
        return not self.case.is_closed and self.parts.actions.can_be_carried

    @property
    def _is_to_wind_down(self) -> bool:
        return self._wants_a_new_run and self.parts.winding.is_to_begin

    def _wind_down(self) -> None:
        if self._is_to_wind_down:
            self.parts.winding.begin()
        self.parts.winding.give_up()

    @property
    def _may_roll_over(self) -> bool:
        if not self._wants_a_new_run or not self.parts.winding.is_over:
            return False
        is_quiet = workflow.all_handlers_finished() and self.case.turn.is_free
        return is_quiet and not self.parts.recorder.is_writing_here and self.case.fits

    def _roll_over(self) -> None:
        """Go on in a new run, under the newest deployment. What is not done is carried, and done there."""
        carried = self.case.carried()
        intake = self.case.intake.model_copy(update={"carried": carried, "clock": None, "reopened": None})
        moved = workflow.info().is_target_worker_deployment_version_changed()
        workflow.continue_as_new(intake, initial_versioning_behavior=NEWEST if moved else None)

    # --- what a case is asked: its updates ---

    open = update("open", "Answer once the case is open.", asked.nothing, asked.open_case)
    complete_milestone = asked.request("complete_milestone", "A milestone was reached (`MilestoneCompleted`).")
    change_fields = asked.request("change_fields", "Fields of the case have new values (`FieldsChanged`).")
    stop_clock = asked.request("stop_clock", "Stop the clock of the case, or of one milestone (`ClockStopped`).")
    resume_clock = asked.request("resume_clock", "Let the clock of the case, or of one milestone, go on.")
    clear_completion = asked.request("clear_completion", "Take a completion back (`CompletionCleared`).")
    extend_milestone = asked.request("extend_milestone", "Move a target later (`MilestoneExtended`).")
    close = asked.request("close", "Close the case (`CaseClosed`).")
    reopen = update(
        "reopen",
        "Take the case up again that is closed and still has something to do; of one that has ended a new run does.",
        asked.check_reopening,
        asked.reopen,
    )
    change_entitlement = update(
        "change_entitlement",
        "The case goes over to another entitlement (`EntitlementChange`).",
        asked.check_entitlement_change,
        asked.change_entitlement,
    )
    decide_overage = update(
        "decide_overage",
        "Somebody decides about what is beyond a cap: of the case itself, or of a time entry (`OverageChoice`).",
        asked.check_choice,
        asked.decide_overage,
    )
    log_time = update(
        "log_time",
        "Work was done on the case (`TimeLogged`): it is taken from the entitlements of hours that match.",
        asked.check_time,
        asked.log_time,
    )
    reverse_time = update(
        "reverse_time",
        "A time entry that stayed uncovered is undone (`TimeReversed`).",
        asked.check_reversal,
        asked.reverse_time,
    )
    migrate = update(
        "migrate",
        "Go on under another version of the process, and the calendars as they are now (`Migration`).",
        asked.check_migration,
        asked.migrate,
    )
    retry_action = update(
        "retry_action", "Try a failed action again (`ActionRetry`).", asked.check_retry, asked.retry_action
    )

    # --- what a case is told: its signals ---

    milestone_completed = asked.news("milestone_completed")
    fields_changed = asked.news("fields_changed")
    clock_stopped = asked.news("clock_stopped")
    clock_resumed = asked.news("clock_resumed")
    case_closed = asked.news("case_closed")
    time_logged = signal("time_logged", "News of `TimeLogged`.", asked.hear_of_time)
    entitlement_overflowed = signal(
        ENTITLEMENT_OVERFLOWED,
        "An entitlement had nothing left for this case (`EntitlementOverflowed`).",
        asked.hear_of_overflow,
    )

    @workflow.signal(dynamic=True)
    async def unknown(self, name: str, _: Sequence[RawValue]) -> None:
        """A signal that a case does not know goes on record."""
        with suppress(ApplicationError), barrier("an unknown signal"):  # one that is not opened has no record
            await self.case.ready()
            refusal = ApplicationError(f"unknown signal {name!r}", type="unknown_signal")
            self.parts.taking.refuse_news(refusal)

    # --- what a case shows: its queries ---

    timeline = query("timeline", "The case as it stands, as of the caller's clock.", asked.timeline)
    explain = query("explain", "Why every target is what it is, as of the caller's clock.", asked.explanation)
