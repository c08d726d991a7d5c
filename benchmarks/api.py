"""What HTTP adds to a request: cases opened and completed over the API, and by the client beside it, by turns.

    python -m benchmarks.api [--requests 2000] [--rate 20]

At a fixed rate, whatever is still under way: over HTTP a case is opened, directly another, over HTTP the first is
completed, directly the second, and so on. Server, worker and API are processes of their own; the API's processor time
is read from the system. Prints a table and writes it to `benchmarks/results/api.json`. p99 is told, and not judged: it
is the machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from uuid import uuid4

import httpx

from benchmarks.worker_process import WorkerProcess
from clients.cases import MilepostClient
from domain.access import NewKey
from domain.catalog.documents import read_document
from domain.messages.cases import CaseIntake
from domain.scopes import Scope
from store import Store
from worker.connection import connect, settle
from worker.embedded import running_server

RESULTS = Path(__file__).parent / "results" / "api.json"
QUEUE = "api"
FIRST = 40
"""Requests that warm everything up, and do not count."""
CATALOG = {
    "processes": [
        {
            "name": "Gold",
            "milestones": [{"name": "First response", "within": "4h"}, {"name": "Resolution", "within": "16h"}],
        }
    ],
    "accounts": [{"id": "acme"}],
    "entitlements": [{"id": "acme-gold", "account": "acme", "process": "Gold"}],
}
GOALS = {"open": "p50 at most 1.3 times", "complete": "p50 at most 6 ms more", "cpu": "at most 5 ms a request"}

Ask = Callable[[str], Awaitable[None]]


async def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--requests", type=int, default=2000, help="over HTTP; as many go beside it")
    options.add_argument("--rate", type=float, default=20, help="requests a second, of both together")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'milepost.db'}"
        async with running_server() as server:
            address = server.client.service_client.config.target_host
            with Store.open(url) as store:
                store.catalog.apply(read_document(CATALOG), by="benchmark")
                asked = NewKey(name="benchmark", scopes=[Scope.INTAKE])
                key = store.keys.create(asked, by="benchmark", at=datetime.now(UTC)).text
            with WorkerProcess("milepost", address, QUEUE, url):
                async with _api(address, url) as (pid, root):
                    figures = await _measure(given.requests, given.rate, address=address, root=root, key=key, pid=pid)
        await settle()
    _print(figures)
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n")


async def _measure(requests: int, rate: float, *, address: str, root: str, key: str, pid: int) -> dict[str, float]:
    direct = MilepostClient(await connect(address=address), task_queue=QUEUE)
    headers = {"Authorization": f"Bearer {key}"}
    times: dict[str, list[float]] = {}
    async with httpx.AsyncClient(base_url=root, headers=headers, timeout=60) as http:

        async def open_over_http(case: str) -> None:
            (await http.post("/v1/cases", json={"case_id": case, "account": "acme"})).raise_for_status()

        async def complete_over_http(case: str) -> None:
            said = {"milestone": "First response"}
            (await http.post(f"/v1/cases/{case}/complete_milestone", json=said)).raise_for_status()

        async def open_directly(case: str) -> None:
            await direct.open(CaseIntake(case_id=case, account="acme"))

        async def complete_directly(case: str) -> None:
            await direct.request(case, "complete_milestone", milestone="First response")

        kinds: list[tuple[str, Ask]] = [
            ("open over HTTP", open_over_http),
            ("open directly", open_directly),
            ("complete over HTTP", complete_over_http),
            ("complete directly", complete_directly),
        ]
        await _at_a_rate(kinds, FIRST, rate, {})
        used = _cpu(pid)
        await _at_a_rate(kinds, requests * 2, rate, times)
        cpu = (_cpu(pid) - used) * 1000 / requests
    figures: dict[str, float] = {"API processor, ms a request": cpu}
    for name, found in times.items():
        cuts = statistics.quantiles(found, n=100)
        figures |= {f"{name}, p50 ms": cuts[49], f"{name}, p99 ms": cuts[98]}
    return figures


async def _at_a_rate(kinds: list[tuple[str, Ask]], requests: int, rate: float, times: dict[str, list[float]]) -> None:
    """Ask at fixed instants. What is completed was opened two rounds before."""
    began = perf_counter()
    cases = [f"b-{uuid4().hex[:12]}" for _ in range(requests)]
    tasks: list[asyncio.Task[None]] = []

    async def timed(name: str, ask: Ask, case: str, after: asyncio.Task[None] | None) -> None:
        if after is not None:
            await after
        begun = perf_counter()
        await ask(case)
        times.setdefault(name, []).append((perf_counter() - begun) * 1000)

    for number in range(requests):
        name, ask = kinds[number % len(kinds)]
        is_opening = number % len(kinds) < len(kinds) // 2
        turn = number if is_opening else number - len(kinds) // 2
        await asyncio.sleep(max(0.0, began + number / rate - perf_counter()))
        tasks.append(asyncio.create_task(timed(name, ask, cases[turn], None if is_opening else tasks[turn])))
    await asyncio.gather(*tasks)


def _cpu(pid: int) -> float:
    """Seconds of the processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def _api(address: str, url: str) -> AsyncIterator[tuple[int, str]]:
    """``milepost api`` as a program: its process and its URL."""
    environment = {"TEMPORAL_ADDRESS": address, "MILEPOST_DATABASE_URL": url, "MILEPOST_TASK_QUEUE": QUEUE}
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "starters", "api", "--port", "0"),
        env={**os.environ, **environment, "COLUMNS": "200", "MILEPOST_API_RATE": "100000"},
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None  # noqa: S101  asked for above
    try:
        found = re.search(r"http://127\.0\.0\.1:\d+", (await program.stdout.readline()).decode())
        if found is None:
            raise RuntimeError("the API did not begin")
        yield program.pid, found[0]
    finally:
        program.terminate()
        await program.wait()


def _print(figures: dict[str, float]) -> None:
    for name, figure in figures.items():
        print(f"{name:32} {figure:8.2f}")
    ratio = figures["open over HTTP, p50 ms"] / figures["open directly, p50 ms"]
    more = figures["complete over HTTP, p50 ms"] - figures["complete directly, p50 ms"]
    print(f"{'open, over HTTP to directly':32} {ratio:8.2f}   goal: {GOALS['open']}")
    print(f"{'complete, over HTTP more':32} {more:8.2f}   goal: {GOALS['complete']}")
    print(f"{'API processor':32} {figures['API processor, ms a request']:8.2f}   goal: {GOALS['cpu']}")


if __name__ == "__main__":
    asyncio.run(main())
