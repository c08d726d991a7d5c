"""What a case costs its worker, beside a bare workflow that issues the same commands.

    python benchmarks/workflows.py [--cases 150] [--rounds 3] [--memory 1000] [--database URL]

The standard case has two milestones, a warning with a task, a pause, two completions and a close. The bare workflow
(`benchmarks.bare`) has the same activities, timers, search attributes and answers of the same size, and neither rules
nor a store. Both run on one server, each on a worker in a process of its own, and take turns, so that whatever else the
machine does weighs on both alike. The lists of events of both are compared, and what differs is printed. Prints a
table, and another of what the processor's time goes to, and writes both to `benchmarks/results/workflows.json`; what
counts is how both compare.
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
import statistics
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from benchmarks.bare import ANSWER, BareWorkflow
from benchmarks.worker_process import WorkerProcess
from clients.cases import MilepostClient
from domain.catalog.declarations import Catalog
from domain.messages.cases import CaseIntake
from store import Store
from worker.embedded import running_server

AT_ONCE = 10
OPENED_BEFORE = timedelta(hours=3, minutes=1)
"""So that the warning, an hour before the target of four, is due at once."""

CATALOG = Catalog.model_validate(
    {
        "processes": [
            {
                "name": "Gold",
                "milestones": [
                    {
                        "name": "First response",
                        "within": "4h",
                        "triggers": [
                            {
                                "kind": "warning",
                                "at": "75%",
                                "actions": [{"do": "task", "subject": "call {{ account.name }}"}],
                            }
                        ],
                    },
                    {"name": "Resolution", "within": "8h"},
                ],
            }
        ],
        "organisation": {"process": "Gold"},
        "accounts": [{"id": "acme"}],
    }
)
STEPS: Sequence[tuple[str, dict[str, Any]]] = (
    ("stop_clock", {}),
    ("resume_clock", {}),
    ("complete_milestone", {"milestone": "First response"}),
    ("complete_milestone", {"milestone": "Resolution"}),
    ("close", {}),
)
"""What a case is asked after its opening."""


@dataclass(frozen=True)
class Round:
    """One kind of workflow, once.

    Attributes:
        seconds: for all cases.
        worker_cpu: nanoseconds of processor time of the worker's process, by what for.
        events: of one case, by type.
        history_bytes: of one case.
    """

    seconds: float
    worker_cpu: Counter[str]
    events: Counter[str]
    history_bytes: int


class Milepost:
    """Cases, by Milepost's own client."""

    name = "milepost"

    def __init__(self, client: Client, queue: str) -> None:
        self.client = client
        self._milepost = MilepostClient(client, task_queue=queue, patience=60)

    async def open(self, case: str) -> None:
        """Open a case."""
        opened_at = datetime.now(UTC).replace(microsecond=0) - OPENED_BEFORE
        await self._milepost.open(CaseIntake(case_id=case, account="acme", opened_at=opened_at))

    async def ask(self, case: str, request: str, **about: Any) -> None:
        """Send a case a request."""
        await self._milepost.request(case, request, **about)


class Bare:
    """The same of bare workflows."""

    name = "bare"

    def __init__(self, client: Client, queue: str) -> None:
        self.client = client
        self._queue = queue

    async def open(self, case: str) -> None:
        """Start a workflow, and wait until it has begun."""
        start = WithStartWorkflowOperation(
            BareWorkflow.run,
            {"case_id": case, "account": "acme", "of": ANSWER[:300]},
            id=f"case/{case}",
            task_queue=self._queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"Case {case}",
        )
        await self.client.execute_update_with_start_workflow(
            BareWorkflow.open, {"event_id": "open"}, start_workflow_operation=start
        )

    async def ask(self, case: str, request: str, **about: Any) -> None:
        """Send a workflow an update."""
        handle = self.client.get_workflow_handle(f"case/{case}")
        await handle.execute_update("step", {"request": request, "occurred_at": str(datetime.now(UTC)), **about})


Kind = Milepost | Bare


async def each(cases: Sequence[str], do: Callable[[str], Awaitable[None]]) -> None:
    """Do something for every case, so many at once."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(case: str) -> None:
        async with turns:
            await do(case)

    await asyncio.gather(*map(one, cases))


async def lived(kind: Kind, worker: WorkerProcess, cases: Sequence[str]) -> Round:
    """Take cases through their whole lives."""

    async def live(case: str) -> None:
        await kind.open(case)
        for request, about in STEPS:
            await kind.ask(case, request, **about)
        await kind.client.get_workflow_handle(f"case/{case}").result()

    cpu, begun = worker.cpu(), perf_counter()
    await each(cases, live)
    seconds, worker_cpu = perf_counter() - begun, worker.cpu() - cpu
    history = await kind.client.get_workflow_handle(f"case/{cases[0]}").fetch_history()
    events = Counter(EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events)
    return Round(seconds, worker_cpu, events, sum(event.ByteSize() for event in history.events))


async def measured(client: Client, url: str, cases: int, rounds: int) -> dict[str, list[Round]]:
    """Both kinds by turns, after a short round of each that does not count."""
    found: dict[str, list[Round]] = {Bare.name: [], Milepost.name: []}
    async with AsyncExitStack() as stack:
        kinds: list[tuple[Kind, WorkerProcess]] = []
        for made in (Bare, Milepost):
            queue = f"workflows-{made.name}"
            worker = stack.enter_context(WorkerProcess(made.name, _address(client), queue, url))
            kinds.append((made(client, queue), worker))
        for number in range(rounds + 1):
            for kind, worker in kinds:
                many = cases if number else 10
                names = [f"{kind.name}-{number}-{one}" for one in range(many)]
                done = await lived(kind, worker, names)
                if number:
                    found[kind.name].append(done)
    return found


async def memory(client: Client, url: str, cases: int) -> dict[str, float]:
    """Kilobytes of the worker's process for each case that is open and in its cache."""
    found: dict[str, float] = {}
    for made in (Bare, Milepost):
        queue = f"memory-{made.name}"
        with WorkerProcess(made.name, _address(client), queue, url) as worker:
            kind: Kind = made(client, queue)
            await each([f"warm-{kind.name}-{one}" for one in range(50)], kind.open)
            before = worker.kilobytes()
            await each([f"open-{kind.name}-{one}" for one in range(cases)], kind.open)
            found[kind.name] = (worker.kilobytes() - before) / cases
    return found


def _address(client: Client) -> str:
    return client.service_client.config.target_host


def figures(found: dict[str, list[Round]], cases: int) -> dict[str, dict[str, float]]:
    """The medians of the rounds."""
    return {
        name: {
            "cases a second": statistics.median(cases / one.seconds for one in rounds),
            "worker CPU ms a case": statistics.median(one.worker_cpu.total() / 1e6 / cases for one in rounds),
            "events": rounds[-1].events.total(),
            "history KB": rounds[-1].history_bytes / 1024,
        }
        for name, rounds in found.items()
    }


def shown(said: dict[str, dict[str, float]]) -> Table:
    """The figures of both, and their ratios."""
    table = Table(title="A standard case, beside a bare workflow with the same commands")
    for heading in ("figure", "bare", "milepost", "ratio"):
        table.add_column(heading, justify="left" if heading == "figure" else "right")
    for figure, bare in said[Bare.name].items():
        ours = said[Milepost.name][figure]
        table.add_row(figure, f"{bare:.1f}", f"{ours:.1f}", f"{ours / bare:.2f}")
    return table


def parts(found: dict[str, list[Round]], cases: int) -> dict[str, dict[str, float]]:
    """What the processor's time of a case goes to: of each kind of workflow milliseconds, the medians of the rounds."""
    return {
        name: {
            part: statistics.median(one.worker_cpu[part] / 1e6 / cases for one in rounds)
            for part in sorted(set().union(*(one.worker_cpu for one in rounds)))
        }
        for name, rounds in found.items()
    }


def shown_parts(said: dict[str, dict[str, float]]) -> Table:
    """What each part of the worker costs, and what the difference is for."""
    bare, ours = said[Bare.name], said[Milepost.name]
    table = Table(title="Where it goes: milliseconds of the worker's processor a case")
    for heading in ("part", "bare", "milepost", "difference"):
        table.add_column(heading, justify="left" if heading == "part" else "right")
    for part in sorted({*bare, *ours}, key=lambda part: bare.get(part, 0) - ours.get(part, 0)):
        b, o = bare.get(part, 0), ours.get(part, 0)
        table.add_row(part, f"{b:.1f}", f"{o:.1f}", f"{o - b:+.1f}")
    return table


async def run(asked: argparse.Namespace) -> dict[str, Any]:
    """Measure, and print."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        url = asked.database or f"sqlite:///{folder}/milepost.db"
        with Store.open(url) as store:
            store.catalog.apply(CATALOG, by="benchmark")
        async with running_server(virtual_clock=False) as server:
            found = await measured(server.client, url, asked.cases, asked.rounds)
            said = figures(found, asked.cases)
            if asked.memory:
                for name, each_case in (await memory(server.client, url, asked.memory)).items():
                    said[name]["KB a cached open case"] = each_case
    console.print(shown(said), shown_parts(divided := parts(found, asked.cases)))
    bare, ours = (found[name][-1].events for name in (Bare.name, Milepost.name))
    more = ", ".join(f"{many} {event}" for event, many in (ours - bare).items())
    fewer = ", ".join(f"{many} {event}" for event, many in (bare - ours).items())
    console.print(f"Events that only a case has: {more or 'none'}; that only the bare workflow has: {fewer or 'none'}")
    return {"machine": platform.platform(), "cases": asked.cases, "rounds": asked.rounds, "parts": divided, **said}


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, default=1000, help="open cases for the memory of one; 0: leave it out")
    parser.add_argument("--database", help="default: a SQLite file of its own")
    result = asyncio.run(run(parser.parse_args()))
    to = ROOT / "benchmarks/results/workflows.json"
    to.parent.mkdir(exist_ok=True)
    to.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
