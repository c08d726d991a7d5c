"""``show --notes``: who did what to a case, when it happened, and why."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client

from clients.cases import MilepostClient
from domain.messages.cases import CaseIntake
from domain.wording import instant
from tests.starters.command_line import beside_a_worker, milepost
from tests.support import assert_eventually, unique

CATALOG = """
processes:
  - {name: Support, milestones: [{name: Answer, within: 4h}]}
organisation: {process: Support}
"""


async def test_late_news_and_reasons_can_be_read(client: Client, tmp_path: Path) -> None:
    """A completion that became known late, its clearing, a stop and a refusal: each with who, and the reason given."""
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    now = datetime.now(UTC).replace(microsecond=0)
    async with beside_a_worker(client, tmp_path, tmp_path / "catalog.yaml") as env:
        case = unique("case")
        cases = MilepostClient(client, task_queue=env["MILEPOST_TASK_QUEUE"])
        await cases.open(CaseIntake(case_id=case, opened_at=now - timedelta(hours=2), by="intake"))
        await cases.request(case, "stop_clock", by="bob", reason="waits for a part")
        await cases.request(case, "resume_clock", by="bob")
        earlier = now - timedelta(hours=1)
        await cases.request(case, "complete_milestone", milestone="Answer", by="ann", occurred_at=earlier.isoformat())
        await cases.request(case, "clear_completion", milestone="Answer", by="ann", reason="wrong case")

        async def all_is_told() -> None:
            said = await asyncio.to_thread(milepost, "show", case, "--notes", "--time-zone", "UTC", env=env)
            lines = said.stdout.splitlines()
            [stopped] = [line for line in lines if "waits for a part" in line]
            assert "bob" in stopped
            [done] = [line for line in lines if "completed" in line and "ann" in line]
            assert f"happened {instant(earlier)}" in done
            [cleared] = [line for line in lines if "wrong case" in line]
            assert "ann" in cleared

        await assert_eventually(all_is_told)
        why = await asyncio.to_thread(milepost, "explain", case, env={**env, "COLUMNS": "200"})
        assert 'by ann, in time, was taken back by ann, "wrong case".' in " ".join(why.stdout.split())
        listed = json.loads((await asyncio.to_thread(milepost, "show", case, "--notes", "--json", env=env)).stdout)
        assert [note["number"] for note in listed] == list(range(1, len(listed) + 1))
        both = await asyncio.to_thread(milepost, "show", case, "--notes", "--watch", env=env)
        assert (both.exit_code, "leave --watch out" in both.stderr) == (2, True)
        unknown = await asyncio.to_thread(milepost, "show", unique("nobody"), "--notes", env=env)
        assert unknown.exit_code == 2
