"""By what an entitlement is counted and decided on, as the catalog stands now."""

from __future__ import annotations

import asyncio
from datetime import datetime

from domain.calendar import BusinessHours
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Entitlement
from domain.errors import Refused
from domain.frozen import HorizonExceeded
from domain.ids import event_id_of
from domain.messages.cases import CaseIntake, OverageChoice
from domain.usage.requests import Consumed, EntitlementTerms, OverageDecision
from store.store import Store


class CountRules:
    """Reads what cases and hours are taken by.

    Args:
        store: of the catalog.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def terms(self, intake: CaseIntake, entitlement: Entitlement, now: datetime) -> EntitlementTerms:
        """By which an entitlement is counted."""
        return await asyncio.to_thread(self._terms, intake, entitlement, now)

    def _terms(self, intake: CaseIntake, entitlement: Entitlement, now: datetime) -> EntitlementTerms:
        with self._store.snapshot() as catalog:
            account, organisation = catalog.catalog.account(entitlement.account), catalog.catalog.organisation()
        return entitlement_terms(entitlement, account, organisation, now=now, clock=now if intake.clock else None)

    def hours(self, entitlement: Entitlement) -> BusinessHours:
        """The hours of an entitlement, else of its process, else of the organisation."""
        of_process = self._store.catalog.process(entitlement.process).business_hours if entitlement.process else None
        name = entitlement.business_hours or of_process or self._store.catalog.organisation().business_hours
        return self._store.catalog.business_hours(name).hours

    def decide_until(self, entitlement: Entitlement, consumed: Consumed, now: datetime) -> datetime:
        """When a decision that is asked for now is due, by the entitlement's hours: within two years."""
        within = consumed.prompt_within
        if within is None:
            raise Refused("nothing_left", f"entitlement {entitlement.id!r} does not say how long a decision may take")
        hours = self.hours(entitlement)
        latest = now.replace(year=now.year + 2, day=min(now.day, 28))
        try:
            return within.target(hours.freeze(now, latest), now)
        except HorizonExceeded:
            return latest


def decided(intake: CaseIntake, choice: OverageChoice, reference: str, at: datetime) -> OverageDecision:
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
