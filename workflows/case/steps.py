"""Steps of a case: each is done as a whole or not at all, in its turn, and so many a workflow task."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from datetime import datetime

    from domain.frozen import HorizonExceeded
    from domain.timeline.effects import Effect
    from domain.timeline.events import Event
    from domain.timeline.machine import Timeline
    from domain.timeline.plan import SETS_CORNERS_RIGHT, STAYS_SMALL
    from domain.timeline.views import CaseView
    from workflows.barrier import UNEXPECTED, barrier, fault_number
    from workflows.waiting import end_of_task

WORK_A_TASK = 64
"""Messages of a small case, or effects of its time, that one workflow task takes. A case of many milestones takes as
many messages fewer: what a message costs grows with them. What a step of time costs grows with them as well, but each
further effect of the step costs little more. A process of costly criteria has both cost more."""

INSTANCES_A_UNIT = 8
CRITERIA_MS_A_UNIT = 15
"""Of the estimate of what the criteria of the process take: they may be evaluated anew with each step, and each effect
of its time. So 64 units are a second of criteria, of the two that a task may take."""

T = TypeVar("T")


class Step(NamedTuple):
    """What a step came to, worked out before anything of it is done.

    Attributes:
        timeline: takes the place of the one that the case has.
        now: the engine's now.
        view: of the case afterwards.
        next_due: when something happens next by itself.
        is_covered: the calendars reach as far as they have to.
        lacks_from: an instant before they begin that they have to reach; None: there is none.
    """

    timeline: Timeline
    effects: list[Effect]
    now: datetime
    view: CaseView
    next_due: datetime | None
    is_covered: bool
    lacks_from: datetime | None


def step_of(timeline: Timeline, effects: list[Effect], now: datetime) -> Step:
    """The step that leads to a timeline."""
    covers, lacks_from = timeline.covers(now), timeline.lacks_from
    return Step(timeline, effects, now, timeline.view(now), timeline.next_due, covers, lacks_from)


def applied(timeline: Timeline, event: Event, now: datetime) -> list[Effect]:
    """What an event does to a copy of a timeline.

    One that is counted from before the calendars begin waits for some that begin earlier: what it misses there would
    have no record if the case went on, and was closed, without them.

    Raises:
        Refused: it makes no sense.
        HorizonExceeded: it leads past the horizon; `back_to` says to where, if that lies before it.
    """
    lacked = timeline.lacks_from
    try:
        effects = timeline.apply(event, now)
    except HorizonExceeded as exceeded:
        entered_at = timeline.state.entered_at
        if timeline.plan.rules >= SETS_CORNERS_RIGHT and entered_at and entered_at < exceeded.horizon_start:
            exceeded.back_to = entered_at
        raise
    lacks = timeline.lacks_from
    if lacks is None or lacks == lacked:
        return effects
    latest = max(timeline.plan.calendars.values(), key=lambda calendar: calendar.start)
    beyond = HorizonExceeded(latest.name, latest.start, latest.end, lacks.isoformat())
    beyond.back_to = lacks
    raise beyond


class Trial(NamedTuple):
    """A step that an event leads to, before anybody has decided to take it."""

    event: Event
    now: datetime
    step: Step


class Attempts:
    """Tries steps. One that failed unexpectedly is marked in the history, and fails in every replay.

    Without the mark a mended build would succeed where the history goes on from a failure, and could not follow it.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._number = 0

    def attempt(self, what: str, step: Callable[[], T]) -> T:
        """What a step comes to. The step changes nothing; whoever asked for it does what follows.

        Args:
            what: names the step in the log.
            step: may read everything.

        Raises:
            HorizonExceeded: a target lies past the horizon.
            ApplicationError: it was refused, or failed unexpectedly (type `unexpected`).
        """
        self._number += 1
        mark = f"{self._kind}-{self._number}-failed"
        if workflow.unsafe.is_replaying() and workflow.patched(mark):
            said = f"an unexpected error; the worker's log has more under fault {fault_number()}"
            raise ApplicationError(said, type=UNEXPECTED, non_retryable=True)
        try:
            with barrier(what):
                try:
                    return step()
                except HorizonExceeded as exceeded:
                    beyond = exceeded
        except ApplicationError as error:
            if error.type == UNEXPECTED:
                workflow.patched(mark)
            raise
        raise beyond

    def foresee(self, what: str, step: Callable[[], None]) -> None:
        """Refuse at once what a step refuses, if that can be said just now.

        Whether it can, and what is refused, may depend on what else this task brings, and a replay may bring other
        things together. So a refusal is marked in the history, and a replay goes by the marks alone.

        Args:
            what: names the step in the log.
            step: changes nothing; it may read everything.

        Raises:
            ApplicationError: it was refused, or failed unexpectedly (type `unexpected`).
        """
        self._number += 1
        mark = f"{self._kind}-{self._number}-refused"
        if workflow.unsafe.is_replaying():
            if workflow.patched(mark):
                raise ApplicationError("it was refused when it came", type="refused", non_retryable=True)
            return
        try:
            with barrier(what):
                step()
        except ApplicationError:
            workflow.patched(mark)
            raise


class Turn:
    """One step after another, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._spent = 0

    async def __aenter__(self) -> None:
        """Wait for one's turn; at once, if nobody else has it."""
        await self._lock.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let the next one have it."""
        self._lock.release()

    @property
    def is_free(self) -> bool:
        """Nobody has it, and nobody waits."""
        return not self._lock.locked()

    @property
    def room(self) -> int:
        """How much more this task takes, in units of a small case; at least one."""
        return max(1, WORK_A_TASK - self._spent)

    async def pace(self) -> None:
        """Go on in the next task, if this one has done enough. How much is enough depends on what was done alone."""
        if self._spent >= WORK_A_TASK:
            self._spent = 0
            await end_of_task("the rest of what is waiting")

    def spend(self, units: int) -> None:
        """Count what was done."""
        self._spent += units


def many_small(timeline: Timeline) -> int:
    """How many small cases a case is, by its milestone instances."""
    return 1 + len(timeline.state.instances) // INSTANCES_A_UNIT


def unit_cost(timeline: Timeline) -> int:
    """What one step of a case costs with its first effect, a small case being one."""
    return many_small(timeline) - 1 + effect_cost(timeline)


def effect_cost(timeline: Timeline) -> int:
    """What each further effect of a step of time costs."""
    plan = timeline.plan
    return 1 + (plan.criteria_ms // CRITERIA_MS_A_UNIT if plan.rules >= STAYS_SMALL else 0)
