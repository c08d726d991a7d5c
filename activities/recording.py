"""The one writer of records in a process: what several cases record at the same time is one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from domain.messages.steps import CaseRecord
from store.store import Store

LOCAL_PATIENCE = 1.0
"""Seconds to wait for another writer, while an answer may be waiting for the record."""

MOST_AT_ONCE = 100
"""Records of one transaction."""


class Recording:
    """Writes what several cases record at the same time in one transaction: what comes while one is being written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Of its own: a record that an answer waits for does not stand in line behind what a hundred actions write.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="records")
        self._waiting: list[tuple[CaseRecord, asyncio.Future[int]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, record: CaseRecord) -> int:
        """Have a record stored, and wait until it is. Returns how many events its case has had with it.

        Raises:
            SQLAlchemyError, StoreError: it could not be stored.
            Unstorable: it never can be, and no other record fares worse for that.
        """
        stored: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((record, stored))
        if self._writing is None:
            self._writing = asyncio.create_task(self._work_off())
        return await stored

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                await self._write_some(self._next())
        finally:
            self._writing = None

    def _next(self) -> dict[str, tuple[CaseRecord, asyncio.Future[int]]]:
        """One record of each case, those that came first; the others wait for the next transaction."""
        batch: dict[str, tuple[CaseRecord, asyncio.Future[int]]] = {}
        later: list[tuple[CaseRecord, asyncio.Future[int]]] = []
        for record, stored in self._waiting:
            if stored.done():  # nobody waits for it any more
                continue
            case_id = record.view.case_id
            if case_id in batch or len(batch) == MOST_AT_ONCE:
                later.append((record, stored))
            else:
                batch[case_id] = record, stored
        self._waiting = later
        return batch

    async def _write_some(self, batch: dict[str, tuple[CaseRecord, asyncio.Future[int]]]) -> None:
        records = [batch[case_id][0] for case_id in sorted(batch)]  # all processes lock cases in the same order
        waiting = [batch[case_id][1] for case_id in sorted(batch)]
        loop = asyncio.get_running_loop()
        try:
            said: Sequence[int | Exception] = await loop.run_in_executor(self._thread, self._stored, records)
        except Exception as error:  # noqa: BLE001  whoever waits is told
            said = [error] * len(records)
        for stored, outcome in zip(waiting, said, strict=True):
            if stored.done():
                continue
            if isinstance(outcome, int):
                stored.set_result(outcome)
            else:
                stored.set_exception(outcome)

    def _stored(self, records: Sequence[CaseRecord]) -> Sequence[int | Exception]:
        return self._store.cases.record_all(records, patience=LOCAL_PATIENCE)
