"""What people do to the count of an entitlement: take a visit, adjust, reverse, amend, cancel, renew.

All of it goes through the count itself, so it is exact and on record with who and why.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Literal
from zoneinfo import ZoneInfo

from temporalio.client import Client

from clients.entitlements import NobodyCounts
from clients.gate import UsageGate
from clients.sending import NoAnswer
from domain.bounds import MOST_AMOUNT
from domain.catalog.declarations import Entitlement
from domain.catalog.status import zone_of
from domain.errors import NotFound, Refused
from domain.usage.consequences import taken_after
from domain.usage.freezing import first_instant
from domain.usage.requests import (
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementCancelled,
    EntitlementRenewed,
    OverageCovered,
    OverageVoided,
    UsageAdjusted,
    UsageGranted,
)
from domain.usage.units import HOURS
from starters.operations.counts import (
    PATIENCE,
    Counts,
    check_amended,
    check_dates,
    message,
    nobody,
    positive,
    uncounted,
)
from starters.operations.split_entries import SplitEntries
from starters.operations.taking import Taking
from starters.operations.uncounted import RecordChanged, UncountedEntitlements
from starters.operations.usage_amounts import read_amount
from starters.operations.usage_answers import Cancelled, Changed, Reversed
from store import Store

_NOTHING_THERE = frozenset({"already_reversed", "unknown_reference"})
_RECORDED_WITHIN = 10.0
_LOOK_EVERY = 0.1
"""Seconds, both."""


class UsageDesk:
    """Takes of entitlements, and changes what they count.

    Args:
        client: of Temporal.
        store: of the catalog.
        task_queue: of the workers of entitlements.
        patience: seconds for which a count is waited for.

    Attributes:
        take: takes something of an entitlement; see `Taking.take`.
    """

    def __init__(self, client: Client, store: Store, task_queue: str, *, patience: float = PATIENCE) -> None:
        self._store = store
        gate = UsageGate(client, task_queue, patience=patience, kept=store.references.has_taken)
        self._counts = Counts(store, gate)
        self._splits = SplitEntries(store, gate)
        self._uncounted = UncountedEntitlements(store)
        self.take = Taking(self._counts).take

    async def adjust(self, entitlement: str, amount: str, *, at: datetime | None, **who: str) -> Changed:
        """Count more or, if the amount is negative, less; in the period of an instant, or of now.

        Args:
            entitlement: its id.
            amount: as it was typed.
            at: decides the period.
            **who: `by`, `reason` and `event_id`.

        Raises:
            NotFound, Refused: it can't be.
            MilepostError: nobody answers.
        """
        _, terms = await self._counts.declared(entitlement)
        more = read_amount(amount, terms.allowance.unit)
        return await self._counts.change(entitlement, message(UsageAdjusted, amount=more, occurred_at=at, **who))

    async def amend(
        self,
        entitlement: str,
        *,
        cap: int | Fraction | Literal["unlimited"] | None,
        ends_on: date | Literal["never"] | None,
        amends: str | None = None,
        **who: str,
    ) -> Changed | RecordChanged:
        """Change the cap, in the unit, or the last date: of one that counts nothing that alone, in the catalog.

        Args:
            entitlement: its id.
            cap: None: stays as it is.
            ends_on: likewise.
            amends: the terms that it is a change of, as a balance has them; others are refused. None: whichever.
            **who: `by`, `reason` and `event_id`.

        Raises:
            NotFound, Refused, MilepostError: as `adjust`.
        """
        check_dates(ends_on if isinstance(ends_on, date) else None)
        if isinstance(cap, int | Fraction) and cap > MOST_AMOUNT:
            raise Refused("bad_amount", f"a cap of {cap} is a slip of the pen; at most {MOST_AMOUNT:,}, or unlimited")
        asked = message(EntitlementAmended, cap=cap, ends_on=ends_on, amends=amends, **who)
        declared = await asyncio.to_thread(self._store.catalog.entitlement, entitlement)
        if declared.allowance is not None:
            if isinstance(cap, Fraction) and declared.allowance.unit != HOURS:
                raise Refused("bad_amount", f"{declared.allowance.unit} are whole; give a cap such as {int(cap)}")
            return await self._counts.change(entitlement, asked)
        if cap is not None:
            raise uncounted(entitlement, "give it an allowance, with its cap, in the catalog: milepost apply")
        check_amended(declared, asked)
        return await asyncio.to_thread(self._uncounted.amend, entitlement, asked)

    async def cancel(
        self,
        entitlement: str,
        *,
        at: datetime | None = None,
        last_day: date | None = None,
        with_renewal: bool = False,
        **who: str,
    ) -> Cancelled | RecordChanged:
        """End it: now, from an instant on, or after a last day; one that counts nothing in the catalog.

        Args:
            entitlement: its id.
            at: from when on; ahead or behind.
            last_day: the last that it covers, in the account's zone.
            with_renewal: cancel what it was renewed as, too.
            **who: `by`, `reason` and `event_id`.

        Raises:
            NotFound, Refused, MilepostError: as `adjust`.
        """
        check_dates(last_day)
        declared = await asyncio.to_thread(self._store.catalog.entitlement, entitlement)
        if last_day is not None:
            zone = await asyncio.to_thread(self._zone, declared)
            at = first_instant(last_day + timedelta(days=1), zone)
        asked = message(EntitlementCancelled, at=at, **who)
        if declared.allowance is None:
            return await asyncio.to_thread(self._uncounted.cancel, entitlement, asked)
        changed = await self._counts.change(entitlement, asked)
        kept: list[str] = []
        if at is not None:
            rows = await asyncio.to_thread(self._store.ledgers.rows, entitlement)
            kept = taken_after(rows, at, changed.answer.references)
        renewal = changed.answer.renewal
        parts: list[Changed] = []
        if renewal is not None and with_renewal:
            parts = await self._cancel_renewal(renewal, at or datetime.now(UTC), who)
        return Cancelled(**changed.model_dump(), stays_taken=kept, renewal=None if parts else renewal, with_it=parts)

    async def _cancel_renewal(self, renewal: str, at: datetime, who: dict[str, str]) -> list[Changed]:
        """Cancel a renewal, and what that was renewed as: from the same instant on, or before it begins."""
        declared = await self._recorded(renewal)
        zone = await asyncio.to_thread(self._zone, declared)
        starts_at = first_instant(declared.starts_on, zone) if declared.starts_on else at
        asked = message(EntitlementCancelled, at=max(at, starts_at), **who)
        changed = await self._counts.change(renewal, asked)
        following = changed.answer.renewal
        return [changed, *(await self._cancel_renewal(following, at, who) if following else [])]

    async def _recorded(self, renewal: str) -> Entitlement:
        """The record of a renewal, which a worker writes a moment after the renewing was answered.

        Raises:
            NoAnswer: it does not come.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + _RECORDED_WITHIN
        while True:
            with contextlib.suppress(NotFound):
                return await asyncio.to_thread(self._store.catalog.entitlement, renewal)
            if clock() > deadline:
                said = f"it is cancelled, but its renewal {renewal} is not on record yet: cancel that by itself"
                raise NoAnswer(said)
            await asyncio.sleep(_LOOK_EVERY)

    def _zone(self, declared: Entitlement) -> ZoneInfo:
        return zone_of(self._store.catalog.account(declared.account), self._store.catalog.organisation())

    async def grant(
        self,
        entitlement: str,
        amount: str,
        *,
        at: datetime | None,
        until: date | datetime | None,
        carries_over: bool,
        **who: str,
    ) -> Changed:
        """Give a credit for one period, which is used before the cap, or take back what is left of one.

        Args:
            entitlement: its id.
            amount: as it was typed; negative: taken back.
            at: an instant of the period; None: now.
            until: the last date, in the account's zone, or instant of which something is paid; None: as the period.
            carries_over: what is left of it at the end of the period goes on.
            **who: `by`, `reason` and `event_id`.

        Raises:
            NotFound, Refused, MilepostError: as `adjust`.
        """
        check_dates(until)
        declared, terms = await self._counts.declared(entitlement)
        if isinstance(until, date) and not isinstance(until, datetime):
            zone = await asyncio.to_thread(self._zone, declared)
            until = first_instant(until + timedelta(days=1), zone) - timedelta(microseconds=1)
        more = read_amount(amount, terms.allowance.unit)
        more = more if more < 0 else positive(more)
        asked = message(UsageGranted, amount=more, occurred_at=at, until=until, carries_over=carries_over, **who)
        return await self._counts.change(entitlement, asked)

    async def cover(
        self, entitlement: str, reference: str, *, at: datetime | None, amount: str | None, **who: str
    ) -> Changed:
        """Pay for the overage of a reference from what is left of its own period, or of a later one.

        Args:
            entitlement: its id.
            reference: of the case, visit or time entry.
            at: an instant of the period that pays; None: its own.
            amount: at most so much, as it was typed; None: all of it.
            **who: `by`, `reason` and `event_id`.

        Raises:
            NotFound, Refused, MilepostError: as `adjust`.
        """
        most = await self._most(entitlement, amount)
        asked = message(OverageCovered, reference=reference, occurred_at=at, amount=most, **who)
        return await self._counts.change(entitlement, asked)

    async def void(self, entitlement: str, reference: str, *, amount: str | None, **who: str) -> Changed:
        """Let the overage of a reference go: an override is withdrawn, or countered where it was billed.

        Raises:
            NotFound, Refused, MilepostError: as `adjust`.
        """
        most = await self._most(entitlement, amount)
        return await self._counts.change(entitlement, message(OverageVoided, reference=reference, amount=most, **who))

    async def _most(self, entitlement: str, amount: str | None) -> int | None:
        _, terms = await self._counts.declared(entitlement)
        return None if amount is None else positive(read_amount(amount, terms.allowance.unit))

    async def renew(self, entitlement: str, *, ends_on: date | None, **who: str) -> Changed:
        """Let it go on in a new record from the day after its last.

        Raises:
            NotFound, Refused, MilepostError: as `adjust`.
        """
        check_dates(ends_on)
        asked = message(EntitlementRenewed, ends_on=ends_on, **who)
        declared = await asyncio.to_thread(self._store.catalog.entitlement, entitlement)
        if declared.allowance is None:
            how = "to let it go on, move its ends_on, in the catalog or with milepost amend --ends-on"
            raise uncounted(entitlement, how)
        return await self._counts.change(entitlement, asked)

    async def reverse(self, entitlement: str, reference: str, **who: str) -> Reversed:
        """Give back all that a visit or a time entry took, also where an entry was split over several entitlements.

        What was reversed before stays so. Done again after it was cut short, it does the rest.

        Raises:
            NotFound, Refused, MilepostError: as `adjust`; nothing was taken, or all of it was reversed before.
        """
        asked = message(ConsumptionReversed, reference=reference, **who)
        declared, _ = await self._counts.declared(entitlement)
        try:
            entry = await self._splits.parts(declared, reference)
        except NobodyCounts as error:
            raise nobody(error, asked.event_id) from error
        parts: list[Changed] = []
        refusals: list[Refused] = []
        for part in entry.entitlements:
            try:
                parts.append(await self._counts.change(part, asked))
            except Refused as refusal:
                if refusal.code not in _NOTHING_THERE:
                    raise
                refusals.append(refusal)
        if not parts:
            raise refusals[0]
        return Reversed(parts=parts, missing=entry.missing)
