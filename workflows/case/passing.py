"""Time that passes for a case: what is due is done, in slices; a step that fails stays due and is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.frozen import HorizonExceeded
    from domain.messages.case_state import Stuck
    from workflows.case.plans import Plans
    from workflows.case.recorder import Recorder
    from workflows.case.running import RunningCase
    from workflows.case.shown import Picture
    from workflows.case.steps import effect_cost, unit_cost

TRIED_AGAIN_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
"""After the first failure, the second, and every one from the third on."""


class Passing:
    """Lets time pass for a case."""

    def __init__(self, case: RunningCase, plans: Plans, recorder: Recorder, picture: Picture) -> None:
        self._case = case
        self._recorder = recorder
        self._picture = picture
        self._plans = plans
        self._build = ""

    @property
    def next_due(self) -> datetime | None:
        """When there is something to do for time that passes; None while only something else can change that."""
        case = self._case
        if case.next_due is None or self._plans.holds_up_time:
            return None
        stuck = case.kept.stuck
        return max(case.next_due, stuck.again_at) if stuck else case.next_due

    @property
    def has_news(self) -> bool:
        """A step failed, and now another build runs; or a message has done what was due."""
        return self._has_a_new_build or self._is_helped

    @property
    def _has_a_new_build(self) -> bool:
        stuck = self._case.is_open and self._case.kept.stuck
        return bool(stuck) and workflow.info().get_current_build_id() != self._build

    @property
    def _is_helped(self) -> bool:
        case = self._case
        if not case.is_open or not case.kept.stuck or self._plans.holds_up_time:
            return False
        return case.next_due is None or case.next_due > case.now()

    def resume(self) -> None:
        """Try a step that failed in an earlier run again at once."""
        kept = self._case.kept
        if kept.stuck:
            kept.stuck = kept.stuck.model_copy(update={"again_at": self._case.now()})

    async def catch_up(self) -> None:
        """Do everything that is due by now."""
        if self._has_a_new_build:
            self._build = workflow.info().get_current_build_id()
            self.resume()
        async with self._case.turn:
            await self._advance()
        if self._is_helped:
            self._unstick()

    async def catch_up_before(self, at: datetime) -> None:
        """Do what is due before the instant of a message, so that little is left to do when the message is taken.

        Whoever calls has the turn. What fails here is left to time itself.
        """
        if not self._case.kept.stuck:
            # The timeline counts whole seconds: what is due in the very second of the message comes after it.
            await self._advance(before=min(at, self._case.now()).replace(microsecond=0))

    async def _advance(self, *, before: datetime | None = None) -> None:
        case, at_once = self._case, True
        while (due := self.next_due) and (due <= case.now() if before is None else due < before):
            await case.turn.pace()
            cost, each = unit_cost(case.timeline), effect_cost(case.timeline)
            at_most = max(1, 1 + (case.turn.room - cost) // each) if at_once else 1
            try:
                done = case.advance(case.now(), at_most=at_most, before=before)
            except HorizonExceeded as exceeded:
                if at_most == 1 and not self._plans.hold_up_time():
                    self._stick(str(exceeded))
                    return
            except ApplicationError as fault:
                if at_most == 1:
                    self._stick(fault.message)
                    return
            else:
                case.turn.spend(cost + (done - 1) * each)
                self._unstick()
                continue
            at_once = False  # what comes before the step that fails is done without it

    def _stick(self, why: str) -> None:
        case = self._case
        before, now = case.kept.stuck, case.now()
        tries = before.tries + 1 if before else 1
        again_at = now + TRIED_AGAIN_AFTER[min(tries, len(TRIED_AGAIN_AFTER)) - 1]
        case.kept.stuck = Stuck(since=before.since if before else now, tries=tries, again_at=again_at)
        self._build = workflow.info().get_current_build_id()
        workflow.logger.error(
            "case %s: what was due at %s could not be done and is tried again at %s: %s",
            case.case_id, case.next_due, again_at, why,
        )  # fmt: skip
        self._picture.show()
        self._recorder.wake()

    def _unstick(self) -> None:
        case = self._case
        if case.kept.stuck:
            case.kept.stuck = None
            self._picture.show()
