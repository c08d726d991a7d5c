"""Rushes: much at once, on one server and one worker; what becomes of it, and how late.

``python -m tests.siege.rush [NAME ...] [--scale 0.1]`` runs them with their whole numbers, or with a part of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError

from clients.cases import MilepostClient
from clients.sending import NoAnswer
from domain.catalog.declarations import Catalog
from domain.errors import Refused
from domain.messages.cases import CaseIntake
from store import Store
from tests.siege import wire
from tests.siege.figures import percentiles, silence
from tests.siege.histories import Run, fetch
from tests.siege.processes import TASK_QUEUE, Castle, castle, end_in_order
from worker.connection import settle

_DUE_AFTER = 20
"""Seconds: of the milestone that must not wait for a flood."""
_A_CASE = 0.08
"""Seconds that one opening takes on two cores, at the most."""
_HOURS_LATE = 9
_LOOK_EVERY = 0.25
_SENDING = 100


@dataclass
class Rush:
    """One rush and what came of it.

    Attributes:
        within: seconds in which it has to be over.
        wrong: what should not have been; nothing if all went well.
    """

    name: str
    size: int
    within: float
    figures: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        said = ", ".join(f"{name} {figure}" for name, figure in self.figures.items())
        return f"{self.name} ({self.size}): {said}\n  wrong: {'; '.join(self.wrong) or 'nothing'}"


class Field:
    """Where rushes take place."""

    def __init__(self, built: Castle, client: Client, store: Store) -> None:
        self.built, self.client, self.store = built, client, store
        self.milepost = MilepostClient(client, task_queue=TASK_QUEUE, patience=120)

    async def open(self, case_id: str, account: str, opened_at: datetime | None = None) -> float:
        """Open a case; returns the seconds that it took."""
        began = time.monotonic()
        await self.milepost.open(CaseIntake(case_id=case_id, account=account, opened_at=opened_at))
        return time.monotonic() - began

    def sent(self, case_id: str | None = None) -> dict[str, float]:
        """When each effect was sent first, of one case or of all."""
        found: dict[str, float] = {}
        for one in wire.sent(self.built.sent_to):
            if case_id is None or one.key.startswith(f"{case_id}/"):
                found.setdefault(one.key, one.at)
        return found

    async def until(self, rush: Rush, what: str, done: Callable[[], Awaitable[bool]], within: float) -> bool:
        """Wait for something; what does not come is wrong."""
        deadline = time.monotonic() + within
        while not await done():
            if time.monotonic() > deadline:
                rush.wrong.append(f"{what}: not within {within:g} s")
                return False
            await asyncio.sleep(_LOOK_EVERY)
        return True

    async def look_at(self, rush: Rush, case_id: str) -> None:
        """Whether the case is in order: its tasks, and that it answers."""
        runs = (await fetch(self.client, [f"case/{case_id}"])).get(f"case/{case_id}", [])
        rush.wrong += [f"a task failed: {why}"[:300] for run in runs for why in run.failed_tasks][:3]
        rush.figures |= _tasks(runs)
        rush.figures["tasks over 2 s"] = sum(run.slow_tasks for run in runs)
        rush.figures["runs"] = len(runs)
        pending = (await self.milepost.handle(case_id).describe()).raw_description.pending_workflow_task
        if pending.attempt > 1:
            rush.wrong.append(f"its task is tried for the {pending.attempt}th time")


async def signals(field_: Field, rush: Rush) -> None:
    """Many signals at once to one case: each is taken once, and a violation due meanwhile is not held up for long."""
    await field_.open("flooded", "flooded")
    [answer] = (await field_.milepost.view("flooded")).milestones
    handle = field_.milepost.handle("flooded")
    turn = asyncio.Semaphore(_SENDING)

    async def tell(number: int) -> None:
        now = datetime.now(UTC).isoformat()
        message = {"event_id": f"s-{number}", "occurred_at": now, "fields": {"note": f"{number}"}}
        async with turn:
            await handle.signal("fields_changed", message)

    began = time.monotonic()
    await asyncio.gather(*map(tell, range(rush.size)))
    rush.figures["sent in s"] = round(time.monotonic() - began, 1)

    async def taken() -> bool:
        state = (await asyncio.to_thread(field_.store.cases.get, "flooded")).carried.state
        return all(f"s-{number}" in state.event_ids for number in range(rush.size))

    await field_.until(rush, "every signal on record", taken, rush.within)
    rush.figures["taken in s"] = round(time.monotonic() - began, 1)

    async def late_task() -> bool:
        return bool(field_.sent("flooded"))

    if await field_.until(rush, "the violation that was due meanwhile", late_task, rush.within):
        assert answer.target_at is not None
        sent_at = min(field_.sent("flooded").values())
        rush.figures["violation late s"] = round(sent_at - answer.target_at.timestamp(), 2)
    await field_.look_at(rush, "flooded")


async def updates(field_: Field, rush: Rush) -> None:
    """Many updates in flight to one case: each is answered, none twice."""
    await field_.open("asked", "flooded")
    answers: Counter[str] = Counter()

    async def ask(number: int) -> None:
        event = {"event_id": f"u-{number}", "fields": {"note": f"{number}"}}
        try:
            answers[(await field_.milepost.request("asked", "change_fields", **event)).outcome] += 1
        except (Refused, NoAnswer, RPCError) as error:
            answers[f"{type(error).__name__}: {error}"[:80]] += 1

    began = time.monotonic()
    await asyncio.gather(*map(ask, range(rush.size)))
    rush.figures |= {"answered in s": round(time.monotonic() - began, 1), **answers}
    if answers["taken"] != rush.size:
        rush.wrong.append(f"{rush.size - answers['taken']} updates were not taken")
    await field_.look_at(rush, "asked")


async def timers(field_: Field, rush: Rush) -> None:
    """Many cases whose violations are due in one second: none is early, and how late they are."""
    opened_at = datetime.now(UTC).replace(microsecond=0)
    turn = asyncio.Semaphore(20)

    async def opened(number: int) -> float:
        async with turn:
            return await field_.open(f"morning-{number}", "morning", opened_at)

    began = time.monotonic()
    took = await asyncio.gather(*map(opened, range(rush.size)))
    rush.figures["opened in s"] = round(time.monotonic() - began, 1)
    rush.figures["opening p99 s"] = percentiles(took)["p99"]
    due_at = opened_at.timestamp() + _span(rush.size)
    if time.time() > due_at:
        rush.wrong.append("opening took longer than the cases have; their figures say nothing")

    async def all_sent() -> bool:
        return sum(key.startswith("morning-") for key in field_.sent()) == rush.size

    await asyncio.sleep(max(0.0, due_at - 1 - time.time()))
    before = field_.built.processor_seconds()
    await field_.until(rush, "every violation", all_sent, due_at - time.time() + rush.within)
    spent = field_.built.processor_seconds()
    for name, seconds in spent.items():
        rush.figures[f"{name} ms of processor each"] = round(1000 * (seconds - before[name]) / rush.size, 1)
    late = [at - due_at for key, at in field_.sent().items() if key.startswith("morning-")]
    rush.wrong += [f"{sum(seconds < 0 for seconds in late)} were early"] if min(late, default=0) < 0 else []
    rush.figures |= {f"late {name}": figure for name, figure in percentiles(late).items()}
    runs = [run for found in (await fetch(field_.client)).values() for run in found]
    rush.figures |= _tasks(runs)


async def missed(field_: Field, rush: Rush) -> None:
    """A case with many milestones that is opened hours late: all that was missed is done, and the case answers."""
    opened_at = datetime.now(UTC) - timedelta(hours=_HOURS_LATE)
    began = time.time()
    try:
        rush.figures["opened in s"] = round(await field_.open("overslept", "overslept", opened_at), 1)
    except (Refused, NoAnswer, RPCError) as error:
        rush.wrong.append(f"it did not open: {error}"[:200])
    wanted = rush.size * 10

    async def all_sent() -> bool:
        return len(field_.sent("overslept")) == wanted

    await field_.until(rush, f"all of {wanted} actions", all_sent, rush.within)
    sent = field_.sent("overslept").values()
    rush.figures |= {f"sent {name}": figure for name, figure in percentiles(at - began for at in sent).items()}
    await field_.look_at(rush, "overslept")


RUSHES: dict[str, tuple[Callable[[Field, Rush], Awaitable[None]], int]] = {
    "signals": (signals, 5_000),
    "updates": (updates, 500),
    "timers": (timers, 1_000),
    "missed": (missed, 200),
}
"""By name, with their whole size."""


def _tasks(runs: Sequence[Run]) -> dict[str, int]:
    """What became of workflow tasks that were not done at once."""
    lost, passed_on = sum(run.lost_tasks for run in runs), sum(run.passed_on_tasks for run in runs)
    return {"tasks lost": lost, "tasks passed on": passed_on}


def _span(cases: int) -> int:
    """Seconds after their opening at which the cases of the morning are due."""
    return 15 + int(cases * _A_CASE)


def _catalog(sizes: dict[str, int]) -> Catalog:
    """What rushes of these sizes need: the violation of each milestone makes a task."""

    def task(**trigger: str) -> dict[str, Any]:
        return {**trigger, "actions": [{"do": "task", "subject": "late"}]}

    ten = [task(kind="warning", at=f"{minutes}m") for minutes in range(10, 100, 10)]
    violation = task(kind="violation", at="0")
    ways = {
        "flooded": [{"name": "Answer", "within": f"{_DUE_AFTER}s", "triggers": [violation]}],
        "morning": [{"name": "Answer", "within": f"{_span(sizes.get('timers', 1))}s", "triggers": [violation]}],
        "overslept": [
            {"name": f"Step {number}", "within": f"{2 + number % 6}h", "triggers": [*ten, violation]}
            for number in range(sizes.get("missed", 1))
        ],
    }
    return Catalog.model_validate(
        {
            "organisation": {"name": "Rush", "time_zone": "Etc/UTC"},
            "fields": {"note": "string"},
            "processes": [{"name": name, "milestones": milestones} for name, milestones in ways.items()],
            "accounts": [{"id": name} for name in ways],
            "entitlements": [{"id": name, "account": name, "process": name} for name in ways],
        }
    )


async def rush(names: Sequence[str], directory: Path, *, scale: float = 1.0, within: float = 300) -> list[Rush]:
    """Run some rushes, one after another.

    Args:
        names: of `RUSHES`.
        directory: an empty folder.
        scale: by which their sizes are multiplied.
        within: seconds that each has at the most.
    """
    sizes = {name: max(1, int(RUSHES[name][1] * scale)) for name in names}
    found = [Rush(name, size, within) for name, size in sizes.items()]
    database = f"sqlite:///{directory / 'milepost.db'}"
    try:
        with Store.open(database) as store:
            store.catalog.apply(_catalog(sizes), by="rush")
            async with castle(directory, database, workers=1, short_runs=False) as built:
                where = Field(built, await built.server.connect(), store)
                for one in found:
                    await RUSHES[one.name][0](where, one)
                del where
        return found
    finally:
        await settle()


def main() -> int:
    """Run those that are asked for; exit code 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.siege.rush", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RUSHES)}; all, if left out")
    parser.add_argument("--scale", type=float, default=1.0, help="a part of the whole numbers, such as 0.1")
    parser.add_argument("--within", type=float, default=300, help="seconds that each has")
    parser.add_argument("--into", type=Path, default=Path("benchmarks/results"), help="folder of the JSON report")
    asked = parser.parse_args()
    silence()
    end_in_order()
    found: list[Rush] = []
    for name in asked.names or list(RUSHES):  # each on a server of its own
        with tempfile.TemporaryDirectory(prefix="milepost-rush-", ignore_cleanup_errors=True) as folder:
            found += asyncio.run(rush([name], Path(folder), scale=asked.scale, within=asked.within))
            print(found[-1], flush=True)  # noqa: T201  what it is for
    asked.into.mkdir(parents=True, exist_ok=True)
    report = [{"name": one.name, "size": one.size, **one.figures, "wrong": one.wrong} for one in found]
    (asked.into / "rush.json").write_text(json.dumps(report, indent=2) + "\n")
    return 1 if any(one.wrong for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
