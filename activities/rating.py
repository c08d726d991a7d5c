"""What the minutes of a time entry count, by a table of rates, the case and the hours as they are now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from domain.calendar import BusinessHours
from domain.catalog.declarations import Entitlement
from domain.criteria.fields import utc_text
from domain.messages.cases import CaseIntake
from domain.usage.rates import RateRow, entry_rates
from domain.usage.requests import TimeEntry
from store.store import Store

_ADDED_AT_MOST = timedelta(days=3)
"""What minimum and rounding may add to a time entry, and some."""


class Rating:
    """Rates time entries by the catalog as it stands now."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def rated(
        self, intake: CaseIntake, entitlement: Entitlement, entry: TimeEntry, table: Sequence[RateRow], worked: int
    ) -> TimeEntry:
        """Give an entry what its minutes count by a table of rates; nothing, if the table is empty.

        Args:
            intake: of the case.
            entitlement: whose hours tell what is open time.
            entry: the part of the work that is offered.
            table: of rates.
            worked: minutes of the whole work, which criteria see.
        """
        if not table:
            return entry.model_copy(update={"rates": None})
        return await asyncio.to_thread(self._rate, intake, entitlement, entry, table, worked)

    def _rate(
        self, intake: CaseIntake, entitlement: Entitlement, entry: TimeEntry, table: Sequence[RateRow], worked: int
    ) -> TimeEntry:
        until = entry.worked_at + timedelta(minutes=entry.paid + entry.minutes) + _ADDED_AT_MOST
        opened_at = utc_text(intake.opened_at) if intake.opened_at else None
        rates = entry_rates(
            table,
            self.hours(entitlement).freeze(entry.worked_at, until),
            entry={"id": entry.id, "minutes": worked, "by": entry.by, "note": entry.note},
            case={**intake.fields, "id": intake.case_id, "opened_at": opened_at},
            worked_at=entry.worked_at,
            until=until,
        )
        return entry.model_copy(update={"rates": rates})

    def hours(self, entitlement: Entitlement) -> BusinessHours:
        """Return the hours of an entitlement, else of its process, else of the organisation."""
        of_process = self._store.process(entitlement.process).business_hours if entitlement.process else None
        name = entitlement.business_hours or of_process or self._store.organisation().business_hours
        return self._store.business_hours(name).hours
