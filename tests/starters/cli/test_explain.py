"""`explain`, against a real server and a real worker: of a running case, of a closed one, and of one only on record."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client
from typer.testing import Result

from domain.explanation import Explanation
from store import Store
from tests.starters.command_line import beside_a_worker, milepost
from tests.support import assert_eventually, unique

CATALOG = """
fields: {priority: string}
business_hours:
  - name: Office
    time_zone: America/New_York
    week: {mon: ["09:00-17:00"], tue: ["09:00-17:00"], sun: ["10:00-12:00"]}
processes:
  - name: Support
    business_hours: Office
    milestones:
      - name: First response
        within: 4h
        triggers: [{kind: violation}]
      - name: Resolution
        within: [{when: case.priority == "High", span: 8h, business_hours: 24x7}, {span: 16h}]
organisation: {process: Support}
accounts: [{id: acme}, {id: globex}]
assets: [{id: lathe, account: globex}]
entitlements:
  - {id: globex-support, name: Globex, account: globex, process: Support, starts_on: 2025-01-01}
  - {id: globex-lathes, name: Lathes, account: globex, asset: lathe, process: Support, starts_on: 2025-01-01}
"""

Command = Callable[..., Awaitable[Result]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def environment(client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, str]]:
    """What the commands need to know of a worker that is at work."""
    folder = tmp_path_factory.mktemp("explain")
    (folder / "catalog.yaml").write_text(CATALOG)
    async with beside_a_worker(client, folder, folder / "catalog.yaml") as environment:
        yield {**environment, "COLUMNS": "100"}


@pytest.fixture
def command(environment: dict[str, str]) -> Command:
    """Runs a command in a thread, beside the worker."""

    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(milepost, *arguments, env=environment)

    return run


@pytest_asyncio.fixture(loop_scope="session")
async def case(command: Command) -> str:
    """A case that was opened on Monday 2025-06-09 at 09:00 in New York, and answered at 10:00."""
    case_id = unique("c")
    opened = ("--account", "acme", "--field", "priority=High", "--opened-at", "2025-06-09T09:00-04:00")
    assert (await command("open", case_id, *opened)).exit_code == 0
    done = await command("complete", case_id, "First response", "--by", "ann", "--at", "2025-06-09T10:00-04:00")
    assert done.exit_code == 0, done.stderr
    return case_id


async def test_an_occurrence_that_there_is_not_says_how_many_there_are(command: Command, case: str) -> None:
    """The milestone is known in any case of letters, as wherever one is named."""
    assert (await command("explain", case, "first response", "--occurrence", "1")).exit_code == 0
    missing = await command("explain", case, "first response", "--occurrence", "3")
    said = f"milepost: case {case}: there is no occurrence 3; First response has 1 occurrence\n"
    assert (missing.exit_code, missing.stderr) == (2, said)


async def test_explain_says_why_each_target_is_what_it_is(command: Command, case: str) -> None:
    said = await command("explain", case)
    assert said.exit_code == 0, said.stderr
    lines = [line.strip() for line in said.stdout.splitlines()]
    assert "First response: target Mon 2025-06-09 13:00 (17:00Z), completed in time" in lines
    assert "Calendar    Office: Mon-Tue 09:00-17:00; Wed-Sat closed; Sun 10:00-12:00; America/New_York, with" in lines
    assert "Resolution: target Mon 2025-06-09 21:00Z, running, violated" in lines
    assert "Row 1 of the span table names it." in lines
    assert max(map(len, said.stdout.splitlines())) <= 100


async def test_explain_of_one_milestone_as_json(command: Command, case: str) -> None:
    said = json.loads((await command("explain", case, "First response", "--json")).stdout)
    assert [part["milestone"] for part in said["instances"]] == ["First response"]
    assert said["instances"][0]["reckoning"]["target_at"] == "2025-06-09T13:00:00-04:00"
    assert said["instances"][0]["outcome"]["completed_by"] == "ann"


async def test_explain_says_what_covers_the_case_and_why(command: Command) -> None:
    """Which entitlement was chosen, and of each other why not: for people and as JSON."""
    case = unique("c")
    opened = ("--account", "globex", "--opened-at", "2025-06-09T09:00-04:00")
    assert (await command("open", case, *opened)).exit_code == 0

    async def shown() -> None:
        said = " ".join((await command("explain", case, "Resolution")).stdout.split())
        chosen = "covered by globex-support, which matches by its account. Not globex-lathes: "
        assert f"Coverage Account globex, covered by globex-support. Mon 2025-06-09 09:00 (13:00Z): {chosen}" in said

    await assert_eventually(shown)  # the store has it with the record of the opening
    coverage = json.loads((await command("explain", case, "--json")).stdout)["coverage"]
    assert (coverage["account"], coverage["entitlement"]) == ("globex", "globex-support")
    assert [(note["kind"], note["at"]) for note in coverage["notes"]] == [("covered", "2025-06-09T09:00:00-04:00")]


async def test_explain_of_a_milestone_or_case_that_is_not_there(command: Command, case: str) -> None:
    refused = await command("explain", case, "Third response")
    assert refused.exit_code == 2
    assert f"unknown milestone 'Third response' of case {case}; it has: First response, Resolution" in refused.stderr
    missing = await command("explain", unique("c"))
    assert missing.exit_code == 2
    assert "is known here" in missing.stderr


async def test_the_query_takes_a_clock_and_a_milestone(client: Client, case: str) -> None:
    """As programs in any language ask it."""
    query = client.get_workflow_handle(f"case/{case}").query
    said = await query("explain", args=["2031-01-06T12:00:00Z", "Resolution"], result_type=Explanation)
    assert [part.milestone for part in said.instances] == ["Resolution"]
    assert said.now == datetime(2031, 1, 6, 12, tzinfo=UTC)
    everything = await query("explain", result_type=Explanation)
    assert [part.milestone for part in everything.instances] == ["First response", "Resolution"]


async def test_a_closed_case_is_explained_from_the_record(
    command: Command, case: str, environment: dict[str, str]
) -> None:
    """By its workflow while its history is there; by the store's record after that. The targets are the same."""
    assert (await command("close", case)).exit_code == 0

    async def recorded() -> None:
        with Store.open(environment["MILEPOST_DATABASE_URL"]) as store:
            assert store.cases.get(case).carried is not None

    await assert_eventually(recorded)
    asked = json.loads((await command("explain", case, "--json")).stdout)

    elsewhere = {
        **environment,
        "TEMPORAL_NAMESPACE": "temporal-system",
    }  # where no case ever was, as after its retention
    kept = json.loads((await asyncio.to_thread(milepost, "explain", case, "--json", env=elsewhere)).stdout)
    assert [part["reckoning"] for part in kept["instances"]] == [part["reckoning"] for part in asked["instances"]]
    said = await asyncio.to_thread(milepost, "explain", case, "Resolution", env=elsewhere)
    assert said.stdout.startswith("from the store's record: Temporal no longer has the history of this case\n")
    assert "open at exit, violated" in said.stdout


def test_explain_says_what_it_is_for(tmp_path: Path) -> None:
    said = milepost("explain", "--help")
    assert said.exit_code == 0
    assert "until the target comes out" in said.stdout
