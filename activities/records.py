"""Records of cases, written to the store."""

from __future__ import annotations

import asyncio

from sqlalchemy.exc import SQLAlchemyError
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.recording import Recording
from activities.refusals import check_readable
from domain.messages.names import RECORD_CASE
from domain.messages.steps import CaseRecord
from store.errors import StoreError, Unstorable
from store.store import Store

BRIDGES_AT = 8
"""The attempt, two minutes after the first, at which events that are still missing before those of a record are taken
for lost: the database was restored from a backup."""


class Records:
    """Writes down how cases stand."""

    def __init__(self, store: Store, together: Recording) -> None:
        self.store = store
        self._together = together

    @activity.defn(name=RECORD_CASE)
    async def record_case(self, record: CaseRecord) -> int:
        """Store a record; the same one again changes nothing. Returns how many events its case has had with it.

        Answers of the case wait for a local activity, so that waits for the store only for a moment; the workflow then
        asks for it by a normal one, which nothing waits for. One that a newer build wrote in a format that this build
        does not read is left to that one.
        """
        check_readable(record.carried)
        if not activity.info().is_local:
            bridges = activity.info().attempt >= BRIDGES_AT
            return await asyncio.to_thread(self.store.cases.record, record, bridges=bridges)
        try:
            return await self._together.write(record)
        except Unstorable as error:
            raise ApplicationError(str(error), type="Unstorable", non_retryable=True) from None
        except (SQLAlchemyError, StoreError) as error:
            raise ApplicationError(
                f"the store is not at hand: {error}",
                type="StoreBusy",
                non_retryable=True,
                category=ApplicationErrorCategory.BENIGN,  # nothing is lost, so nothing is logged
            ) from None
