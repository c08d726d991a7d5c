"""A worker in a process of its own, of which a benchmark asks what it used."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from temporalio.client import Client
from temporalio.worker import PollerBehaviorSimpleMaximum, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from benchmarks.bare import BareWorkflow, record, work
from store import Store
from worker.garbage import collect_garbage_seldom
from worker.payloads import DATA_CONVERTER
from worker.plugin import PASSED_THROUGH
from worker.process import POLLS, TASKS_AT_ONCE, running, working

CACHE = 5000
CORE, OTHERS = "the SDK's core", "openings and actions"
PARTS = {
    "MainThread": "the main thread: tasks and payloads",
    "workflow": "workflows",
    "temporal_workflow": "workflows",
    "records": "writing records",
}
"""What threads are for, by how their names begin."""
RUNNER = SandboxedWorkflowRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH, "benchmarks")
)


class WorkerProcess:
    """Runs a worker of one kind while the context lasts.

    Args:
        kind: `milepost` or `bare`.
        address: of the Temporal server.
        queue: what it polls.
        url: of Milepost's database.
    """

    def __init__(self, kind: str, address: str, queue: str, url: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, kind, address, queue, url))

    def __enter__(self) -> Self:
        """Start it, and wait until it works."""
        self._process.start()
        self._ours.recv()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it."""
        self._ours.send("end")
        self._process.join(20)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def cpu(self) -> Counter[str]:
        """Nanoseconds of processor time that it has used, by what for."""
        found: Counter[str] = self._asked("cpu")
        return found

    def kilobytes(self) -> float:
        """What it has resident in memory."""
        return float(self._asked("memory"))

    def _asked(self, what: str) -> Any:
        self._ours.send(what)
        return self._ours.recv()


def _serve(questions: Connection, kind: str, address: str, queue: str, url: str) -> None:
    asyncio.run(_work(questions, kind, address, queue, url))


async def _work(questions: Connection, kind: str, address: str, queue: str, url: str) -> None:
    client = await Client.connect(address, data_converter=DATA_CONVERTER)
    collect_garbage_seldom()
    if kind == "milepost":
        with Store.open(url) as store:
            async with working(client, store, task_queue=queue, cached_workflows=CACHE):
                await _answer(questions)
        return
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[BareWorkflow],
        workflow_runner=RUNNER,
        activities=[work, record],
        max_cached_workflows=CACHE,
        max_concurrent_workflow_tasks=TASKS_AT_ONCE,
        workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(POLLS),
        nonsticky_to_sticky_poll_ratio=0.5,
    )
    async with running(worker):
        await _answer(questions)


async def _answer(questions: Connection) -> None:
    answers: dict[str, Callable[[], Any]] = {"cpu": _cpu_by_part, "memory": _resident_kilobytes}
    questions.send(0.0)
    while True:
        what = await asyncio.to_thread(questions.recv)
        if what == "end":
            return
        questions.send(answers[what]())


def _cpu_by_part() -> Counter[str]:
    """By the threads of Python; what they have not used the core of the SDK has, whose threads Python does not know."""
    found: Counter[str] = Counter()
    for thread in threading.enumerate():
        used = time.clock_gettime_ns(time.pthread_getcpuclockid(thread.ident or 0))
        found[next((part for name, part in PARTS.items() if thread.name.startswith(name)), OTHERS)] += used
    found[CORE] = time.process_time_ns() - found.total()
    return found


def _resident_kilobytes() -> float:
    with open("/proc/self/statm", encoding="ascii") as status:  # noqa: PTH123  a line that is there at once
        return int(status.read().split()[1]) * resource.getpagesize() / 1024
