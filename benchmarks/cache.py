"""What it costs when more cases are active than a worker keeps in memory, and that the default cache has room enough.

    python benchmarks/cache.py [--cases 3000]

Cases are opened on a real Temporal server, and then each is sent messages, all cases in turn, many at once. A worker
that keeps fewer workflows than are active replays each from its history for every message; one that is put out of the
cache while its record is written loses that step until the workflow task times out. Lost steps are counted in the
histories (WorkflowTaskTimedOut), and so are those that waited too long for the worker that has the case in memory and
were passed on to any. Prints a table and writes it to `benchmarks/results/cache.json`. Ends with 1 if a step
is lost on the default cache of a worker with 2 GB.
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
import platform
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from time import perf_counter
from uuid import uuid4

from rich.console import Console
from rich.table import Table
from temporalio.api.enums.v1 import EventType, TimeoutType
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from clients.cases import MilepostClient
from domain.catalog.declarations import Catalog
from domain.messages.cases import Answer, CaseIntake
from domain.messages.names import CASE_WORKFLOW
from store import Store
from worker.connection import settle
from worker.embedded import EmbeddedServer
from worker.memory import cached_workflows_for
from worker.process import working

GIGABYTE = 1024**3
AT_ONCE = 30
"""Messages under way, from all clients."""

STEPS = 6000
"""Of a run, about: the openings, and one to four messages for each case."""

CATALOG = Catalog.model_validate(
    {
        "processes": [{"name": "P", "milestones": [{"name": name, "within": "8h"} for name in ("Answer", "Solution")]}],
        "organisation": {"process": "P"},
        "accounts": [{"id": "acme"}],
    }
)


@dataclass(frozen=True)
class Measured:
    """One run.

    Attributes:
        task_timeout: seconds that a worker has for a workflow task; None: the server's default, ten.
        steps: messages and openings.
        lost: steps that were done again because a worker had begun them, and not ended in time.
        passed_on: steps that waited too long to be begun by the worker that has the case.
        slowest: seconds of the slowest answer; `median` of the one in the middle.
        memory: megabytes of the process, which is worker and client in one, at the end.
    """

    cases: int
    cache: int
    task_timeout: float | None
    steps: int
    lost: int
    passed_on: int
    failed: int
    median: float
    slowest: float
    seconds: float
    memory: int


async def measured(client: Client, folder: Path, cases: int, cache: int, task_timeout: float | None) -> Measured:
    """Open cases and send each its messages."""
    queue = f"cache-{uuid4().hex[:8]}"
    names = [f"{queue}-{number}" for number in range(cases)]
    milepost = MilepostClient(client, task_queue=queue, patience=60)
    timeout = None if task_timeout is None else timedelta(seconds=task_timeout)
    answers: list[float] = []
    failed = 0

    async def timed(step: Awaitable[object]) -> None:
        nonlocal failed
        begun = perf_counter()
        try:
            await step
        except Exception:  # noqa: BLE001  counted
            failed += 1
        answers.append(perf_counter() - begun)

    async def change(name: str, number: int) -> None:
        await timed(milepost.request(name, "stop_clock" if number % 2 == 0 else "resume_clock"))

    with Store.open(f"sqlite:///{folder / f'{queue}.db'}") as store:
        store.catalog.apply(CATALOG, by="benchmark")
        async with working(client, store, task_queue=queue, cached_workflows=cache):
            begun = perf_counter()
            await _each(names, lambda name: timed(_open(client, queue, name, timeout)))
            for number in range(max(1, min(4, STEPS // cases - 1))):
                await _each(names, lambda name, number=number: change(name, number))  # type: ignore[misc]
            seconds = perf_counter() - begun
            memory = _resident_megabytes()
            timed_out: Counter[int] = Counter()
            await _each(names, lambda name: _count_timed_out(client, name, timed_out))
    passed_on = timed_out.pop(TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_START, 0)
    answers.sort()
    return Measured(
        cases=cases,
        cache=cache,
        task_timeout=task_timeout,
        steps=len(answers),
        lost=timed_out.total(),
        passed_on=passed_on,
        failed=failed,
        median=round(answers[len(answers) // 2], 3),
        slowest=round(answers[-1], 2),
        seconds=round(seconds, 1),
        memory=memory,
    )


async def _open(client: Client, queue: str, case: str, task_timeout: timedelta | None) -> None:
    start: WithStartWorkflowOperation[object, object] = WithStartWorkflowOperation(
        CASE_WORKFLOW,
        CaseIntake(case_id=case, account="acme"),
        id=f"case/{case}",
        task_queue=queue,
        task_timeout=task_timeout,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
    )
    await client.execute_update_with_start_workflow("open", start_workflow_operation=start, result_type=Answer)


async def _count_timed_out(client: Client, case: str, timed_out: Counter[int]) -> None:
    """By the type of the time-out."""
    history = await client.get_workflow_handle(f"case/{case}").fetch_history()
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
            timed_out[event.workflow_task_timed_out_event_attributes.timeout_type] += 1


async def _each(names: Sequence[str], step: Callable[[str], Awaitable[None]]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> None:
        async with slots:
            await step(name)

    await asyncio.gather(*map(one, names))


def _resident_megabytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError):
        return 0
    return pages * 4096 // 1024**2


async def main(cases: int, only: str | None) -> int:
    """Measure, print, write; the exit code."""
    default = cached_workflows_for(2 * GIGABYTE)
    runs: list[tuple[int, int, float | None]] = [
        (60, 10, None),
        (60, 10, 2.0),
        (60, 100, None),
        (cases, default, None),
    ]
    if only == "small":
        runs = runs[:3]
    if only == "large":
        runs = runs[3:]
    done: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        async with EmbeddedServer() as server:
            client = await server.connect()
            for run in runs:
                done.append(await measured(client, Path(folder), *run))
                Console().print(done[-1])
            del client
    await settle()
    table = Table(
        "cases", "cache", "task timeout", "steps", "lost", "passed on", "failed", "median", "slowest", "took", "memory"
    )
    for one in done:
        timeout = "10 s" if one.task_timeout is None else f"{one.task_timeout:g} s"
        counts = (
            f"{one.cases:,}",
            f"{one.cache:,}",
            timeout,
            f"{one.steps:,}",
            *map(str, (one.lost, one.passed_on, one.failed)),
        )
        table.add_row(*counts, f"{one.median:g} s", f"{one.slowest:g} s", f"{one.seconds:g} s", f"{one.memory} MB")
    Console().print(table)
    if only is None:
        found = {"python": platform.python_version(), "machine": platform.machine(), "runs": [asdict(r) for r in done]}
        (ROOT / "benchmarks" / "results" / "cache.json").write_text(json.dumps(found, indent=2) + "\n")
    return int(any(one.lost for one in done if one.cache == default))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--only", choices=["small", "large"])
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.cases, given.only)))
