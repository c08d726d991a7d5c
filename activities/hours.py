"""What a case takes of entitlements of hours: work that was done, and what is decided on its overage."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from temporalio import activity

from activities.count_rules import decided
from activities.covering import Covering
from activities.rating import Rating
from activities.uncovered import reversed_before
from domain.catalog.declarations import Entitlement
from domain.coverage.asking import Asking
from domain.errors import Refused
from domain.messages.case_state import HoursQuestion
from domain.messages.cases import CaseIntake, OverageChoice
from domain.timeline.requests import refuse_future
from domain.usage.requests import Consumed, TimeEntry
from domain.usage.units import HOURS


class Logged(NamedTuple):
    """What became of a time entry.

    Attributes:
        took: what each entitlement that was asked says, in their order.
        is_known: all of it was taken before, by another request.
    """

    took: list[tuple[str, Consumed]]
    is_known: bool = False


class Hours:
    """Takes time entries, and follows what is decided on them.

    Args:
        covering: finds the entitlements.
    """

    def __init__(self, covering: Covering) -> None:
        self._covering = covering
        self._store = covering.store
        self._gate = covering.gate
        self._rules = covering.rules
        self._rating = Rating(covering.rules)

    async def decide(
        self, intake: CaseIntake, question: HoursQuestion, choice: OverageChoice, *, now: datetime
    ) -> None:
        """Write down what was decided on the overage of a time entry: yes is an override for billing.

        Raises:
            Refused: there is nothing to decide any more.
        """
        entitlement = await asyncio.to_thread(self._store.catalog.entitlement, question.entitlement)
        decision = decided(intake, choice, question.entry, question.worked_at)
        await self._gate.approve_overage(await self._rules.terms(intake, entitlement, now), decision)

    async def question(
        self, entry: TimeEntry, took: Sequence[tuple[str, Consumed]], now: datetime
    ) -> HoursQuestion | None:
        """What is to be decided about a time entry, of what it took."""
        if not took:
            return None
        name, consumed = took[-1]  # only what falls back leaves anything to the next
        if consumed.outcome != "prompt" or not consumed.overage:
            return None
        entitlement = await asyncio.to_thread(self._store.catalog.entitlement, name)
        return HoursQuestion(
            entry=entry.id,
            entitlement=name,
            minutes=consumed.overage,
            overage_price=consumed.overage_price,
            worked_at=entry.worked_at,
            until=await asyncio.to_thread(self._rules.decide_until, entitlement, consumed, now),
        )

    async def log(self, intake: CaseIntake, entry: TimeEntry, now: datetime) -> Logged:
        """Take work done from the entitlements of hours that match, one after the other as far as each falls back.

        What has taken the entry before answers again, also if it matches no more, and only what was left over goes on,
        of the time by which the entry was taken. The ledger says who has; what was taken in the last 100 ms or so it
        may not know yet, and an entry that comes again so soon goes by what matches. Where none that matches counts
        hours, nothing is taken: the work is uncovered.

        Raises:
            Refused: the entry is another case's, was reversed, or of work that is still to be done.
        """
        refuse_future(entry.worked_at, now, "worked_at")
        worked = entry.minutes
        took, entry = await self._taken_before(intake, entry, now)
        before = len(took)
        if took and not took[-1][1].left_over:
            return await self._logged(took, before, entry)
        # The one that it was opened from may have ended since; what covers the case then still counts the work.
        coverage, _ = await asyncio.to_thread(self._covering.coverage, intake, entry.worked_at)
        counting = [m.entitlement for m in coverage.ranked if m.entitlement.allowance]
        asked_before = {name for name, _ in took}
        counting = [e for e in counting if e.allowance and e.allowance.unit == HOURS and e.id not in asked_before]
        if not counting:
            return await self._logged(took, before, entry)
        ids = [entitlement.id for entitlement in counting]
        other = await asyncio.to_thread(self._store.ledgers.other_case_of, entry.id, intake.case_id, ids)
        if other is not None:  # by its id an entry counts once: this work would not be counted at all
            why = f"time entry {entry.id!r} was logged on case {other} before; give this one an id of its own"
            raise Refused("entry_of_another_case", why)
        by_id = {entitlement.id: entitlement for entitlement in counting}
        asking = Asking(list(by_id), await self._with_nothing_left(intake, counting, entry.worked_at, now))
        while (ask := asking.next()) is not None:
            asked = entry.model_copy(update={"has_fallback": not ask.is_last, "yields": ask.yields})
            consumed = await self._log(intake, by_id[ask.entitlement], asked, now, worked)
            if consumed.outcome == "exhausted":
                asking.has_nothing(ask.entitlement)
                continue
            asking.was_asked(ask.entitlement)
            took.append((ask.entitlement, consumed))
            if not consumed.left_over:
                break
            entry = _rest(entry, entry.paid + consumed.minutes, consumed.left_over)
        return await self._logged(took, before, entry)

    async def _with_nothing_left(
        self, intake: CaseIntake, counting: Sequence[Entitlement], at: datetime, now: datetime
    ) -> list[str]:
        """Of several entitlements those of whose period of an instant nothing is left."""
        if len(counting) == 1:
            return []
        found: list[str] = []
        for entitlement in counting:
            balance = await self._gate.balance(await self._rules.terms(intake, entitlement, now), at)
            if balance.current.is_exhausted:
                found.append(entitlement.id)
        return found

    async def _taken_before(
        self, intake: CaseIntake, entry: TimeEntry, now: datetime
    ) -> tuple[list[tuple[str, Consumed]], TimeEntry]:
        """What an entry of this case took before, in the order in which it was split; and what is left of the entry."""
        takers = await asyncio.to_thread(self._store.ledgers.entry_takers, entry.id, intake.case_id)
        took: list[tuple[str, Consumed]] = []
        for name, worked_at in takers.items():
            if not await self._gate.has_taken(name, entry.id):  # a count that was terminated
                continue
            entitlement = await asyncio.to_thread(self._store.catalog.entitlement, name)
            if entitlement.allowance is None:
                continue
            if not took:
                entry = entry.model_copy(update={"worked_at": worked_at})
            took.append((name, await self._log(intake, entitlement, entry, now, entry.minutes)))
        took.sort(key=lambda one: -one[1].left_over)  # each was left what is over in the one before
        return took, _rest(entry, took[0][1].minutes, took[-1][1].left_over) if took else entry

    async def _log(
        self, intake: CaseIntake, entitlement: Entitlement, entry: TimeEntry, now: datetime, worked: int
    ) -> Consumed:
        table = entitlement.allowance.rates if entitlement.allowance else []
        terms = await self._rules.terms(intake, entitlement, now)
        consumed = await self._gate.log_hours(
            terms, await self._rating.rated(intake, entitlement, entry, table, worked)
        )
        if consumed.rates is not None:  # an earlier table counts in its period
            table = consumed.rates
            consumed = await self._gate.log_hours(
                terms, await self._rating.rated(intake, entitlement, entry, table, worked)
            )
        if consumed.outcome == "refused" and consumed.rates is not None:
            raise Refused("not_rated", consumed.reason or f"the rates of {entitlement.id} have just changed; ask again")
        if consumed.outcome == "already" and await self._took_it(entitlement.id, entry):
            consumed = consumed.model_copy(update={"outcome": "granted"})
        if consumed.is_reversed:
            raise reversed_before(entry.id)
        return consumed

    async def _logged(self, took: list[tuple[str, Consumed]], before: int, entry: TimeEntry) -> Logged:
        """What became of an entry of which the first ones, so many, had taken something before."""
        is_more = any(consumed.outcome != "refused" for _, consumed in took[before:])
        is_known = before > 0 and not is_more and not await self._took_it(took[0][0], entry)
        return Logged(took, is_known=is_known)

    async def _took_it(self, entitlement: str, entry: TimeEntry) -> bool:
        """Whether an entry was taken by this very request, of which an earlier attempt was cut short.

        A request that somebody sends again is another matter, also under the same id: it hears `already`.
        """
        if entry.event_id is None or activity.info().attempt == 1:
            return False
        return await asyncio.to_thread(self._store.ledgers.was_logged_by, entitlement, entry.id, entry.event_id)


def _rest(entry: TimeEntry, minutes: int, left_over: int) -> TimeEntry:
    """What was left over of the minutes of an entry, its last ones, for the next entitlement."""
    return entry.model_copy(update={"minutes": left_over, "is_rest": True, "paid": minutes - left_over})
