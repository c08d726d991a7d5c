"""Records of cases, written to the store."""

from __future__ import annotations

import asyncio

from sqlalchemy.exc import SQLAlchemyError
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from domain.messages.names import RECORD_CASE
from domain.messages.steps import CaseRecord
from store.errors import StoreError
from store.store import Store

LOCAL_PATIENCE = 1.0
"""Seconds to wait for another writer, while an answer may be waiting for the record."""


class Records:
    """Writes down how cases stand."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @activity.defn(name=RECORD_CASE)
    async def record_case(self, record: CaseRecord) -> None:
        """Store a record; the same one again changes nothing.

        Answers of the case wait for a local activity, so that waits for the store only for a moment; the workflow then
        asks for it by a normal one, which nothing waits for.
        """
        if not activity.info().is_local:
            await asyncio.to_thread(self.store.record_case, record)
            return
        try:
            await asyncio.to_thread(self.store.record_case, record, patience=LOCAL_PATIENCE)
        except (SQLAlchemyError, StoreError) as error:
            raise ApplicationError(
                f"the store is not at hand: {error}",
                type="StoreBusy",
                non_retryable=True,
                category=ApplicationErrorCategory.BENIGN,  # nothing is lost, so nothing is logged
            ) from None
