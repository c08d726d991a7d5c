"""The durable run: cases of a log walk through real workflows, each on the log's own dates, in virtual time.

A case is opened with the log's own clock (`CaseIntake.clock`). For each event its clock is moved to a second before, so
that everything due until then has happened, and the event is sent. Events that fall on a target to the second so come
before it, as they do in the pure run (`starters.backtest.pure_run`).

It can be stopped and run again: a case that was opened is found, an event that was taken is not taken twice. While the
server or the workers are away it waits for them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode

from clients.cases import MilepostClient
from clients.sending import NoAnswer
from domain.errors import MilepostError, Refused
from domain.timeline.events import CaseClosed, FieldsChanged
from domain.timeline.views import CaseView
from starters.logs.events import LoggedCase
from worker.clock import ClockStuck, VirtualClock

T = TypeVar("T")

AT_ONCE = 12
"""Cases that walk at one time. Fewer leave the server idle, more are no faster."""

PATIENCE = 600.0
"""Seconds for which nothing at all answers, after which the replay gives up."""

STEP = 15.0
"""Seconds that one step may take before it is tried again."""
_PAUSE = 0.25
_SHORT_OF_IT = timedelta(seconds=1)
"""How long before an event its case's clock is stopped. Up to 5 s ahead of the clock an event is taken as it is."""
_BEYOND_IT = timedelta(seconds=1)
"""How far beyond an instant the clock has to be for a timer of that instant to have ended."""

_AWAY = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.ABORTED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.INTERNAL,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.UNKNOWN,
    }
)


class ReplayFailed(MilepostError):
    """A replay that did not come to its end. What was done stays done; run again, it goes on from there."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A case of the log, and how its workflow stands at the end.

    Attributes:
        view: of a case that is not closed it may be as of an earlier instant: of the last thing that happened.
        until: everything due up to then has happened.
    """

    case: LoggedCase
    view: CaseView
    until: datetime


@dataclass(slots=True)
class Tally:
    """How far a replay is.

    Attributes:
        waiting_for: why nothing goes on for the moment; None: it does.
    """

    cases: int
    events: int
    cases_done: int = 0
    events_sent: int = 0
    waiting_for: str | None = None


def renamed(case: LoggedCase, prefix: str) -> LoggedCase:
    """The case under another id, so that it can be replayed beside itself."""
    intake = case.intake.model_copy(update={"case_id": f"{prefix}{case.case_id}"})
    events = tuple(event.model_copy(update={"event_id": f"{prefix}{event.event_id}"}) for event in case.events)
    return replace(case, intake=intake, events=events)


class Replay:
    """Walks cases of a log through their workflows."""

    def __init__(
        self,
        client: Client,
        *,
        task_queue: str,
        at_once: int = AT_ONCE,
        patience: float = PATIENCE,
        step: float = STEP,
        told: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        """Nothing is started yet.

        Args:
            client: of a server with a virtual clock.
            task_queue: of the workers.
            at_once: how many cases walk at one time.
            patience: seconds for which nothing answers, after which to give up.
            step: seconds that one step may take before it is tried again.
            told: is told of every step.
        """
        self._clock = VirtualClock(client)
        self._client = MilepostClient(self._clock.client, task_queue=task_queue, patience=step)
        self._at_once = at_once
        self._patience = patience
        self._step = step
        self._told = told
        self._tally = Tally(0, 0)
        self._heard_at = time.monotonic()

    async def run(self, cases: Iterable[LoggedCase], *, until: datetime | None = None) -> list[Replayed]:
        """Walk the cases to the end of the log.

        Args:
            cases: of the log.
            until: to where a case goes on that the log does not close; by default the end of the last case.

        Returns:
            Each case with its end, in their order.

        Raises:
            Refused: a case or an event is not taken.
            ReplayFailed: nothing answered for too long, or a case of that id is another one.
        """
        cases = list(cases)
        if not cases:
            return []
        until = until or max(case.ended_at for case in cases)
        self._tally = Tally(len(cases), sum(len(case.events) for case in cases))
        self._heard_at = time.monotonic()
        ends: dict[int, CaseView] = {}
        waiting = iter(enumerate(cases))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._at_once, len(cases))):
                    group.create_task(self._walk_all(waiting, until, ends))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [Replayed(case, ends[number], until) for number, case in enumerate(cases)]

    async def _walk_all(
        self, waiting: Iterator[tuple[int, LoggedCase]], until: datetime, ends: dict[int, CaseView]
    ) -> None:
        for number, case in waiting:
            ends[number] = await self._walk(case, until)
            self._tally.cases_done += 1
            self._told(self._tally)

    async def _walk(self, case: LoggedCase, until: datetime) -> CaseView:
        """One case, from its opening to its end; or from where it was left."""
        walker = _Walker(case, self._client, self._clock, self._patiently, self._step)
        if await walker.is_closed():
            self._sent(len(case.events))
            return await walker.result()
        await walker.open()
        for number, event in enumerate(case.events):
            if not await walker.send(event):
                self._sent(len(case.events) - number)
                return await walker.result()
            self._sent(1)
        return await walker.end(until)

    def _sent(self, events: int) -> None:
        self._tally.events_sent += events
        self._told(self._tally)

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        """Take a step. While nobody answers, wait and take it again."""
        while True:
            try:
                done = await step()
            except (NoAnswer, ClockStuck) as error:
                reason = str(error)
            except RPCError as error:
                if error.status not in _AWAY:
                    raise
                reason = f"the Temporal server does not answer ({error.message})"
            else:
                self._heard_at = time.monotonic()
                if self._tally.waiting_for:
                    self._tally.waiting_for = None
                    self._told(self._tally)
                return done
            if time.monotonic() - self._heard_at > self._patience:
                raise ReplayFailed(
                    f"nothing answered for {self._patience:g} s, last: {reason}; run the same command again to go on"
                )
            self._tally.waiting_for = reason
            self._told(self._tally)
            await asyncio.sleep(_PAUSE)


class _Walker:
    """One case on its way. Every step can be taken again without harm."""

    def __init__(
        self,
        case: LoggedCase,
        client: MilepostClient,
        clock: VirtualClock,
        patiently: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]],
        step: float,
    ) -> None:
        self._case = case
        self._client = client
        self._clock = clock
        self._patiently = patiently
        self._step = step
        self._handle = client.handle(case.case_id)
        self._ahead = timedelta()
        """How far the case's own clock is ahead of its workflow's."""

    async def is_closed(self) -> bool:
        """Whether the case was opened before and is closed by now."""

        async def look() -> bool:
            try:
                return (await self._handle.describe()).status is not WorkflowExecutionStatus.RUNNING
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return False
                raise

        return bool(await self._patiently(look))

    async def open(self) -> None:
        """Open the case, or find it open.

        Raises:
            Refused: it can't be opened so.
            ReplayFailed: it is open, but not as this log opens it.
        """
        case = self._case
        intake = case.intake.model_copy(update={"clock": case.opened_at})
        answer = await self._patiently(lambda: self._client.open(intake))
        if answer.case.opened_at != case.opened_at:
            raise ReplayFailed(
                f"a case {case.case_id} is open already, since {answer.case.opened_at.isoformat()}, and is not the "
                "log's; replay under other ids: --prefix TEXT"
            )
        self._ahead = case.opened_at - await self._patiently(self._started_at)

    async def _started_at(self) -> datetime:
        """When its first run was started, by the clock of the workflow."""
        described = await self._handle.describe()
        first = described.raw_description.workflow_execution_info.first_run_id
        if first and first != described.run_id:
            handle = self._clock.client.get_workflow_handle(self._handle.id, run_id=first)
            described = await handle.describe()
        return described.start_time

    async def send(self, event: FieldsChanged | CaseClosed) -> bool:
        """Bring the case to a second before the event, then send it. False: the case is closed already."""
        update = "close" if isinstance(event, CaseClosed) else "change_fields"
        message = event.model_dump(mode="json", exclude={"type"})
        if not await self._go_to(event.occurred_at - _SHORT_OF_IT):
            return False
        try:
            await self._patiently(lambda: self._client.request(self._case.case_id, update, **message))
        except Refused as refused:
            if refused.code != "closed":
                raise Refused(refused.code, f"case {self._case.case_id}, event {event.event_id}: {refused}") from None
            return False
        return True

    async def end(self, until: datetime) -> CaseView:
        """The case as it ends; one that the log does not close, when everything due up to `until` has happened."""
        if self._case.events and isinstance(self._case.events[-1], CaseClosed):
            return await self.result()
        beyond = until
        while True:
            beyond += _BEYOND_IT
            if not await self._go_to(beyond):
                return await self.result()
            view: CaseView = await self._patiently(lambda: self._client.view(self._case.case_id))
            if view.next_due is None or view.next_due > until:
                return view

    async def result(self) -> CaseView:
        """The case as it was closed.

        Raises:
            ReplayFailed: its workflow did not end in order.
        """

        async def ended() -> CaseView:
            try:
                return CaseView.model_validate(await asyncio.wait_for(self._handle.result(), self._step))
            except TimeoutError:
                raise NoAnswer(f"case {self._case.case_id} is closed and does not end: does a worker run?") from None

        try:
            return CaseView.model_validate(await self._patiently(ended))
        except WorkflowFailureError as failure:
            raise ReplayFailed(f"the workflow of case {self._case.case_id} failed: {failure.cause}") from None

    async def _go_to(self, instant: datetime) -> bool:
        """Move the case's clock to an instant; False if the case is closed."""
        target = instant - self._ahead
        return bool(
            await self._patiently(
                lambda: self._clock.go_to(self._handle, target, patience=timedelta(seconds=self._step))
            )
        )
