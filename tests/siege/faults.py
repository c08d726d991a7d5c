"""What is done to the processes, at instants that come from a seed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.siege.processes import Castle

KINDS = ("kill worker", "kill worker", "stop worker", "kill all workers", "kill server", "stop server", "lock store")
"""Kills of a worker twice as often as anything else."""
KILLS = ("kill worker", "kill worker", "kill all workers")
"""What a fault that shows when a worker dies is looked for with."""

_PAUSE = 2.0, 8.0
"""Seconds between one harm and the next, in which there is calm."""
_LONGEST_OUTAGE = 3.0
_LOOK_EVERY = 0.25


@dataclass
class Outage:
    """Something that was done, from then until everything ran again; seconds since 1970."""

    kind: str
    began_at: float
    ended_at: float = 0.0


@dataclass
class Faults:
    """Does one thing after another until it is told to stop; then everything runs again."""

    castle: Castle
    chance: random.Random
    kinds: Sequence[str] = KINDS
    outages: list[Outage] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How often each kind was done."""
        return dict(sorted(Counter(outage.kind for outage in self.outages).items()))

    async def go_on(self, is_over: Callable[[], bool]) -> None:
        """Do harm until it is over."""
        while True:
            await asyncio.sleep(self.chance.uniform(*_PAUSE))
            if is_over():
                return
            outage = Outage(self.chance.choice(self.kinds), time.time())
            self.outages.append(outage)
            await self._do(outage.kind, self.chance.uniform(0.2, _LONGEST_OUTAGE))
            outage.ended_at = time.time()

    async def _do(self, kind: str, seconds: float) -> None:
        worker = self.chance.choice(self.castle.workers)
        match kind:
            case "kill worker":
                worker.kill()
                await asyncio.sleep(seconds)
                worker.start()
                await self.castle.until_works(worker)
            case "kill all workers":
                for each in self.castle.workers:
                    each.kill()
                await asyncio.sleep(seconds)
                for each in self.castle.workers:
                    each.start()
                for each in self.castle.workers:
                    await self.castle.until_works(each)
            case "stop worker":
                worker.signal(signal.SIGSTOP)
                try:
                    await asyncio.sleep(seconds * 2)
                finally:
                    worker.signal(signal.SIGCONT)
            case "kill server":
                self.castle.server.kill()
                await asyncio.sleep(seconds)
                await self.castle.server.start()
            case "stop server":
                await self._stop_server(seconds)
            case _:
                await self._lock_store(seconds)

    async def _stop_server(self, seconds: float) -> None:
        pid = self.castle.server.pids[0]
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)

    async def _lock_store(self, seconds: float) -> None:
        file = self.castle.database_file
        if file is None:  # PostgreSQL has no lock on everything
            return
        connection = sqlite3.connect(file, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(seconds)
            connection.execute("ROLLBACK")
        finally:
            connection.close()


async def look_after(castle: Castle) -> None:
    """Start workers again that ended by themselves, for ever."""
    while True:
        for worker in castle.workers:
            worker.look_after()
        await asyncio.sleep(_LOOK_EVERY)
