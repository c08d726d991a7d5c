"""A month of daily reports, by a real schedule, while the worker is killed: each goes out, under a key of its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from temporalio.client import ScheduleBackfill, ScheduleOverlapPolicy

from clients.report_schedules import ReportScheduleClient
from domain.catalog.documents import read_document
from domain.catalog.report_times import ReportTimes
from domain.messages.report import DueReport, schedule_id
from store import Store
from tests.activities.actions.outside_world import outside
from tests.starters.test_killed_while_cases_open import KilledWorker
from tests.support import assert_eventually
from worker.connection import settle
from worker.embedded import EmbeddedServer

KILLS = 3
WITHIN = 120.0
ZONE = ZoneInfo("America/New_York")
FIRST, DAYS = datetime(2026, 3, 1, tzinfo=ZONE).astimezone(UTC), 31
"""A month in which the clock is put forward."""

CATALOG = {
    "accounts": [{"id": "acme", "time_zone": ZONE.key}],
    "reports": [
        {
            "id": "daily",
            "kind": "compliance",
            "account": "acme",
            "when": {"every": "day", "at": "07:30"},
            "to": ["boss@example.com", "desk@example.com"],
        }
    ],
}


async def test_every_report_of_a_month_goes_out_however_it_is_killed(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The server works a past month off at once, with the instants of its schedule.

    What comes twice, as a mail may whose server was not heard out, has the same id, and its receiver shows it once.
    """
    url = f"sqlite:///{tmp_path / 'milepost.db'}"
    async with outside("mail", tmp_path) as mail, EmbeddedServer() as server:
        environment = {
            "MILEPOST_DATA": str(tmp_path),
            "MILEPOST_DATABASE_URL": url,
            "MILEPOST_TASK_QUEUE": "killed",
            "MILEPOST_SMTP_HOST": "127.0.0.1",
            "MILEPOST_SMTP_PORT": str(mail.port),
            "MILEPOST_SMTP_ENCRYPTION": "none",
            "MILEPOST_DELIVERY_PACE": "50",
            "TEMPORAL_ADDRESS": server.address,
            "TEMPORAL_NAMESPACE": server.namespace,
        }
        with Store.open(url) as store:
            store.catalog.apply(read_document(CATALOG), by="test")
        client = await server.connect()
        worker = KilledWorker(environment)
        try:
            schedules = ReportScheduleClient(client, task_queue="killed")

            async def it_is_scheduled() -> None:
                assert await schedules.exists("daily")

            await assert_eventually(it_is_scheduled, within=WITHIN)
            end = FIRST + timedelta(days=DAYS)
            month = ScheduleBackfill(start_at=FIRST, end_at=end, overlap=ScheduleOverlapPolicy.ALLOW_ALL)
            await client.get_schedule_handle(schedule_id("daily")).backfill(month)
            for part in range(1, KILLS + 1):
                wanted = part * DAYS // (KILLS + 1)

                async def enough_have(wanted: int = wanted) -> None:
                    assert len(mail.got()) >= wanted

                await assert_eventually(enough_have, within=WITHIN)
                worker.kill_and_restart()

            def keys() -> Counter[str]:
                return Counter(got["headers"]["Message-ID"] for got in mail.got())

            async def all_have_arrived() -> None:
                assert len(keys()) >= DAYS

            await assert_eventually(all_have_arrived, within=WITHIN)
        finally:
            worker.kill()
        due = list(islice(ReportTimes(every="day", at="07:30").after(FIRST, ZONE), DAYS))
        assert {f"{at.astimezone(ZONE):%H:%M}" for at in due} == {"07:30"}
        expected = {_message_id(DueReport(report="daily", due_at=at).key) for at in due}
        assert set(keys()) == expected
        assert max(keys().values()) <= KILLS + 1
        counted = {"kills": KILLS, "reports": DAYS, "seen twice": keys().total() - DAYS}
        record_property("arrivals", counted)
        print(json.dumps(counted))  # noqa: T201  how many were seen twice
        first = mail.got()[0]
        assert first["to"] == ["boss@example.com", "desk@example.com"]
        assert first["headers"]["Subject"].startswith("Milestone compliance by milestone: No target lies in these days")
    await settle()


def _message_id(key: str) -> str:
    return f"<{key.replace(':', '~3A')}@localhost>"
