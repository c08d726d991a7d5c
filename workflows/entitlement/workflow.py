"""The workflow of an entitlement: a thin, durable shell around its usage.

It counts what is asked of it one request after another, which makes the count exact under any concurrency, sleeps until
notice is to be given or a period ends, and hands what follows to activities and to the cases concerned. It decides
nothing: the usage does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, assert_never

from pydantic import ValidationError
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from domain.errors import Refused
    from domain.messages.inbox import read_event, read_message
    from domain.usage import effects as orders
    from domain.usage import requests as messages
    from domain.usage.effects import CarryOverOrder, RecordChange, RenewalOrder, UsageActionOrder, UsageRecords
    from domain.usage.machine import Taken, Usage, UsageEffect
    from domain.usage.periods import FrozenPeriods, Term
    from domain.usage.requests import (
        Balance,
        BalanceCarriedIn,
        CarriedUsage,
        Consumed,
        Consumption,
        ConsumptionReversed,
        EntitlementAmended,
        EntitlementCancelled,
        EntitlementOverflowed,
        EntitlementRenewed,
        EntitlementTerms,
        Outbox,
        OverageDecision,
        TimeEntry,
        UsageAdjusted,
        UsageChange,
        UsageChanged,
    )
    from domain.usage.rows import LedgerRow
    from domain.usage.state import PeriodRecord
    from workflows.entitlement.shown import balance_details
    from workflows.waiting import until

RECORDING = timedelta(seconds=30)
FREEZING = timedelta(seconds=30)
DOING = timedelta(seconds=60)
ACTING = timedelta(seconds=60)
ACTION_GIVES_UP_AFTER = timedelta(hours=24)
QUIET_WITHIN = timedelta(seconds=2)
"""How long a run that is about to end waits for what is under way; the next run does again what did not come back."""

MOST_CARRIED = 500
"""Rows and the like that a run leaves to the next, give or take one list: a workflow's argument holds 2 MB, more than
half of which the references of very many cases may need."""

FULL_BYTES, FULL_EVENTS = 16 * 2**20, 20_000
"""A history this long takes nothing more, until what is to be told has been told. The server ends a run at three times
this; it suggests a new run at a quarter of it."""

MOST_UPDATES_WHILE_FULL = 100
"""Beyond those after which a run goes on in the next."""

NOT_NOW = "not_now"
"""The type of a refusal that passes by itself: ask again."""

MOST_RECORDS_AT_ONCE = 500
MOST_SIGNALS_AT_ONCE = 20
MOST_OVERFLOWS_IN_A_MAIL = 50
MOST_UNKNOWN_NAMES = 20
MOST_FAILURES_KEPT = 100


@workflow.defn(name=messages.ENTITLEMENT_WORKFLOW, failure_exception_types=[ValidationError])
class EntitlementWorkflow:
    """One entitlement. Started with its `EntitlementTerms`; id ``entitlement/{entitlement_id}``.

    It never ends by itself: a taking of an instant within the term may come after the term, and it may be renewed late.
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
        self.mailing: str | None = None

    @workflow.run
    async def run(self, _terms: EntitlementTerms) -> None:
        """Do what time brings when it is due, for ever; what is asked is answered by the handlers below."""
        for order in self.outbox.orders:
            # What came with the first step has been handled before this, and its mail may be on its way.
            if order.call.key != self.mailing or not workflow.patched("a-mail-on-its-way-is-sent-once"):
                self._start_action(order)
        while True:
            self._do(self.usage.advance(self._now()))
            self._keep_horizon()
            if self._should_roll_over():
                await self._roll_over()
            await until(self._next_due, self._should_roll_over, now=self._now, summary=self._timer_summary)

    def _now(self) -> datetime:
        """The entitlement's own clock: the workflow's, ahead by what its terms said."""
        return workflow.now() + self.ahead

    def _next_due(self) -> datetime | None:
        """When time brings something next. The term's beginning is for whoever looks: from then on it is active."""
        due, begins = self.usage.next_due, self.usage.terms.periods.starts_at(0)
        if begins is None or begins <= self._now() or not workflow.patched("wakes-when-its-term-begins"):
            return due
        return begins if due is None else min(begins, due)

    def _timer_summary(self) -> str:
        return "the term begins" if self._next_due() != self.usage.next_due else "a notice, or the end of a period"

    def _keep_horizon(self) -> None:
        if not self.usage.covers(self._now()):
            self._spawn("horizon", self._extend_horizon)

    async def _extend_horizon(self) -> None:
        """Get the periods further ahead, years before they are needed."""
        term = self.usage.terms.periods.term
        longer = await self._freeze(term, "freeze the periods further")
        if self.usage.terms.periods.term == term:  # else it was amended meanwhile
            self.usage.extend_horizon(longer)

    async def _freeze(self, term: Term, summary: str) -> FrozenPeriods:
        frozen: FrozenPeriods = await workflow.execute_activity(
            orders.FREEZE_PERIODS,
            orders.PeriodsRequest(allowance=self.usage.terms.allowance, term=term, now=self._now()),
            result_type=FrozenPeriods,
            start_to_close_timeout=FREEZING,
            summary=summary,
        )
        return frozen

    # --- effects: nothing here waits, so nothing here holds up an answer or the clock ---

    def _do(self, effects: list[UsageEffect]) -> None:
        for effect in effects:
            self._put(effect)
        if self.outbox.rows or self.outbox.periods:
            self._spawn("records", self._record)
        if self.outbox.signals:
            self._spawn("signals", self._signal_cases)
        if self.outbox.mails:
            self._spawn("mails", self._tell_manager)
        if self.outbox.deeds:
            self._spawn("deeds", self._do_deeds)
        workflow.set_current_details(balance_details(self._balance()))

    def _put(self, effect: UsageEffect) -> None:
        match effect:
            case LedgerRow():
                self.outbox.rows.append(effect)
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
            case RenewalOrder():
                clock = self._now() if self.ahead else None
                self.outbox.deeds.append(effect.model_copy(update={"clock": clock}))
            case RecordChange() | CarryOverOrder():
                self.outbox.deeds.append(effect)
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
        while (outbox.rows or outbox.periods) and not self.is_ending:
            rows, periods = outbox.rows[:MOST_RECORDS_AT_ONCE], outbox.periods[:MOST_RECORDS_AT_ONCE]
            await workflow.execute_activity(
                orders.RECORD_USAGE,
                UsageRecords(
                    entitlement_id=terms.entitlement_id,
                    count=self._count,
                    account=terms.account,
                    unit=terms.allowance.unit,
                    rows=rows,
                    periods=periods,
                ),
                start_to_close_timeout=RECORDING,
                summary=f"record {len(rows)} rows of the ledger, {len(periods)} periods",
            )
            del outbox.rows[: len(rows)], outbox.periods[: len(periods)]

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
            order = self.usage.overflow_mail(manager, overflows, self._now())
            # From here on it is this mail with this key, in whichever run it is sent.
            self.outbox.orders.append(order)
            del self.outbox.mails[: len(overflows)]
            self.mailing = order.call.key
            await self._carry_out(order)
            self.mailing = None

    async def _do_deeds(self) -> None:
        """Change the record in the catalog, make the renewal, carry over into it: one after another, in this order."""
        while self.outbox.deeds and not self.is_ending:
            deed = self.outbox.deeds[0]
            try:
                await workflow.execute_activity(
                    orders.activity_of(deed),
                    deed,
                    start_to_close_timeout=DOING,
                    summary=deed.deed.replace("_", " "),
                )
            except FailureError as error:
                self._note_failure(f"{deed.entitlement_id}/{deed.deed}", error)
            self.outbox.deeds.remove(deed)

    def _start_action(self, order: UsageActionOrder) -> None:
        self._spawn(order.call.key, lambda: self._carry_out(order))

    async def _carry_out(self, order: UsageActionOrder) -> None:
        """Carry an action out. One that fails for good can be seen in the balance, and stops nothing."""
        try:
            await workflow.execute_activity(
                orders.PERFORM_USAGE_ACTION,
                order,
                start_to_close_timeout=ACTING,
                schedule_to_close_timeout=ACTION_GIVES_UP_AFTER,
                summary=f"{order.cause}: {order.call.action.do}",
            )
        except FailureError as error:
            self._note_failure(order.call.key, error)
        self.outbox.orders.remove(order)

    def _note_failure(self, key: str, error: FailureError) -> None:
        failure = orders.UsageActionFailure(key=key, error=str(error.cause or error)[:500])
        self.outbox.failures = [*self.outbox.failures, failure][-MOST_FAILURES_KEPT:]
        workflow.set_current_details(balance_details(self._balance()))

    # --- rolling over ---

    def _should_roll_over(self) -> bool:
        """Whether to go on in a new run. Not with more to tell than it could be given: a lagging store is awaited."""
        return self._outboxed <= MOST_CARRIED and (
            workflow.info().is_continue_as_new_suggested()
            or self.updates >= messages.MOST_UPDATES_A_RUN
            or workflow.info().is_target_worker_deployment_version_changed()
        )

    @property
    def _outboxed(self) -> int:
        """How much is still to be told."""
        outbox = self.outbox
        return len(outbox.rows) + len(outbox.periods) + len(outbox.signals) + len(outbox.mails)

    def _check_ready(self) -> None:
        """Turn away what would be more than the next run can be given; it is asked again, and soon there is room."""
        info = workflow.info()
        is_full = (
            info.get_current_history_size() > FULL_BYTES
            or info.get_current_history_length() > FULL_EVENTS
            or self.updates > messages.MOST_UPDATES_A_RUN + MOST_UPDATES_WHILE_FULL
        )
        if self.is_ending:  # what is asked of a run in its last moment gets no answer for a second
            raise Refused(NOT_NOW, "the count is about to go on in its next run; ask again in a moment")
        if is_full and self._outboxed > MOST_CARRIED:
            raise Refused(NOT_NOW, f"{self._outboxed} rows and messages are still to be told; ask again in a moment")

    async def _roll_over(self) -> None:
        """Go on in a new run, with all that was taken and all that is still to be told. The state is taken last."""
        self.is_ending = True
        try:
            await workflow.wait_condition(
                lambda: not self.under_way and workflow.all_handlers_finished(),
                timeout=QUIET_WITHIN,
                timeout_summary="finish what is under way",
            )
        except TimeoutError:
            workflow.logger.info("what is under way goes on in the next run")
        upgrade = workflow.info().is_target_worker_deployment_version_changed()
        workflow.continue_as_new(
            self.usage.terms.model_copy(update={"carried": self._carried(), "clock": None}),
            initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE if upgrade else None,
        )

    def _carried(self) -> CarriedUsage:
        return CarriedUsage(state=self.usage.state, outbox=self.outbox, ahead=self.ahead)

    # --- what is asked ---

    @property
    def _count(self) -> str:
        """Which count this is: the same over all its runs, another one after a termination."""
        return workflow.info().first_execution_run_id

    def _balance(self, at: datetime | None = None) -> Balance:
        also = {"count": self._count, "failures": self.outbox.failures}
        return self.usage.balance(at or self._now()).model_copy(update=also)

    def _taking(self, *requests: Callable[[datetime], Taken]) -> list[Consumed]:
        """Answer requests, one after another; what is left of periods that have ended is settled first."""
        self.updates += 1
        now = self._now()
        self._do(self.usage.advance(now))
        answers: list[Consumed] = []
        effects: list[UsageEffect] = []
        for request in requests:
            with _refusing():
                taken = request(now)
            answers.append(taken.answer)
            effects += taken.effects
        self._do(effects + self.usage.advance(now))
        return answers

    def _take(self, consumptions: list[Consumption]) -> list[Consumed]:
        return self._taking(*(partial(self.usage.take, consumption) for consumption in consumptions))

    def _change(self, asked: UsageChange, periods: FrozenPeriods | None = None) -> UsageChanged:
        """Make a change by hand, or refuse it."""
        self.updates += 1
        now = self._now()
        self._do(self.usage.advance(now))
        with _refusing():
            changed, effects = self.usage.change(asked, now, periods)
        self._do(effects + self.usage.advance(now))
        return changed

    def _on_a_copy(self) -> Usage:
        """To try a request on: one that is refused leaves no trace, not even in the history."""
        copy = self.usage.fork()
        copy.advance(self._now())
        return copy

    def _check_change(self, kind: type[UsageChange], raw: tuple[Any, ...]) -> None:
        with _refusing():
            self._check_ready()
            self._on_a_copy().change(read_message(kind, raw), self._now())

    @workflow.update(name=messages.CONSUME)
    def consume(self, *raw: Any) -> Consumed:
        """Take something (`Consumption`)."""
        return self._take([read_event(Consumption, raw, self._now())])[0]

    @consume.validator
    def _check_consume(self, *raw: Any) -> None:
        with _refusing():
            self._check_ready()
            read_event(Consumption, raw, self._now())

    @workflow.update(name=messages.CONSUME_MANY)
    def consume_many(self, *raw: Any) -> list[Consumed]:
        """Take a list of `Consumption`s, one after another; the answers are in their order."""
        return self._take(self._read_many(raw))

    @consume_many.validator
    def _check_consume_many(self, *raw: Any) -> None:
        with _refusing():
            self._check_ready()
            self._read_many(raw)

    @workflow.update(name=messages.LOG_HOURS)
    def log_hours(self, *raw: Any) -> Consumed:
        """Take the time of a `TimeEntry`."""
        entry = read_message(TimeEntry, raw)
        return self._taking(lambda now: self.usage.log_hours(entry, now))[0]

    @log_hours.validator
    def _check_log_hours(self, *raw: Any) -> None:
        with _refusing():
            self._check_ready()
            read_message(TimeEntry, raw)

    @workflow.update(name=messages.APPROVE_OVERAGE)
    def approve_overage(self, *raw: Any) -> Consumed:
        """Take what somebody decided about an overflow (`OverageDecision`)."""
        decision = read_event(OverageDecision, raw, self._now())
        return self._taking(lambda now: self.usage.decide(decision, now))[0]

    @approve_overage.validator
    def _check_approve_overage(self, *raw: Any) -> None:
        with _refusing():
            self._check_ready()
            self._on_a_copy().decide(read_event(OverageDecision, raw, self._now()), self._now())

    @workflow.update(name=messages.REVERSE)
    def reverse(self, *raw: Any) -> UsageChanged:
        """Give back all that a reference took (`ConsumptionReversed`)."""
        return self._change(read_message(ConsumptionReversed, raw))

    @reverse.validator
    def _check_reverse(self, *raw: Any) -> None:
        self._check_change(ConsumptionReversed, raw)

    @workflow.update(name=messages.ADJUST)
    def adjust(self, *raw: Any) -> UsageChanged:
        """Count more or less (`UsageAdjusted`)."""
        return self._change(read_message(UsageAdjusted, raw))

    @adjust.validator
    def _check_adjust(self, *raw: Any) -> None:
        self._check_change(UsageAdjusted, raw)

    # Without its periods an amended end can't be taken: of all requests, this one waits. Whoever asked asks again,
    # under the same event id, if the run ends meanwhile.
    @workflow.update(name=messages.AMEND, unfinished_policy=workflow.HandlerUnfinishedPolicy.ABANDON)
    async def amend(self, *raw: Any) -> UsageChanged:
        """Change the cap or the last date (`EntitlementAmended`)."""
        asked = read_message(EntitlementAmended, raw)
        with _refusing():
            term = self.usage.amended_term(asked)
        return self._change(asked, await self._freeze(term, "freeze the amended term") if term else None)

    @amend.validator
    def _check_amend(self, *raw: Any) -> None:
        with _refusing():
            self._check_ready()
            self._on_a_copy().check_amendment(read_message(EntitlementAmended, raw))

    @workflow.update(name=messages.CANCEL)
    def cancel(self, *raw: Any) -> UsageChanged:
        """End it now (`EntitlementCancelled`)."""
        return self._change(read_message(EntitlementCancelled, raw))

    @cancel.validator
    def _check_cancel(self, *raw: Any) -> None:
        self._check_change(EntitlementCancelled, raw)

    @workflow.update(name=messages.RENEW)
    def renew(self, *raw: Any) -> UsageChanged:
        """Have it go on in a new record after its last day (`EntitlementRenewed`)."""
        return self._change(read_message(EntitlementRenewed, raw))

    @renew.validator
    def _check_renew(self, *raw: Any) -> None:
        self._check_change(EntitlementRenewed, raw)

    @workflow.update(name=messages.CARRY_IN)
    def carry_in(self, *raw: Any) -> UsageChanged:
        """Take over what was left of the entitlement that this one renews (`BalanceCarriedIn`)."""
        return self._change(read_message(BalanceCarriedIn, raw))

    @carry_in.validator
    def _check_carry_in(self, *raw: Any) -> None:
        self._check_change(BalanceCarriedIn, raw)

    def _read_many(self, raw: tuple[Any, ...]) -> list[Consumption]:
        if len(raw) != 1 or not isinstance(raw[0], list):
            got = f"{len(raw)} arguments" if len(raw) != 1 else f"a {type(raw[0]).__name__}"
            raise Refused("bad_message", f"one JSON list of consumptions is expected, not {got}")
        if not 1 <= len(raw[0]) <= messages.MOST_AT_ONCE:
            raise Refused("bad_message", f"1 to {messages.MOST_AT_ONCE} consumptions at once, not {len(raw[0])}")
        now = self._now()
        consumptions: list[Consumption] = []
        for number, one in enumerate(raw[0]):
            try:
                consumptions.append(read_event(Consumption, [one], now))
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

    @workflow.query(name=messages.HAS_TAKEN)
    def has_taken(self, *raw: Any) -> bool:
        """Whether a reference took its part: a case its one, an entry its time, a visit itself."""
        return len(raw) == 1 and isinstance(raw[0], str) and self.usage.state.taken.find(raw[0]) is not None


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
    return terms.clock - workflow.info().workflow_start_time if terms.clock else timedelta()
