"""Plans of a case, made by activities: how it is opened and reopened, and longer horizons for its calendars."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.bounds import cut
    from domain.messages import names
    from domain.messages.steps import Horizon, HorizonRequest
    from domain.timeline.effects import NoteKind
    from domain.timeline.events import EntitlementChanged, Event, PlanReplaced
    from workflows.barrier import barrier
    from workflows.case.recorder import Recorder
    from workflows.case.running import RunningCase
    from workflows.waiting import SIGN_OF_LIFE, seal

PLANNING = timedelta(seconds=60)
MOST_SUMMARY_BYTES = 200

P = TypeVar("P")


async def plan_by(activity: str, request: Any, kind: type[P], summary: str) -> P:
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
            summary=cut(summary, MOST_SUMMARY_BYTES),
        )
    except ActivityError as error:
        cause = error.cause
        said = cause if isinstance(cause, ApplicationError) else ApplicationError(str(cause), type="NotPlanned")
        raise ApplicationError(cut(said.message), type=said.type, non_retryable=True) from error
    return planned


class Plans:
    """Keeps the calendars of a case long enough. What waits for longer ones waits alone."""

    def __init__(self, case: RunningCase, recorder: Recorder) -> None:
        self._case = case
        self._recorder = recorder
        self._is_asked_for = False
        self._time_waits = False
        self._is_freezing = False
        self._back_to: datetime | None = None
        self._past_ends: datetime | None = None
        self.why_past_ends = ""
        self.horizon_ends = False

    @property
    def holds_up_time(self) -> bool:
        """What is due next leads past the horizon."""
        return self._time_waits

    @property
    def needs_horizon(self) -> bool:
        """Longer calendars are to be frozen, and nobody does so yet."""
        if self._is_freezing or not self._case.is_open:
            return False
        if self._wanted_back_to is not None:
            return True
        return not self.horizon_ends and (self._is_asked_for or not self._case.is_covered)

    @property
    def _wanted_back_to(self) -> datetime | None:
        """The instant before the calendars begin that they are to reach; None: they are to reach further on, if so."""
        lacks_from = self._case.lacks_from
        return self._back_to or (None if self.ends(lacks_from) else lacks_from)

    def ends(self, back_to: datetime | None) -> bool:
        """Whether there is no horizon that reaches back to an instant, or, for None, further on."""
        if back_to is None:
            return self.horizon_ends
        return self._past_ends is not None and back_to <= self._past_ends

    def hold_up_time(self) -> bool:
        """Let time wait for a longer horizon; False if there is none."""
        self._is_asked_for = self._time_waits = not self.horizon_ends
        return self._time_waits

    async def longer(self, back_to: datetime | None = None) -> bool:
        """Wait for a longer horizon, further on or back to an instant; False if there is none."""
        if self.ends(back_to):
            return False
        self._is_asked_for, self._back_to = True, back_to or self._back_to
        await workflow.wait_condition(lambda: not self._is_asked_for or self.ends(back_to))
        return not self.ends(back_to)

    def keep_horizon(self) -> None:
        """Freeze the calendars further when a target, or the time itself, comes near to where they end."""
        if self.needs_horizon:
            self._is_freezing = True
            self._case.jobs.start(self._freeze())

    async def _freeze(self) -> None:
        case, back_to = self._case, self._wanted_back_to
        try:
            with barrier("the horizon"):
                await self._extend(back_to)
        except ApplicationError as error:
            # What lies past the horizon stays unknown; the case goes on without it.
            where = "further" if back_to is None else f"back to {back_to:%Y-%m-%d}"
            said = f"the calendars can't be frozen {where}: {error.message}"
            if back_to is None:
                self.horizon_ends = True
            else:
                self._past_ends, self.why_past_ends = max(back_to, self._past_ends or back_to), said
            case.remark(NoteKind.HORIZON_ENDS, said)
        finally:
            self._is_freezing = self._is_asked_for = self._time_waits = False
            self._back_to = None
        seal(horizon=f"{case.now():%Y-%m-%d}")
        self._recorder.wake()

    async def _extend(self, back_to: datetime | None) -> None:
        case, asked = self._case, self._case.timeline.plan
        horizon = await self._further(HorizonRequest(plan=asked, now=case.now(), back_to=back_to))
        versions = case.timeline.plan.calendar_versions
        # Another plan may have come meanwhile, with other calendars under the same names.
        same = {n: c for n, c in horizon.calendars.items() if versions.get(n) == asked.calendar_versions.get(n)}
        case.extend_horizon(same)

    async def _further(self, request: HorizonRequest) -> Horizon:
        return await plan_by(names.FREEZE_CALENDARS, request, Horizon, "freeze the calendars further")

    async def over_a_longer_horizon(
        self, event: EntitlementChanged | PlanReplaced, back_to: datetime | None = None
    ) -> Event:
        """The same event, with a plan whose calendars reach further, or back to an instant."""
        horizon = await self._further(HorizonRequest(plan=event.plan, now=self._case.now(), back_to=back_to))
        plan = event.plan.model_copy(update={"calendars": {**event.plan.calendars, **horizon.calendars}})
        return event.model_copy(update={"plan": plan})
