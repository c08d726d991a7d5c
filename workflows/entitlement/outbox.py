"""What an entitlement still has to have done: each step of it begins its own jobs, at once and in a fixed order.

So the order of a run's commands, and what each says, is a function of its messages and the time. Whether an earlier job
has come back decides nothing: the SDK hands a message and an earlier job's completion to the workflow together or one
after the other, as it happens, and on a replay perhaps the other way (it joins a workflow task that led to no command
with the next). Where a job does wait for an earlier one, that one's completion itself leads to a command
(`look_again`), so that its workflow task is never joined with another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, assert_never

from pydantic import BaseModel
from temporalio import workflow
from temporalio.exceptions import FailureError

from domain.usage import requests as messages
from domain.usage.effects import (
    CarryBackOrder,
    CarryOverOrder,
    CatalogChange,
    FailedUsageAction,
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

T = TypeVar("T", bound=BaseModel)

MOST_RECORDS_AT_ONCE = 500
MOST_TOLD_AT_ONCE = 200
MOST_BYTES_AT_ONCE = 512 * 1024
"""Of one job. The server takes 2 MB."""

MOST_OVERFLOWS_IN_A_MAIL = 50
MOST_ACTIONS_AT_ONCE = 100
"""Beyond that they wait: the server takes 2,000 activities of a workflow, and a mail may fail for a day."""

MOST_FAILED_KEPT = 100
MOST_FAILED_BYTES = 256 * 1024
"""Of actions that failed for good and can be tried again by hand; of more, the oldest are forgotten."""

KEEPS_FAILED = "failed-actions-are-kept"
"""The patch since which an action that failed for good is told to the store, and can be tried again."""

TELLS_RETRIES = "retries-are-told"
"""The patch since which an action that is tried again by hand says so, for the feed."""

MOST_UNRECORDED_KEPT = 100
"""Rows that could not be recorded for good, and that the next run tries again."""


class Wanted(NamedTuple):
    """What one step of an entitlement wants done."""

    orders: list[UsageActionOrder]
    records: list[UsageRecords]
    overflows: list[list[EntitlementOverflowed]]
    changes: list[CatalogChange]


class Outbox:
    """The jobs of one run, and what is to be carried over of them.

    Args:
        carried: by the run before.
        background: where jobs run.
        count: names the count of the entitlement, for the ledger.
        look_again: leads to a command.
        came_of: counts what a change of the catalog came to.
    """

    def __init__(
        self,
        carried: messages.Outbox,
        background: Background,
        count: str,
        *,
        look_again: Callable[[], None],
        came_of: Callable[[CatalogChange, Any], None],
    ) -> None:
        self._carried = carried
        self._background = background
        self._count = count
        self._look_again = look_again
        self._came_of = came_of
        self._number = 0
        self._records: dict[int, UsageRecords] = {}
        self._overflows: dict[int, list[EntitlementOverflowed]] = {}
        self._orders: dict[int, UsageActionOrder] = {}
        self._waiting: list[int] = []
        self._changes: list[CatalogChange] = []
        self._unrecorded: list[LedgerRow] = []
        self._failed = {order.call.key: order for order in carried.failed}
        self._whose: dict[str, Any] = {}

    # --- what is wanted ---

    def plan(self, usage: Usage, effects: Sequence[UsageEffect], now: datetime, clock: datetime | None) -> Wanted:
        """What a step wants done, from its effects. Changes nothing.

        Args:
            usage: as it is after the step.
            effects: of the step, in order.
            now: the entitlement's.
            clock: with which a renewal begins, if this entitlement has a clock of its own.
        """
        rows: list[LedgerRow] = []
        periods: list[PeriodRecord] = []
        overflows: list[EntitlementOverflowed] = []
        orders: list[UsageActionOrder] = []
        changes: list[CatalogChange] = []
        for effect in effects:
            match effect:
                case LedgerRow():
                    rows.append(effect)
                case PeriodRecord():
                    periods.append(effect)
                case EntitlementOverflowed():
                    overflows.append(effect)
                case UsageActionOrder():
                    orders.append(effect)
                case RenewalOrder():
                    changes.append(effect.model_copy(update={"clock": clock}))
                case RecordChange() | CarryOverOrder() | CarryBackOrder():
                    changes.append(effect)
                case _:
                    assert_never(effect)
        orders += _mails(usage, overflows, now)
        told = [one for one in overflows if one.case_id is not None]
        return Wanted(orders, self._news(usage, rows, periods), [*_parts(told, MOST_TOLD_AT_ONCE)], changes)

    def _news(self, usage: Usage, rows: list[LedgerRow], periods: list[PeriodRecord]) -> list[UsageRecords]:
        about = self._about(usage)
        news = [UsageRecords(**about, rows=part, periods=[]) for part in _parts(rows, MOST_RECORDS_AT_ONCE)]
        parts = [*_parts(periods, MOST_RECORDS_AT_ONCE)]
        if len(parts) == 1 and news:
            return [*news[:-1], news[-1].model_copy(update={"periods": parts[0]})]
        return [*news, *(UsageRecords(**about, rows=[], periods=part) for part in parts)]

    def _about(self, usage: Usage) -> dict[str, Any]:
        """Whose news it is."""
        terms = usage.terms
        return {
            "entitlement_id": terms.entitlement_id,
            "count": self._count,
            "account": terms.account,
            "unit": terms.allowance.unit,
        }

    def start(self, wanted: Wanted) -> None:
        """Begin what a step wants done. Nothing here waits."""
        for order in wanted.orders:
            number = self._next()
            self._orders[number] = order
            self._waiting.append(number)
        self._start_actions()
        for news in wanted.records:
            self._record(news)
        for overflows in wanted.overflows:
            number = self._next()
            self._overflows[number] = overflows
            self._background.begin(f"cases/{number}", self._telling(number))
        self._changes += wanted.changes
        self._start_deed()

    def resume(self, usage: Usage, now: datetime) -> None:
        """Begin what the run before has not seen confirmed: it is done again, and comes to the same."""
        box = self._carried
        self._carried = messages.Outbox()
        self._whose = self._about(usage)
        self.start(
            Wanted(
                orders=[*box.orders, *_mails(usage, box.mails, now)],
                records=[*self._news(usage, box.rows, box.periods), *self._failures(box.untold)],
                overflows=[*_parts(box.signals, MOST_TOLD_AT_ONCE)],
                changes=box.deeds,
            )
        )

    def _next(self) -> int:
        self._number += 1
        return self._number

    # --- actions that failed for good ---

    @property
    def failed(self) -> list[str]:
        """The keys of those that can be tried again."""
        return list(self._failed)

    def retry(self, key: str, by: str | None, now: datetime) -> None:
        """Try one again, under the key that it has.

        Args:
            key: of the action.
            by: who asked for it.
            now: the entitlement's.

        Raises:
            KeyError: it has not failed.
        """
        order = self._failed.pop(key)
        if workflow.patched(TELLS_RETRIES):
            order = order.model_copy(update={"retried_at": now, "retried_by": by})
        self._background.forget_failure(key)
        self.start(Wanted([order], [], [], []))

    def _give_up(self, order: UsageActionOrder, error: FailureError) -> None:
        """Keep one that failed, and have the store told."""
        failure = self._background.note_failure(order.call.key, error)
        if not workflow.patched(KEEPS_FAILED):
            return
        self._failed[order.call.key] = order
        while len(self._failed) > MOST_FAILED_KEPT or (
            len(self._failed) > 1 and self._failed_bytes > MOST_FAILED_BYTES
        ):
            self._failed.pop(next(iter(self._failed)))
        told = FailedUsageAction(key=order.call.key, error=failure.error, action=order.call.action)
        for news in self._failures([told]):
            self._record(news)

    @property
    def _failed_bytes(self) -> int:
        return sum(len(order.model_dump_json()) for order in self._failed.values())

    def _failures(self, failed: list[FailedUsageAction]) -> list[UsageRecords]:
        return [UsageRecords(**self._whose, rows=[], periods=[], failed=failed)] if failed else []

    # --- the jobs ---

    def _record(self, news: UsageRecords) -> None:
        number = self._next()
        self._records[number] = news
        self._background.begin(f"records/{number}", self._recording(number))

    def _recording(self, number: int) -> Callable[[], Any]:
        async def work() -> None:
            news = self._records[number]
            try:
                await doing.record(news)
            except FailureError:
                self._unrecorded = [*self._unrecorded, *news.rows][-MOST_UNRECORDED_KEPT:]
                raise
            finally:
                self._records.pop(number)

        return work

    def _telling(self, number: int) -> Callable[[], Any]:
        async def work() -> None:
            try:
                await doing.tell_cases(self._overflows[number])
            finally:
                self._overflows.pop(number)

        return work

    def _start_actions(self) -> None:
        while self._waiting and len(self._orders) - len(self._waiting) < MOST_ACTIONS_AT_ONCE:
            number = self._waiting[0]
            if not self._background.begin(f"action/{number}", self._acting(number)):
                return
            del self._waiting[0]
        if self._waiting:
            self._look_again()

    def _acting(self, number: int) -> Callable[[], Any]:
        async def work() -> None:
            order = self._orders[number]
            try:
                await doing.act(order)
            except FailureError as error:
                self._give_up(order, error)
            others_wait = len(self._orders) >= MOST_ACTIONS_AT_ONCE
            del self._orders[number]
            if others_wait:
                self._look_again()
                self._start_actions()

        return work

    def _start_deed(self) -> None:
        """Changes of the catalog are made one after another, in the order in which they were wanted."""
        if self._changes:
            self._background.begin("deed", self._make_change)

    async def _make_change(self) -> None:
        while self._changes and not self._background.is_ending:
            change, came_to = self._changes[0], None
            try:
                came_to = await doing.make_change(change)
            except FailureError as error:
                self._background.note_failure(f"{change.entitlement_id}/{change.deed}", error)
            self._changes.remove(change)
            self._changes[:] = renewals_named(self._changes, change, came_to)
            self._came_of(change, came_to)
            self._look_again()

    # --- what is to be told still ---

    @property
    def waiting(self) -> int:
        """How many rows, messages and actions are still to be told."""
        rows = sum(len(news.rows) + len(news.periods) + len(news.failed) for news in self._records.values())
        return rows + sum(map(len, self._overflows.values())) + len(self._orders)

    @property
    def changes(self) -> int:
        """How many changes of the catalog are still to be made."""
        return len(self._changes)

    def carried(self) -> messages.Outbox:
        """What the next run is given."""
        box, news = self._carried, self._records.values()
        return messages.Outbox(
            rows=[*box.rows, *self._unrecorded, *(row for one in news for row in one.rows)],
            periods=[*box.periods, *(period for one in news for period in one.periods)],
            signals=[*box.signals, *(one for overflows in self._overflows.values() for one in overflows)],
            mails=box.mails,
            orders=[*box.orders, *self._orders.values()],
            failed=[*self._failed.values()],
            untold=[*box.untold, *(one for told in news for one in told.failed)],
            deeds=[*box.deeds, *self._changes],
        )


def renewals_named(changes: Sequence[CatalogChange], done: CatalogChange, came_to: Any) -> list[CatalogChange]:
    """Changes that are to come, with the id under which a renewal was made, where the planned one is another's."""
    if not isinstance(done, RenewalOrder) or not isinstance(came_to, str):
        return list(changes)
    planned = done.renewal.entitlement_id
    return [
        change.model_copy(update={"renewal_id": came_to})
        if isinstance(change, CarryOverOrder | CarryBackOrder) and change.renewal_id == planned
        else change
        for change in changes
    ]


def _mails(usage: Usage, overflows: Sequence[EntitlementOverflowed], now: datetime) -> Iterator[UsageActionOrder]:
    """Mails to the account's manager about every overflow of a step."""
    manager = usage.terms.manager
    if manager is not None:
        for part in _parts(overflows, MOST_OVERFLOWS_IN_A_MAIL):
            yield usage.overflow_mail(manager, part, now)


def _parts(values: Iterable[T], most: int) -> Iterator[list[T]]:
    """Cut a list into parts of so many at most, none of which is too large to send."""
    part: list[T] = []
    size = 0
    for value in values:
        weight = _weight(value)
        if part and (len(part) == most or size + weight > MOST_BYTES_AT_ONCE):
            yield part
            part, size = [], 0
        part.append(value)
        size += weight
    if part:
        yield part


def _weight(value: BaseModel) -> int:
    """About how many bytes a value is on the wire, or more."""
    words = (word for word in value.__dict__.values() if isinstance(word, str))
    return 600 + 4 * sum(map(len, words))
