"""Verifies coverage: who covers a case that was opened now, what is left of that, and why no other does.

It asks and takes nothing. The count of an entitlement is in its workflow; where that does not answer, what the store
recorded of it counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal

from pydantic import AwareDatetime

from clients.entitlements import Entitlements, NobodyCounts
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Account, Entitlement
from domain.coverage.matching import Coverage, CoverageCandidates, CoverageQuestion, Match, choose
from domain.messages.coverage import NotMatched, unpromised
from domain.model import Value
from domain.usage.allowance import Overflow
from domain.usage.machine import Usage
from domain.usage.requests import PeriodBalance
from domain.usage.units import in_units
from store import Store

OTHERS_LISTED = 200
"""Entitlements that do not match are listed up to this many."""

ASKED_AT_ONCE = 20
MOST_EQUALS_ASKED = 100
"""Among so many that match by as good a reason what is left decides; beyond that, expiry and id alone."""

NextCase = Literal["covered", "falls_back", "blocked", "asked", "uncovered", "refused"]


class AllowanceLeft(Value):
    """What is left of an allowance at an instant, in its unit.

    Attributes:
        cap: with what was carried over; None: unlimited.
        remaining: of the cap; None: unlimited.
        granted: by hand beside the cap, and not used yet.
        period_from: the first date of the period; None: there is one only, without a start.
        period_ends_before: the first instant after it; None: it does not end.
        live: as its workflow counts it; else as the store recorded it last.
    """

    unit: str
    cap: float | None
    used: float
    remaining: float | None
    period_from: date | None
    period_ends_before: AwareDatetime | None
    live: bool
    granted: float = 0

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing is left."""
        return self.remaining == 0 and not self.granted


class CoveredBy(Value):
    """An entitlement that matches.

    Attributes:
        by: what it matches by.
        allowance: None: nothing is counted.
    """

    entitlement: str
    name: str
    by: str
    account: str
    type: str | None
    process: str | None
    business_hours: str | None
    starts_on: date | None
    ends_on: date | None
    time_zone: str
    allowance: AllowanceLeft | None


class Verified(Value):
    """The answer.

    Attributes:
        at: the instant that was asked about.
        chosen: what ranks first of all that match.
        next_case: what becomes of a case that is opened then: the chosen one has it (`covered`) or, since nothing is
            left of that, another (`falls_back`); it is `blocked`, or somebody is `asked`, as the policy says of the one
            that has nothing left; it runs without an entitlement (`uncovered`), or is `refused`, as its account is set.
        covered_by: which entitlement such a case has.
        others: every other, and why it was not chosen.
        more: the account has more entitlements that do not match than are listed.
        unpromised: that such a case is promised nothing, though another entitlement of the account has a process; None:
            it is promised something, or there is none.
    """

    at: AwareDatetime
    chosen: CoveredBy | None
    next_case: NextCase
    covered_by: str | None
    others: list[NotMatched]
    more: bool
    unpromised: str | None = None

    @property
    def is_covered(self) -> bool:
        """Whether an entitlement covers such a case."""
        return self.covered_by is not None


class Verifying:
    """Asks the catalog, and what entitlements have left.

    Args:
        store: of the catalog.
        entitlements: their workflows; None: none can be asked.
    """

    def __init__(self, store: Store, entitlements: Entitlements | None) -> None:
        self._store = store
        self._entitlements = entitlements
        self._left: dict[str, AllowanceLeft | None] = {}

    async def verify(self, question: CoverageQuestion) -> Verified:
        """Who covers a case.

        Raises:
            NotFound: the question names something that the catalog does not have, or that is retired.
        """
        found = await asyncio.to_thread(self._candidates, question)
        at, zones = question.at, {one.entitlement.id: one.time_zone for one in found.candidates}
        coverage = choose(found.scope, found.candidates, more=found.more)
        if question.entitlement is not None:
            coverage = _from(question.entitlement, coverage)
            if coverage.chosen is None:  # a case that is opened from one that does not match is not opened
                others, more = coverage.others, coverage.more
                return Verified(at=at, chosen=None, next_case="refused", covered_by=None, others=others, more=more)
        await self._ask(at, _equals(coverage))
        exhausted = [name for name, left in self._left.items() if left is not None and left.is_exhausted]
        coverage = choose(found.scope, found.candidates, exhausted, more=found.more)
        next_case, covered_by = await self._next_case(at, coverage, found.scope.accounts)
        return Verified(
            at=at,
            chosen=self._chosen(coverage, zones),
            next_case=next_case,
            covered_by=covered_by,
            others=coverage.others,
            more=coverage.more,
            unpromised=await asyncio.to_thread(self._unpromised, coverage, next_case, covered_by),
        )

    def _candidates(self, question: CoverageQuestion) -> CoverageCandidates:
        with self._store.snapshot() as standing:
            standing.catalog.check_none_retired(question.things)
            return standing.catalog.coverage_candidates(question, others=OTHERS_LISTED)

    def _unpromised(self, coverage: Coverage, next_case: NextCase, covered_by: str | None) -> str | None:
        if next_case in {"blocked", "asked", "refused"}:
            return None
        having = next((match.entitlement for match in coverage.ranked if match.entitlement.id == covered_by), None)
        process = having.process if having else self._store.catalog.organisation().process
        spent = [match.entitlement for match in coverage.ranked[: _place(coverage, covered_by)]]
        passed = [NotMatched(entitlement=e.id, why="nothing is left of it", process=e.process) for e in spent]
        others = [other for other in coverage.others if other.entitlement not in {e.id for e in spent}]
        return None if process else unpromised([*passed, *others])

    def _chosen(self, coverage: Coverage, zones: dict[str, str]) -> CoveredBy | None:
        if not coverage.ranked:
            return None
        best = coverage.ranked[0]
        shown = best.entitlement.model_dump(include=CoveredBy.model_fields.keys() - {"entitlement", "allowance"})
        return CoveredBy(
            entitlement=best.entitlement.id,
            by=best.by.words,
            time_zone=zones[best.entitlement.id],
            allowance=self._left[best.entitlement.id],
            **shown,
        )

    async def _next_case(self, at: datetime, coverage: Coverage, accounts: list[str]) -> tuple[NextCase, str | None]:
        """Down the ranking until one has something left, or says that no other is asked."""
        for number, match in enumerate(coverage.ranked):
            entitlement = match.entitlement
            await self._ask(at, [match])
            left = self._left[entitlement.id]
            if left is None or left.unit != "cases" or not left.is_exhausted:
                return "falls_back" if number else "covered", entitlement.id
            match entitlement.allowance.overflow if entitlement.allowance else Overflow.FALLBACK:
                case Overflow.BLOCK:
                    return "blocked", None
                case Overflow.PROMPT:
                    return "asked", None
                case Overflow.FALLBACK:
                    pass
        return await asyncio.to_thread(self._without, coverage, accounts), None

    def _without(self, coverage: Coverage, accounts: list[str]) -> NextCase:
        account = coverage.chosen.account if coverage.chosen else next(iter(accounts), None)
        is_refused = account is not None and self._store.catalog.account(account).without_entitlement == "refuse"
        return "refused" if is_refused else "uncovered"

    # --- what is left ---

    async def _ask(self, at: datetime, matches: Iterable[Match]) -> None:
        unknown = [match.entitlement for match in matches if match.entitlement.id not in self._left]
        for begin in range(0, len(unknown), ASKED_AT_ONCE):
            batch = unknown[begin : begin + ASKED_AT_ONCE]
            answers = await asyncio.gather(*(self._left_of(entitlement, at) for entitlement in batch))
            self._left |= {one.id: left for one, left in zip(batch, answers, strict=True)}

    async def _left_of(self, entitlement: Entitlement, at: datetime) -> AllowanceLeft | None:
        allowance = entitlement.allowance
        if allowance is None:
            return None
        balance, live = await self._balance(entitlement, at)
        unit = allowance.unit
        return AllowanceLeft(
            unit=unit,
            cap=None if balance.cap is None else in_units(balance.cap, unit),
            used=in_units(balance.used, unit),
            remaining=None if balance.remaining is None else in_units(balance.remaining, unit),
            granted=in_units(balance.grant_left, unit),
            period_from=balance.first_day,
            period_ends_before=balance.ends_before,
            live=live,
        )

    async def _balance(self, entitlement: Entitlement, at: datetime) -> tuple[PeriodBalance, bool]:
        """The balance of the period of an instant, and whether the count itself says so."""
        if self._entitlements is not None:
            try:
                found = await self._entitlements.balance(entitlement.id, at.isoformat())
            except NobodyCounts:
                pass
            else:
                if found is not None:
                    return found.current, True
                return await asyncio.to_thread(self._whole, entitlement, at), True  # its count is still to begin
        return await asyncio.to_thread(self._recorded, entitlement, at), False

    def _whole(self, entitlement: Entitlement, at: datetime) -> PeriodBalance:
        account: Account = self._store.catalog.account(entitlement.account)
        terms = entitlement_terms(entitlement, account, self._store.catalog.organisation(), now=at)
        usage = Usage.begin(terms, at)
        usage.advance(at)
        return usage.balance(at).current

    def _recorded(self, entitlement: Entitlement, at: datetime) -> PeriodBalance:
        """As the store recorded it last, by the newest count; what nothing is recorded of is whole."""
        balance = self._whole(entitlement, at)
        rows = [row for row in self._store.ledgers.rows(entitlement.id) if row.period == balance.period]
        if not rows:
            return balance
        last = rows[-1]
        return balance.model_copy(
            update={"used": last.used_after, "cap": last.cap_after, "remaining": last.balance_after}
        )


def _from(named: str, coverage: Coverage) -> Coverage:
    """The coverage of a case that is opened from an entitlement: if that does not match, none does."""
    if coverage.chosen is not None and coverage.chosen.id == named:
        return coverage
    why = f"it matches, but the case is to be opened from {named!r}"
    matching = [match.entitlement for match in coverage.ranked]
    others = [NotMatched(entitlement=one.id, why=why, process=one.process) for one in matching]
    return Coverage(ranked=[], unmatched=[*coverage.unmatched, *others], more=coverage.more)


def _place(coverage: Coverage, covered_by: str | None) -> int:
    """How many were asked before the one that covers the case; all of them if none does."""
    names = [match.entitlement.id for match in coverage.ranked]
    return names.index(covered_by) if covered_by in names else len(names)


def _equals(coverage: Coverage) -> list[Match]:
    """Those that match by as good a reason as the best: among them counts what is left."""
    return [match for match in coverage.ranked if match.rank == coverage.ranked[0].rank][:MOST_EQUALS_ASKED]
