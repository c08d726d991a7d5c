"""Lets the schedules of reports follow the catalog: there is one for each that is declared, and it goes with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.reports.sending import zone_of_report
from clients.report_schedules import ReportScheduleClient, digest_of
from domain.catalog.reports import ScheduledReport
from domain.errors import MilepostError
from store import Store
from worker.subscribing import ALL_EVERY, EVERY, Followed

_LOG = logging.getLogger(__name__)


async def follow_reports(store: Store, connect: Callable[[], Awaitable[Client]], task_queue: str) -> Followed:
    """Make, change and remove the schedules of reports that differ from what is declared.

    Temporal is connected to only if there is something to tell. What can't be told, a worker tells.
    """
    try:
        if not await asyncio.to_thread(_out_of_date, store, task_queue):
            return Followed(done=[])
        return await Scheduling(await connect(), store, task_queue).follow()
    except MilepostError as error:
        return Followed(done=[], later=str(error))


@asynccontextmanager
async def scheduling(client: Client, store: Store, task_queue: str) -> AsyncIterator[None]:
    """Have the schedules follow the catalog, now and then, while the context lasts."""
    task = asyncio.create_task(_follow_again_and_again(Scheduling(client, store, task_queue)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _follow_again_and_again(schedules: Scheduling) -> None:
    look = 0
    while True:
        try:
            followed = await schedules.follow(everyone=look % ALL_EVERY == 0)
        except Exception:  # noqa: BLE001  a database or a server that is away comes back
            _LOG.exception("schedules of reports could not be made or removed; again in a minute")
        else:
            look += followed.later is None
            for line in followed.done:
                _LOG.info(line)
        await asyncio.sleep(EVERY)


class Scheduling:
    """Makes, changes and removes the schedules of reports."""

    def __init__(self, client: Client, store: Store, task_queue: str) -> None:
        self._client = ReportScheduleClient(client, task_queue=task_queue)
        self._store = store
        self._task_queue = task_queue

    async def follow(self, *, everyone: bool = False) -> Followed:
        """Tell Temporal what it does not know.

        What can't be told of one report keeps no other waiting: it is told the next time. Where no server is there at
        all, no other is tried.

        Args:
            everyone: make those too that are there as far as the store knows, if they are not.
        """
        done, failed = list[str](), list[str]()
        try:
            if everyone:
                for name in await asyncio.to_thread(self._store.report_schedules.made):
                    with _alone(name, failed):
                        await self._forget_missing(name)
            differ = await asyncio.to_thread(_out_of_date, self._store, self._task_queue)
            for name, (declared, zone, digest) in differ.items():
                with _alone(name, failed):
                    done.append(await self._tell(name, declared, zone, digest))
        except RPCError as error:
            failed.append(str(error))
        return Followed(done=done, later=_why(failed))

    async def _forget_missing(self, name: str) -> None:
        """Have one made again whose schedule somebody has deleted."""
        if not await self._client.exists(name):
            await asyncio.to_thread(self._store.report_schedules.forget, name)

    async def _tell(self, name: str, declared: ScheduledReport | None, zone: ZoneInfo | None, digest: str) -> str:
        if declared is None or zone is None:
            await self._client.remove(name)
            await asyncio.to_thread(self._store.report_schedules.forget, name)
            return f"report {name} is sent no more"
        now = datetime.now(UTC)
        await self._client.put(name, declared.when, zone, now)
        await asyncio.to_thread(self._store.report_schedules.keep, name, digest, now)
        return f"report {name} is sent {declared.when}, {zone.key}"


@contextmanager
def _alone(name: str, failed: list[str]) -> Iterator[None]:
    """Let what the server refuses of one report be that report's alone, and say so.

    Raises:
        RPCError: there is no server.
    """
    try:
        yield
    except RPCError as error:
        if error.status is RPCStatusCode.UNAVAILABLE:
            raise
        _LOG.warning("the schedule of report %s does not follow the catalog yet, and is tried again: %s", name, error)
        failed.append(f"report {name}: {error}")


def _why(failed: list[str]) -> str | None:
    """The first thing that went wrong, and how many others did; None: nothing did."""
    more = f", and {len(failed) - 1:,} more" if len(failed) > 1 else ""
    return f"{failed[0]}{more}" if failed else None


def _out_of_date(store: Store, task_queue: str) -> dict[str, tuple[ScheduledReport | None, ZoneInfo | None, str]]:
    """The reports whose schedules are not as they are declared: each as it is, None of those that are retired."""
    now, made = datetime.now(UTC), store.report_schedules.made()
    found: dict[str, tuple[ScheduledReport | None, ZoneInfo | None, str]] = {}
    active = store.report_schedules.active()
    for declared in active:
        zone = zone_of_report(store, declared)
        digest = digest_of(declared.when, zone, now, task_queue=task_queue)
        if made.get(declared.id) != digest:
            found[declared.id] = (declared, zone, digest)
    gone = made.keys() - {declared.id for declared in active}
    return found | dict.fromkeys(sorted(gone), (None, None, ""))
