"""Records of cases, written to the store."""

from __future__ import annotations

import asyncio

from temporalio import activity

from domain.messages.names import RECORD_CASE
from domain.messages.steps import CaseRecord
from store.store import Store


class Records:
    """Writes down how cases stand."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @activity.defn(name=RECORD_CASE)
    async def record_case(self, record: CaseRecord) -> None:
        """Store a record; the same one again changes nothing."""
        await asyncio.to_thread(self.store.record_case, record)
