"""How the tests of this folder run commands: in this process, and as the program that people run."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.client import Client
from typer.testing import CliRunner, Result

from starters.cli.app import app
from starters.files.catalogs import apply_files
from store import Store
from tests.support import unique
from worker.process import working

ROOT = Path(__file__).parents[2]

_RUNNER = CliRunner()


def milepost(*arguments: str | Path, env: dict[str, str] | None = None, stdin: str | None = None) -> Result:
    """Run a command in this process. Not inside a running event loop: from there, in a thread."""
    return _RUNNER.invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200", **(env or {})}, input=stdin)


def program(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program itself."""
    return subprocess.run(
        [sys.executable, "-m", "starters", *map(str, arguments)],
        env={**os.environ, "COLUMNS": "200", **(env or {})},
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        check=False,
    )


def environment_of(client: Client, folder: Path, database: str, task_queue: str) -> dict[str, str]:
    """In which commands find a server, a store and the workers of a task queue."""
    return {
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": client.namespace,
        "MILEPOST_DATA": str(folder),
        "MILEPOST_DATABASE_URL": database,
        "MILEPOST_TASK_QUEUE": task_queue,
    }


@asynccontextmanager
async def beside_a_worker(client: Client, folder: Path, *catalogs: Path) -> AsyncIterator[dict[str, str]]:
    """The environment of commands beside a worker of their own, whose store is in a folder.

    Args:
        client: of the server.
        folder: of the store; commands keep their own things there too.
        catalogs: what is applied to the store first.
    """
    database, task_queue = f"sqlite:///{folder / 'milepost.db'}", unique("queue")
    with Store.open(database) as store:
        if catalogs:
            apply_files(store, catalogs, by="test")
        async with working(client, store, task_queue=task_queue):
            yield environment_of(client, folder, database, task_queue)
