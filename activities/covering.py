"""Who covers a case, and what the case takes of that."""

from __future__ import annotations

import asyncio
from datetime import datetime

from activities.usage import UsageGate
from domain.catalog import Account, Entitlement
from domain.coverage import Coverage, CoverageQuestion, choose
from domain.entitlement_messages import Consumption, EntitlementTerms
from domain.errors import Refused
from domain.frozen_periods import Term
from domain.messages import CaseIntake
from domain.periods import freeze, horizon
from store.store import Store


class Covering:
    """Finds entitlements by the catalog as it stands now, and takes cases of them."""

    def __init__(self, store: Store, gate: UsageGate) -> None:
        self.store = store
        self.gate = gate

    async def find(self, intake: CaseIntake, at: datetime) -> tuple[Coverage, Account | None]:
        """The entitlements that match at an instant, and the case's account.

        Raises:
            NotFound: the intake names something that the catalog does not have.
            Refused: the case is to be opened from an entitlement that does not match.
        """
        return await asyncio.to_thread(self._find, intake, at)

    def _find(self, intake: CaseIntake, at: datetime) -> tuple[Coverage, Account | None]:
        asked = intake.model_dump(include=set(CoverageQuestion.model_fields))
        found = self.store.coverage_candidates(CoverageQuestion(**asked, at=at))
        coverage = choose(found.scope, found.candidates)
        if intake.entitlement and (coverage.chosen is None or coverage.chosen.id != intake.entitlement):
            why = next((o.why for o in coverage.others if o.entitlement == intake.entitlement), "it does not match")
            raise Refused("not_entitled", f"the case can't have entitlement {intake.entitlement!r}: {why}")
        account = coverage.chosen.account if coverage.chosen else next(iter(found.scope.accounts), None)
        return coverage, self.store.account(account) if account else None

    async def take(self, intake: CaseIntake, coverage: Coverage, *, at: datetime, now: datetime) -> Entitlement | None:
        """The best entitlement that has a case left; an overflow falls back to the next that matches.

        Done again it comes to the same: a case takes one, by its id.
        """
        for match in coverage.ranked:
            if await self.takes(intake, match.entitlement, at=at, now=now):
                return match.entitlement
        return None

    async def takes(self, intake: CaseIntake, entitlement: Entitlement, *, at: datetime, now: datetime) -> bool:
        """Whether an entitlement covers the case; if it counts cases, this one is counted."""
        if entitlement.allowance is None or entitlement.allowance.unit != "cases":
            return True
        consumption = Consumption(
            reference=intake.case_id,
            event_id=f"open-{intake.case_id}",
            unit="cases",
            occurred_at=at,
            case_id=intake.case_id,
            by=intake.by,
        )
        consumed = await self.gate.consume(await asyncio.to_thread(self._terms, intake, entitlement, now), consumption)
        return consumed.is_taken

    def _terms(self, intake: CaseIntake, entitlement: Entitlement, now: datetime) -> EntitlementTerms:
        organisation, account = self.store.organisation(), self.store.account(entitlement.account)
        if entitlement.allowance is None:
            raise Refused("no_allowance", f"entitlement {entitlement.id!r} counts nothing")
        term = Term(
            starts_on=entitlement.starts_on,
            ends_on=entitlement.ends_on,
            time_zone=account.time_zone or organisation.time_zone,
        )
        return EntitlementTerms(
            entitlement_id=entitlement.id,
            account=account.id,
            name=entitlement.name,
            allowance=entitlement.allowance,
            periods=freeze(entitlement.allowance, term, horizon(term, now)),
            manager=account.manager_mail,
            clock=now if intake.clock else None,
        )
