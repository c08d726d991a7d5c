"""The schedules of reports: due when the rule says, in every zone; made, changed and removed as the catalog says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import Client

from clients.report_schedules import ReportScheduleClient
from domain.catalog.documents import read_document
from domain.catalog.report_times import ReportTimes
from domain.messages.report import schedule_id
from store import Store
from tests.support import unique
from worker.scheduling import Scheduling

NOW = datetime.now(UTC).replace(microsecond=0)


async def due_by_the_server(client: Client, report: str, until: datetime) -> list[datetime]:
    """The instants at which the server itself says that a schedule is due."""
    asked = ListScheduleMatchingTimesRequest(namespace=client.namespace, schedule_id=schedule_id(report))
    asked.start_time.FromDatetime(NOW)
    asked.end_time.FromDatetime(until)
    answer = await client.workflow_service.list_schedule_matching_times(asked)
    return [at.ToDatetime(tzinfo=UTC) for at in answer.start_time]


@pytest.mark.parametrize(
    ("times", "zone"),
    [
        ({"every": "day", "at": "02:30"}, "America/New_York"),  # skipped in spring, twice there in none
        ({"every": "day", "at": "01:30"}, "America/New_York"),  # twice there in autumn
        ({"every": "day", "at": "02:30"}, "Europe/Berlin"),
        ({"every": "day", "at": "02:15"}, "Australia/Lord_Howe"),
        ({"every": "day", "at": "00:00"}, "Asia/Beirut"),
        ({"every": "week", "on": ["mon", "sun"], "at": "22:30"}, "America/Nuuk"),
        ({"every": "month", "on": 28, "at": "08:00"}, "Pacific/Auckland"),
        ({"every": "quarter", "on": 1}, "UTC"),
    ],
)
async def test_the_server_is_due_when_the_rule_says(client: Client, times: dict[str, Any], zone: str) -> None:
    """To the second, over six hundred days: the command line says when a report goes out next by that rule."""
    name, when = unique("r"), ReportTimes.model_validate(times)
    schedules = ReportScheduleClient(client, task_queue="nobody")
    await schedules.put(name, when, ZoneInfo(zone), NOW)
    try:
        until = NOW + timedelta(days=600)
        expected = list(takewhile(lambda at: at <= until, when.after(NOW, ZoneInfo(zone))))
        found = await due_by_the_server(client, name, until)
        assert set(found) ^ set(expected) == set()
        assert found == expected
    finally:
        await schedules.remove(name)


class Reports:
    """Reports that are declared in a store, and their schedules."""

    def __init__(self, client: Client, store: Store) -> None:
        self.client = client
        self.store = store
        self.name = unique("r")
        self.schedules = ReportScheduleClient(client, task_queue="nobody")

    def declare(self, at: str = "08:00", zone: str = "UTC", *, retired: bool = False) -> None:
        report = {
            "id": self.name,
            "kind": "compliance",
            "account": "acme",
            "when": {"every": "day", "at": at},
            "to": ["boss@example.com"],
            "retired": retired,
        }
        document = {"accounts": [{"id": "acme", "time_zone": zone}], "reports": [report]}
        self.store.catalog.apply(read_document(document), by="test")

    async def follow(self, *, everyone: bool = False) -> list[str]:
        followed = await Scheduling(self.client, self.store, "nobody").follow(everyone=everyone)
        assert followed.later is None
        return followed.done

    async def next_due(self) -> datetime:
        described = await self.client.get_schedule_handle(schedule_id(self.name)).describe()
        return described.info.next_action_times[0]


@pytest_asyncio.fixture(loop_scope="session")
async def reports(client: Client, tmp_path: Path) -> AsyncIterator[Reports]:
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        found = Reports(client, store)
        yield found
        await found.schedules.remove(found.name)


async def test_a_schedule_follows_its_report(reports: Reports) -> None:
    """It is made, changed when the time or the account's zone is, and removed; and only then is anything told."""
    reports.declare()
    assert await reports.follow() == [f"report {reports.name} is sent every day at 08:00, UTC"]
    assert (await reports.next_due()).hour == 8
    assert await reports.follow() == []
    reports.declare(at="09:15")
    assert await reports.follow() == [f"report {reports.name} is sent every day at 09:15, UTC"]
    assert (await reports.next_due()).strftime("%H:%M") == "09:15"
    reports.declare(at="09:15", zone="Asia/Tokyo")
    assert await reports.follow() == [f"report {reports.name} is sent every day at 09:15, Asia/Tokyo"]
    assert (await reports.next_due()).strftime("%H:%M") == "00:15"
    reports.declare(retired=True)
    assert await reports.follow() == [f"report {reports.name} is sent no more"]
    assert not await reports.schedules.exists(reports.name)
    assert await reports.follow() == []


async def test_a_schedule_that_somebody_deleted_is_made_again(reports: Reports) -> None:
    reports.declare()
    await reports.follow()
    await reports.schedules.remove(reports.name)
    assert await reports.follow() == []
    assert len(await reports.follow(everyone=True)) == 1
    assert await reports.schedules.exists(reports.name)
