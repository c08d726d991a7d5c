"""The commands for what becomes known or is decided later, against a real server and a real worker."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client
from typer.testing import Result

from tests.starters.command_line import beside_a_worker, milepost
from tests.support import assert_eventually, unique

CATALOG = """
fields: {priority: string}
processes:
  - name: Support
    milestones: [{name: Answer, within: 4h}]
accounts: [{id: acme}, {id: globex}]
entitlements:
  - {id: ONE, account: acme, process: Support}
  - {id: TWO, account: acme, process: Support, ends_on: 2099-12-31, allowance: {unit: hours, cap: 20}}
  - {id: SIX, account: globex, process: Support, allowance: {unit: hours, cap: 1, overflow: prompt, overage_price: 9}}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def environment(client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, str]]:
    """What the commands need to know of a worker that is at work."""
    folder = tmp_path_factory.mktemp("afterwards")
    catalog = CATALOG
    for name in ("ONE", "TWO", "SIX"):
        catalog = catalog.replace(name, unique(name.lower()))
    (folder / "catalog.yaml").write_text(catalog)
    async with beside_a_worker(client, folder, folder / "catalog.yaml") as environment:
        yield environment


@pytest.fixture
def named(environment: dict[str, str]) -> dict[str, str]:
    """The ids of the entitlements, by their names here."""
    text = (Path(environment["MILEPOST_DATA"]) / "catalog.yaml").read_text()
    ids = [line.split("id: ")[1].split(",")[0] for line in text.splitlines() if "account: acme" in line]
    return dict(zip(("one", "two"), ids, strict=True))


async def test_second_thoughts_about_a_case(environment: dict[str, str], named: dict[str, str]) -> None:
    """Extended, completed, cleared, given another entitlement, worked on, closed and reopened."""

    async def say(*arguments: str) -> Result:
        return await asyncio.to_thread(milepost, *arguments, env=environment)

    case = unique("c")
    await say("open", case, "--entitlement", named["one"])
    assert "extended by 1h30m of open time" in (await say("extend", case, "Answer", "90m")).stdout
    assert (await say("extend", case, "Answer")).exit_code == 2
    assert (await say("extend", case, "Answer", "1d")).exit_code == 2
    for wrong, right in (("0", "0 moves nothing; give"), ("-4h", "-4h: a target only moves later; give")):
        refused = await say("extend", case, "Answer", wrong)
        assert (refused.exit_code, f"{right} what to add: 90m or 4h" in refused.stderr) == (2, True), refused.stderr
    assert "only moves later" in (await say("extend", case, "Answer", "--until", "2020-01-01T00:00Z")).stderr
    await say("complete", case, "Answer")
    assert "is cleared" in (await say("clear", case, "Answer", "--reason", "wrong case")).stdout
    assert "nothing to clear" in (await say("clear", case, "Answer")).stderr
    assert (
        f"entitlement {named['two']}: granted, 1.5 hours taken" in (await say("log-time", case, "T-1", "1h30m")).stdout
    )
    refused = await say("log-time", case, "T-2", "0")
    assert (refused.exit_code, "minutes" in refused.stderr) == (2, True)
    less = await say("log-time", case, "T-2", "-30m", "--by", "ann")
    assert (less.exit_code, "an entry is undone with milepost reverse, or" in less.stderr) == (2, True), less.stderr
    logged = json.loads((await say("log-time", case, "T-2", "30", "--json")).stdout)
    assert logged == {"lines": [f"entitlement {named['two']}: granted, 0.5 hours taken, 18 hours left"]}
    assert "goes over to no entitlement" in (await say("entitle", case, "-")).stdout
    assert (await say("decide", case, "maybe")).exit_code == 2
    assert "nothing to decide" in (await say("decide", case, "yes")).stderr
    unasked = await say("decide", case, "yes", "--entry", "T-1")
    assert (unasked.exit_code, "nothing to decide about time entry 'T-1'" in unasked.stderr) == (2, True)
    nameless = await say("decide", case, "yes", "--entry", "")
    assert (nameless.exit_code, "entry: " in nameless.stderr) == (2, True)
    assert "no failed action" in (await say("retry", case, "nothing")).stderr
    assert "is open" in (await say("reopen", case)).stderr
    await say("close", case)

    async def a_closed_case_says_how_it_is_taken_up_again() -> None:
        for asked in (("complete", case, "Answer"), ("stop", case), ("log-time", case, "T-3", "30")):
            refused = await say(*asked)
            said = f"milepost: case {case} is closed, since "
            assert (refused.exit_code, refused.stderr.startswith(said)) == (2, True), refused.stderr
            assert refused.stderr.endswith(f"; milepost reopen {case} takes it up again\n")

    await assert_eventually(a_closed_case_says_how_it_is_taken_up_again)

    back = ("reopen", case, "--field", "priority=High", "--reason", "it came back", "--event-id", "r-1", "--by", "ann")

    async def the_case_is_reopened() -> None:
        reopened = await say(*back)
        assert reopened.exit_code == 0
        assert reopened.stdout.startswith("the case is reopened, and counts on from ")

    await assert_eventually(the_case_is_reopened)
    shown = json.loads((await say("show", case, "--json")).stdout)
    assert (shown["closed_at"], shown["fields"]["priority"]) == (None, "High")
    assert (await say(*back)).exit_code == 0, "sent again it changes nothing"
    noted = json.loads((await say("show", case, "--notes", "--json")).stdout)
    assert [note["reason"] for note in noted if note["kind"] == "reopened"] == ["it came back"]
    told = " ".join((await say("show", case)).stdout.split())
    assert "the case is closed" in told
    assert "the case is reopened, by ann: it came back" in told


async def test_work_that_nothing_covers_is_logged_and_undone_once(environment: dict[str, str]) -> None:
    """Logged again it says so; `show` has both, with who undid it and why."""

    async def say(*arguments: str) -> Result:
        return await asyncio.to_thread(milepost, *arguments, env=environment)

    case = unique("c")
    await say("open", case)
    assert (await say("log-time", case, "T-1", "30")).stdout.startswith("30m uncovered: nothing that covers")
    assert (await say("log-time", case, "T-1", "30")).stdout == "30m uncovered: logged before\n"
    undo = ("reverse-time", case, "T-1", "--reason", "wrong case", "--by", "bo")
    assert (await say(*undo)).stdout.startswith("30m of work (T-1): reversed, and uncovered no more\n")
    assert (await say(*undo)).exit_code == 0, "sent again it changes nothing"
    assert "was reversed; log the work again under another id" in (await say("log-time", case, "T-1", "30")).stderr
    assert "Missing option '--reason'" in (await say("reverse-time", case, "T-1")).stderr
    unknown = await say("reverse-time", case, "T-2", "--reason", "x")
    assert (unknown.exit_code, "no time entry 'T-2' of the case stayed uncovered" in unknown.stderr) == (2, True)

    async def both_are_on_record() -> None:
        noted = json.loads((await say("show", case, "--notes", "--json")).stdout)
        about = [(note["kind"], note["by"], note["reason"]) for note in noted if note["kind"].startswith("time_")]
        assert about[1:] == [("time_reversed", "bo", "wrong case")]
        shown = " ".join((await say("show", case)).stdout.split())
        assert "30m of work (T-1): reversed, and uncovered no more, by bo: wrong case" in shown

    await assert_eventually(both_are_on_record)


async def test_hours_beyond_the_cap_are_decided_on(environment: dict[str, str]) -> None:
    """Logging time asks, show says so, decide answers; also as JSON, and after the case was closed."""

    async def say(*arguments: str) -> Result:
        return await asyncio.to_thread(milepost, *arguments, env=environment)

    def on_one_line(result: Result) -> str:
        return " ".join(result.stdout.split())

    case = unique("c")
    await say("open", case, "--account", "globex")
    question = "bill 0.5 hours of time entry T-1 beyond the cap of entitlement"
    assert question in on_one_line(await say("log-time", case, "T-1", "90"))
    assert question in on_one_line(await say("show", case))
    assert '"entry": "T-1"' in (await say("show", case, "--json")).stdout
    decided = await say("decide", case, "no", "--entry", "T-1", "--reason", "goodwill")
    assert (decided.exit_code, "declined, goodwill" in on_one_line(decided)) == (0, True)
    assert "open_decisions" not in (await say("show", case, "--json")).stdout
    assert "nothing to decide" in (await say("decide", case, "yes", "--entry", "T-1")).stderr
    await say("log-time", case, "T-2", "10")
    assert "to decide: bill 10m of time entry T-2" in on_one_line(await say("close", case))
    assert (await say("decide", case, "yes", "--entry", "T-2", "--json")).exit_code == 0
