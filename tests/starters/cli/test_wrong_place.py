"""Commands in a namespace that there is not, and what else used to be answered from the wrong place."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from clients.cases import MilepostClient
from domain.messages.cases import CaseIntake
from tests.starters.command_line import beside_a_worker, milepost, program
from tests.support import unique


@pytest.fixture
async def env(client: Client, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """The environment of commands beside a worker of their own."""
    async with beside_a_worker(client, tmp_path) as environment:
        yield environment


async def opened(client: Client, env: dict[str, str]) -> str:
    """A case that is open."""
    case = unique("case")
    await MilepostClient(client, task_queue=env["MILEPOST_TASK_QUEUE"]).open(CaseIntake(case_id=case))
    return case


ASKED = [["show", "CASE"], ["explain", "CASE"], ["stop", "CASE"], ["close", "CASE"], ["upgrade", "list"]]


@pytest.mark.parametrize("asked", ASKED, ids=" ".join)
async def test_a_namespace_that_is_not_there_is_said(client: Client, env: dict[str, str], asked: list[str]) -> None:
    """An old picture with exit code 0, or "no such case", would send people looking in the wrong direction."""
    case = await opened(client, env)
    words = [case if word == "CASE" else word for word in asked]
    there = await asyncio.to_thread(milepost, *words, env=env)
    assert there.exit_code == 0, there.stderr
    said = await asyncio.to_thread(milepost, *words, env=env | {"TEMPORAL_NAMESPACE": "nope"})
    assert said.exit_code != 0
    assert "has no namespace 'nope'; set TEMPORAL_NAMESPACE" in said.stderr
    assert said.stdout == ""


async def test_reopening_an_open_case_prints_one_line(client: Client, env: dict[str, str]) -> None:
    """What the SDK keeps of the start that failed is no business of whoever typed the command."""
    case = await opened(client, env)
    said = await asyncio.to_thread(program, "reopen", case, env=env)
    assert said.returncode == 2
    assert said.stderr == f"milepost: case {case} is open\n"


@pytest.mark.parametrize("command", [["tasks"], ["verify", "--account", "acme"], ["events"], ["plan"]])
def test_a_command_that_looks_makes_no_database(tmp_path: Path, command: list[str]) -> None:
    """It says what does; and once that was done, it finds the tables."""
    file = tmp_path / "milepost.db"
    there = {"MILEPOST_DATA": str(tmp_path), "MILEPOST_DATABASE_URL": f"sqlite:///{file}"}
    refused = milepost(*command, env=there)
    assert refused.exit_code == 1
    assert "there is no database" in refused.output
    assert "`milepost db upgrade` makes them" in refused.output
    assert not file.exists()
    assert milepost("db", "upgrade", env=there).stdout == f"The database sqlite:///{file} is up to date.\n"
    assert "no database" not in milepost(*command, env=there).output
