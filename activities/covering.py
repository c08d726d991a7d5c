"""Who covers a case, and what the case takes of that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from activities.rating import Rating
from clients.entitlements import NobodyCounts
from clients.gate import UsageGate
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Account, Entitlement
from domain.coverage.asking import Asking, AskingForCases
from domain.coverage.matching import Coverage, CoverageQuestion, Match, case_coverage, choose
from domain.errors import Refused
from domain.frozen import HorizonExceeded
from domain.ids import event_id_of
from domain.messages.case_state import HoursQuestion, OveragePrompt
from domain.messages.cases import CaseIntake, OverageChoice
from domain.messages.coverage import CaseCoverage, Left, NotMatched
from domain.timeline.requests import refuse_future
from domain.usage.requests import Consumed, Consumption, EntitlementTerms, OverageDecision, TimeEntry
from domain.usage.units import HOURS
from domain.years import FIRST_YEAR, LAST_YEAR, is_promised
from store.store import Store

_SAYS_WITHIN = 2.0
"""Seconds for which a count is asked that only says how much it has left."""


class Taken(NamedTuple):
    """What a case takes: one of an entitlement, or nothing; or somebody has to decide first.

    Attributes:
        coverage: how it came to that; None while somebody has to decide, and after a decision.
    """

    entitlement: Entitlement | None = None
    prompt: OveragePrompt | None = None
    coverage: CaseCoverage | None = None


class Covering:
    """Finds entitlements by the catalog as it stands now, and takes of them."""

    def __init__(self, store: Store, gate: UsageGate) -> None:
        self.store = store
        self.gate = gate
        self.rating = Rating(store)

    async def find(self, intake: CaseIntake, at: datetime) -> tuple[Coverage, Account | None]:
        """The entitlements that match at an instant, and the case's account.

        Raises:
            NotFound: the intake names something that the catalog does not have.
            Refused: the case is to be opened from an entitlement that does not match.
        """
        coverage, account = await asyncio.to_thread(self._coverage, intake, at)
        if intake.entitlement and (coverage.chosen is None or coverage.chosen.id != intake.entitlement):
            why = next((o.why for o in coverage.others if o.entitlement == intake.entitlement), "it does not match")
            raise Refused("not_entitled", f"the case can't have entitlement {intake.entitlement!r}: {why}")
        return coverage, account

    def _coverage(self, intake: CaseIntake, at: datetime) -> tuple[Coverage, Account | None]:
        if not is_promised(at):
            years = f"the years {FIRST_YEAR} to {LAST_YEAR}"
            raise Refused("no_such_time", f"{at.isoformat()} is outside {years}, for which entitlements are declared")
        asked = intake.model_dump(include=set(CoverageQuestion.model_fields))
        with self.store.snapshot() as catalog:
            found = catalog.coverage_candidates(CoverageQuestion(**asked, at=at))
            coverage = choose(found.scope, found.candidates)
            account = coverage.chosen.account if coverage.chosen else next(iter(found.scope.accounts), None)
            return coverage, catalog.account(account) if account else None

    async def take(
        self,
        intake: CaseIntake,
        matches: Sequence[Match],
        *,
        at: datetime,
        now: datetime,
        attempt: str,
        unmatched: Sequence[NotMatched] = (),
    ) -> Taken:
        """One case of the best entitlement, by the overflow policy of each; of equal ones first those with some left.

        Done again under the same `attempt` it comes to the same: a case takes one, by its id.

        Args:
            intake: of the case.
            matches: of which it may take.
            at: when it was opened, or is to go over.
            now: the case's.
            attempt: names the request.
            unmatched: every other candidate; goes into the answer.

        Raises:
            Refused: an entitlement without anything left blocks the case.
        """
        first, asking = await self._asking(intake, matches, at, now)
        passed_over: list[NotMatched] = []
        while (asked := (first, False) if first is not None else asking.next()) is not None:
            (match, yields), first = asked, None
            entitlement, ranking = match.entitlement, asking.ranking
            if match.takes_every_case:
                left = await self._left(intake, entitlement, at, now)
            else:
                consumption = _one_case(intake, at, attempt, yields=yields)
                consumed = await self.gate.consume(await self.terms(intake, entitlement, now), consumption)
                if consumed.outcome == "exhausted":
                    asking.has_nothing(match)
                    continue
                asking.was_asked(match)
                if consumed.outcome == "blocked":
                    raise _blocked(entitlement, consumed)
                if consumed.outcome == "prompt":
                    return Taken(prompt=await asyncio.to_thread(self._prompt, entitlement, consumed, at, now))
                if not consumed.is_taken:
                    why = consumed.reason or "nothing is left of it"
                    passed_over.append(NotMatched(entitlement=entitlement.id, why=why))
                    continue
                left = Left(unit=consumed.unit, cap=consumed.cap, remaining=consumed.remaining)
            return Taken(entitlement, coverage=case_coverage(ranking, match, left, [*passed_over, *unmatched]))
        return Taken(coverage=case_coverage(asking.ranking, None, None, [*passed_over, *unmatched]))

    async def _left(self, intake: CaseIntake, entitlement: Entitlement, at: datetime, now: datetime) -> Left | None:
        """What is left of an entitlement of which cases take nothing; the case does not depend on the answer."""
        if entitlement.allowance is None:
            return None
        try:
            async with asyncio.timeout(_SAYS_WITHIN):
                period = (await self.gate.balance(await self.terms(intake, entitlement, now), at)).current
        except (TimeoutError, NobodyCounts):
            return None
        return Left(unit=entitlement.allowance.unit, cap=period.cap, remaining=period.remaining)

    async def decide(
        self, intake: CaseIntake, prompt: OveragePrompt, choice: OverageChoice, *, now: datetime
    ) -> Taken | None:
        """What follows from a decision: one more at the overage price, or the next entitlement that matches.

        None: a case that was to go over to the entitlement keeps what it has.
        """
        entitlement = await asyncio.to_thread(self.store.entitlement, prompt.entitlement)
        if choice.approved:
            account = await asyncio.to_thread(self.store.account, entitlement.account)
            if entitlement.retired or account.retired:
                raise Refused("ended", f"nothing can be taken of {entitlement.id}: it, or its account, is retired")
        decision = _decision(intake, choice, intake.case_id, prompt.occurred_at)
        consumed = await self.gate.approve_overage(await self.terms(intake, entitlement, now), decision)
        if choice.approved:
            if not consumed.is_taken:
                raise Refused("nothing_left", f"entitlement {entitlement.id!r}: {consumed.reason or consumed.outcome}")
            return Taken(entitlement)
        if prompt.change is not None:
            return None
        coverage, _ = await self.find(intake, prompt.occurred_at)
        rest = [match for match in coverage.ranked if match.entitlement.id != prompt.entitlement]
        try:
            return await self.take(intake, rest, at=prompt.occurred_at, now=now, attempt=choice.event_id)
        except Refused as refused:
            if refused.code != "blocked":
                raise
            return Taken()  # a case that runs can't be refused any more

    async def decide_hours(
        self, intake: CaseIntake, question: HoursQuestion, choice: OverageChoice, *, now: datetime
    ) -> None:
        """Write down what was decided on the overage of a time entry: yes is an override for billing.

        Raises:
            Refused: there is nothing to decide any more.
        """
        entitlement = await asyncio.to_thread(self.store.entitlement, question.entitlement)
        decision = _decision(intake, choice, question.entry, question.worked_at)
        await self.gate.approve_overage(await self.terms(intake, entitlement, now), decision)

    async def question(
        self, entry: TimeEntry, took: Sequence[tuple[str, Consumed]], now: datetime
    ) -> HoursQuestion | None:
        """What is to be decided about a time entry, of what it took."""
        name, consumed = took[-1]  # only what falls back leaves anything to the next
        if consumed.outcome != "prompt" or not consumed.overage:
            return None
        entitlement = await asyncio.to_thread(self.store.entitlement, name)
        return HoursQuestion(
            entry=entry.id,
            entitlement=name,
            minutes=consumed.overage,
            overage_price=consumed.overage_price,
            worked_at=entry.worked_at,
            until=await asyncio.to_thread(self._until, entitlement, consumed, now),
        )

    async def log_hours(self, intake: CaseIntake, entry: TimeEntry, now: datetime) -> list[tuple[str, Consumed]]:
        """Take work done from the entitlements of hours that match, one after the other as far as each falls back.

        What has taken the entry before answers again, also if it matches no more, and only what was left over goes on,
        of the time by which the entry was taken. The ledger says who has; what was taken in the last 100 ms or so it
        may not know yet, and an entry that comes again so soon goes by what matches.

        Raises:
            Refused: no entitlement that matches counts hours; the entry is another case's, was reversed, or of work
                that is still to be done.
        """
        refuse_future(entry.worked_at, now, "worked_at")
        worked = entry.minutes
        took, entry = await self._taken_before(intake, entry, now)
        if took and not took[-1][1].left_over:
            return took
        # The one that it was opened from may have ended since; what covers the case then still counts the work.
        coverage, _ = await asyncio.to_thread(self._coverage, intake, entry.worked_at)
        counting = [m.entitlement for m in coverage.ranked if m.entitlement.allowance]
        asked_before = {name for name, _ in took}
        counting = [e for e in counting if e.allowance and e.allowance.unit == HOURS and e.id not in asked_before]
        if not counting and not took:
            raise Refused("not_entitled", f"no entitlement that covers case {intake.case_id} counts hours")
        ids = [entitlement.id for entitlement in counting]
        other = await asyncio.to_thread(self.store.other_case_of, entry.id, intake.case_id, ids)
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
        return took

    async def _with_nothing_left(
        self, intake: CaseIntake, counting: Sequence[Entitlement], at: datetime, now: datetime
    ) -> list[str]:
        """Of several entitlements those of whose period of an instant nothing is left."""
        if len(counting) == 1:
            return []
        found: list[str] = []
        for entitlement in counting:
            balance = await self.gate.balance(await self.terms(intake, entitlement, now), at)
            if balance.current.is_exhausted:
                found.append(entitlement.id)
        return found

    async def _taken_before(
        self, intake: CaseIntake, entry: TimeEntry, now: datetime
    ) -> tuple[list[tuple[str, Consumed]], TimeEntry]:
        """What an entry of this case took before, in the order in which it was split; and what is left of the entry."""
        takers = await asyncio.to_thread(self.store.entry_takers, entry.id, intake.case_id)
        took: list[tuple[str, Consumed]] = []
        for name, worked_at in takers.items():
            if not await self.gate.has_taken(name, entry.id):  # a count that was terminated
                continue
            entitlement = await asyncio.to_thread(self.store.entitlement, name)
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
        terms = await self.terms(intake, entitlement, now)
        consumed = await self.gate.log_hours(terms, await self.rating.rated(intake, entitlement, entry, table, worked))
        if consumed.rates is not None:  # an earlier table counts in its period
            table = consumed.rates
            consumed = await self.gate.log_hours(
                terms, await self.rating.rated(intake, entitlement, entry, table, worked)
            )
        if consumed.outcome == "refused" and consumed.rates is not None:
            raise Refused("not_rated", consumed.reason or f"the rates of {entitlement.id} have just changed; ask again")
        if consumed.is_reversed:
            raise Refused("reversed", f"time entry {entry.id!r} was reversed; log the work again under another id")
        return consumed

    async def _asking(
        self, intake: CaseIntake, matches: Sequence[Match], at: datetime, now: datetime
    ) -> tuple[Match | None, AskingForCases]:
        """In which order to ask, by what is left of those that match equally well; and what has the case already.

        An attempt that was cut short may have taken the last one that there was: it is this case's, and looks spent.
        """
        ranks = [match.rank for match in matches]
        exhausted: set[str] = set()
        for match in matches:
            entitlement = match.entitlement
            if entitlement.allowance is None or ranks.count(match.rank) == 1:
                continue
            if not match.takes_every_case and await self.gate.has_taken(entitlement.id, intake.case_id):
                return match, AskingForCases(matches, exhausted)
            balance = await self.gate.balance(await self.terms(intake, entitlement, now), at)
            if balance.current.is_exhausted:
                exhausted.add(entitlement.id)
        return None, AskingForCases(matches, exhausted)

    async def terms(self, intake: CaseIntake, entitlement: Entitlement, now: datetime) -> EntitlementTerms:
        """By which an entitlement is counted."""
        return await asyncio.to_thread(self._terms, intake, entitlement, now)

    def _terms(self, intake: CaseIntake, entitlement: Entitlement, now: datetime) -> EntitlementTerms:
        with self.store.snapshot() as catalog:
            account, organisation = catalog.account(entitlement.account), catalog.organisation()
        return entitlement_terms(entitlement, account, organisation, now=now, clock=now if intake.clock else None)

    def _prompt(self, entitlement: Entitlement, consumed: Consumed, at: datetime, now: datetime) -> OveragePrompt:
        return OveragePrompt(
            entitlement=entitlement.id,
            overage_price=consumed.overage_price,
            used=consumed.used,
            cap=consumed.cap or 0,
            occurred_at=at,
            until=self._until(entitlement, consumed, now),
        )

    def _until(self, entitlement: Entitlement, consumed: Consumed, now: datetime) -> datetime:
        """When a decision that is asked for now is due, by the entitlement's hours: within two years."""
        within = consumed.prompt_within
        if within is None:
            raise Refused("nothing_left", f"entitlement {entitlement.id!r} does not say how long a decision may take")
        hours = self.rating.hours(entitlement)
        latest = now.replace(year=now.year + 2, day=min(now.day, 28))
        try:
            return within.target(hours.freeze(now, latest), now)
        except HorizonExceeded:
            return latest


def _rest(entry: TimeEntry, minutes: int, left_over: int) -> TimeEntry:
    """What was left over of the minutes of an entry, its last ones, for the next entitlement."""
    return entry.model_copy(update={"minutes": left_over, "is_rest": True, "paid": minutes - left_over})


def _blocked(entitlement: Entitlement, consumed: Consumed) -> Refused:
    why = f"entitlement {entitlement.id!r} takes no more cases in this period"
    return Refused("blocked", f"{why}: {consumed.used} of {consumed.cap} cases used")


def _one_case(intake: CaseIntake, at: datetime, attempt: str, *, yields: bool) -> Consumption:
    """What a case takes where cases are counted."""
    return Consumption(
        reference=intake.case_id,
        event_id=event_id_of("open", intake.case_id, attempt),
        unit="cases",
        occurred_at=at,
        case_id=intake.case_id,
        by=intake.by,
        yields=yields,
    )


def _decision(intake: CaseIntake, choice: OverageChoice, reference: str, at: datetime) -> OverageDecision:
    """What an entitlement is told. It hears of many cases, and the ids of their events are unique in each case only."""
    said = "approved" if choice.approved else "declined"
    return OverageDecision(
        reference=reference,
        event_id=event_id_of(said, reference, choice.event_id),
        approved=choice.approved,
        by=choice.by,
        reason=choice.reason or said,
        occurred_at=at,
        case_id=intake.case_id,
    )
