"""What people do to the count of an entitlement: take a visit, adjust, reverse, amend, cancel, renew.

All of it goes through the count itself, so it is exact and on record with who and why.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError
from temporalio.client import Client

from clients.entitlements import NobodyCounts
from clients.gate import UsageGate
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Entitlement
from domain.catalog.status import zone_of
from domain.coverage.asking import Asking
from domain.coverage.matching import CoverageQuestion, choose
from domain.errors import MilepostError, Refused
from domain.messages.inbox import problems
from domain.usage.allowance import MOST
from domain.usage.freezing import first_instant
from domain.usage.requests import (
    Consumption,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementCancelled,
    EntitlementRenewed,
    EntitlementTerms,
    OverageCovered,
    OverageDecision,
    OverageVoided,
    UsageAdjusted,
    UsageChange,
    UsageGranted,
)
from domain.usage.rows import RowKind
from domain.usage.units import HOURS
from domain.years import is_promised
from starters.operations.split_entries import SplitEntries
from starters.operations.uncounted import RecordChanged, UncountedEntitlements
from starters.operations.usage_amounts import read_amount
from starters.operations.usage_answers import Cancelled, Changed, Reversed, Taken
from store import Store

PATIENCE = 10.0
"""Seconds for which a count is waited for."""

_TAKES = (RowKind.TAKEN, RowKind.OVERAGE, RowKind.OVERRIDE)
_NOTHING_THERE = frozenset({"already_reversed", "unknown_reference"})

M = TypeVar("M", bound=BaseModel)


class UsageDesk:
    """Takes of entitlements, and changes what they count.

    Args:
        client: of Temporal.
        store: of the catalog.
        task_queue: of the workers of entitlements.
        patience: seconds for which a count is waited for.
    """

    def __init__(self, client: Client, store: Store, task_queue: str, *, patience: float = PATIENCE) -> None:
        self._store = store
        self._gate = UsageGate(client, task_queue, patience=patience)
        self._splits = SplitEntries(store, self._gate)
        self._uncounted = UncountedEntitlements(store)

    async def take(
        self,
        entitlement: str,
        reference: str,
        *,
        amount: str,
        at: datetime | None,
        case: str | None,
        by: str,
        event_id: str,
        overage: str | None = None,
    ) -> Taken:
        """Take something at the instant at which it is dispatched; what falls back, of the next that matches.

        What any entitlement of the account and unit has taken under the reference counts once, and is answered again.
        Of those that do not match now the ledger knows, except of what was taken in the last 100 ms or so.

        Args:
            entitlement: the id of the one that is asked first.
            reference: of the visit, or of whatever is taken; it counts once.
            amount: as it was typed.
            at: when it is dispatched, or is planned to be; None: now.
            case: who is told if there is not enough.
            by: who takes it.
            event_id: of the request.
            overage: why it is taken at the overage price if nothing is left and the entitlement asks; None: it is not.

        Raises:
            NotFound, Refused: it can't be.
            MilepostError: nobody answers.
        """
        now = datetime.now(UTC)
        declared, terms = await self._declared(entitlement, now)
        unit = terms.allowance.unit
        if unit == HOURS:
            raise Refused("hours_are_logged", f"hours of {entitlement} are taken by time entries: milepost log-time")
        if unit == "cases":
            raise Refused("cases_are_opened", f"a case takes its one of {entitlement} when it is opened: milepost open")
        consumption = _message(
            Consumption,
            reference=reference,
            event_id=event_id,
            amount=_positive(read_amount(amount, unit)),
            unit=unit,
            occurred_at=at or now,
            case_id=case,
            by=by,
        )
        decision = overage and _decision(consumption, overage, by, event_id)
        try:
            spent: list[str] = []
            asked = [declared, *await asyncio.to_thread(self._next, declared, consumption)]
            if before := await self._taken_before(asked, consumption, unit, now):
                return before
            by_id = {one.id: one for one in asked}
            asking = Asking(list(by_id), await self._with_nothing_left(asked, consumption.occurred_at, now))
            while (ask := asking.next()) is not None:
                wanted = consumption.model_copy(update={"yields": ask.yields})
                taken = await self._take(by_id[ask.entitlement], wanted, decision or None, now)
                if taken.answer.outcome == "exhausted":
                    asking.has_nothing(ask.entitlement)
                    continue
                asking.was_asked(ask.entitlement)
                if taken.answer.outcome != "overflow" or ask.is_last:
                    spent = asking.passed_over(ask.entitlement)
                    break
        except NobodyCounts as error:
            raise _nobody(error, event_id) from error
        return taken.model_copy(update={"spent": spent})

    async def _with_nothing_left(self, asked: list[Entitlement], at: datetime, now: datetime) -> list[str]:
        """Of several entitlements those of whose period of an instant nothing is left."""
        found: list[str] = []
        for one in asked if len(asked) > 1 else []:
            balance = await self._gate.balance((await self._declared(one.id, now))[1], at)
            if balance.current.is_exhausted:
                found.append(one.id)
        return found

    def _next(self, declared: Entitlement, consumption: Consumption) -> list[Entitlement]:
        """What matches as the entitlement does, and counts the same, best first."""
        if not is_promised(consumption.occurred_at):
            return []
        keys = ("account", "asset", "service_contract", "contract_line_item")
        known = {key: getattr(declared, key) for key in keys}
        found = self._store.coverage_candidates(CoverageQuestion(at=consumption.occurred_at, **known))
        matches = [match.entitlement for match in choose(found.scope, found.candidates).ranked]
        counting = [one for one in matches if one.allowance and one.allowance.unit == consumption.unit]
        return [one for one in counting if one.id != declared.id]

    async def _taken_before(
        self, asked: list[Entitlement], consumption: Consumption, unit: str, now: datetime
    ) -> Taken | None:
        """The answer of the one that took it before and has not given it back, whatever has become of that since."""
        reference, account = consumption.reference, asked[0].account
        takers = await asyncio.to_thread(self._store.takers, reference, account=account, unit=unit)
        for name in dict.fromkeys([*(one.id for one in asked), *takers]):
            if not await self._gate.has_taken(name, reference):
                continue
            answer = await self._gate.consume((await self._declared(name, now))[1], consumption)
            if not answer.is_reversed:
                return Taken(entitlement=name, answer=answer, asked=consumption.amount)
        return None

    async def _take(
        self, declared: Entitlement, consumption: Consumption, decision: OverageDecision | None, now: datetime
    ) -> Taken:
        await self._check_takes(declared, consumption)
        _, terms = await self._declared(declared.id, now)
        answer = await self._gate.consume(terms, consumption)
        price = answer.overage_price
        if decision is not None and answer.outcome == "prompt":
            answer = await self._gate.approve_overage(terms, decision)
        if answer.outcome == "refused":
            raise Refused("refused", answer.reason or f"nothing can be taken of {declared.id}")
        return Taken(entitlement=declared.id, answer=answer, asked=consumption.amount, price=price)

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
        _, terms = await self._declared(entitlement)
        more = read_amount(amount, terms.allowance.unit)
        return await self._change(entitlement, _message(UsageAdjusted, amount=more, occurred_at=at, **who))

    async def amend(
        self,
        entitlement: str,
        *,
        cap: int | Fraction | Literal["unlimited"] | None,
        ends_on: date | Literal["never"] | None,
        **who: str,
    ) -> Changed | RecordChanged:
        """Change the cap, in the unit, or the last date: of one that counts nothing that alone, in the catalog.

        Raises:
            NotFound, Refused, MilepostError: as `adjust`.
        """
        if isinstance(cap, int | Fraction) and cap > MOST:
            raise Refused("bad_amount", f"a cap of {cap} is a slip of the pen; at most {MOST:,}, or unlimited")
        asked = _message(EntitlementAmended, cap=cap, ends_on=ends_on, **who)
        declared = await asyncio.to_thread(self._store.entitlement, entitlement)
        if declared.allowance is not None:
            if isinstance(cap, Fraction) and declared.allowance.unit != HOURS:
                raise Refused("bad_amount", f"{declared.allowance.unit} are whole; give a cap such as {int(cap)}")
            return await self._change(entitlement, asked)
        if cap is not None:
            raise _uncounted(entitlement, "give it an allowance, with its cap, in the catalog: milepost apply")
        _check_amended(declared, asked)
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
        declared = await asyncio.to_thread(self._store.entitlement, entitlement)
        if last_day is not None:
            zone = await asyncio.to_thread(self._zone, declared)
            at = first_instant(last_day + timedelta(days=1), zone)
        asked = _message(EntitlementCancelled, at=at, **who)
        if declared.allowance is None:
            return await asyncio.to_thread(self._uncounted.cancel, entitlement, asked)
        changed = await self._change(entitlement, asked)
        later = await asyncio.to_thread(self._taken_after, entitlement, at) if at is not None else []
        kept = [one for one in later if one not in changed.answer.references]  # their rows may be on the way
        renewal = changed.answer.renewal
        parts: list[Changed] = []
        if renewal is not None and with_renewal:
            parts = await self._cancel_renewal(renewal, at or datetime.now(UTC), who)
        return Cancelled(**changed.model_dump(), stays_taken=kept, renewal=None if parts else renewal, with_it=parts)

    async def _cancel_renewal(self, renewal: str, at: datetime, who: dict[str, str]) -> list[Changed]:
        """Cancel a renewal, and what that was renewed as: from the same instant on, or before it begins."""
        declared = await asyncio.to_thread(self._store.entitlement, renewal)
        zone = await asyncio.to_thread(self._zone, declared)
        starts_at = first_instant(declared.starts_on, zone) if declared.starts_on else at
        asked = _message(EntitlementCancelled, at=max(at, starts_at), **who)
        changed = await self._change(renewal, asked)
        following = changed.answer.renewal
        return [changed, *(await self._cancel_renewal(following, at, who) if following else [])]

    def _zone(self, declared: Entitlement) -> ZoneInfo:
        return zone_of(self._store.account(declared.account), self._store.organisation())

    def _taken_after(self, entitlement: str, at: datetime) -> list[str]:
        """The references of what was taken of an instant from which it is cancelled: that stays taken."""
        rows = [row for row in self._store.ledger(entitlement) if row.reference and row.at >= at]
        reversed_ = {row.reference for row in rows if row.kind is RowKind.REVERSED}
        return [
            name
            for name in dict.fromkeys(row.reference for row in rows if row.kind in _TAKES and row.reference)
            if name not in reversed_
        ]

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
        """Give a credit for one period, which is used before the cap.

        Args:
            entitlement: its id.
            amount: as it was typed.
            at: an instant of the period; None: now.
            until: the last date, in the account's zone, or instant of which something is paid; None: as the period.
            carries_over: what is left of it at the end of the period goes on.
            **who: `by`, `reason` and `event_id`.

        Raises:
            NotFound, Refused, MilepostError: as `adjust`.
        """
        declared, terms = await self._declared(entitlement)
        if isinstance(until, date) and not isinstance(until, datetime):
            zone = await asyncio.to_thread(self._zone, declared)
            until = first_instant(until + timedelta(days=1), zone) - timedelta(microseconds=1)
        more = _positive(read_amount(amount, terms.allowance.unit))
        asked = _message(UsageGranted, amount=more, occurred_at=at, until=until, carries_over=carries_over, **who)
        return await self._change(entitlement, asked)

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
        asked = _message(OverageCovered, reference=reference, occurred_at=at, amount=most, **who)
        return await self._change(entitlement, asked)

    async def void(self, entitlement: str, reference: str, *, amount: str | None, **who: str) -> Changed:
        """Let the overage of a reference go: an override is withdrawn, or countered where it was billed.

        Raises:
            NotFound, Refused, MilepostError: as `adjust`.
        """
        most = await self._most(entitlement, amount)
        return await self._change(entitlement, _message(OverageVoided, reference=reference, amount=most, **who))

    async def _most(self, entitlement: str, amount: str | None) -> int | None:
        _, terms = await self._declared(entitlement)
        return None if amount is None else _positive(read_amount(amount, terms.allowance.unit))

    async def renew(self, entitlement: str, *, ends_on: date | None, **who: str) -> Changed:
        """Let it go on in a new record from the day after its last.

        Raises:
            NotFound, Refused, MilepostError: as `adjust`.
        """
        asked = _message(EntitlementRenewed, ends_on=ends_on, **who)
        declared = await asyncio.to_thread(self._store.entitlement, entitlement)
        if declared.allowance is None:
            how = "to let it go on, move its ends_on, in the catalog or with milepost amend --ends-on"
            raise _uncounted(entitlement, how)
        return await self._change(entitlement, asked)

    async def reverse(self, entitlement: str, reference: str, **who: str) -> Reversed:
        """Give back all that a visit or a time entry took, also where an entry was split over several entitlements.

        What was reversed before stays so. Done again after it was cut short, it does the rest.

        Raises:
            NotFound, Refused, MilepostError: as `adjust`; nothing was taken, or all of it was reversed before.
        """
        asked = _message(ConsumptionReversed, reference=reference, **who)
        declared, _ = await self._declared(entitlement)
        try:
            entry = await self._splits.parts(declared, reference)
        except NobodyCounts as error:
            raise _nobody(error, asked.event_id) from error
        parts: list[Changed] = []
        refusals: list[Refused] = []
        for part in entry.entitlements:
            try:
                parts.append(await self._change(part, asked))
            except Refused as refusal:
                if refusal.code not in _NOTHING_THERE:
                    raise
                refusals.append(refusal)
        if not parts:
            raise refusals[0]
        return Reversed(parts=parts, missing=entry.missing)

    # --- asking ---

    async def _change(self, entitlement: str, asked: UsageChange) -> Changed:
        declared, terms = await self._declared(entitlement)
        _check_amended(declared, asked)
        try:
            # A count that begins now would not know that it is cancelled.
            if _is_cancelled(declared, datetime.now(UTC)) and await self._gate.running(entitlement) is None:
                raise Refused("cancelled", f"{entitlement} was cancelled at {_instant(declared.cancelled_at)}")
            answer = await self._gate.change(terms, asked)
        except NobodyCounts as error:
            raise _nobody(error, asked.event_id) from error
        return Changed(
            entitlement=entitlement,
            unit=terms.allowance.unit,
            answer=answer,
            was_left=isinstance(asked, EntitlementCancelled),
        )

    async def _check_takes(self, declared: Entitlement, consumption: Consumption) -> None:
        """That the catalog has not ended it; what was taken before stays taken."""
        if declared.retired:
            why = "is retired"
        elif (await asyncio.to_thread(self._store.account, declared.account)).retired:
            why = f"is of account {declared.account}, which is retired"
        elif _is_cancelled(declared, consumption.occurred_at):
            why = f"was cancelled at {_instant(declared.cancelled_at)}"
        else:
            return
        if not await self._gate.has_taken(declared.id, consumption.reference):
            raise Refused("ended", f"nothing can be taken of {declared.id}: it {why}")

    async def _declared(self, entitlement: str, now: datetime | None = None) -> tuple[Entitlement, EntitlementTerms]:
        return await asyncio.to_thread(self._read, entitlement, now or datetime.now(UTC))

    def _read(self, entitlement: str, now: datetime) -> tuple[Entitlement, EntitlementTerms]:
        declared = self._store.entitlement(entitlement)
        if declared.allowance is None:
            raise _uncounted(entitlement, "give it an allowance in the catalog: milepost apply")
        account, organisation = self._store.account(declared.account), self._store.organisation()
        return declared, entitlement_terms(declared, account, organisation, now=now)


def _positive(amount: int) -> int:
    if amount < 1:
        raise Refused("bad_amount", "take 1 or more; what was taken is given back with milepost reverse")
    return amount


def _decision(consumption: Consumption, reason: str, by: str, event_id: str) -> OverageDecision:
    return _message(
        OverageDecision,
        reference=consumption.reference,
        event_id=f"{event_id}-overage",
        approved=True,
        by=by,
        reason=reason,
        amount=consumption.amount,
        occurred_at=consumption.occurred_at,
        case_id=consumption.case_id,
    )


def _message(kind: type[M], **fields: Any) -> M:
    """A request, checked here: nothing is asked of anybody that can't be."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise Refused("bad_message", "; ".join(problems(error))) from None


def _nobody(error: NobodyCounts, event_id: str) -> MilepostError:
    return MilepostError(
        f"{error}. Whether it was done is not known: give the same command again with --event-id {event_id}, and it is "
        "done once"
    )


def _uncounted(entitlement: str, how: str) -> Refused:
    return Refused("no_allowance", f"entitlement {entitlement!r} counts nothing; {how}")


def _check_amended(declared: Entitlement, asked: UsageChange) -> None:
    if declared.retired and isinstance(asked, EntitlementAmended | EntitlementRenewed):
        raise Refused("retired", f"{declared.id} is retired")


def _is_cancelled(declared: Entitlement, at: datetime) -> bool:
    return declared.cancelled_at is not None and declared.cancelled_at <= at


def _instant(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}" if at else ""
