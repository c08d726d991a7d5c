"""The side of usage that touches the world: the gate through which entitlements are asked, and what they want done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NoReturn, Protocol

from temporalio import activity
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.templates import BadTemplate, render
from domain.entitlement_messages import (
    BALANCE,
    CONSUME_MANY,
    ENTITLEMENT_WORKFLOW,
    FREEZE_PERIODS,
    MOST_AT_ONCE,
    PERFORM_USAGE_ACTION,
    RECORD_CONSUMPTIONS,
    Balance,
    Consumed,
    Consumption,
    EntitlementTerms,
    PeriodsRequest,
    UsageActionOrder,
    UsageRecords,
    workflow_id,
)
from domain.errors import Refused
from domain.frozen_periods import FrozenPeriods
from domain.periods import freeze, horizon
from domain.process import Email, Task
from domain.usage import Usage
from domain.usage_state import ConsumptionRecord
from store.values import Consumption as StoredConsumption

ACCOUNT = SearchAttributeKey.for_keyword("MilepostAccount")
ENTITLEMENT = SearchAttributeKey.for_keyword("MilepostEntitlement")

PATIENCE = 30.0
"""Seconds for which a request is sent again before its caller is told that nobody answers."""

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 1.0

_PASSING = frozenset(
    {
        RPCStatusCode.FAILED_PRECONDITION,  # the run goes on in the next one
        RPCStatusCode.NOT_FOUND,  # it just did
        RPCStatusCode.ABORTED,
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.UNKNOWN,
        RPCStatusCode.INTERNAL,
    }
)
"""What may be otherwise the next moment. Sending again is safe: an event id is taken once."""

_NOT_READY = "WorkflowNotReadyFailure"


class NobodyCounts(Exception):
    """The workflow of an entitlement does not answer.

    Not a `MilepostError`: it passes by itself, so an activity that gets it is tried again, and its case not refused.
    """


@dataclass
class _Lane:
    """The consumptions of one entitlement that wait for their turn, each with who waits for its answer."""

    terms: EntitlementTerms
    waiting: list[tuple[Consumption, asyncio.Future[Consumed]]] = field(default_factory=list)
    runner: asyncio.Task[None] | None = None


class UsageGate:
    """Asks entitlements for what cases need: one update at a time for each, that takes a list while the next gathers.

    A workflow takes few updates at once: at most ten in flight over all clients, and many in flight slow it down a
    hundredfold. One gate for each worker process keeps the number of callers out of it. All calls come from one event
    loop.
    """

    def __init__(self, client: Client, task_queue: str, *, patience: float = PATIENCE) -> None:
        self._client = client
        self._task_queue = task_queue
        self._patience = patience
        self._lanes: dict[str, _Lane] = {}

    async def consume(self, terms: EntitlementTerms, consumption: Consumption) -> Consumed:
        """Take something of an entitlement, whose workflow is started with these terms if it does not run yet.

        Calling again with the same consumption changes nothing, and answers the same (`already` instead of `granted`).

        Raises:
            Refused: the entitlement does not understand the request.
            NobodyCounts: it does not answer; whether the consumption was taken is not known. Call again.
        """
        lane = self._lanes.setdefault(terms.entitlement_id, _Lane(terms))
        lane.terms = terms
        answer: asyncio.Future[Consumed] = asyncio.get_running_loop().create_future()
        lane.waiting.append((consumption, answer))
        if lane.runner is None:
            lane.runner = asyncio.create_task(self._run(lane))
        return await answer

    async def balance(self, terms: EntitlementTerms, at: datetime) -> Balance:
        """What an entitlement has at an instant; one whose workflow does not run yet has all.

        Raises:
            NobodyCounts: it does not answer.
        """
        handle = self._client.get_workflow_handle(workflow_id(terms.entitlement_id))
        try:
            found: Balance = await handle.query(
                BALANCE, at.isoformat(), result_type=Balance, rpc_timeout=timedelta(seconds=self._patience)
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise _nobody_counts(terms, error) from error
            return Usage.begin(terms, at).balance(at)
        return found

    async def _run(self, lane: _Lane) -> None:
        """Send one list after another, until nobody waits."""
        try:
            while batch := lane.waiting[:MOST_AT_ONCE]:
                del lane.waiting[: len(batch)]
                try:
                    answers = await self._send(lane.terms, [consumption for consumption, _ in batch])
                except Exception as error:  # noqa: BLE001  whatever it is, those who wait are told
                    for _, answer in batch:
                        if not answer.done():
                            answer.set_exception(error)
                else:
                    for (_, answer), consumed in zip(batch, answers, strict=True):
                        if not answer.done():
                            answer.set_result(consumed)
        finally:
            lane.runner = None
            self._lanes.pop(lane.terms.entitlement_id, None)
            for _, answer in lane.waiting:
                answer.cancel()

    async def _send(self, terms: EntitlementTerms, consumptions: list[Consumption]) -> list[Consumed]:
        """Ask until there is an answer, under the same event ids."""
        clock = asyncio.get_running_loop().time
        deadline, pause = clock() + self._patience, _FIRST_PAUSE
        while True:
            try:
                return await asyncio.wait_for(self._update(terms, consumptions), deadline - clock())
            except WorkflowUpdateFailedError as error:
                if not _is_not_ready(error):
                    _refuse(error)
                last: Exception = error
            # The client makes an error of its own of an attempt that was cut short.
            except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError) as error:
                last = error
            except RPCError as error:
                if error.status not in _PASSING:
                    raise
                last = error
            if clock() + pause > deadline:
                raise _nobody_counts(terms, last) from last
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _update(self, terms: EntitlementTerms, consumptions: list[Consumption]) -> list[Consumed]:
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            ENTITLEMENT_WORKFLOW,
            terms,
            id=workflow_id(terms.entitlement_id),
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            # One that was terminated may be started again, from nothing; that is an operator's decision.
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            search_attributes=TypedSearchAttributes(
                [SearchAttributePair(ACCOUNT, terms.account), SearchAttributePair(ENTITLEMENT, terms.entitlement_id)]
            ),
            static_summary=f"Entitlement {terms.entitlement_id}",
            static_details="What an entitlement still has: under *current details*, and by the query `balance`.",
        )
        answers: list[Consumed] = await self._client.execute_update_with_start_workflow(
            CONSUME_MANY, consumptions, start_workflow_operation=start, result_type=list[Consumed]
        )
        return answers


def _is_not_ready(error: WorkflowUpdateFailedError) -> bool:
    return isinstance(error.cause, ApplicationError) and error.cause.type == _NOT_READY


def _refuse(error: WorkflowUpdateFailedError) -> NoReturn:
    cause = error.cause
    if isinstance(cause, ApplicationError):
        raise Refused(cause.type or "refused", cause.message) from error
    raise Refused("refused", str(cause)) from error


def _nobody_counts(terms: EntitlementTerms, why: object) -> NobodyCounts:
    return NobodyCounts(
        f"entitlement {terms.entitlement_id} does not answer ({why or 'no answer'}): is a worker running? Look at "
        f"workflow {workflow_id(terms.entitlement_id)!r} in Temporal"
    )


# --- what entitlements want done ---


class UsageStore(Protocol):
    """The part of the store that usage needs. It takes the same thing twice without harm."""

    def record_consumptions(self, consumptions: Iterable[StoredConsumption]) -> int:
        """Keep consumptions."""

    def record_mail(
        self, key: str, *, to: Sequence[str], subject: str, body: str, at: datetime, due_at: datetime | None = None
    ) -> bool:
        """Put a mail into the log of sent mail."""

    def record_task(self, key: str, *, subject: str, assign_to: str, body: str, at: datetime) -> bool:
        """Make a task."""

    def record_action_done(self, key: str, *, at: datetime | None = None) -> None:
        """Note that an action was carried out."""


class UsageActivities:
    """The activities of the entitlement workflow."""

    def __init__(self, store: UsageStore) -> None:
        self._store = store

    @property
    def all(self) -> list[Callable[..., Any]]:
        """For the worker to register."""
        return [self.record_consumptions, self.perform_usage_action, self.freeze_periods]

    @activity.defn(name=RECORD_CONSUMPTIONS)
    async def record_consumptions(self, records: UsageRecords) -> None:
        """Keep what was taken, and say in the log which periods have ended: past periods follow from what was taken."""
        await asyncio.to_thread(
            self._store.record_consumptions, [_stored(records, one) for one in records.consumptions]
        )
        for period in records.periods:
            activity.logger.info(
                "entitlement %s: the period from %s ended with %d used of %s",
                records.entitlement_id,
                period.first_day or "ever",
                period.used,
                "unlimited" if period.cap is None else period.cap,
            )

    @activity.defn(name=PERFORM_USAGE_ACTION)
    async def perform_usage_action(self, order: UsageActionOrder) -> None:
        """Carry out an action of a threshold, or tell the manager of an overflow."""
        key, action = order.call.key, order.call.action
        try:
            match action:
                case Email():
                    to = [render(address, order.context) for address in action.to]
                    subject, body = render(action.subject, order.context), render(action.body, order.context)
                    record = partial(self._store.record_mail, key, to=to, subject=subject, body=body, at=order.at)
                case Task():
                    subject, body = render(action.subject, order.context), render(action.body, order.context)
                    assign_to = render(action.assign_to, order.context)
                    record = partial(
                        self._store.record_task, key, subject=subject, assign_to=assign_to, body=body, at=order.at
                    )
                case _:
                    raise ApplicationError(
                        f"{action.do} can't be done for an entitlement; use email or task",
                        type="UnknownAction",
                        non_retryable=True,
                    )
        except BadTemplate as error:  # wrong today is wrong at every retry
            raise ApplicationError(str(error), type="BadTemplate", non_retryable=True) from error
        await asyncio.to_thread(record)
        await asyncio.to_thread(self._store.record_action_done, key, at=order.at)

    @activity.defn(name=FREEZE_PERIODS)
    async def freeze_periods(self, request: PeriodsRequest) -> FrozenPeriods:
        """The periods of a term over the horizon that it has now."""
        return freeze(request.allowance, request.term, horizon(request.term, request.now))


def _stored(records: UsageRecords, consumption: ConsumptionRecord) -> StoredConsumption:
    return StoredConsumption(
        entitlement=records.entitlement_id,
        reference=consumption.reference,
        kind="taken" if consumption.outcome == "granted" else consumption.outcome,
        unit=records.unit,
        amount=consumption.amount,
        at=consumption.occurred_at,
        period=None if consumption.first_day is None else consumption.first_day.isoformat(),
        balance_after=None if consumption.cap is None else max(consumption.cap - consumption.used, 0),
        by=consumption.by,
    )
