"""The gate through which a process asks an entitlement: one question is in flight, the next ones gather."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, assert_never
from weakref import WeakValueDictionary

from pydantic_core import to_json
from temporalio.client import Client

from clients.entitlements import Entitlements
from clients.sending import PATIENCE, marked
from domain.bounds import MOST_MESSAGE_BYTES
from domain.usage.machine import Usage
from domain.usage.requests import (
    ADJUST,
    AMEND,
    APPROVE_OVERAGE,
    CANCEL,
    CARRY_BACK,
    CARRY_IN,
    CONSUME_MANY,
    COVER_OVERAGE,
    GRANT,
    HAS_TAKEN,
    LOG_HOURS,
    MOST_AT_ONCE,
    RENEW,
    REVERSE,
    VOID_OVERAGE,
    Balance,
    BalanceCarriedIn,
    BalanceTakenBack,
    Consumed,
    Consumption,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementCancelled,
    EntitlementRenewed,
    EntitlementTerms,
    OverageCovered,
    OverageDecision,
    OverageVoided,
    TimeEntry,
    UsageAdjusted,
    UsageChange,
    UsageChanged,
    UsageGranted,
)

_BRACKETS = 8
"""Bytes of a list beside what is in it, and a few to spare."""


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
    loop. Calling again with the same request changes nothing, and answers the same (`already` instead of `granted`).
    """

    def __init__(
        self,
        client: Client,
        task_queue: str,
        *,
        patience: float = PATIENCE,
        kept: Callable[[str, str], bool] | None = None,
    ) -> None:
        """Make a gate.

        Args:
            client: of Temporal.
            task_queue: of the workers of entitlements.
            patience: seconds for which a request is sent again.
            kept: whether an entitlement has put away into the store that a reference took its part; None: nobody knows.
        """
        self._kept = kept
        self._entitlements = Entitlements(client, task_queue, patience=patience)
        self._lanes: dict[str, _Lane] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def consume(self, terms: EntitlementTerms, consumption: Consumption) -> Consumed:
        """Take something of an entitlement, whose workflow is started with these terms if it does not run yet.

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

    async def log_hours(self, terms: EntitlementTerms, entry: TimeEntry) -> Consumed:
        """Take the time of an entry. `left_over` of the answer is for the next entitlement (`is_rest`).

        Raises:
            Refused: the entitlement does not understand the request.
            NobodyCounts: it does not answer. Call again.
        """
        answer: Consumed = await self._ask(terms, LOG_HOURS, entry, Consumed)
        return answer

    async def approve_overage(self, terms: EntitlementTerms, decision: OverageDecision) -> Consumed:
        """Take what somebody decided about an overflow.

        Raises:
            Refused: there is nothing to decide.
            NobodyCounts: it does not answer. Call again.
        """
        answer: Consumed = await self._ask(terms, APPROVE_OVERAGE, decision, Consumed)
        return answer

    async def change(self, terms: EntitlementTerms, asked: UsageChange) -> UsageChanged:
        """Change an entitlement by hand.

        Raises:
            Refused: the change makes no sense there; nothing of it was done.
            NobodyCounts: it does not answer. Call again.
        """
        answer: UsageChanged = await self._ask(terms, _update_of(asked), asked, UsageChanged)
        return answer

    async def begin(self, terms: EntitlementTerms) -> None:
        """Let the count of an entitlement begin before anything is taken: its notices and its term's end need it."""
        await self._entitlements.begin(terms)

    async def running(self, entitlement_id: str) -> Balance | None:
        """What an entitlement has now; None if it is not counted yet.

        Raises:
            NobodyCounts: it does not answer.
        """
        return await self._entitlements.balance(entitlement_id)

    async def balance(self, terms: EntitlementTerms, at: datetime) -> Balance:
        """What an entitlement has at an instant; one whose workflow does not run yet has all.

        Raises:
            NobodyCounts: it does not answer.
        """
        found = await self._entitlements.balance(terms.entitlement_id, at.isoformat())
        if found is not None:
            return found
        usage = Usage.begin(terms, at)
        usage.advance(at)
        return usage.balance(at).model_copy(update={"rows": 0})

    async def has_taken(self, entitlement_id: str, reference: str) -> bool:
        """Whether a reference took its part of an entitlement before.

        Raises:
            NobodyCounts: it does not answer.
        """
        if await self._entitlements.query(entitlement_id, HAS_TAKEN, reference, answer=bool):
            return True
        return self._kept is not None and await asyncio.to_thread(self._kept, entitlement_id, reference)

    async def _ask(self, terms: EntitlementTerms, update: str, argument: Any, answer: type[Any]) -> Any:
        turn = self._turns.setdefault(terms.entitlement_id, asyncio.Lock())
        async with turn:
            return await self._entitlements.ask(terms, update, argument, answer)

    async def _run(self, lane: _Lane) -> None:
        """Send one list after another, until nobody waits."""
        try:
            while batch := lane.waiting[: _that_fit(lane.waiting)]:
                del lane.waiting[: len(batch)]
                asked = [consumption for consumption, _ in batch]
                try:
                    answers = await self._entitlements.ask(lane.terms, CONSUME_MANY, asked, list[Consumed])
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


def _that_fit(waiting: Sequence[tuple[Consumption, object]]) -> int:
    """How many of those that wait go into one request, which has the size of a message as a whole."""
    size = _BRACKETS
    for number, (consumption, _) in enumerate(waiting[:MOST_AT_ONCE]):
        size += len(to_json(marked(consumption))) + 2  # commas, as the reader measures them
        if number and size > MOST_MESSAGE_BYTES:
            return number
    return min(len(waiting), MOST_AT_ONCE)


def _update_of(asked: UsageChange) -> str:
    match asked:
        case EntitlementAmended():
            return AMEND
        case UsageAdjusted():
            return ADJUST
        case ConsumptionReversed():
            return REVERSE
        case EntitlementCancelled():
            return CANCEL
        case EntitlementRenewed():
            return RENEW
        case BalanceCarriedIn():
            return CARRY_IN
        case BalanceTakenBack():
            return CARRY_BACK
        case OverageCovered():
            return COVER_OVERAGE
        case OverageVoided():
            return VOID_OVERAGE
        case UsageGranted():
            return GRANT
        case _:
            assert_never(asked)
