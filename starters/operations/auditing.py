"""What entitlements have, whether their ledgers say the same, and which cases and counts were ended from outside."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field
from temporalio.client import Client

from clients.entitlements import Entitlements, NobodyCounts
from clients.sending import NoAnswer
from domain.catalog.count_terms import entitlement_terms
from domain.errors import NotFound, Refused
from domain.usage.audit import EndedCount, audit, ended_counts, forgotten
from domain.usage.requests import Balance
from domain.usage.rows import LedgerRow
from domain.usage.untouched import untouched
from domain.wording import instant
from starters.operations.counts import PATIENCE
from starters.operations.held_up import HeldUp, held_up
from store import Store
from store.cases.ended import EndedCase
from worker.supervision import look_after_cases

_ROWS_ARRIVE_WITHIN = 10.0
_LOOK_EVERY = 0.1
SETTLED = timedelta(minutes=1)
"""A row that is older was known to its count when the balance was asked for: no workflow task takes so long."""


class Audited(BaseModel):
    """What an audit of one entitlement came to.

    Attributes:
        rows: of the count that runs.
        discrepancies: a line each; none if its rows and its balance agree.
        ended: counts before it whose workflows were terminated.
        stuck: why what time brings can't be done at present; None: it is done.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    entitlement: str
    rows: int
    discrepancies: list[str]
    ended: list[EndedCount] = []
    stuck: str | None = Field(default=None, exclude_if=operator.not_)

    @property
    def agrees(self) -> bool:
        """Whether the balance is what all rows of the ledger come to, or somebody has seen why it is not."""
        return not self.discrepancies and not any(count.is_missing for count in self.ended)


class AuditedCases(BaseModel):
    """What an audit of cases came to.

    Attributes:
        checked: how many open cases had recorded nothing for a while.
        ended: those that were ended from outside, now or earlier, and have recorded nothing since.
        held_up: workflows of cases and entitlements that run and do not get on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    checked: int
    ended: list[EndedCase]
    held_up: list[HeldUp]


class Auditor:
    """Asks entitlements, and the store, what they have.

    Args:
        client: the connection to Temporal.
        store: of the catalog and the records.
        task_queue: of the workers.
        patience: seconds for which a count is waited for.
    """

    def __init__(self, client: Client, store: Store, task_queue: str, *, patience: float = PATIENCE) -> None:
        self._client = client
        self._queue = task_queue
        self._entitlements = Entitlements(client, task_queue, patience=patience)
        self._store = store

    async def balance(self, entitlement: str, at: datetime | None = None) -> Balance:
        """What an entitlement has; one that was never asked for anything has all.

        Raises:
            NotFound: neither Temporal nor the catalog knows of it.
            Refused: it counts nothing, or its periods are not known that far ahead.
            NoAnswer: it does not answer.
        """
        found = await self._counted(entitlement, at)
        if found is not None:
            _check_known(found, at)
            return found
        return await asyncio.to_thread(self._untouched, entitlement, at or datetime.now(UTC))

    async def balances(self, account: str, at: datetime | None = None) -> list[Balance]:
        """What all entitlements of an account have that count something and have not ended, soonest exhausted first.

        That is the one of which the smallest share is left; what is unlimited comes last.

        Raises:
            NotFound: there is no such account.
            NoAnswer: one does not answer.
        """
        declared = await asyncio.to_thread(self._store.catalog.entitlements_of, account)
        counted = [one.id for one in declared if one.allowance is not None and not one.retired]
        found = [await self.balance(name, at) for name in counted]
        goes_on = [one for one in found if one.status in {"active", "inactive"}]
        return sorted(goes_on, key=lambda one: (_share_left(one), one.entitlement_id))

    async def is_retired(self, entitlement: str) -> bool:
        """Whether the catalog has retired it, or its account: its count goes on, but nothing is taken of it."""
        return await asyncio.to_thread(self._retired, entitlement)

    async def audit(self, entitlements: Sequence[str] = ()) -> AsyncIterator[Audited]:
        """Hold ledgers against balances: of some entitlements, or of all that have a ledger.

        Raises:
            NotFound: nobody knows of an entitlement that was named.
            NoAnswer: one does not answer.
        """
        for entitlement in entitlements or await asyncio.to_thread(self._store.ledgers.entitlements):
            yield await self._audit(entitlement)

    async def audit_cases(self) -> AuditedCases:
        """Hold the store's open cases against Temporal: those that were ended from outside are marked."""
        looked = await look_after_cases(self._client, self._store)
        ended = await asyncio.to_thread(self._store.ended.rows)
        return AuditedCases(checked=looked.unchanged, ended=ended, held_up=await held_up(self._client, self._queue))

    async def _audit(self, entitlement: str) -> Audited:
        settled = datetime.now(UTC) - SETTLED
        balance = await self._counted(entitlement)
        if balance is None:
            found = sum(len(rows) for rows in (await asyncio.to_thread(self._ledgers, entitlement)).values())
            if not found:
                await asyncio.to_thread(self._store.catalog.entitlement, entitlement)
            gone = [f"the store has {found} rows, and nobody counts: its workflow is gone"] if found else []
            return Audited(entitlement=entitlement, rows=found, discrepancies=gone)
        rows = await self._rows(entitlement, balance)
        ended = ended_counts(await asyncio.to_thread(self._ledgers, entitlement), balance)
        wrong = audit(rows, balance) + forgotten(rows, balance, settled)
        return Audited(
            entitlement=entitlement, rows=balance.rows, discrepancies=wrong, ended=ended, stuck=balance.stuck
        )

    async def _rows(self, entitlement: str, balance: Balance) -> list[LedgerRow]:
        """The rows of the count, with all that it wrote before it was asked: they arrive in the background."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + _ROWS_ARRIVE_WITHIN
        while True:
            rows = await asyncio.to_thread(self._store.ledgers.rows, entitlement, balance.count)
            if len(rows) >= balance.rows or clock() > deadline:
                return rows
            await asyncio.sleep(_LOOK_EVERY)

    def _ledgers(self, entitlement: str) -> dict[str, list[LedgerRow]]:
        """The whole ledger, by count."""
        return {
            count: self._store.ledgers.rows(entitlement, count) for count in self._store.ledgers.counts(entitlement)
        }

    async def _counted(self, entitlement: str, at: datetime | None = None) -> Balance | None:
        try:
            return await self._entitlements.balance(entitlement, None if at is None else at.isoformat())
        except NobodyCounts as error:
            raise NoAnswer(str(error)) from error

    def _retired(self, entitlement: str) -> bool:
        try:
            declared = self._store.catalog.entitlement(entitlement)
        except NotFound:
            return False
        return declared.retired or self._store.catalog.account(declared.account).retired

    def _untouched(self, entitlement: str, at: datetime) -> Balance:
        try:
            declared = self._store.catalog.entitlement(entitlement)
        except NotFound:
            raise NotFound(f"there is no entitlement {entitlement!r}, neither at work nor in the catalog") from None
        account, organisation = self._store.catalog.account(declared.account), self._store.catalog.organisation()
        return untouched(entitlement_terms(declared, account, organisation, now=at), at)


def _check_known(balance: Balance, at: datetime | None) -> None:
    """Refuse an instant beyond the last period that is known: what is said of that is not true of any later one.

    Raises:
        Refused: it lies there.
    """
    until = balance.current.ends_before
    if at is not None and balance.status == "active" and until is not None and at >= until:
        said = f"the periods are known until {instant(until)}, which does not reach {instant(at)}"
        raise Refused("period_unknown", said)


def _share_left(balance: Balance) -> float:
    """How much of what may be taken in the period is left; of what is unlimited more than all."""
    current = balance.current
    if current.cap is None or current.remaining is None:
        return 2.0
    return current.remaining / current.cap if current.cap else 0.0
