"""One case of a log on its way through its workflow: opened, moved in time, told what happened, reopened, ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode

from clients.cases import MilepostClient
from clients.sending import NoAnswer
from domain.errors import MilepostError, Refused
from domain.messages.case_state import CaseState
from domain.messages.cases import CaseIntake
from domain.timeline.events import CaseClosed, CaseReopened
from domain.timeline.views import CaseView
from domain.wording import instant
from starters.logs.stories import LogEvent, LoggedCase
from worker.clock import VirtualClock

_SHORT_OF_IT = timedelta(seconds=1)
"""How long before an event its case's clock is stopped. Up to 5 s ahead of the clock an event is taken as it is."""
_BEYOND_IT = timedelta(seconds=1)
"""How far beyond an instant the clock has to be for a timer of that instant to have ended."""


class ReplayFailed(MilepostError):
    """A replay that did not come to its end. What was done stays done; run again, it goes on from there."""


def after_closing(case: LoggedCase, closed_at: datetime | None) -> int:
    """How many events of a case lie before what follows on its closing at an instant; all, if nothing does."""
    closings = [
        number
        for number, event in enumerate(case.events, 1)
        if isinstance(event, CaseClosed) and event.occurred_at == closed_at
    ]
    return closings[-1] if closings else len(case.events)


class Walker:
    """One case on its way. Every step can be taken again without harm."""

    def __init__(
        self,
        case: LoggedCase,
        client: MilepostClient,
        clock: VirtualClock,
        patiently: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]],
        step: float,
        stored: Callable[[str], CaseState] | None,
    ) -> None:
        self._case = case
        self._stored = stored
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
                f"a case {case.case_id} is open already, since {instant(answer.case.opened_at)}, and is not the "
                "log's; replay under other ids: --prefix TEXT"
            )
        self._ahead = await self._patiently(self._read_ahead)

    async def _read_ahead(self) -> timedelta:
        """How far its own clock is ahead: since it was opened, or else since it was reopened."""
        if any(isinstance(event, CaseReopened) for event in self._case.events):
            reopened = await self._reopened_ahead()
            if reopened is not None:
                return reopened
        return self._case.opened_at - await self._started_at()

    async def _started_at(self) -> datetime:
        """When its first run was started, by the clock of the workflow."""
        described = await self._handle.describe()
        first = described.raw_description.workflow_execution_info.first_run_id
        if first and first != described.run_id:
            handle = self._clock.client.get_workflow_handle(self._handle.id, run_id=first)
            described = await handle.describe()
        return described.start_time

    async def _reopened_ahead(self) -> timedelta | None:
        """How far the clock of a reopened case is ahead, as its first run reckoned; None: it was never reopened."""
        described = await self._handle.describe()
        first = described.raw_description.workflow_execution_info.first_run_id or described.run_id
        handle = self._clock.client.get_workflow_handle(self._handle.id, run_id=first)
        intake: CaseIntake | None = None
        began: datetime | None = None
        async for event in handle.fetch_history_events():
            if event.HasField("workflow_execution_started_event_attributes"):
                payloads = event.workflow_execution_started_event_attributes.input.payloads
                (intake,) = await self._clock.client.data_converter.decode(payloads, [CaseIntake])
            elif event.HasField("workflow_task_started_event_attributes"):
                began = event.event_time.ToDatetime(tzinfo=UTC)
            elif event.HasField("workflow_task_completed_event_attributes"):
                break
        if intake is None or intake.reopened is None or intake.reopened.occurred_at is None or began is None:
            return None
        if self._stored is None:
            raise ReplayFailed(f"case {self._case.case_id} was reopened, and this replay has no store to look it up in")
        stored = await asyncio.to_thread(self._stored, self._case.case_id)
        return max(stored.ahead, intake.reopened.occurred_at - began)

    async def _reopen(self, event: CaseReopened) -> bool:
        """Take the case up again, in a run of its own, when the one before has come to its end."""
        if self._stored is None:
            raise ReplayFailed(f"case {self._case.case_id} is reopened, and this replay has no store to reopen it from")
        if await self.is_closed():
            await self.result()
        await self._patiently(
            lambda: self._client.reopen(
                self._case.case_id,
                occurred_at=event.occurred_at,
                by=event.by,
                event_id=event.event_id,
                fields=event.fields,
            )
        )
        self._ahead = await self._patiently(self._read_ahead)
        return True

    async def send(self, event: LogEvent) -> bool:
        """Bring the case to a second before the event, then send it. False: the case is closed already."""
        if isinstance(event, CaseReopened):
            return await self._reopen(event)
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
