"""Starts a migration of running cases, and follows one that runs: a durable workflow, which goes on unwatched."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from clients.sending import PATIENCE, NoAnswer, marked, persist, persist_asking
from domain.errors import MilepostError, NotFound, Refused
from domain.messages.migrations import (
    MIGRATION_WORKFLOW,
    ORDER,
    PROGRESS,
    MigrationOrder,
    MigrationProgress,
    workflow_id,
)

T = TypeVar("T")

LOOK_EVERY = 0.3
"""Seconds between two looks at a batch."""

_ENDED_EARLY = (
    WorkflowExecutionStatus.TERMINATED,
    WorkflowExecutionStatus.CANCELED,
    WorkflowExecutionStatus.TIMED_OUT,
    WorkflowExecutionStatus.FAILED,
)


class MigrationFailed(MilepostError):
    """A batch that ended before it was done."""


@dataclass(frozen=True)
class Standing:
    """How a batch stands.

    Attributes:
        progress: None while nobody answers.
        runs: whether it goes on.
        ended: how it ended, if before it was done: `terminated` ...
    """

    progress: MigrationProgress | None
    runs: bool
    ended: str | None = None


class MigrationClient:
    """Starts batches and asks how they are."""

    def __init__(self, client: Client, *, task_queue: str, patience: float = PATIENCE) -> None:
        self._client = client
        self._task_queue = task_queue
        self._patience = patience

    async def start(self, order: MigrationOrder) -> None:
        """Start a batch. It runs whether or not anybody watches.

        Raises:
            Refused: one of that id runs.
            NoAnswer: the server does not answer.
        """

        async def begin() -> None:
            await self._client.start_workflow(
                MIGRATION_WORKFLOW,
                marked(order),
                id=workflow_id(order.migration_id),
                task_queue=self._task_queue,
                static_summary=f"Migration {order.migration_id}",
                static_details="Brings running cases to newer versions of their process and business hours. How far it "
                "is stands under *current details*; the query `progress` has it all.",
            )

        try:
            await persist(begin, patience=self._patience, unanswered=self._unanswered(order.migration_id))
        except WorkflowAlreadyStartedError:
            follow = f"milepost migrate --resume {order.migration_id} follows it"
            raise Refused("running", f"migration {order.migration_id} runs already; {follow}") from None

    async def resume(self, migration_id: str) -> bool:
        """See to it that a batch runs, or is done. Returns whether it had to be started again.

        Raises:
            NotFound: there is none of that id.
            NoAnswer: no worker answers.
        """
        status = await self._status(migration_id)
        if status not in _ENDED_EARLY:
            return False
        order = await self._ask(migration_id, ORDER, MigrationOrder)
        await self.start(order)
        return True

    async def standing(self, migration_id: str) -> Standing:
        """How a batch stands.

        Raises:
            NotFound: there is none of that id.
        """
        status = await self._status(migration_id)
        progress: MigrationProgress | None = None
        with contextlib.suppress(NoAnswer):
            progress = await self._ask(migration_id, PROGRESS, MigrationProgress)
        ended = status.name.lower() if status in _ENDED_EARLY else None
        return Standing(progress, runs=status is WorkflowExecutionStatus.RUNNING, ended=ended)

    async def follow(self, migration_id: str, told: Callable[[Standing], None]) -> MigrationProgress:
        """Look at a batch until it is done.

        Args:
            migration_id: which.
            told: is told what was seen, again and again.

        Raises:
            NotFound: there is none of that id.
            Refused: it could not be begun: its selection names what nobody knows.
            MigrationFailed: it ended before it was done.
        """
        while True:
            standing = await self.standing(migration_id)
            told(standing)
            if not standing.runs:
                return await self._result(migration_id)
            await asyncio.sleep(LOOK_EVERY)

    async def _result(self, migration_id: str) -> MigrationProgress:
        try:
            return await self._handle(migration_id).result()
        except WorkflowFailureError as error:
            _fail(migration_id, error)

    async def _status(self, migration_id: str) -> WorkflowExecutionStatus:
        described = await persist_asking(
            self._handle(migration_id).describe,
            patience=self._patience,
            unanswered=self._unanswered(migration_id),
            again=_never,
        )
        if described is None:
            raise NotFound(f"no migration {migration_id!r} is known here")
        return described.status or WorkflowExecutionStatus.RUNNING

    async def _ask(self, migration_id: str, query: str, kind: type[T]) -> T:
        unanswered = self._unanswered(migration_id)
        try:
            answer: T | None = await persist_asking(
                lambda: self._handle(migration_id).query(query, result_type=kind),
                patience=self._patience,
                unanswered=unanswered,
                again=_never,
            )
        except Refused as refused:
            raise unanswered(refused) from None
        if answer is None:
            raise unanswered("it is gone")
        return answer

    def _unanswered(self, migration_id: str) -> Callable[[object], NoAnswer]:
        said = f"migration {migration_id} does not answer: does a worker run on {self._task_queue!r}?"
        return lambda _why: NoAnswer(said)

    def _handle(self, migration_id: str) -> WorkflowHandle[Any, MigrationProgress]:
        return self._client.get_workflow_handle(workflow_id(migration_id), result_type=MigrationProgress)


def _never(_said: Exception) -> bool:
    return False


def _fail(migration_id: str, error: WorkflowFailureError) -> NoReturn:
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type in {"NotFound", "bad_field", "bad_order"}:
        raise Refused(cause.type, cause.message) from None
    raise MigrationFailed(
        f"migration {migration_id} ended before it was done: {cause}; milepost migrate --resume {migration_id} goes on "
        "with it"
    ) from None
