"""The workflow of an entitlement: a thin, durable shell around its usage.

It counts what is asked of it one request after another, which makes the count exact under any concurrency, sleeps until
notice is to be given or a period ends, and hands what follows to activities. It decides nothing: the usage does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.bounds import cut
    from domain.messages.inbox import read_event, read_message, refuse_beyond_bounds
    from domain.usage import requests as messages
    from domain.usage.machine import Taken, Usage, UsageEffect
    from domain.usage.periods import FrozenPeriods
    from domain.usage.requests import (
        Balance,
        BalanceCarriedIn,
        BalanceTakenBack,
        CarriedUsage,
        Consumed,
        Consumption,
        ConsumptionReversed,
        EntitlementAmended,
        EntitlementCancelled,
        EntitlementRenewed,
        OverageCovered,
        OverageDecision,
        OverageVoided,
        TimeEntry,
        UsageActionRetry,
        UsageAdjusted,
        UsageChange,
        UsageChanged,
        UsageGranted,
    )
    from workflows.barrier import barrier, guarded
    from workflows.entitlement.counter import Counter, request_key
    from workflows.entitlement.faults import screening
    from workflows.entitlement.reading import read_consumptions, read_instant
    from workflows.entitlement.running import EntitlementRun
    from workflows.waiting import until

LONGEST_UNKNOWN_NAME = 100

_SHRINKING = (ConsumptionReversed, OverageVoided, EntitlementCancelled)
"""Changes that are made also of an entitlement that is too large to go on: they may make it smaller."""

ABANDON = workflow.HandlerUnfinishedPolicy.ABANDON
"""Of a request that waits, for terms or for periods. Whoever asked asks again if the run ends meanwhile."""


@workflow.defn(name=messages.ENTITLEMENT_WORKFLOW)
class EntitlementWorkflow:
    """One entitlement. Started with an `EntitlementStart`; id ``entitlement/{entitlement_id}``.

    It never ends by itself: a taking of an instant within the term may come after the term, and it may be renewed late.
    """

    @workflow.init
    def __init__(self, *raw: Any) -> None:
        self.course = EntitlementRun(raw)

    @workflow.run
    async def run(self, *_raw: Any) -> None:
        """Do what time brings when it is due, for ever; what is asked is answered by the handlers below."""
        course = self.course
        await course.begin()
        while True:
            course.step()
            if course.should_roll_over:
                await course.roll_over()
            await until(course.next_due, lambda: course.should_roll_over, now=course.now, summary=course.timer_summary)

    def _carried(self) -> CarriedUsage:
        return self.course.carried()

    # --- how requests are answered ---

    async def _ready(self, raw: tuple[Any, ...]) -> Counter:
        """The counter, with all that is known of what a request names."""
        counter = await self.course.ready()
        self.course.updates += 1
        await self.course.recall(raw)
        return counter

    async def _take(
        self, what: str, raw: tuple[Any, ...], read: Callable[[datetime], list[Consumption]]
    ) -> list[Consumed]:
        counter = await self._ready(raw)
        now = self.course.now()
        asked = self.course.attempt(what, lambda: read(now))
        answers = counter.ask_each(what, request_key(), [(one.reference, _taking(one, now)) for one in asked], now)
        self.course.settle()
        return answers

    async def _answer(self, what: str, raw: tuple[Any, ...], request: Callable[[Usage, datetime], Taken]) -> Consumed:
        counter = await self._ready(raw)
        now = self.course.now()
        answer = counter.ask(what, request_key(), lambda usage: request(usage, now), now)
        self.course.settle()
        return answer

    async def _change(
        self, kind: type[UsageChange], raw: tuple[Any, ...], periods: FrozenPeriods | None = None
    ) -> UsageChanged:
        """Make a change by hand, or refuse it."""
        counter = await self._ready(raw)
        now = self.course.now()

        def made(usage: Usage) -> tuple[UsageChanged, list[UsageEffect]]:
            return usage.change(read_message(kind, raw), now, periods)

        changed = counter.ask(kind.__name__, request_key(), made, now)
        self.course.settle()
        return changed

    def _check(
        self,
        what: str,
        raw: tuple[Any, ...],
        attempt: Callable[[Usage | None, datetime], object],
        *,
        may_shrink: bool = False,
    ) -> None:
        """Turn away what is refused: by its shape, and as soon as all is known of it by trying it on a copy."""
        with screening(what):
            self.course.check_ready(may_shrink=may_shrink)
            now = self.course.now()
            attempt(None, now)
            if self.course.is_counting and not self.course.lacks(raw):
                attempt(self.course.counter.tried(now), now)

    def _check_change(self, kind: type[UsageChange], raw: tuple[Any, ...]) -> None:
        def attempt(usage: Usage | None, now: datetime) -> None:
            asked = read_message(kind, raw)
            if usage is not None:
                usage.change(asked, now)

        self._check(kind.__name__, raw, attempt, may_shrink=kind in _SHRINKING)

    # --- what is asked ---

    @workflow.update(name=messages.CONSUME, unfinished_policy=ABANDON)
    @guarded
    async def consume(self, *raw: Any) -> Consumed:
        """Take something (`Consumption`)."""
        return (await self._take("consume", raw, lambda now: [read_event(Consumption, raw, now)]))[0]

    @consume.validator
    def _check_consume(self, *raw: Any) -> None:
        with screening("consume"):
            self.course.check_ready()
            read_event(Consumption, raw, self.course.now())

    @workflow.update(name=messages.CONSUME_MANY, unfinished_policy=ABANDON)
    @guarded
    async def consume_many(self, *raw: Any) -> list[Consumed]:
        """Take a list of `Consumption`s, one after another; the answers are in their order."""
        return await self._take("consume_many", raw, lambda now: read_consumptions(raw, now))

    @consume_many.validator
    def _check_consume_many(self, *raw: Any) -> None:
        with screening("consume_many"):
            self.course.check_ready()
            refuse_beyond_bounds(raw)  # the list as a whole; each of it is measured when it is read
            read_consumptions(raw, self.course.now())

    @workflow.update(name=messages.LOG_HOURS, unfinished_policy=ABANDON)
    @guarded
    async def log_hours(self, *raw: Any) -> Consumed:
        """Take the time of a `TimeEntry`."""
        return await self._answer(
            "log_hours", raw, lambda usage, now: usage.log_hours(read_message(TimeEntry, raw), now)
        )

    @log_hours.validator
    def _check_log_hours(self, *raw: Any) -> None:
        with screening("log_hours"):
            self.course.check_ready()
            read_message(TimeEntry, raw)

    @workflow.update(name=messages.APPROVE_OVERAGE, unfinished_policy=ABANDON)
    @guarded
    async def approve_overage(self, *raw: Any) -> Consumed:
        """Take what somebody decided about an overflow (`OverageDecision`)."""
        return await self._answer(
            "approve_overage", raw, lambda usage, now: usage.decide(read_event(OverageDecision, raw, now), now)
        )

    @approve_overage.validator
    def _check_approve_overage(self, *raw: Any) -> None:
        def attempt(usage: Usage | None, now: datetime) -> None:
            decision = read_event(OverageDecision, raw, now)
            if usage is not None:
                usage.decide(decision, now)

        self._check("approve_overage", raw, attempt, may_shrink=True)

    @workflow.update(name=messages.REVERSE, unfinished_policy=ABANDON)
    @guarded
    async def reverse(self, *raw: Any) -> UsageChanged:
        """Give back all that a reference took (`ConsumptionReversed`)."""
        return await self._change(ConsumptionReversed, raw)

    @reverse.validator
    def _check_reverse(self, *raw: Any) -> None:
        self._check_change(ConsumptionReversed, raw)

    @workflow.update(name=messages.ADJUST, unfinished_policy=ABANDON)
    @guarded
    async def adjust(self, *raw: Any) -> UsageChanged:
        """Count more or less (`UsageAdjusted`)."""
        return await self._change(UsageAdjusted, raw)

    @adjust.validator
    def _check_adjust(self, *raw: Any) -> None:
        self._check_change(UsageAdjusted, raw)

    @workflow.update(name=messages.AMEND, unfinished_policy=ABANDON)
    @guarded
    async def amend(self, *raw: Any) -> UsageChanged:
        """Change the cap or the last date (`EntitlementAmended`). Without its periods an amended end can't be taken."""
        counter = await self.course.ready()
        await self.course.recall(raw)
        term = self.course.attempt("amend", lambda: counter.usage.amended_term(read_message(EntitlementAmended, raw)))
        try:
            periods = await self.course.freeze(term, "freeze the amended term") if term else None
        except ActivityError as error:
            raise ApplicationError(cut(str(error.cause or error)), type="not_frozen", non_retryable=True) from error
        return await self._change(EntitlementAmended, raw, periods)

    @amend.validator
    def _check_amend(self, *raw: Any) -> None:
        def attempt(usage: Usage | None, _now: datetime) -> None:
            asked = read_message(EntitlementAmended, raw)
            if usage is not None:
                usage.check_amendment(asked)

        self._check("amend", raw, attempt)

    @workflow.update(name=messages.CANCEL, unfinished_policy=ABANDON)
    @guarded
    async def cancel(self, *raw: Any) -> UsageChanged:
        """End it now (`EntitlementCancelled`)."""
        return await self._change(EntitlementCancelled, raw)

    @cancel.validator
    def _check_cancel(self, *raw: Any) -> None:
        self._check_change(EntitlementCancelled, raw)

    @workflow.update(name=messages.RENEW, unfinished_policy=ABANDON)
    @guarded
    async def renew(self, *raw: Any) -> UsageChanged:
        """Have it go on in a new record after its last day (`EntitlementRenewed`)."""
        return await self._change(EntitlementRenewed, raw)

    @renew.validator
    def _check_renew(self, *raw: Any) -> None:
        self._check_change(EntitlementRenewed, raw)

    @workflow.update(name=messages.CARRY_IN, unfinished_policy=ABANDON)
    @guarded
    async def carry_in(self, *raw: Any) -> UsageChanged:
        """Take over what was left of the entitlement that this one renews (`BalanceCarriedIn`)."""
        return await self._change(BalanceCarriedIn, raw)

    @carry_in.validator
    def _check_carry_in(self, *raw: Any) -> None:
        self._check_change(BalanceCarriedIn, raw)

    @workflow.update(name=messages.CARRY_BACK, unfinished_policy=ABANDON)
    @guarded
    async def carry_back(self, *raw: Any) -> UsageChanged:
        """Give back what is not used of what was carried over (`BalanceTakenBack`)."""
        return await self._change(BalanceTakenBack, raw)

    @carry_back.validator
    def _check_carry_back(self, *raw: Any) -> None:
        self._check_change(BalanceTakenBack, raw)

    @workflow.update(name=messages.COVER_OVERAGE, unfinished_policy=ABANDON)
    @guarded
    async def cover_overage(self, *raw: Any) -> UsageChanged:
        """Pay for overage from what is left (`OverageCovered`)."""
        return await self._change(OverageCovered, raw)

    @cover_overage.validator
    def _check_cover_overage(self, *raw: Any) -> None:
        self._check_change(OverageCovered, raw)

    @workflow.update(name=messages.VOID_OVERAGE, unfinished_policy=ABANDON)
    @guarded
    async def void_overage(self, *raw: Any) -> UsageChanged:
        """Let overage go (`OverageVoided`)."""
        return await self._change(OverageVoided, raw)

    @void_overage.validator
    def _check_void_overage(self, *raw: Any) -> None:
        self._check_change(OverageVoided, raw)

    @workflow.update(name=messages.GRANT, unfinished_policy=ABANDON)
    @guarded
    async def grant(self, *raw: Any) -> UsageChanged:
        """Give a credit for one period (`UsageGranted`)."""
        return await self._change(UsageGranted, raw)

    @grant.validator
    def _check_grant(self, *raw: Any) -> None:
        self._check_change(UsageGranted, raw)

    @workflow.update(name=messages.RETRY_ACTION, unfinished_policy=ABANDON)
    @guarded
    async def retry_action(self, *raw: Any) -> str:
        """Try an action that failed for good again (`UsageActionRetry`)."""
        course = self.course
        await course.ready()
        course.updates += 1
        asked = course.attempt("retry_action", lambda: self._retry(raw))
        said = course.retry(asked)
        course.show()
        return said

    @retry_action.validator
    def _check_retry_action(self, *raw: Any) -> None:
        with screening("retry_action"):
            self.course.check_ready()
            self._retry(raw)

    def _retry(self, raw: tuple[Any, ...]) -> UsageActionRetry:
        asked = read_message(UsageActionRetry, raw)
        self.course.check_retry(asked)
        return asked

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, _: Sequence[RawValue]) -> None:
        """An entitlement understands no signals; the names of those that came are kept, to be found in its state."""
        with suppress(ApplicationError), barrier("an unknown signal"):
            self.course.note_unknown(cut(name, LONGEST_UNKNOWN_NAME))

    @workflow.query(name=messages.BALANCE)
    def balance(self, *raw: Any) -> Balance:
        """The entitlement as it stands: now, or at the one instant that is asked for (ISO 8601, with an offset)."""
        with barrier("balance"):
            return self.course.balance(read_instant(raw))

    @workflow.query(name=messages.HAS_TAKEN)
    def has_taken(self, *raw: Any) -> bool:
        """Whether a reference took its part: a case its one, an entry its time, a visit itself."""
        with barrier("has_taken"):
            taken = self.course.counter.usage.state.taken
            return len(raw) == 1 and isinstance(raw[0], str) and taken.find(raw[0]) is not None


def _taking(consumption: Consumption, now: datetime) -> Callable[[Usage], Taken]:
    return lambda usage: usage.take(consumption, now)
