"""The guide of the API: every command of it is run, in its order, and does what it says."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from tests.starters.http_api import Api, api_beside_a_worker

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "guide" / "api.md").read_text()
CLIENTS = (ROOT / "docs" / "guide" / "clients.md").read_text()
CATALOGS = re.findall(r"^    milepost apply catalogs/(\S+)", GUIDE, re.MULTILINE)
"""In the order in which the guide applies them."""

OURS = r"\bacme-(?=\w)"
"""How ids of the guide begin that have to be others here."""

WRAPPED = """
curl() { command curl --silent --show-error --fail-with-body --max-time 110 "$@"; }
set -e
"""


def commands() -> list[str]:
    """The commands that end by themselves, each with the lines that it goes on in."""
    lines = [line.removeprefix("    ") for line in GUIDE.splitlines() if line.startswith("    ")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [line for line in whole if line.startswith("curl") and "until Ctrl-C" not in line]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def organisation(client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """The one of the guide; a server has one count of an entitlement, so its ids are others here."""
    assert len(CATALOGS) > 1
    folder = tmp_path_factory.mktemp("guide")
    texts = [(ROOT / "catalogs" / name).read_text() for name in CATALOGS]
    async with api_beside_a_worker(client, folder, *(re.sub(OURS, "ACME-", text) for text in texts)) as api:
        yield api


@pytest.mark.parametrize("program", re.findall(r"^```python\n(.*?)^```", GUIDE + CLIENTS, re.MULTILINE | re.DOTALL))
async def test_every_program_of_the_guides_runs(organisation: Api, program: str) -> None:
    """As it stands there, in an environment that the guides make."""
    ours = re.sub(r'"(GUIDE-9|4713)"', rf'"{organisation.prefix}\1"', program)
    ran = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ours),
        cwd=ROOT,
        env={**os.environ, "API": str(organisation.http.base_url), "KEY": organisation.keys["all"]},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await ran.communicate()
    assert ran.returncode == 0, err.decode()


async def test_every_command_of_the_guide_does_what_it_says(organisation: Api) -> None:
    """With the status of success, and JSON."""
    found = commands()
    assert len(found) > 25
    url = str(organisation.http.base_url).rstrip("/")
    environment = {**os.environ, "API": url, "KEY": organisation.keys["all"]}
    for command in found:
        ours = re.sub(OURS, f"{organisation.prefix}acme-", command).replace("GUIDE-", f"{organisation.prefix}GUIDE-")
        ran = await asyncio.create_subprocess_exec(
            *("bash", "-c", WRAPPED + ours),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await ran.communicate()
        assert ran.returncode == 0, (command, out.decode(), err.decode())
        if " -i " not in command and "form=" not in command:
            json.loads(out)
