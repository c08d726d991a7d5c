"""The day of an agent: ten cases, handled by the command line and what it says alone."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

from temporalio.client import Client

from tests.starters.command_line import beside_a_worker, milepost
from tests.support import assert_eventually, unique

CATALOG = """
organisation: {time_zone: Europe/Berlin, process: Support}
fields: {priority: string, owner: string}
business_hours: [{name: Always in Berlin, time_zone: Europe/Berlin, week: always}]
processes:
  - name: Support
    business_hours: Always in Berlin
    milestones:
      - {name: First response, within: 2h}
      - {name: Resolution, within: [{when: case.priority == "High", span: 4h}, {span: 16h}]}
accounts: [{id: acme}, {id: globex}]
entitlements:
  - {id: SUPPORT, account: acme, process: Support}
  - {id: BANK, account: acme, allowance: {unit: hours, cap: 1, overflow: prompt, overage_price: 80 EUR}}
  - {id: ONE, account: globex, process: Support, allowance: {unit: cases, cap: 0, overflow: prompt}}
"""
IN_BERLIN = r"[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? Europe/Berlin"


class Agent:
    """Types commands, and reads what they print."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.names = [unique(f"day-{number}") for number in range(10)]

    async def run(self, *arguments: str, code: int = 0) -> str:
        ran = await asyncio.to_thread(milepost, *arguments, env=self.environment)
        assert ran.exit_code == code, (arguments, ran.stdout, ran.stderr)
        return ran.stdout + ran.stderr

    async def listed(self, *options: str) -> list[tuple[str, str | None]]:
        """Of each case of a list what is due first."""
        out = await asyncio.to_thread(milepost, "list", *options, "--json", env=self.environment)
        return [(case["case_id"], case["due_milestone"]) for case in json.loads(out.stdout)]

    async def sees(self, expected: list[tuple[str, str | None]], *options: str) -> None:
        """Lists are a moment behind the answers."""

        async def is_listed() -> None:
            assert await self.listed(*options) == expected

        await assert_eventually(is_listed)


async def test_ten_cases_by_the_command_line_alone(client: Client, tmp_path: Path) -> None:
    """List, show, complete late news, clear, extend, reopen, log time, decide: each says what came of it."""
    catalog = CATALOG
    for name in ("SUPPORT", "BANK", "ONE"):
        catalog = catalog.replace(f"id: {name}", f"id: {unique(name.lower())}")
    (tmp_path / "catalog.yaml").write_text(catalog)
    async with beside_a_worker(client, tmp_path, tmp_path / "catalog.yaml") as environment:
        agent = Agent(environment)
        late, ann, *others, asks = agent.names
        opened = ("--account", "acme", "--field")
        await agent.run("open", late, *opened, "owner=ann", "--opened-at", "-3h", "--field", "priority=High")
        await agent.run("open", ann, *opened, "owner=ann", "--opened-at", "-1h", "--field", "priority=Low")
        for name in others:
            await agent.run("open", name, *opened, "owner=bo")
        assert "to decide" in await agent.run("open", asks, "--account", "globex", "-f", "owner=ann")
        await _what_is_due(agent)
        await _first_things(agent)
        await _second_thoughts(agent)
        await _time_and_money(agent, asks)


async def _what_is_due(agent: Agent) -> None:
    late, ann, asks = agent.names[0], agent.names[1], agent.names[-1]
    first = "First response"
    await agent.sees([(late, first), (ann, first), (asks, None)], "--owner", "ann")
    await agent.sees([(late, first), (ann, first)], "--owner", "ann", "--account", "acme", "--due-within", "2h")
    await agent.sees([(late, "Resolution")], "--milestone", "resolution", "--priority", "High")
    await agent.sees([(late, first)], "--violated")
    shown = await agent.run("list", "--limit", "3")
    [line] = [line for line in shown.splitlines() if late in line]
    assert re.search(r"First response +1h00m?\d*s? over|First response +1h\S* over", line), line
    assert "there are more than these 3" in shown
    assert "(Europe/Berlin; time left is open time)" in shown


async def _first_things(agent: Agent) -> None:
    late, ann, *others, _ = agent.names
    said = await agent.run("complete", late, "first response", "--at", "-90m", "--by", "ann")
    assert re.search(f"milepost: --at -90m is {IN_BERLIN}", said)
    assert re.search(f"First response completed in time, target {IN_BERLIN}", said)
    await agent.sees([], "--violated")  # it was in time after all
    assert "clock of the case is stopped" in await agent.run("stop", ann, "--reason", "waits for a part")
    await agent.sees([(ann, "First response")], "--paused")
    await agent.run("resume", ann)
    await agent.run("complete", others[0], "FIRST RESPONSE")
    said = await agent.run("complete", others[0], "First respons", code=2)
    assert "unknown milestone 'First respons'; process 'Support' has: First response, Resolution" in said


async def _second_thoughts(agent: Agent) -> None:
    late, _, *others, _ = agent.names
    await agent.run("clear", others[0], "first response", "--reason", "the wrong case")
    said = await agent.run("extend", late, "resolution", "2h", "--reason", "agreed by phone")
    assert re.search(f"moves to {IN_BERLIN}", said), said
    await agent.run("close", others[1])
    again = await agent.run("reopen", others[1])
    assert f"case {others[1]}: compliant" in again
    shown = await agent.run("show", others[0], "--notes")
    assert "the wrong case" in shown
    shown = await agent.run("show", late)
    assert "(Europe/Berlin; spans are open time)" in shown


async def _time_and_money(agent: Agent, asks: str) -> None:
    late = agent.names[0]
    said = await agent.run("log-time", late, "T-1", "1h30m", "--worked-at", "-2h", "--by", "ann")
    assert "decide" in said.casefold(), said
    await agent.run("decide", late, "yes", "--entry", "T-1", "--reason", "agreed by phone")
    await agent.run("decide", asks, "no", "--reason", "they will renew")
    await agent.sees([], "--due-within", "1m", "--paused")
    helped = await agent.run("list", "--help")
    assert "--due-within" in helped
