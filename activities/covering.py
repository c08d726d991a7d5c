"""Who covers a case, and what the case takes of that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from activities.count_rules import CountRules, decided
from clients.entitlements import NobodyCounts
from clients.gate import UsageGate
from domain.catalog.declarations import Account, Entitlement
from domain.coverage.asking import AskingForCases
from domain.coverage.chosen import case_coverage
from domain.coverage.matching import NOTHING_FOUND, Coverage, CoverageQuestion, Match, choose
from domain.errors import Refused
from domain.ids import event_id_of
from domain.messages.case_state import OveragePrompt
from domain.messages.cases import CaseIntake, OverageChoice
from domain.messages.coverage import CaseCoverage, Left, NotMatched
from domain.usage.requests import Consumed, Consumption
from domain.years import FIRST_YEAR, LAST_YEAR, is_promised
from store.store import Store

_SAYS_WITHIN = 2.0
"""Seconds for which a count is asked that only says how much it has left."""


class Taken(NamedTuple):
    """What a case takes: one of an entitlement, or nothing; or somebody has to decide first.

    Attributes:
        coverage: how it came to that; None after a yes to a change of entitlement.
    """

    entitlement: Entitlement | None = None
    prompt: OveragePrompt | None = None
    coverage: CaseCoverage | None = None


class Covering:
    """Finds entitlements by the catalog as it stands now, and takes of them."""

    def __init__(self, store: Store, gate: UsageGate) -> None:
        self.store = store
        self.gate = gate
        self.rules = CountRules(store)

    async def find(self, intake: CaseIntake, at: datetime) -> tuple[Coverage, Account | None]:
        """The entitlements that match at an instant, and the case's account.

        Raises:
            NotFound: the intake names something that the catalog does not have.
            Refused: the case is to be opened from an entitlement that does not match.
        """
        return await asyncio.to_thread(self.found, intake, at)

    def found(self, intake: CaseIntake, at: datetime, store: Store | None = None) -> tuple[Coverage, Account | None]:
        """As `find`, perhaps in a snapshot of which more is read."""
        coverage, account = self.coverage(intake, at, store)
        if intake.entitlement and (coverage.chosen is None or coverage.chosen.id != intake.entitlement):
            why = next((o.why for o in coverage.others if o.entitlement == intake.entitlement), "it does not match")
            raise Refused("not_entitled", f"the case can't have entitlement {intake.entitlement!r}: {why}")
        return coverage, account

    def coverage(self, intake: CaseIntake, at: datetime, store: Store | None = None) -> tuple[Coverage, Account | None]:
        """As `found`, of one that is opened from an entitlement also if that does not match."""
        if not is_promised(at):
            years = f"the years {FIRST_YEAR} to {LAST_YEAR}"
            raise Refused("no_such_time", f"{at.isoformat()} is outside {years}, for which entitlements are declared")
        with (store or self.store).snapshot() as catalog:
            found = catalog.catalog.coverage_candidates(asked_by(intake, at))
            coverage = choose(found.scope, found.candidates, more=found.more)
            account = coverage.chosen.account if coverage.chosen else next(iter(found.scope.accounts), None)
            return coverage, catalog.catalog.account(account) if account else None

    async def take(
        self,
        intake: CaseIntake,
        matches: Sequence[Match],
        *,
        at: datetime,
        now: datetime,
        attempt: str,
        beside: Coverage = NOTHING_FOUND,
        runs: bool = False,
    ) -> Taken:
        """One case of the best entitlement, by the overflow policy of each; of equal ones first those with some left.

        Done again under the same `attempt` it comes to the same: a case takes one, by its id.

        Args:
            intake: of the case.
            matches: of which it may take.
            at: when it was opened, or is to go over.
            now: the case's.
            attempt: names the request.
            beside: what does not match; goes into the answer.
            runs: the case can't be refused any more: it goes on without an entitlement.

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
                return Taken(entitlement, coverage=case_coverage(ranking, match, left, passed_over, beside))
            consumption = _one_case(intake, at, attempt, yields=yields)
            consumed = await self.gate.consume(await self.rules.terms(intake, entitlement, now), consumption)
            if consumed.outcome == "exhausted":
                asking.has_nothing(match)
                continue
            asking.was_asked(match)
            if consumed.is_taken or consumed.outcome == "prompt":
                asks, left = not consumed.is_taken, _left_of(consumed)
                coverage = case_coverage(ranking, match, left, passed_over, beside, asks=asks)
                prompt = await self._prompt(entitlement, consumed, coverage, at, now) if asks else None
                return Taken(None if asks else entitlement, prompt, coverage)
            passed_over.append(_passed_over(entitlement, consumed, runs=runs))
            if consumed.outcome == "blocked":
                break
        return Taken(coverage=case_coverage(asking.ranking, None, None, passed_over, beside))

    async def _left(self, intake: CaseIntake, entitlement: Entitlement, at: datetime, now: datetime) -> Left | None:
        """What is left of an entitlement of which cases take nothing; the case does not depend on the answer."""
        if entitlement.allowance is None:
            return None
        try:
            async with asyncio.timeout(_SAYS_WITHIN):
                period = (await self.gate.balance(await self.rules.terms(intake, entitlement, now), at)).current
        except (TimeoutError, NobodyCounts):
            return None
        unit = entitlement.allowance.unit
        return Left(unit=unit, cap=period.cap, remaining=period.remaining, granted=period.grant_left)

    async def decide(
        self, intake: CaseIntake, prompt: OveragePrompt, choice: OverageChoice, *, now: datetime
    ) -> Taken | None:
        """What follows from a decision: one more at the overage price, or the next entitlement that matches.

        None: a case that was to go over to the entitlement keeps what it has.
        """
        entitlement = await asyncio.to_thread(self.store.catalog.entitlement, prompt.entitlement)
        if choice.approved:
            account = await asyncio.to_thread(self.store.catalog.account, entitlement.account)
            if entitlement.retired or account.retired:
                raise Refused("ended", f"nothing can be taken of {entitlement.id}: it, or its account, is retired")
        decision = decided(intake, choice, intake.case_id, prompt.occurred_at)
        consumed = await self.gate.approve_overage(await self.rules.terms(intake, entitlement, now), decision)
        if choice.approved:
            if not consumed.is_taken:
                raise Refused("nothing_left", f"entitlement {entitlement.id!r}: {consumed.reason or consumed.outcome}")
            asked = None if prompt.change else prompt.coverage
            return Taken(entitlement, coverage=asked and asked.approved(_left_of(consumed)))
        if prompt.change is not None:
            return None
        found, _ = await self.find(intake, prompt.occurred_at)
        at, rest = prompt.occurred_at, found.without(entitlement, "one more of it was declined")
        return await self.take(intake, rest.ranked, at=at, now=now, attempt=choice.event_id, beside=rest, runs=True)

    async def _asking(
        self, intake: CaseIntake, matches: Sequence[Match], at: datetime, now: datetime
    ) -> tuple[Match | None, AskingForCases]:
        """In which order to ask, by what is left of those that match equally well; and what has the case already.

        An attempt that was cut short may have taken the last that there was: it is this case's, and looks exhausted.
        """
        ranks = [match.rank for match in matches]
        exhausted: set[str] = set()
        for match in matches:
            entitlement = match.entitlement
            if entitlement.allowance is None or ranks.count(match.rank) == 1:
                continue
            if not match.takes_every_case and await self.gate.has_taken(entitlement.id, intake.case_id):
                return match, AskingForCases(matches, exhausted)
            balance = await self.gate.balance(await self.rules.terms(intake, entitlement, now), at)
            if balance.current.is_exhausted:
                exhausted.add(entitlement.id)
        return None, AskingForCases(matches, exhausted)

    async def _prompt(
        self, entitlement: Entitlement, consumed: Consumed, coverage: CaseCoverage, at: datetime, now: datetime
    ) -> OveragePrompt:
        return OveragePrompt(
            entitlement=entitlement.id,
            overage_price=consumed.overage_price,
            used=consumed.used,
            cap=consumed.cap or 0,
            occurred_at=at,
            until=await asyncio.to_thread(self.rules.decide_until, entitlement, consumed, now),
            coverage=coverage,
        )


def asked_by(intake: CaseIntake, at: datetime) -> CoverageQuestion:
    """What an intake says of who covers its case at an instant."""
    return CoverageQuestion(**intake.model_dump(include=set(CoverageQuestion.model_fields)), at=at)


def _left_of(consumed: Consumed) -> Left:
    return Left(unit=consumed.unit, cap=consumed.cap, remaining=consumed.remaining, granted=consumed.grant_left)


def _passed_over(entitlement: Entitlement, consumed: Consumed, *, runs: bool) -> NotMatched:
    """Why a case does not have one that was asked.

    Raises:
        Refused: that one blocks the case, which does not run yet.
    """
    blocks = consumed.outcome == "blocked"
    if blocks and not runs:
        why = f"entitlement {entitlement.id!r} takes no more cases in this period"
        raise Refused("blocked", f"{why}: {consumed.used} of {consumed.cap} cases used")
    why = consumed.reason or f"nothing is left of it{', and it blocks' if blocks else ''}"
    return NotMatched(entitlement=entitlement.id, why=why, process=entitlement.process)


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
