"""The processes under siege: a Temporal server on disk and workers, which can be killed, stopped and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from tests.siege import wire
from tests.siege.worker import CACHED, FAULT
from worker.embedded import EmbeddedServer
from worker.embedded.configuration import DYNAMIC_CONFIG

ROOT = Path(__file__).parents[2]
TASK_QUEUE = "siege"

_WORKS = "Working on task queue"
"""What a worker says when it has begun."""
_POLL_EVERY = 0.1

_SHORT_RUNS = {"limit.historyCount.suggestContinueAsNew": 120}
"""Runs go on in the next one after so many events, so that this happens many times in a minute."""


def end_in_order() -> None:
    """Take SIGTERM for Ctrl-C, from now on: what was started is then ended, and folders are removed."""
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))


class WorkerProcess:
    """A worker, as a process of its own."""

    def __init__(self, number: int, environment: Mapping[str, str], log: Path) -> None:
        self.number = number
        self.is_wanted = False
        self.gave_up = 0
        self._environment = {**os.environ, **environment}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._said_before = 0

    def start(self) -> None:
        """Start it, unless it runs."""
        self.is_wanted = True
        if self._process is not None and self._process.poll() is None:
            return
        self._said_before = self._said()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.siege.worker"],
                env=self._environment,
                cwd=ROOT,
                stdin=subprocess.PIPE,  # closes with this process: see worker.py
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """As kill -9 does it: nothing is finished."""
        self.is_wanted = False
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    @property
    def pid(self) -> int | None:
        """The id of its process, if it runs."""
        return None if self._process is None else self._process.pid

    @property
    def works(self) -> bool:
        """Whether it has begun to work since it was started last."""
        running = self._process is not None and self._process.poll() is None
        return running and self._said() > self._said_before

    def look_after(self) -> None:
        """Start it again if it has ended by itself: one that finds no server gives up after ten seconds."""
        if self.is_wanted and self._process is not None and self._process.poll() is not None:
            self.gave_up += 1
            self.kill()
            self.start()

    def _said(self) -> int:
        return self._log.read_text(errors="replace").count(_WORKS) if self._log.exists() else 0


@dataclass
class Castle:
    """Everything that runs.

    Attributes:
        database: the store's address; `database_file` its file, if it is SQLite.
        sent_to: the wire.
    """

    directory: Path
    server: EmbeddedServer
    workers: list[WorkerProcess]
    database: str
    sent_to: Path
    logs: list[Path] = field(default_factory=list)

    def processor_seconds(self) -> dict[str, float]:
        """What the server and the workers have taken of the processor so far, each since it was started last."""
        workers = [pid for worker in self.workers if (pid := worker.pid) is not None]
        return {
            "server": sum(map(_processor_seconds, self.server.pids)),
            "workers": sum(map(_processor_seconds, workers)),
        }

    @property
    def database_file(self) -> Path | None:
        """Where SQLite keeps the store."""
        name = self.database.removeprefix("sqlite:///")
        return Path(name) if name != self.database else None

    async def until_works(self, worker: WorkerProcess, within: float = 180) -> None:
        """Wait until a worker has begun to work.

        Raises:
            TimeoutError: it has not; its log says why.
        """
        async with asyncio.timeout(within):
            while not worker.works:
                worker.look_after()
                await asyncio.sleep(_POLL_EVERY)


@asynccontextmanager
async def castle(
    directory: Path,
    database: str,
    *,
    workers: int = 2,
    fault: str | None = None,
    cached: int | None = None,
    short_runs: bool = True,
) -> AsyncIterator[Castle]:
    """Run a server and workers while the context lasts; whatever happens, none of them is left behind.

    Args:
        directory: an empty folder.
        database: address of the store.
        workers: how many.
        fault: planted in every worker (`planted.PLANTED`).
        cached: how many workflows a worker keeps in memory; its own default if left out.
        short_runs: whether runs go on in the next one after few events.
    """
    with _short_runs() if short_runs else nullcontext():
        server = EmbeddedServer(directory / "server", virtual_clock=False)
        built = Castle(directory, server, [], database, directory / "wire.jsonl")
        try:
            await server.start()
            environment = {
                "MILEPOST_DATA": str(directory),
                "MILEPOST_DATABASE_URL": database,
                "MILEPOST_TASK_QUEUE": TASK_QUEUE,
                "TEMPORAL_ADDRESS": server.address,
                "TEMPORAL_NAMESPACE": server.namespace,
                "PYTHONPATH": str(ROOT),
                wire.VARIABLE: str(built.sent_to),
                **({FAULT: fault} if fault else {}),
                **({CACHED: str(cached)} if cached is not None else {}),
            }
            for number in range(workers):
                log = directory / f"worker-{number}.log"
                built.logs.append(log)
                built.workers.append(WorkerProcess(number, environment, log))
                built.workers[-1].start()
            for worker in built.workers:
                await built.until_works(worker)
            yield built
        finally:
            for worker in built.workers:
                worker.kill()
            server.kill()  # one that is stopped would not end when it is asked to
            server.stop()


def _processor_seconds(pid: int) -> float:
    """Of a process; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _short_runs() -> Iterator[None]:
    kept = dict(DYNAMIC_CONFIG)
    DYNAMIC_CONFIG.update(_SHORT_RUNS)  # type: ignore[arg-type]
    try:
        yield
    finally:
        DYNAMIC_CONFIG.clear()
        DYNAMIC_CONFIG.update(kept)
