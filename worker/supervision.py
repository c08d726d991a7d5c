"""Finds cases that go on in the store while their workflows were ended from outside: terminated, cancelled or reset."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.messages.names import CASE_WORKFLOW
from store import Store
from store.cases.ended import EndedCase, HowEnded, OpenCase

UNCHANGED = timedelta(minutes=10)
"""A case that has recorded something within this time is left alone: it goes on, or its end is on its way."""

EVERY = timedelta(hours=1)
TRIES_EVERY = 300.0
"""Seconds after which a worker looks whether it is its turn."""

_LEASE = "look after cases"
_PAGE = 1000
_AT_ONCE = 10
_STATUS = WorkflowExecutionStatus
HOW_ENDED: dict[WorkflowExecutionStatus, HowEnded] = {
    _STATUS.TERMINATED: "terminated",
    _STATUS.CANCELED: "cancelled",
    _STATUS.TIMED_OUT: "timed out",
    _STATUS.FAILED: "failed",
    _STATUS.COMPLETED: "completed",
}
"""In words, how the workflow of a case that is open ended."""

_LOG = logging.getLogger(__name__)


class Looked(BaseModel):
    """What came of holding the store against Temporal.

    Attributes:
        unchanged: how many open cases have recorded nothing for a while.
        described: how many of them Temporal was asked about one by one.
        marked: those that were found to have ended.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unchanged: int
    described: int
    marked: list[EndedCase]


async def look_after_cases(client: Client, store: Store, *, unchanged: timedelta = UNCHANGED) -> Looked:
    """Mark the cases that are open in the store and whose workflows were ended from outside. Nothing is restarted.

    Temporal is asked for its lists, page by page, and only of the cases that look suspicious there one by one: the
    lists are written with a delay.
    """
    cases = await asyncio.to_thread(_unchanged, store, datetime.now(UTC) - unchanged)
    if not cases:
        return Looked(unchanged=0, described=0, marked=[])
    running = await _listed(client, [_STATUS.RUNNING])
    ended = await _listed(client, [_STATUS.TERMINATED, _STATUS.CANCELED, _STATUS.TIMED_OUT, _STATUS.FAILED])
    suspicious = [case for case in cases if case.case_id not in running or case.case_id in ended]
    slots = asyncio.Semaphore(_AT_ONCE)

    async def look(case: OpenCase) -> EndedCase | None:
        async with slots:
            found = await _ended(client, case)
            return await asyncio.to_thread(store.ended.mark, case, *found) if found else None

    marked = await asyncio.gather(*map(look, suspicious))
    return Looked(unchanged=len(cases), described=len(suspicious), marked=[case for case in marked if case])


@asynccontextmanager
async def supervising(client: Client, store: Store) -> AsyncIterator[None]:
    """Look after cases once an hour while the context lasts; of several workers one does."""
    task = asyncio.create_task(_look_again_and_again(client, store))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _look_again_and_again(client: Client, store: Store) -> None:
    holder = f"{os.getpid()}@{socket.gethostname()}/{uuid.uuid4().hex[:8]}"
    while True:
        try:
            await look_if_it_is_our_turn(client, store, holder)
        except Exception:  # noqa: BLE001  a database or a server that is away comes back
            _LOG.exception("cases could not be looked after; tried again in %g s", TRIES_EVERY)
        await asyncio.sleep(TRIES_EVERY)


async def look_if_it_is_our_turn(client: Client, store: Store, holder: str) -> Looked | None:
    """Look after cases, unless somebody has done so within the hour; None then."""
    now = datetime.now(UTC)
    if not await asyncio.to_thread(store.leases.acquire, _LEASE, holder, now=now, lasts=EVERY):
        return None
    try:
        looked = await look_after_cases(client, store)
    except BaseException:
        await asyncio.to_thread(store.leases.release, _LEASE, holder)
        raise
    for case in looked.marked:
        _LOG.warning("case %s %s; nothing goes on with it by itself", case.case_id, case.text)
    return looked


def _unchanged(store: Store, since: datetime) -> list[OpenCase]:
    cases: list[OpenCase] = []
    while page := store.ended.unchanged(since, after=cases[-1].case_id if cases else ""):
        cases += page
    return cases


async def _listed(client: Client, statuses: Iterable[WorkflowExecutionStatus]) -> set[str]:
    """The ids of the cases that Temporal lists with one of these statuses."""
    named = ", ".join(f"'{_named(status)}'" for status in statuses)
    query = f"WorkflowType = '{CASE_WORKFLOW}' AND ExecutionStatus IN ({named})"
    return {found.id.removeprefix("case/") async for found in client.list_workflows(query, page_size=_PAGE)}


def _named(status: WorkflowExecutionStatus) -> str:
    return "".join(word.capitalize() for word in status.name.split("_"))


async def _ended(client: Client, case: OpenCase) -> tuple[HowEnded, datetime | None] | None:
    """How and when the workflow of a case's last record ended; None if the case goes on."""
    now = await _described(client, case.case_id)
    if now is None:
        return "unknown to Temporal", None
    if now.status is not _STATUS.RUNNING:
        how = HOW_ENDED.get(now.status) if now.status else None
        return (how, now.close_time) if how else None
    if now.run_id == case.run_id:
        return None
    # Another run goes on. One that went on by itself follows on a run that says so.
    before = await _described(client, case.case_id, case.run_id)
    if before is None or before.status in {_STATUS.RUNNING, _STATUS.CONTINUED_AS_NEW, _STATUS.COMPLETED, None}:
        return None
    if now.raw_description.workflow_extended_info.HasField("last_reset_time"):
        return "reset", before.close_time
    return HOW_ENDED[before.status], before.close_time


async def _described(client: Client, case_id: str, run_id: str | None = None) -> WorkflowExecutionDescription | None:
    try:
        return await client.get_workflow_handle(f"case/{case_id}", run_id=run_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None
