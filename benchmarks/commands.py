"""What a command costs, as a whole process, beside a Python that imports the library of command lines and ends.

    python benchmarks/commands.py [--rounds 7]

The commands take turns, so that whatever else the machine does weighs on all alike. `show` asks a case that is open on
a server and a worker of the benchmark's own; where it says "store", the database alone answers. Prints a table and
writes it to `benchmarks/results/commands.json`; what counts are the ratios.
"""
# ruff: noqa: E402 - the path is put right before anything is imported

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if Path(sys.path[0]).resolve() == ROOT / "benchmarks":
    sys.path[0] = str(ROOT)

import argparse
import asyncio
import json
import os
import platform
import resource
import statistics
import subprocess
import tempfile
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.worker_process import WorkerProcess
from benchmarks.workflows import CATALOG, Milepost
from store import Store
from worker.embedded import running_server

CASE = "c-1"
BARE = "import typer"
COMMANDS: Mapping[str, Sequence[str]] = {
    "--help": ["--help"],
    "show --help": ["show", "--help"],
    "backtest --help": ["backtest", "--help"],
    "tasks (store)": ["tasks"],
    "actions --failed (store)": ["actions", "--failed"],
    "show": ["show", CASE],
}


def cpu(arguments: Sequence[str], env: Mapping[str, str]) -> float:
    """Seconds of processor time of a Python process, with all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, *arguments]
    subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, check=True)  # noqa: S603  the project's own
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(env: Mapping[str, str], rounds: int) -> dict[str, float]:
    """The median of each command, by turns, after one round that does not count."""
    processes = {BARE: ["-c", BARE]} | {name: ["-m", "starters", *line] for name, line in COMMANDS.items()}
    found: dict[str, list[float]] = {name: [] for name in processes}
    for number in range(rounds + 1):
        for name, arguments in processes.items():
            took = cpu(arguments, env)
            if number:
                found[name].append(took)
    return {name: statistics.median(some) for name, some in found.items()}


async def run(rounds: int) -> dict[str, float]:
    """Open a case, and measure."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/milepost.db"
        with Store.open(url) as store:
            store.catalog.apply(CATALOG, by="benchmark")
        async with running_server(virtual_clock=False) as server:
            address = server.client.service_client.config.target_host
            with WorkerProcess("milepost", address, "commands", url):
                await Milepost(server.client, "commands").open(CASE)
                own = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
                env = own | {
                    "TEMPORAL_ADDRESS": address,
                    "MILEPOST_DATA": folder,
                    "MILEPOST_DATABASE_URL": url,
                    "MILEPOST_TASK_QUEUE": "commands",
                }
                return await asyncio.to_thread(measured, env, rounds)


def shown(found: Mapping[str, float]) -> Table:
    """The figures, and their ratios."""
    table = Table(title="A command, beside a Python that imports typer")
    for heading in ("command", "CPU s", "ratio"):
        table.add_column(heading, justify="left" if heading == "command" else "right")
    for name, seconds in found.items():
        table.add_row(name, f"{seconds:.2f}", f"{seconds / found[BARE]:.1f}")
    return table


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    found = asyncio.run(run(asked.rounds))
    Console().print(shown(found))
    to = ROOT / "benchmarks/results/commands.json"
    to.parent.mkdir(exist_ok=True)
    to.write_text(json.dumps({"machine": platform.platform(), **found}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
