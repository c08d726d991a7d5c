"""A siege: processes that are killed and stopped while two clients send what they like; then everything is checked."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select
from temporalio.client import Client

from domain.catalog.declarations import Catalog
from domain.usage.rows import RowKind
from store import Store
from store.database import Database
from store.tables import ledger
from tests.postgresql import private_postgresql
from tests.siege import wire
from tests.siege.attackers import Attacker
from tests.siege.checking import Checker, Verdict
from tests.siege.faults import KINDS, Faults, Outage, look_after
from tests.siege.figures import coverage, drained, lateness, summary
from tests.siege.organisation import catalog
from tests.siege.processes import ROOT, Castle, castle
from worker.connection import settle

_DRAINS_WITHIN = 90.0
_QUIET_FOR = timedelta(seconds=60)
_LOOK_EVERY = 0.5
_STEADY_LOOKS = 3


@dataclass(frozen=True)
class Plan:
    """What is done.

    Attributes:
        seconds: for which messages are sent and harm is done, or until there were so many `outages`: on a busy machine
            it takes long until a worker that was killed works again.
        pace: seconds between two messages of a client, on average.
        faults: how the processes are harmed; nothing leaves them alone.
        harsh: messages at the very edge too.
        cap: cases of the capped entitlement; None: so many that it is reached in the midst of the siege.
        fault: one that is planted in the workers.
        spoils: whether the records are spoilt at the end and checked again, which has to be found.
    """

    seed: int
    seconds: float = 60.0
    workers: int = 2
    pace: float = 0.35
    faults: Sequence[str] = KINDS
    outages: int = 0
    cap: int | None = None
    harsh: bool = True
    fault: str | None = None
    spoils: bool = False
    cached: int | None = None
    postgresql: bool = False


@dataclass
class Siege:
    """What came of it."""

    plan: Plan
    verdict: Verdict = field(default_factory=Verdict)
    spoilt: Verdict = field(default_factory=Verdict)
    outages: list[Outage] = field(default_factory=list)
    sent: list[wire.Sent] = field(default_factory=list)
    messages: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    drain_seconds: float = 0.0

    @property
    def report(self) -> dict[str, Any]:
        """Everything, for a file."""
        return {
            "commit": _commit(),
            "seed": self.plan.seed,
            "minutes": round(self.plan.seconds / 60, 2),
            "workers": self.plan.workers,
            "store": "PostgreSQL" if self.plan.postgresql else "SQLite",
            "faults": self.faults,
            "messages": self.messages,
            "lateness": lateness(self.verdict.effects, self.sent, self.outages),
            "drained": drained(self.verdict.effects, self.sent, self.outages),
            "drain_seconds": round(self.drain_seconds, 2),
            "coverage": coverage(self.verdict.steps, self.outages),
            "verdict": self.verdict,
        }

    def as_json(self) -> str:
        """The report for programs."""
        report = self.report
        checked = {"checked": dict(self.verdict.counts), "findings": self.verdict.findings}
        return json.dumps({**report, "verdict": checked}, indent=2, sort_keys=True) + "\n"

    def __str__(self) -> str:
        return summary(self.report)


async def besiege(plan: Plan, directory: Path) -> Siege:
    """Run one siege.

    Args:
        plan: what is done.
        directory: an empty folder for everything that is written.
    """
    with ExitStack() as stack:
        database = f"sqlite:///{directory / 'milepost.db'}"
        if plan.postgresql:
            database = stack.enter_context(private_postgresql()).new()
        store = stack.enter_context(Store.open(database))
        declared = catalog(cap=plan.cap or max(3, int(plan.seconds * 0.18 / plan.pace * 0.6)))
        store.catalog.apply(declared, by="siege")
        asyncio.get_running_loop().set_exception_handler(_say_no_more)
        try:
            return await _besiege(plan, directory, database, store, declared)
        finally:
            await settle()
            asyncio.get_running_loop().set_exception_handler(None)


async def _besiege(plan: Plan, directory: Path, database: str, store: Store, declared: Catalog) -> Siege:
    siege = Siege(plan)
    async with castle(directory, database, workers=plan.workers, fault=plan.fault, cached=plan.cached) as built:
        client = await built.server.connect()
        attackers = [
            Attacker(name, client, store, _chance(plan, name), plan.pace, plan.harsh) for name in ("amber", "birch")
        ]
        faults = Faults(built, _chance(plan, "faults"), plan.faults)
        looking = asyncio.create_task(look_after(built))
        try:
            end = time.monotonic() + plan.seconds

            def is_over() -> bool:
                return time.monotonic() > end and len(faults.outages) >= plan.outages

            async with asyncio.TaskGroup() as group:
                for attacker in attackers:
                    group.create_task(attacker.attack(is_over, _DRAINS_WITHIN))
                if plan.faults:
                    group.create_task(faults.go_on(is_over))
            over = time.monotonic()
            await _until_quiet(built, client, store, siege.verdict)
            siege.drain_seconds = time.monotonic() - over
        finally:
            looking.cancel()
        siege.sent = wire.sent(built.sent_to)
        checker = Checker(client, store, declared, attackers, siege.sent)
        checker.verdict = siege.verdict
        await checker.check()
        if plan.spoils:
            _lose_an_entry(database)
            lost = siege.verdict.effects[-1:]
            spoilt = [one for one in siege.sent if one.key not in {effect.key for effect in lost}]
            checker = Checker(client, store, declared, attackers, spoilt)
            siege.spoilt = await checker.check()
        del checker
    siege.outages, siege.faults = faults.outages, faults.counts
    for attacker in attackers:
        for name, number in attacker.counts.items():
            siege.messages[name] = siege.messages.get(name, 0) + number
    return siege


async def _until_quiet(built: Castle, client: Client, store: Store, verdict: Verdict) -> None:
    """Wait until no workflow has anything to do for a while; what never comes to rest is a finding."""
    deadline = time.monotonic() + _DRAINS_WITHIN
    steady, before = 0, ""
    while steady < _STEADY_LOOKS:
        busy = await _busy(client, store)
        now = f"{len(wire.sent(built.sent_to))}"
        steady = steady + 1 if not busy and now == before else 0
        before = now
        if time.monotonic() > deadline:
            verdict.find("never at rest", *busy)
            return
        await asyncio.sleep(_LOOK_EVERY)


async def _busy(client: Client, store: Store) -> list[str]:
    """The workflows that have something to do, with what."""
    found: list[str] = []
    soon = datetime.now(UTC) + _QUIET_FOR
    async for listed in client.list_workflows("ExecutionStatus = 'Running'"):
        described = (await client.get_workflow_handle(listed.id).describe()).raw_description
        if described.HasField("pending_workflow_task"):
            attempt = described.pending_workflow_task.attempt
            found.append(f"{listed.id}: a task is to be done (attempt {attempt})")
        found += [f"{listed.id}: {each.activity_type.name}" for each in described.pending_activities]
    for row in await asyncio.to_thread(store.cases.rows, closed=False, limit=10_000):
        if row.view.next_due is not None and row.view.next_due < soon:
            found.append(f"case/{row.case_id}: {row.view.next_summary} at {row.view.next_due.isoformat()}")
    return found


def _lose_an_entry(url: str) -> None:
    """Take the last row from the ledgers that says that something was taken."""
    taken = select(func.max(ledger.c.at)).where(ledger.c.kind == RowKind.TAKEN).scalar_subquery()
    database = Database.open(url)
    with database.write() as connection:
        connection.execute(delete(ledger).where(ledger.c.kind == RowKind.TAKEN, ledger.c.at == taken))
    database.close()


def _chance(plan: Plan, whose: str) -> random.Random:
    return random.Random(f"{plan.seed}/{whose}")  # noqa: S311  no secrets, and it has to come again


def _say_no_more(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Leave out what the SDK's client abandons when a request is given up; it is sent again, and counted."""
    if "never retrieved" not in str(context.get("message")):
        loop.default_exception_handler(context)


def _commit() -> str:
    said = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    return said.stdout.strip() or "unknown"
