"""Every sample under ``catalogs/`` begins with commands that try it; typed in order, each does what it is there for.

Each sample has a world of its own: a store, a namespace of one server, and a worker, as `milepost dev` has them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from store import Store
from tests.docs.reader import Reader, a_reader
from tests.docs.reading import ROOT
from worker.connection import connect
from worker.embedded import running_server
from worker.namespace import ensure_namespace_and_search_attributes, register_namespace
from worker.process import working

CATALOGS = ROOT / "catalogs"
SAMPLES = sorted(str(path.relative_to(CATALOGS)) for path in CATALOGS.rglob("*.yaml"))

_HEADER = re.compile(r"(?:#[^\n]*\n)*")
_GOES_ON = re.compile(r" *\\\n# *")
_COMMAND = re.compile(r"^#   (?P<typed>milepost .*?)(?: {2,}(?P<remark>.*))?$", re.MULTILINE)

NOT_COVERED = 3
"""How `milepost verify` ends then; a sample that wants to show this says so behind the command."""


def commands(sample: str) -> Iterator[tuple[str, set[int]]]:
    """The commands of a sample's header, and how each may end."""
    header = _HEADER.match(sample)
    for found in _COMMAND.finditer(_GOES_ON.sub(" ", header[0]) if header else ""):
        shows_it = found["typed"].startswith("milepost verify ") and "not covered" in (found["remark"] or "")
        yield found["typed"], {NOT_COVERED} if shows_it else {0}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clients() -> AsyncIterator[dict[str, Client]]:
    """A namespace for each sample, on a server whose clock is the machine's, as a reader has one."""
    async with running_server() as server:
        address = server.client.service_client.config.target_host
        made = {name: await connect(address=address, namespace=re.sub(r"\W", "-", name)) for name in SAMPLES}
        # All of them first: a server takes a second or so until it knows a new one.
        for client in made.values():
            await register_namespace(client)
        for client in made.values():
            await ensure_namespace_and_search_attributes(client)
        yield made


@asynccontextmanager
async def world(client: Client, folder: Path) -> AsyncIterator[Reader]:
    """Someone to whom nothing but this folder, and a namespace with its worker, is known."""
    reader = a_reader(folder)
    address = client.service_client.config.target_host
    data = Path(reader.environment["MILEPOST_DATA"])
    data.mkdir()
    with Store.open(f"sqlite:///{data / 'milepost.db'}") as store:
        async with working(client, store, task_queue="milepost"):
            reader.environment |= {"TEMPORAL_ADDRESS": address, "TEMPORAL_NAMESPACE": client.namespace}
            yield reader


@pytest.mark.parametrize("name", SAMPLES)
async def test_a_sample_is_tried_as_it_says(clients: dict[str, Client], tmp_path: Path, name: str) -> None:
    """Its header has a command, and each ends well."""
    typed = list(commands((CATALOGS / name).read_text()))
    assert typed, "no command in its header tries it"
    assert any(Path(name).name.partition(".")[0] in line for line, _ in typed), "none of them is about it"
    async with world(clients[name], tmp_path) as reader:
        for line, ends in typed:
            code, printed = await asyncio.to_thread(reader.runs, line)
            assert code in ends, f"{line}: ended with {code}:\n{printed}"


SAMPLE = """# A sample.
#
#   milepost apply a.yaml \\
#     --dry-run
#   milepost verify --account "a b"       a remark with   spaces
#   milepost verify --account c           not covered
#   milepost open A-1                     not covered
#
# Not `milepost this`.

# no header any more:
#   milepost that
"""


def test_commands_are_read_off_a_header() -> None:
    """Without what is remarked on them; `verify` alone may find nothing, where that is said."""
    assert list(commands(SAMPLE)) == [
        ("milepost apply a.yaml --dry-run", {0}),
        ('milepost verify --account "a b"', {0}),
        ("milepost verify --account c", {NOT_COVERED}),
        ("milepost open A-1", {0}),
    ]
