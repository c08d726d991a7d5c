"""A program in another language opens and signals a case: with Temporal's own SDK for it, and the documented JSON."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client

from tests.starters.command_line import ROOT, beside_a_worker
from tests.support import assert_eventually, unique

NODE = ROOT / "docs/clients/node"
CATALOG = """
fields: {priority: string}
processes: [{name: Support, milestones: [{name: First response, within: 4h}, {name: Resolution, within: 8h}]}]
organisation: {process: Support}
accounts: [{id: acme}]
"""

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (NODE / "node_modules/@temporalio/client").is_dir(),
    reason="needs node and Temporal's SDK for it: make node-client installs the SDK",
)


@pytest_asyncio.fixture(loop_scope="session")
async def environment(client: Client, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """Of a worker that is at work."""
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    async with beside_a_worker(client, tmp_path, tmp_path / "catalog.yaml") as environment:
        yield environment


async def node(environment: dict[str, str], *arguments: str) -> tuple[int, Any, str]:
    """What the program of the documentation says."""
    program = await asyncio.create_subprocess_exec(
        *("node", str(NODE / "case.mjs"), *arguments),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, told = await program.communicate()
    return program.returncode or 0, json.loads(said) if said else None, told.decode()


async def test_node_opens_signals_and_completes_a_case(environment: dict[str, str]) -> None:
    """As the documentation shows it; what is refused has its code."""
    case = unique("c")
    code, opened, told = await node(environment, "open", case, "acme", '{"priority": "High"}')
    assert (code, told) == (0, "")
    assert (opened["case"]["case_id"], opened["case"]["fields"]) == (case, {"priority": "High"})
    assert await node(environment, "signal", case, "First response") == (0, None, "")

    async def it_is_completed() -> None:
        _, shown, _ = await node(environment, "show", case)
        states = {one["milestone"]: one["state"] for one in shown["milestones"]}
        assert states == {"First response": "completed", "Resolution": "running"}

    await assert_eventually(it_is_completed)
    _, answer, _ = await node(environment, "complete", case, "Resolution")
    assert (answer["outcome"], answer["case"]["next_due"]) == ("taken", None)
    code, _, told = await node(environment, "complete", case, "Nope")
    assert (code, told.startswith("unknown_milestone: ")) == (1, True)
    assert (await node(environment, "close", case))[0] == 0
    code, _, told = await node(environment, "open", case, "acme")
    assert (code, told.startswith("WorkflowExecutionAlreadyStarted")) == (1, True)


async def test_node_opens_a_case_once_and_tries_again_what_was_refused(environment: dict[str, str]) -> None:
    """Whoever comes second hears how the case stands; what was refused is not repeated when it is put right."""
    case = unique("c")
    code, _, told = await node(environment, "open", case, "nobody")
    assert (code, told.startswith("NotFound: unknown account 'nobody'")) == (1, True)
    _, opened, _ = await node(environment, "open", case, "acme")
    assert opened["outcome"] == "taken"
    assert (await node(environment, "complete", case, "First response"))[0] == 0
    _, again, _ = await node(environment, "open", case, "acme", '{"priority": "Low"}')
    assert (again["outcome"], again["case"]["fields"]) == ("already", {})
    assert again["case"]["milestones"][0]["state"] == "completed"


async def test_a_request_that_is_sent_again_is_taken_once(environment: dict[str, str]) -> None:
    """Under one event id."""
    case, again = unique("c"), {**environment, "EVENT_ID": "mail-17"}
    await node(environment, "open", case, "acme")
    said = [await node(again, "complete", case, "First response") for _ in range(2)]
    assert [(code, answer["outcome"]) for code, answer, _ in said] == [(0, "taken"), (0, "repeated")]


async def test_node_says_where_no_temporal_is(environment: dict[str, str]) -> None:
    """In a line."""
    nowhere = {**environment, "TEMPORAL_ADDRESS": "127.0.0.1:9"}
    code, _, told = await node(nowhere, "show", "4711")
    assert (code, told.startswith("no Temporal at 127.0.0.1:9: "), told.count("\n")) == (1, True, 1)
