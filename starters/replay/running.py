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
from datetime import datetime
from typing import TypeVar

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from clients.cases import MilepostClient
from clients.sending import NoAnswer
from domain.messages.case_state import CaseState
from domain.timeline.views import CaseView
from starters.logs.stories import LoggedCase
from starters.replay.walking import ReplayFailed, Walker, after_closing
from worker.clock import ClockStuck, VirtualClock

T = TypeVar("T")

AT_ONCE = 12
"""Cases that walk at one time. Fewer leave the server idle, more are no faster."""

PATIENCE = 600.0
"""Seconds for which nothing at all answers, after which the replay gives up."""

STEP = 15.0
"""Seconds that one step may take before it is tried again."""
_PAUSE = 0.25

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
    intake = case.intake.model_copy(update={"case_id": f"{prefix}{case.case_id}", "external_id": None})
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
        stored: Callable[[str], CaseState] | None = None,
    ) -> None:
        """Nothing is started yet.

        Args:
            client: of a server with a virtual clock.
            task_queue: of the workers.
            at_once: how many cases walk at one time.
            patience: seconds for which nothing answers, after which to give up.
            step: seconds that one step may take before it is tried again.
            told: is told of every step.
            stored: what the store kept of a closed case, for those that the log reopens.
        """
        self._clock = VirtualClock(client)
        self._client = MilepostClient(self._clock.client, task_queue=task_queue, patience=step)
        self._at_once = at_once
        self._patience = patience
        self._step = step
        self._told = told
        self._stored = stored
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
        walker = Walker(case, self._client, self._clock, self._patiently, self._step, self._stored)
        begin = 0
        if await walker.is_closed():
            view = await walker.result()
            begin = after_closing(case, view.closed_at)
            self._sent(begin)
            if begin == len(case.events):
                return view
        else:
            await walker.open()
        for number, event in enumerate(case.events[begin:], begin):
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
