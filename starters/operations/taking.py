"""Taking of entitlements: of the one that is asked for, and of the next that matches if it falls back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from clients.entitlements import NobodyCounts
from domain.catalog.declarations import Entitlement
from domain.coverage.asking import Asking
from domain.coverage.matching import CoverageQuestion, choose
from domain.errors import Refused
from domain.ids import event_id_of
from domain.usage.requests import Consumption, EntitlementTerms, OverageDecision
from domain.usage.units import HOURS
from domain.wording import instant
from domain.years import is_promised
from starters.operations.counts import Counts, cancelled_by, message, nobody, positive
from starters.operations.usage_amounts import read_amount
from starters.operations.usage_answers import Taken


class Taking:
    """Takes visits, and whatever else is neither a case nor hours.

    Args:
        counts: of the entitlements.
    """

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

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
        declined: str | None = None,
    ) -> Taken:
        """Take something at the instant at which it is dispatched; what falls back, of the next that matches.

        What any entitlement of the account and unit has taken under the reference counts once, and is answered again.
        Of those that do not match now the ledger knows, except of what was taken in the last 100 ms or so.

        Args:
            entitlement: the id of the one that is asked first.
            reference: of what is taken; it counts once.
            amount: as it was typed.
            at: when it is dispatched, or is planned to be; None: now.
            case: who is told if there is not enough.
            by: who takes it.
            event_id: of the request.
            overage: why it is taken at the overage price if nothing is left and the entitlement asks; None: it is not.
            declined: why it is not, instead: the next that matches is asked; None: what asks gets no answer.

        Raises:
            NotFound, Refused: it can't be.
            MilepostError: nobody answers.
        """
        now = datetime.now(UTC)
        declared, terms = await self._counts.declared(entitlement, now)
        unit = _checked_unit(entitlement, terms.allowance.unit)
        said = {"reference": reference, "event_id": event_id, "unit": unit, "case_id": case, "by": by}
        wanted = positive(read_amount(amount, unit))
        consumption = message(Consumption, amount=wanted, occurred_at=at or now, **said)
        try:
            asked = [declared, *await asyncio.to_thread(self._next, declared, consumption)]
            answered = await self._taken_before(asked, consumption, unit, now)
            decision = _decision(consumption, overage, declined)
            return answered or await self._take_in_turn(asked, consumption, decision, now)
        except NobodyCounts as error:
            raise nobody(error, event_id) from error

    async def _take_in_turn(
        self,
        entitlements: list[Entitlement],
        consumption: Consumption,
        decision: OverageDecision | None,
        now: datetime,
    ) -> Taken:
        """Ask one after the other, as each falls back, or asks and is told no."""
        by_id = {one.id: one for one in entitlements}
        asking = Asking(list(by_id), await self._with_nothing_left(entitlements, consumption.occurred_at, now))
        exhausted: list[str] = []
        declined: list[str] = []
        while (ask := asking.next()) is not None:
            wanted = consumption.model_copy(update={"yields": ask.yields})
            taken = await self._take(by_id[ask.entitlement], wanted, decision, now)
            if taken.answer.outcome == "exhausted":
                asking.has_nothing(ask.entitlement)
                continue
            asking.was_asked(ask.entitlement)
            declined += taken.declined
            if taken.answer.outcome != "overflow" or ask.is_last:
                exhausted = asking.passed_over(ask.entitlement)
                break
        return taken.model_copy(update={"spent": exhausted, "declined": declined})

    async def _with_nothing_left(self, asked: list[Entitlement], at: datetime, now: datetime) -> list[str]:
        """Of several entitlements those of whose period of an instant nothing is left."""
        found: list[str] = []
        for one in asked if len(asked) > 1 else []:
            balance = await self._counts.gate.balance((await self._counts.declared(one.id, now))[1], at)
            if balance.current.is_exhausted:
                found.append(one.id)
        return found

    def _next(self, declared: Entitlement, consumption: Consumption) -> list[Entitlement]:
        """What matches as the entitlement does, and counts the same, best first."""
        if not is_promised(consumption.occurred_at):
            return []
        keys = ("account", "asset", "service_contract", "contract_line_item")
        known = {key: getattr(declared, key) for key in keys}
        found = self._counts.store.catalog.coverage_candidates(CoverageQuestion(at=consumption.occurred_at, **known))
        matches = [match.entitlement for match in choose(found.scope, found.candidates).ranked]
        counting = [one for one in matches if one.allowance and one.allowance.unit == consumption.unit]
        return [one for one in counting if one.id != declared.id]

    async def _taken_before(
        self, asked: list[Entitlement], consumption: Consumption, unit: str, now: datetime
    ) -> Taken | None:
        """The answer of the one that took it before and has not given it back, whatever has become of that since."""
        reference, account = consumption.reference, asked[0].account
        takers = await asyncio.to_thread(self._counts.store.ledgers.takers, reference, account=account, unit=unit)
        for name in dict.fromkeys([*(one.id for one in asked), *takers]):
            if not await self._counts.gate.has_taken(name, reference):
                continue
            answer = await self._counts.gate.consume((await self._counts.declared(name, now))[1], consumption)
            if not answer.is_reversed:
                return Taken(entitlement=name, answer=answer, asked=consumption.amount)
        return None

    async def _take(
        self, declared: Entitlement, consumption: Consumption, decision: OverageDecision | None, now: datetime
    ) -> Taken:
        await self._check_takes(declared, consumption)
        _, terms = await self._counts.declared(declared.id, now)
        answer = await self._counts.gate.consume(terms, consumption)
        price, declined = answer.overage_price, list[str]()
        if decision is not None and answer.outcome == "prompt":
            answer = await self._counts.gate.approve_overage(terms, decision)
            declined = [] if decision.approved else [declared.id]
        if answer.outcome == "refused":
            why = answer.reason or f"nothing can be taken of {declared.id}"
            raise await self._refusal(terms, consumption.occurred_at, why)
        asked = consumption.amount
        return Taken(entitlement=declared.id, answer=answer, asked=asked, price=price, declined=declined)

    async def _refusal(self, terms: EntitlementTerms, at: datetime, why: str) -> Refused:
        """What to tell of a taking that the count refuses, and what would be right: it says in words alone why."""
        balance = await self._counts.gate.balance(terms, at)
        until = balance.current.ends_before
        if balance.status != "active":
            return Refused("outside_term", f"{why}; what is taken lies within the term")
        if until is not None and at >= until:
            said = f"Take what is dispatched before {instant(until)}, and this once it is nearer"
            return Refused("period_unknown", f"{why}: periods are reckoned about ten years ahead. {said}")
        return Refused("refused", why)

    async def _check_takes(self, declared: Entitlement, consumption: Consumption) -> None:
        """That the catalog has not ended it; what was taken before stays taken."""
        if declared.retired:
            why = "is retired"
        elif (await asyncio.to_thread(self._counts.store.catalog.account, declared.account)).retired:
            why = f"is of account {declared.account}, which is retired"
        elif (since := cancelled_by(declared, consumption.occurred_at)) is not None:
            why = f"was cancelled at {instant(since)}"
        else:
            return
        if not await self._counts.gate.has_taken(declared.id, consumption.reference):
            raise Refused("ended", f"nothing can be taken of {declared.id}: it {why}")


def _checked_unit(entitlement: str, unit: str) -> str:
    """The unit of an entitlement of which something can be taken so.

    Raises:
        Refused: it counts hours, or cases.
    """
    if unit == HOURS:
        raise Refused("hours_are_logged", f"hours of {entitlement} are taken by time entries: milepost log-time")
    if unit == "cases":
        raise Refused("cases_are_opened", f"a case takes its one of {entitlement} when it is opened: milepost open")
    return unit


def _decision(consumption: Consumption, overage: str | None, declined: str | None) -> OverageDecision | None:
    """What whoever asks about overage is told; None: nothing."""
    reason = overage if declined is None else declined
    if reason is None:
        return None
    return message(
        OverageDecision,
        reference=consumption.reference,
        event_id=event_id_of(consumption.event_id, "overage" if declined is None else "declined"),
        approved=declined is None,
        by=consumption.by,
        reason=reason,
        amount=consumption.amount,
        occurred_at=consumption.occurred_at,
        case_id=consumption.case_id,
    )
