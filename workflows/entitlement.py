"""The workflow of an entitlement: a thin, durable shell around its usage.

It counts what is asked of it one request after another, which makes the count exact under any concurrency, sleeps until
the period ends, and hands what follows to activities and to the cases concerned. It decides nothing: the usage does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, assert_never

from pydantic import ValidationError
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from domain import entitlement_messages as messages
    from domain.entitlement_messages import (
        Balance,
        CarriedUsage,
        Consumed,
        Consumption,
        EntitlementOverflowed,
        EntitlementTerms,
        Outbox,
        UsageActionOrder,
        UsageRecords,
    )
    from domain.errors import Refused
    from domain.frozen_periods import FrozenPeriods
    from domain.inbox import read_event
    from domain.overflow_mail import overflow_mail
    from domain.usage import Usage, UsageEffect
    from domain.usage_state import ConsumptionRecord, PeriodRecord
    from workflows.entitlement_details import balance_details
    from workflows.waiting import until

RECORDING = timedelta(seconds=30)
FREEZING = timedelta(seconds=30)
ACTING = timedelta(seconds=60)
ACTION_GIVES_UP_AFTER = timedelta(hours=24)
QUIET_WITHIN = timedelta(seconds=2)
"""How long a run that is about to end waits for what is under way; the next run does again what did not come back."""

MOST_RECORDS_AT_ONCE = 500
MOST_SIGNALS_AT_ONCE = 20
MOST_OVERFLOWS_IN_A_MAIL = 50
MOST_UNKNOWN_NAMES = 20
MOST_FAILURES_KEPT = 100


@workflow.defn(name=messages.ENTITLEMENT_WORKFLOW, failure_exception_types=[ValidationError])
class EntitlementWorkflow:
    """One entitlement. Started with its `EntitlementTerms`; id ``entitlement/{entitlement_id}``.

    It never ends by itself: a taking of an instant within the term may come after the term.
    """

    @workflow.init
    def __init__(self, terms: EntitlementTerms) -> None:
        carried = terms.carried
        terms = terms.model_copy(update={"carried": None})
        self.ahead = carried.ahead if carried else _ahead(terms)
        self.usage = Usage(terms, carried.state) if carried else Usage.begin(terms, self._now())
        self.outbox = carried.outbox if carried else Outbox()
        self.updates = 0
        self.under_way: dict[str, asyncio.Task[None]] = {}
        self.is_ending = False

    @workflow.run
    async def run(self, _terms: EntitlementTerms) -> None:
        """Report each period when it ends, for ever; what is asked is answered by the handlers below."""
        for order in self.outbox.orders:
            self._start_action(order)
        while True:
            self._do(self.usage.advance(self._now()))
            self._keep_horizon()
            if self._should_roll_over():
                await self._roll_over()
            await until(
                lambda: self.usage.next_due,
                self._should_roll_over,
                now=self._now,
                summary=lambda: "the period ends",
            )

    def _now(self) -> datetime:
        """The entitlement's own clock: the workflow's, ahead by what its terms said."""
        return workflow.now() + self.ahead

    def _keep_horizon(self) -> None:
        if not self.usage.covers(self._now()):
            self._spawn("horizon", self._extend_horizon)

    async def _extend_horizon(self) -> None:
        """Get the periods further ahead, years before they are needed."""
        terms = self.usage.terms
        longer = await workflow.execute_activity(
            messages.FREEZE_PERIODS,
            messages.PeriodsRequest(allowance=terms.allowance, term=terms.periods.term, now=self._now()),
            result_type=FrozenPeriods,
            start_to_close_timeout=FREEZING,
            summary="freeze the periods further",
        )
        self.usage.extend_horizon(longer)

    # --- effects: nothing here waits, so nothing here holds up an answer or the clock ---

    def _do(self, effects: list[UsageEffect]) -> None:
        for effect in effects:
            self._put(effect)
        if self.outbox.records or self.outbox.periods:
            self._spawn("records", self._record)
        if self.outbox.signals:
            self._spawn("signals", self._signal_cases)
        if self.outbox.mails:
            self._spawn("mails", self._tell_manager)
        workflow.set_current_details(balance_details(self._balance()))

    def _put(self, effect: UsageEffect) -> None:
        match effect:
            case ConsumptionRecord():
                self.outbox.records.append(effect)
            case PeriodRecord():
                self.outbox.periods.append(effect)
            case EntitlementOverflowed():
                if effect.case_id is not None:
                    self.outbox.signals.append(effect)
                if self.usage.terms.manager is not None:
                    self.outbox.mails.append(effect)
            case UsageActionOrder():
                self.outbox.orders.append(effect)
                self._start_action(effect)
            case _:
                assert_never(effect)

    def _spawn(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start one of the background jobs, unless it runs already or the run is about to end."""
        if name not in self.under_way and not self.is_ending:
            self.under_way[name] = asyncio.create_task(self._finish(name, work()))

    async def _finish(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            del self.under_way[name]

    async def _record(self) -> None:
        """Write down what was taken; what comes while one list is written goes into the next.

        A store that is down is waited for here, by the server, and by nobody else. What it has not confirmed is kept.
        """
        outbox, terms = self.outbox, self.usage.terms
        while (outbox.records or outbox.periods) and not self.is_ending:
            records, periods = outbox.records[:MOST_RECORDS_AT_ONCE], outbox.periods[:MOST_RECORDS_AT_ONCE]
            await workflow.execute_activity(
                messages.RECORD_CONSUMPTIONS,
                UsageRecords(
                    entitlement_id=terms.entitlement_id,
                    account=terms.account,
                    unit=terms.allowance.unit,
                    consumptions=records,
                    periods=periods,
                ),
                start_to_close_timeout=RECORDING,
                summary=f"record {len(records)} consumptions, {len(periods)} periods",
            )
            del outbox.records[: len(records)], outbox.periods[: len(periods)]

    async def _signal_cases(self) -> None:
        """Tell each case that there was not enough for it."""
        while self.outbox.signals and not self.is_ending:
            overflows = self.outbox.signals[:MOST_SIGNALS_AT_ONCE]
            await asyncio.gather(*(_signal_case(overflow) for overflow in overflows))
            del self.outbox.signals[: len(overflows)]

    async def _tell_manager(self) -> None:
        """Mail the account's manager about every overflow; those that come while a mail is under way share the next."""
        manager = self.usage.terms.manager
        while manager and self.outbox.mails and not self.is_ending:
            overflows = self.outbox.mails[:MOST_OVERFLOWS_IN_A_MAIL]
            order = overflow_mail(self.usage, manager, overflows, self._now())
            # From here on it is this mail with this key, in whichever run it is sent.
            self.outbox.orders.append(order)
            del self.outbox.mails[: len(overflows)]
            await self._carry_out(order)

    def _start_action(self, order: UsageActionOrder) -> None:
        self._spawn(order.call.key, lambda: self._carry_out(order))

    async def _carry_out(self, order: UsageActionOrder) -> None:
        """Carry an action out. One that fails for good can be seen in the balance, and stops nothing."""
        try:
            await workflow.execute_activity(
                messages.PERFORM_USAGE_ACTION,
                order,
                start_to_close_timeout=ACTING,
                schedule_to_close_timeout=ACTION_GIVES_UP_AFTER,
                summary=f"{order.cause}: {order.call.action.do}",
            )
        except FailureError as error:
            failure = messages.UsageActionFailure(key=order.call.key, error=str(error.cause or error)[:500])
            self.outbox.failures = [*self.outbox.failures, failure][-MOST_FAILURES_KEPT:]
            workflow.set_current_details(balance_details(self._balance()))
        self.outbox.orders.remove(order)

    # --- rolling over ---

    def _should_roll_over(self) -> bool:
        return (
            workflow.info().is_continue_as_new_suggested()
            or self.updates >= messages.MOST_UPDATES_A_RUN
            or workflow.info().is_target_worker_deployment_version_changed()
        )

    async def _roll_over(self) -> None:
        """Go on in a new run, with all that was taken and all that is still to be told. The state is taken last."""
        self.is_ending = True
        try:
            await workflow.wait_condition(
                lambda: not self.under_way, timeout=QUIET_WITHIN, timeout_summary="finish what is under way"
            )
        except TimeoutError:
            workflow.logger.info("what is under way goes on in the next run")
        carried = CarriedUsage(state=self.usage.state, outbox=self.outbox, ahead=self.ahead)
        upgrade = workflow.info().is_target_worker_deployment_version_changed()
        workflow.continue_as_new(
            self.usage.terms.model_copy(update={"carried": carried, "clock": None}),
            initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE if upgrade else None,
        )

    # --- what is asked ---

    def _balance(self, at: datetime | None = None) -> Balance:
        return self.usage.balance(at or self._now()).model_copy(update={"failures": self.outbox.failures})

    def _take(self, consumptions: list[Consumption]) -> list[Consumed]:
        self.updates += 1
        now = self._now()
        answers: list[Consumed] = []
        effects: list[UsageEffect] = []
        for consumption in consumptions:
            taken = self.usage.take(consumption, now)
            answers.append(taken.answer)
            effects += taken.effects
        self._do(effects + self.usage.advance(now))
        return answers

    @workflow.update(name=messages.CONSUME)
    def consume(self, *raw: Any) -> Consumed:
        """Take something (`Consumption`)."""
        return self._take([read_event(Consumption, raw, self._now())])[0]

    @consume.validator
    def _check_consume(self, *raw: Any) -> None:
        with _refusing():
            read_event(Consumption, raw, self._now())

    @workflow.update(name=messages.CONSUME_MANY)
    def consume_many(self, *raw: Any) -> list[Consumed]:
        """Take a list of `Consumption`s, one after another; the answers are in their order."""
        return self._take(self._read_many(raw))

    @consume_many.validator
    def _check_consume_many(self, *raw: Any) -> None:
        with _refusing():
            self._read_many(raw)

    def _read_many(self, raw: tuple[Any, ...]) -> list[Consumption]:
        if len(raw) != 1 or not isinstance(raw[0], list):
            got = f"{len(raw)} arguments" if len(raw) != 1 else f"a {type(raw[0]).__name__}"
            raise Refused("bad_message", f"one JSON list of consumptions is expected, not {got}")
        if not 1 <= len(raw[0]) <= messages.MOST_AT_ONCE:
            raise Refused("bad_message", f"1 to {messages.MOST_AT_ONCE} consumptions at once, not {len(raw[0])}")
        consumptions: list[Consumption] = []
        for number, one in enumerate(raw[0]):
            try:
                consumptions.append(read_event(Consumption, [one], self._now()))
            except Refused as refused:
                raise Refused(refused.code, f"consumption {number}: {refused}") from None
        return consumptions

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, _: Sequence[RawValue]) -> None:
        """An entitlement understands no signals; the names of those that came are kept, to be found in its state."""
        unknown = self.outbox.unknown
        if name in unknown or len(unknown) < MOST_UNKNOWN_NAMES:
            unknown[name] = unknown.get(name, 0) + 1
        workflow.logger.warning("unknown signal %r", name[:100])

    @workflow.query(name=messages.BALANCE)
    def balance(self, *raw: Any) -> Balance:
        """The entitlement as it stands: now, or at the one instant that is asked for (ISO 8601, with an offset)."""
        if not raw:
            return self._balance()
        try:
            [at] = raw
            instant = datetime.fromisoformat(at)
        except (TypeError, ValueError):
            instant = None
        if instant is None or instant.utcoffset() is None:
            raise ApplicationError(
                "balance takes one instant, such as 2025-06-13T20:45:00Z, or nothing for now", type="bad_message"
            )
        return self._balance(instant)


@contextmanager
def _refusing() -> Iterator[None]:
    """At the workflow's border what is refused becomes an `ApplicationError` with a stable type."""
    try:
        yield
    except Refused as refused:
        raise ApplicationError(str(refused), type=refused.code, non_retryable=True) from None


async def _signal_case(overflowed: EntitlementOverflowed) -> None:
    try:
        case: workflow.ExternalWorkflowHandle[Any] = workflow.get_external_workflow_handle(f"case/{overflowed.case_id}")
        await case.signal(messages.ENTITLEMENT_OVERFLOWED, overflowed)
    except FailureError:
        workflow.logger.info("case %s is not there, or closed: nobody to tell", overflowed.case_id)


def _ahead(terms: EntitlementTerms) -> timedelta:
    return terms.clock - workflow.info().start_time if terms.clock else timedelta()
