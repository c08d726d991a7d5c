"""The schedules of reports in Temporal: each starts the workflow of its report at every instant at which it is due."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from clients.sending import marked
from domain.catalog.report_times import QUARTERS, WEEKDAYS, ReportTimes
from domain.messages.report import REPORT_WORKFLOW, ReportOrder, schedule_id, workflow_id

CATCHES_UP = timedelta(days=3)
"""What fell due while no server ran is sent still; older than that it is of no use to anybody."""


class ReportScheduleClient:
    """Makes, changes and removes the schedules of reports.

    Args:
        client: the connection to Temporal.
        task_queue: of the workers.
    """

    def __init__(self, client: Client, *, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def put(self, report: str, times: ReportTimes, zone: ZoneInfo, now: datetime) -> None:
        """Let a report have a schedule that says this, and no other.

        Raises:
            RPCError: the server does not answer.
        """
        made = self._schedule(report, times, zone, now)
        try:
            await self._client.create_schedule(schedule_id(report), made)
        except ScheduleAlreadyRunningError:

            def changed(_: ScheduleUpdateInput) -> ScheduleUpdate:
                return ScheduleUpdate(made)

            await self._client.get_schedule_handle(schedule_id(report)).update(changed)

    async def remove(self, report: str) -> None:
        """Let a report have no schedule. What it has started is finished.

        Raises:
            RPCError: the server does not answer.
        """
        try:
            await self._client.get_schedule_handle(schedule_id(report)).delete()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def exists(self, report: str) -> bool:
        """Whether a report has a schedule.

        Raises:
            RPCError: the server does not answer.
        """
        try:
            await self._client.get_schedule_handle(schedule_id(report)).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    def _schedule(self, report: str, times: ReportTimes, zone: ZoneInfo, now: datetime) -> Schedule:
        return Schedule(
            action=ScheduleActionStartWorkflow(
                REPORT_WORKFLOW,
                marked(ReportOrder(report=report)),
                id=workflow_id(report),
                task_queue=self._task_queue,
                static_summary=f"Report {report}",
                static_details="Makes a report and mails it, once.",
            ),
            spec=spec_of(times, zone, now),
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=CATCHES_UP),
            state=ScheduleState(note=f"{times}, {zone.key}"),
        )


def spec_of(times: ReportTimes, zone: ZoneInfo, now: datetime) -> ScheduleSpec:
    """When a report is due, as the server is told.

    On a day on which the clock is put over its time the server would be due at none, at both, or at another. So on such
    a day it is told to leave out all but the time in its place.

    Args:
        times: as declared.
        zone: on whose wall clock.
        now: from then on such days are looked for.
    """
    hour, minute = [ScheduleRange(times.clock.hour)], [ScheduleRange(times.clock.minute)]
    days = [ScheduleRange(day) for day in times.on if isinstance(day, int)]
    match times.every:
        case "day":
            usual = ScheduleCalendarSpec(hour=hour, minute=minute)
        case "week":
            weekdays = [ScheduleRange((WEEKDAYS.index(day) + 1) % 7) for day in times.on if not isinstance(day, int)]
            usual = ScheduleCalendarSpec(hour=hour, minute=minute, day_of_week=weekdays)
        case "month":
            usual = ScheduleCalendarSpec(hour=hour, minute=minute, day_of_month=days)
        case "quarter":
            months = [ScheduleRange(month) for month in QUARTERS]
            usual = ScheduleCalendarSpec(hour=hour, minute=minute, day_of_month=days, month=months)
    moved = times.moved(now, zone)
    instead = [_on(local.date(), _only(local.hour), _only(local.minute)) for local in moved.values()]
    left_out = [calendar for day, local in moved.items() for calendar in _all_but(day, local)]
    return ScheduleSpec(calendars=[usual, *instead], skip=left_out, time_zone_name=zone.key)


def _all_but(day: date, local: datetime) -> Iterator[ScheduleCalendarSpec]:
    """All times of a day but one, if that lies on it."""
    if local.date() != day:
        yield _on(day, [ScheduleRange(0, 23)], [ScheduleRange(0, 59)])
        return
    yield _on(day, [ScheduleRange(0, 23)], _but(local.minute, 59))
    yield _on(day, _but(local.hour, 23), _only(local.minute))


def _on(day: date, hour: list[ScheduleRange], minute: list[ScheduleRange]) -> ScheduleCalendarSpec:
    year, month, day_of_month = _only(day.year), _only(day.month), _only(day.day)
    return ScheduleCalendarSpec(year=year, month=month, day_of_month=day_of_month, hour=hour, minute=minute)


def _only(number: int) -> list[ScheduleRange]:
    return [ScheduleRange(number)]


def _but(number: int, last: int) -> list[ScheduleRange]:
    parts = ((0, number - 1), (number + 1, last))
    return [ScheduleRange(first, end) for first, end in parts if first <= end]


def digest_of(times: ReportTimes, zone: ZoneInfo, now: datetime, *, task_queue: str) -> str:
    """What a schedule is made of, briefly: with another digest it is out of date."""
    moved = [local.isoformat() for local in times.moved(now, zone).values() if local > now]
    told = [times.model_dump(mode="json"), zone.key, moved, task_queue]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]
