"""The jobs of a run that was begun before each step began its own (`outbox`): one lane for each kind of them.

Such a run goes on in the way in which its history was written. It ends when it goes on in the next one, at the latest
after 1,800 updates; with the last of them this module goes. What a lane holds depends on when an earlier job has come
back, so a run like this can still wedge on a replay: docs/guide/troubleshooting.md says how to heal it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from temporalio import workflow
from temporalio.exceptions import FailureError

from domain.usage import requests as messages
from domain.usage.effects import (
    CarryBackOrder,
    CarryOverOrder,
    CatalogChange,
    RecordChange,
    RenewalOrder,
    UsageActionOrder,
    UsageRecords,
)
from domain.usage.machine import Usage, UsageEffect
from domain.usage.requests import EntitlementOverflowed
from domain.usage.rows import LedgerRow
from domain.usage.state import PeriodRecord
from workflows.entitlement import doing
from workflows.entitlement.background import Background
from workflows.entitlement.outbox import MOST_OVERFLOWS_IN_A_MAIL, MOST_RECORDS_AT_ONCE, renewals_named

MOST_SIGNALS_AT_ONCE = 20


class Planned(NamedTuple):
    """What a step wants done. `clock`: with which a renewal begins."""

    effects: Sequence[UsageEffect]
    clock: datetime | None


class Lanes:
    """The jobs of one run, by kind.

    Args:
        box: what the run before has not seen confirmed; changed in place.
        background: where jobs run.
        count: names the count of the entitlement, for the ledger.
        usage: as it is now.
        now: the entitlement's.
        came_of: counts what a change of the catalog came to.
    """

    def __init__(
        self,
        box: messages.Outbox,
        background: Background,
        count: str,
        *,
        usage: Callable[[], Usage],
        now: Callable[[], datetime],
        came_of: Callable[[CatalogChange, Any], None],
    ) -> None:
        self._box = box
        self._background = background
        self._count = count
        self._usage = usage
        self._now = now
        self._came_of = came_of
        self._mailing: str | None = None

    def plan(self, usage: Usage, effects: Sequence[UsageEffect], now: datetime, clock: datetime | None) -> Planned:
        """What a step wants done. A mail is made when it is sent."""
        del usage, now
        return Planned(effects, clock)

    def start(self, wanted: Planned) -> None:
        """Put what is wanted into its lanes, and let every lane run."""
        for effect in wanted.effects:
            self._put(effect, wanted.clock)
        box = self._box
        if box.rows or box.periods:
            self._background.begin("records", self._record)
        if box.signals:
            self._background.begin("signals", self._signal_cases)
        if box.mails:
            self._background.begin("mails", self._tell_manager)
        if box.deeds:
            self._background.begin("deeds", self._make_changes)

    def resume(self, usage: Usage, now: datetime) -> None:
        """Begin what the run before has not seen confirmed."""
        del usage, now
        for order in self._box.orders:
            # What came with the first step has been handled before this, and its mail may be on its way.
            if order.call.key != self._mailing or not workflow.patched("a-mail-on-its-way-is-sent-once"):
                self._start_action(order)

    def _put(self, effect: UsageEffect, clock: datetime | None) -> None:
        match effect:
            case LedgerRow():
                self._box.rows.append(effect)
            case PeriodRecord():
                self._box.periods.append(effect)
            case EntitlementOverflowed():
                if effect.case_id is not None:
                    self._box.signals.append(effect)
                if self._usage().terms.manager is not None:
                    self._box.mails.append(effect)
            case UsageActionOrder():
                self._box.orders.append(effect)
                self._start_action(effect)
            case RenewalOrder():
                self._box.deeds.append(effect.model_copy(update={"clock": clock}))
            case RecordChange() | CarryOverOrder() | CarryBackOrder():
                self._box.deeds.append(effect)

    async def _record(self) -> None:
        box = self._box
        while (box.rows or box.periods) and not self._background.is_ending:
            terms = self._usage().terms
            rows, periods = box.rows[:MOST_RECORDS_AT_ONCE], box.periods[:MOST_RECORDS_AT_ONCE]
            news = UsageRecords(
                entitlement_id=terms.entitlement_id,
                count=self._count,
                account=terms.account,
                unit=terms.allowance.unit,
                rows=rows,
                periods=periods,
            )
            await doing.record(news)
            del box.rows[: len(rows)], box.periods[: len(periods)]

    async def _signal_cases(self) -> None:
        while self._box.signals and not self._background.is_ending:
            overflows = self._box.signals[:MOST_SIGNALS_AT_ONCE]
            await asyncio.gather(*(_signal_case(overflow) for overflow in overflows))
            del self._box.signals[: len(overflows)]

    async def _tell_manager(self) -> None:
        manager = self._usage().terms.manager
        while manager and self._box.mails and not self._background.is_ending:
            overflows = self._box.mails[:MOST_OVERFLOWS_IN_A_MAIL]
            order = self._usage().overflow_mail(manager, overflows, self._now())
            # From here on it is this mail with this key, in whichever run it is sent.
            self._box.orders.append(order)
            del self._box.mails[: len(overflows)]
            self._mailing = order.call.key
            await self._carry_out(order)
            self._mailing = None

    async def _make_changes(self) -> None:
        while self._box.deeds and not self._background.is_ending:
            change, came_to = self._box.deeds[0], None
            try:
                came_to = await doing.make_change(change)
            except FailureError as error:
                self._background.note_failure(f"{change.entitlement_id}/{change.deed}", error)
            self._box.deeds.remove(change)
            self._box.deeds[:] = renewals_named(self._box.deeds, change, came_to)
            self._came_of(change, came_to)

    def _start_action(self, order: UsageActionOrder) -> None:
        self._background.begin(order.call.key, lambda: self._carry_out(order))

    async def _carry_out(self, order: UsageActionOrder) -> None:
        try:
            await doing.act(order)
        except FailureError as error:
            self._background.note_failure(order.call.key, error)
        self._box.orders.remove(order)

    @property
    def waiting(self) -> int:
        """How many rows and messages are still to be told."""
        box = self._box
        return len(box.rows) + len(box.periods) + len(box.signals) + len(box.mails)

    def carried(self) -> messages.Outbox:
        """What the next run is given."""
        return self._box


async def _signal_case(overflowed: EntitlementOverflowed) -> None:
    try:
        case: workflow.ExternalWorkflowHandle[Any] = workflow.get_external_workflow_handle(f"case/{overflowed.case_id}")
        await case.signal(messages.ENTITLEMENT_OVERFLOWED, overflowed)
    except FailureError:
        workflow.logger.info("case %s is not there, or closed: nobody to tell", overflowed.case_id)
