"""The Python client: opens cases and speaks to running ones, in a few words and with errors that a person can read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from pydantic import ValidationError
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from clients.failing import failing_task, of_builds, why_silent
from clients.sending import (
    NOT_UNDERSTOOD,
    PATIENCE,
    NoAnswer,
    Turns,
    a_moment,
    marked,
    persist,
    persist_asking,
    update_with_start,
)
from clients.showing import case_details, case_summary
from domain.errors import MilepostError, NotFound, Refused
from domain.explanation import Explanation
from domain.messages.cases import Answer, CaseIntake, CaseReopening
from domain.messages.names import CASE_WORKFLOW, NOT_OPEN_YET
from domain.timeline.views import CaseView
from domain.wording import instant

T = TypeVar("T")

Starting = Callable[[], WithStartWorkflowOperation[Any, CaseView]]
"""Makes the operation that starts a case, anew for each attempt."""


class MilepostClient:
    """Opens cases and sends them requests.

    Every request carries an `event_id` and `occurred_at`; sending it again under the same id changes nothing.
    """

    def __init__(self, client: Client, *, task_queue: str = "milepost", patience: float = PATIENCE) -> None:
        self.temporal = client
        self.task_queue = task_queue
        self.patience = patience
        self._turns = Turns()

    async def open(self, intake: CaseIntake) -> Answer:
        """Open a case and wait until it has its entitlement and its timeline.

        It opens as of now, however late a worker takes it up, unless its intake says when or gives it a clock. A case
        that is open already is answered with, `already`, and the intake not looked at. (Of two that open the same case
        at the same instant either may be the one that does.) One that was refused is tried anew.

        Raises:
            Refused: the case cannot be opened so, or was opened and closed before.
            NoAnswer: no worker answers.
        """
        case_id = intake.case_id
        if intake.opened_at is None and intake.clock is None:
            intake = intake.model_copy(update={"opened_at": datetime.now(UTC)})
        known = await self._described(case_id)
        start: Starting = partial(
            WithStartWorkflowOperation,
            CASE_WORKFLOW,
            marked(intake),
            id=f"case/{case_id}",
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            # One that was refused, or ended by an operator, may try again.
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            static_summary=case_summary(case_id, intake.external_id),
            static_details=case_details(intake.external_id),
        )
        said = (
            f"case {case_id} was handed to Temporal, but nobody answers on task queue {self.task_queue!r}; it opens as "
            "soon as a worker runs there (`milepost worker`)"
        )
        try:
            answer, started = await self._start(case_id, _opening_id(case_id, known), start, said)
        except WorkflowAlreadyStartedError:
            raise Refused("closed", f"case {case_id} was opened before and is closed") from None
        was_known = known is not None and (await started.workflow_handle()).first_execution_run_id in _runs(known)
        return answer.model_copy(update={"outcome": "already"}) if was_known else answer

    async def reopen(
        self,
        case_id: str,
        *,
        occurred_at: datetime | None = None,
        by: str | None = None,
        reason: str | None = None,
        event_id: str | None = None,
        fields: dict[str, Any] | None = None,
        external_id: str | None = None,
    ) -> Answer:
        """Take a closed case up again: in a new run of the same id, unless the last one has still something to do.

        Args:
            case_id: the case.
            occurred_at: when it was reopened; now, if left out: a case with a clock of its own has to be told.
            by: who reopens it.
            reason: goes on record.
            event_id: of the request; made up, if left out.
            fields: of the case that have new values from then on.
            external_id: by which another system knows the case, if the caller knows it: for the Temporal UI alone.

        Raises:
            Refused: the case is open, or was never recorded.
            NoAnswer: no worker answers.
        """
        at = occurred_at or datetime.now(UTC)
        reopened = CaseReopening(
            event_id=event_id or f"reopen-{uuid4()}", occurred_at=at, by=by, reason=reason, fields=fields or {}
        )
        start: Starting = partial(
            WithStartWorkflowOperation,
            CASE_WORKFLOW,
            marked(CaseIntake(case_id=case_id, reopened=reopened)),
            id=f"case/{case_id}",
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            static_summary=f"{case_summary(case_id, external_id)}, reopened",
            static_details=case_details(external_id),
        )
        try:
            said = self._silence(case_id)
            answer, _ = await self._start(case_id, reopened.event_id, start, said, reopened.event_id)
        except WorkflowAlreadyStartedError:
            message = reopened.model_dump(mode="json", exclude_none=True)
            return Answer.model_validate(await self.ask(case_id, "reopen", message), extra="ignore")
        return answer

    async def request(self, case_id: str, update: str, **event: Any) -> Answer:
        """Send one request (an update of the case) and return what came of it.

        Args:
            case_id: the case.
            update: the update's name, such as ``complete_milestone``.
            **event: the fields of its event; `event_id` and `occurred_at` are made up if they are left out.

        Raises:
            Refused: the case does not take it and stays as it was; it is `closed`, or was never opened (`not_opened`).
            NotFound: there is no such case.
            NoAnswer: no worker answers.
        """
        return Answer.model_validate(await self.ask(case_id, update, _stamped(event)), extra="ignore")

    async def log_time(self, case_id: str, **entry: Any) -> list[str]:
        """Log work done on a case (`TimeLogged`); returns what it took, one line for each entitlement.

        One line more says what is to be decided about the part beyond a cap (`request` a ``decide_overage`` with the
        id of its `entry`).

        Raises:
            Refused, NotFound, NoAnswer: as `request`.
        """
        return list(await self.ask(case_id, "log_time", _stamped(entry)))

    async def ask(self, case_id: str, update: str, message: dict[str, Any], *, update_id: str | None = None) -> Any:
        """Send one update as it is, and return its answer as plain JSON.

        Args:
            case_id: the case.
            update: the update's name.
            message: its argument.
            update_id: by which the server knows the request; its event id, if left out. Under one that it knows it
                repeats its answer; under another the case itself says that it has taken the event, and how it stands.

        Raises:
            Refused, NotFound, NoAnswer: as `request`.
        """
        handle = self.handle(case_id)
        known_as = update_id or str(message.get("event_id") or uuid4())

        async def attempt() -> Any:
            try:
                async with self._turns.turn(case_id):
                    return await handle.execute_update(update, message, id=known_as)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND and (ended := await self._ended(case_id)):
                    raise ended from None
                raise  # it goes on in its next run just now, or too much is asked at once

        return await self._persist(case_id, attempt, self._silence(case_id), message.get("event_id"))

    async def _start(
        self, case_id: str, update_id: str, start: Starting, said: str, event_id: str | None = None
    ) -> tuple[Answer, WithStartWorkflowOperation[Any, CaseView]]:
        """Start the workflow of a case, unless it runs, and wait until the case is open.

        Each attempt has an operation of its own, since the SDK takes one only once; that of the last is returned too.

        Raises:
            WorkflowAlreadyStartedError: it may not be started.
            Refused, NoAnswer: as `open`.
        """

        async def attempt() -> tuple[Answer, WithStartWorkflowOperation[Any, CaseView]]:
            operation = start()
            try:
                answer: Answer = await update_with_start(
                    self.temporal, "open", start=operation, id=update_id, result_type=Answer
                )
            except RPCError as error:
                # An intake that does not fit fails its workflow, and the update is only told that it was aborted.
                refused = await self._failure(case_id)
                if refused is None:
                    raise
                raise refused from error
            return answer, operation

        return await self._persist(case_id, attempt, said, event_id)

    async def view(self, case_id: str) -> CaseView:
        """The case as it stands.

        Raises:
            NotFound: Temporal knows no such case (any more).
            Refused: it was refused when it was opened (`not_opened`).
            NoAnswer: no worker answers.
        """
        return await self._query(case_id, "timeline", CaseView)

    async def explanation(self, case_id: str) -> Explanation:
        """Why its targets are what they are.

        Raises:
            NotFound, Refused, NoAnswer: as `view`.
        """
        return await self._query(case_id, "explain", Explanation)

    async def _query(self, case_id: str, query: str, answer: type[T]) -> T:
        async def attempt() -> T:
            asked_at = datetime.now(UTC).isoformat()
            try:
                said: T = await self.handle(case_id).query(query, asked_at, result_type=answer)
            except WorkflowQueryFailedError:
                if await self._has_failed(case_id) and (ended := await self._ended(case_id)):
                    raise ended from None
                raise
            return said

        try:
            found = await persist_asking(
                attempt,
                patience=self.patience,
                unanswered=lambda why: NoAnswer(
                    f"case {case_id} can't answer now: {why}" if _is_not_open(why) else self._silence(case_id)
                ),
                again=_is_not_open,
            )
        except NoAnswer as nobody:
            async with a_moment():
                if await self._has_failed(case_id) and (ended := await self._ended(case_id)):
                    raise ended from None
                known = await self._described(case_id)
                if known and (failing := await failing_task(self.temporal, self.task_queue, known)):
                    raise NoAnswer(f"case {case_id} can't answer now: {failing}") from nobody
                if not _is_not_open(nobody.__cause__):
                    said = await of_builds(self.temporal, self.task_queue, known, f"case {case_id}", str(nobody))
                    raise NoAnswer(said) from nobody
            raise
        except Refused as refused:
            if refused.code != NOT_UNDERSTOOD:
                raise
            raise NoAnswer(f"case {case_id} can't answer now: {refused}") from None
        if found is None:
            raise NotFound(f"no case {case_id!r} is known here")
        return found

    async def _persist(
        self, case_id: str, attempt: Callable[[], Awaitable[T]], said: str, event_id: str | None = None
    ) -> T:
        try:
            return await persist(attempt, patience=self.patience, unanswered=_saying(said))
        except NoAnswer as nobody:
            async with a_moment():
                said = await why_silent(self.temporal, self.task_queue, self.handle(case_id), f"case {case_id}", said)
            raise NoAnswer(said, event_id) from nobody

    def _silence(self, case_id: str) -> str:
        return f"case {case_id} does not answer: does a worker run on {self.task_queue!r}?"

    def handle(self, case_id: str) -> WorkflowHandle[Any, Any]:
        """The workflow of a case."""
        return self.temporal.get_workflow_handle(f"case/{case_id}", result_type=CaseView)

    async def _described(self, case_id: str) -> WorkflowExecutionDescription | None:
        return await persist_asking(
            self.handle(case_id).describe,
            patience=self.patience,
            unanswered=_saying(f"the Temporal server does not say how case {case_id} is"),
            again=_is_not_open,
        )

    async def _has_failed(self, case_id: str) -> bool:
        known = await self._described(case_id)
        return known is not None and known.status is WorkflowExecutionStatus.FAILED

    async def _ended(self, case_id: str) -> MilepostError | None:
        """Why a case that does not run takes nothing; None for one that runs, again perhaps."""
        known = await self._described(case_id)
        if known is None:
            return NotFound(f"no case {case_id!r} is known here")
        if known.status is WorkflowExecutionStatus.RUNNING:
            return None
        if known.status is not WorkflowExecutionStatus.FAILED:
            closed_at = await self._closed_at(known)
            return Refused("closed", f"case {case_id} is closed{f', since {instant(closed_at)}' if closed_at else ''}")
        reason, intake = await self._failure(case_id), await self._intake(known)
        if intake.get("reopened"):
            return Refused("closed", f"case {case_id} is closed, and reopening it was refused: {reason}")
        if not intake.get("carried"):
            return Refused("not_opened", f"case {case_id} was refused when it was opened: {reason}")
        return Refused("failed", f"case {case_id} failed: {reason}")

    async def _closed_at(self, known: WorkflowExecutionDescription) -> datetime | None:
        """When a case was closed by its own time; of one that was ended from outside, when that was."""
        if known.status is not WorkflowExecutionStatus.COMPLETED:
            return known.close_time
        run = self.temporal.get_workflow_handle(known.id, run_id=known.run_id, result_type=CaseView)
        try:
            return (await run.result(follow_runs=False)).closed_at or known.close_time
        except (RPCError, ValidationError):  # its history is gone, or a newer build has written it
            return known.close_time

    async def _intake(self, known: WorkflowExecutionDescription) -> dict[str, Any]:
        """With what a run of a case was started, whatever its shape."""
        run = self.temporal.get_workflow_handle(known.id, run_id=known.run_id)
        async for event in run.fetch_history_events(page_size=1):
            given = event.workflow_execution_started_event_attributes.input
            arguments = await self.temporal.data_converter.decode(given.payloads)
            return arguments[0] if arguments and isinstance(arguments[0], dict) else {}
        return {}

    async def _failure(self, case_id: str) -> Refused | None:
        """Why the workflow of a case failed, in one line and as whoever waits for its opening hears it; else None."""
        if not await self._has_failed(case_id):
            return None
        try:
            await asyncio.wait_for(self.handle(case_id).result(), self.patience)
        except WorkflowFailureError as failure:
            cause = failure.cause
            if isinstance(cause, ApplicationError):
                return Refused(cause.type or "not_opened", " ".join(cause.message.split()))
            return Refused("not_opened", " ".join(str(cause).split()))
        except (TimeoutError, RPCError):
            pass
        return None


def _opening_id(case_id: str, known: WorkflowExecutionDescription | None) -> str:
    """The id of the update: under one that it knows the server repeats its answer, also of a case that is closed.

    What was refused is not to be repeated: that attempt is over.
    """
    repeats = {WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED}
    return f"open-{case_id}" if known is None or known.status in repeats else f"open-{case_id}-{uuid4()}"


def _runs(known: WorkflowExecutionDescription) -> set[str | None]:
    """What a server may call the execution's first run."""
    return {known.run_id, known.raw_description.workflow_execution_info.first_run_id}


def _stamped(event: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in event.items() if value is not None}
    return {"event_id": str(uuid4()), "occurred_at": datetime.now(UTC).isoformat(), **given}


def _saying(said: str) -> Callable[[object], NoAnswer]:
    return lambda _why: NoAnswer(said)


def _is_not_open(said: object) -> bool:
    """Whether a case has yet to open."""
    return isinstance(said, WorkflowQueryFailedError) and NOT_OPEN_YET in said.message
