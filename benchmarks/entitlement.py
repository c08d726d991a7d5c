"""How fast one entitlement counts when everybody wants it at once, and that it counts right meanwhile.

    python benchmarks/entitlement.py [--cases N] [--durable]

On a server of its own and one worker, tuned as in production, whose store is a database in a file. The server's commits
do not wait for the disk, so that no disk is measured; with `--durable` they do. (A server that `TEMPORAL_ADDRESS` names
is used instead.) Three things are measured:

- a burst: 5,000 consumptions at one moment through one gate, then the same 5,000 once more, as they come when their
  answers were lost; several times over, and the fastest counts;
- a stream: consumptions at random instants, each timed from the instant at which it was due to be sent;
- cases, opened under one entitlement: each a workflow of its own with its opening activity, as fast as the machine can.

Afterwards nothing may be lost or be there twice, neither in the answers nor in the balance nor in the store. The
entitlement of the stream has to go on in a new run meanwhile (the server suggests it at 4 MiB or 4,096 events); so does
that of 5,000 cases. Prints a table and writes it to `benchmarks/results/entitlement.json`. Ends with 1 if the count is
wrong or a goal is missed. The goals are for a machine that has nothing else to do.
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
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from uuid import uuid4

from rich.console import Console
from rich.table import Table
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from clients.cases import MilepostClient
from clients.entitlements import Entitlements, NobodyCounts
from clients.gate import UsageGate
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Catalog
from domain.errors import MilepostError
from domain.messages.cases import CaseIntake
from domain.usage.audit import audit
from domain.usage.requests import Consumed, Consumption, EntitlementTerms, workflow_id
from domain.usage.rows import LedgerRow
from store import Store
from worker.connection import settle
from worker.embedded import running_server
from worker.garbage import collect_garbage_seldom
from worker.process import working

BURST = 5_000
BURSTS = 3
STREAM_PER_SECOND = 300
STREAM_SECONDS = 20
"""Longer than a run: an update comes with some nine events, and there are thirty or so a second."""
CASES = 1_000
"""By default; 5,000 take several minutes."""

CASES_AT_ONCE = 40
"""Cases that are being opened at any moment."""

GOAL_PER_SECOND = 5_000
GOAL_P99_MILLISECONDS = 100.0

OPENED_WITHIN = 120.0
"""Seconds after which a case that is not open counts as lost."""

RECORDED_WITHIN = 120.0
"""Seconds in which the store has to have everything; rows of the ledger arrive in the background."""

LOOK_EVERY = 0.1
WARM_UP = 200


def catalog(names: Sequence[str]) -> Catalog:
    """An account for each name, with one entitlement of that name for which cases are counted."""
    week = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
    milestones = [{"name": "First response", "within": "4h"}, {"name": "Resolution", "within": "16h"}]
    return Catalog.model_validate(
        {
            "organisation": {"name": "Example", "time_zone": "America/New_York"},
            "business_hours": [{"name": "Office", "time_zone": "America/New_York", "week": week}],
            "processes": [{"name": "Support", "business_hours": "Office", "milestones": milestones}],
            "accounts": [{"id": name} for name in names],
            "entitlements": [
                {
                    "id": name,
                    "account": name,
                    "process": "Support",
                    "starts_on": "2025-01-15",
                    "allowance": {"unit": "cases", "cap": 1_000_000, "period": "quarter"},
                }
                for name in names
            ],
        }
    )


# --- what it runs on ---


@dataclass(frozen=True)
class Running:
    """A server with one worker, and the worker's store."""

    client: Client
    store: Store
    task_queue: str
    name: str

    def gate(self) -> UsageGate:
        """A gate as the worker has one."""
        return UsageGate(self.client, self.task_queue)

    def entitlement(self, name: str) -> str:
        """An entitlement that no other run of this benchmark uses."""
        return f"{self.name}-{name}"

    def terms(self, entitlement: str) -> EntitlementTerms:
        """By which it is counted."""
        declared, organisation = self.store.catalog.entitlement(entitlement), self.store.catalog.organisation()
        account = self.store.catalog.account(declared.account)
        return entitlement_terms(declared, account, organisation, now=datetime.now(UTC))


@asynccontextmanager
async def running(*, durable: bool) -> AsyncIterator[Running]:
    """Server, store and worker, for as long as the context lasts; nothing is kept."""
    collect_garbage_seldom()
    name = f"bench-{uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(prefix="milepost-benchmark-", ignore_cleanup_errors=True) as folder:
        async with running_server(Path(folder) / "server" if durable else None, virtual_clock=False) as server:
            with Store.open(f"sqlite:///{Path(folder) / 'milepost.db'}") as store:
                names = ["warm", *(f"burst-{number}" for number in range(BURSTS)), "stream", "cases"]
                store.catalog.apply(catalog([f"{name}-{one}" for one in names]), by="benchmark")
                async with working(server.client, store, task_queue=name):
                    yield Running(server.client, store, name, name)
        del server
        await settle()


# --- the count ---


@dataclass
class Counted:
    """What became of an entitlement.

    Attributes:
        updates: of all runs of its workflow, as are the events.
        rolled_over: how many times it went on in a new run before the last answer came.
        recorded_seconds: until the store had everything, after the last answer.
        wrong: what is lost or there twice, a line each.
    """

    updates: int
    events: int
    rolled_over: int
    recorded_seconds: float
    wrong: list[str] = field(default_factory=list)


async def counted(run: Running, entitlement: str, references: Sequence[str], answers: Sequence[Consumed]) -> Counted:
    """Hold answers, balance and store against what was asked for, at the moment of the last answer."""
    answered_at = datetime.now(UTC)
    rows, seconds = await _recorded(run, entitlement, len(references))
    balance = await Entitlements(run.client, run.task_queue, patience=30).balance(entitlement)
    if balance is None:
        raise AssertionError(f"nobody counts {entitlement}")
    wrong = [*_wrong_answers(references, answers), *_wrong_rows(references, rows)]
    wrong += [f"{entitlement}: {line}" for line in audit(rows, balance)]
    if balance.current.used != len(references):
        wrong.append(f"{entitlement}: the balance says {balance.current.used} of {len(references):,}")
    updates, events, rolled_over = await _history(run.client, entitlement, until=answered_at)
    return Counted(updates, events, rolled_over, seconds, wrong)


def _wrong_answers(references: Sequence[str], answers: Sequence[Consumed]) -> Iterator[str]:
    if [answer.reference for answer in answers] != list(references):
        yield "answers are missing, or are those of others"
    for outcome, count in Counter(answer.outcome for answer in answers if not answer.is_taken).items():
        yield f"{count:,} are answered {outcome}"


def _wrong_rows(references: Sequence[str], rows: Sequence[LedgerRow]) -> Iterator[str]:
    times = Counter(row.reference for row in rows)
    if missing := set(references) - set(times):
        yield f"{len(missing):,} are missing in the store"
    if strange := set(times) - set(references):
        yield f"{len(strange):,} are in the store that nobody asked for"
    if twice := sum(1 for count in times.values() if count > 1):
        yield f"{twice:,} are in the store more than once"
    if (total := sum(row.used for row in rows)) != len(references):
        yield f"the ledger adds up to {total:,} of {len(references):,}"


async def _recorded(run: Running, entitlement: str, count: int) -> tuple[list[LedgerRow], float]:
    begin = perf_counter()
    while True:
        rows = await asyncio.to_thread(run.store.ledgers.rows, entitlement)
        waited = perf_counter() - begin
        if len(rows) >= count or waited > RECORDED_WITHIN:
            return rows, waited
        await asyncio.sleep(LOOK_EVERY)


async def _history(client: Client, entitlement: str, *, until: datetime) -> tuple[int, int, int]:
    """Updates and events of all runs, and how many of them went on in the next until an instant."""
    described = await client.get_workflow_handle(workflow_id(entitlement)).describe()
    run_id = described.raw_description.workflow_execution_info.first_run_id
    updates = events = rolled_over = 0
    while run_id:
        history = await client.get_workflow_handle(workflow_id(entitlement), run_id=run_id).fetch_history()
        kinds = Counter(event.event_type for event in history.events)
        updates += kinds[EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED]
        events += len(history.events)
        last = history.events[-1]
        run_id = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        rolled_over += bool(run_id) and last.event_time.ToDatetime(UTC) <= until
    return updates, events, rolled_over


# --- what is measured ---


@dataclass
class Measured:
    """One line of the table; latencies are in milliseconds."""

    count: int
    seconds: float
    latencies: list[float]
    counted: Counted

    @property
    def per_second(self) -> float:
        """How many were answered in a second."""
        return self.count / self.seconds

    def percentile(self, percent: int) -> float:
        """By nearest rank."""
        ordered = sorted(self.latencies)
        return ordered[-(-len(ordered) * percent // 100) - 1]

    def document(self) -> dict[str, object]:
        """For the results."""
        return {
            "count": self.count,
            "seconds": self.seconds,
            "per_second": self.per_second,
            **{f"p{percent}_milliseconds": self.percentile(percent) for percent in (50, 99, 100)},
            **vars(self.counted),
        }


def consumption(reference: str) -> Consumption:
    """One case is opened."""
    return Consumption(
        reference=reference,
        event_id=f"open-{reference}-{uuid4()}",
        unit="cases",
        occurred_at=datetime.now(UTC),
        case_id=reference,
        by="benchmark",
    )


async def burst(run: Running, name: str) -> tuple[Measured, Measured]:
    """All at one moment, and then all of them once more."""
    entitlement = run.entitlement(name)
    terms, gate = run.terms(entitlement), run.gate()
    consumptions = [consumption(f"{entitlement}-{number}") for number in range(BURST)]
    references = [one.reference for one in consumptions]
    results = []
    for _ in range(2):
        begin = perf_counter()
        timed = await asyncio.gather(*(_timed(gate.consume(terms, one), begin) for one in consumptions))
        seconds = perf_counter() - begin
        answers = [answer for answer, _ in timed]
        latencies = [latency for _, latency in timed]
        results.append(Measured(BURST, seconds, latencies, await counted(run, entitlement, references, answers)))
    first, again = results
    if any(answer.outcome != "already" for answer in answers):
        again.counted.wrong.append("something was taken that had been taken before")
    return first, again


async def stream(run: Running) -> Measured:
    """One after another, at random instants."""
    entitlement = run.entitlement("stream")
    terms, gate = run.terms(entitlement), run.gate()
    pick = random.Random(1)
    count = STREAM_PER_SECOND * STREAM_SECONDS
    due = sorted(pick.uniform(0, STREAM_SECONDS) for _ in range(count))
    references = [f"{entitlement}-{number}" for number in range(count)]
    begin = perf_counter()
    sent = []
    for reference, at in zip(references, due, strict=True):
        if (wait := begin + at - perf_counter()) > 0:
            await asyncio.sleep(wait)
        sent.append(asyncio.create_task(_timed(gate.consume(terms, consumption(reference)), begin + at)))
    timed = await asyncio.gather(*sent)
    seconds = perf_counter() - begin
    latencies = [latency for _, latency in timed]
    return Measured(count, seconds, latencies, await counted(run, entitlement, references, [one for one, _ in timed]))


async def _timed(asked: Awaitable[Consumed], since: float) -> tuple[Consumed, float]:
    answer = await asked
    return answer, (perf_counter() - since) * 1000


async def cases_opened(run: Running, count: int) -> Measured:
    """Cases are opened, some at any moment, as fast as the machine can."""
    entitlement = run.entitlement("cases")
    client = MilepostClient(run.client, task_queue=run.task_queue, patience=OPENED_WITHIN)
    cases = [f"{entitlement}-{number}" for number in range(count)]
    waiting = iter(cases)
    latencies: list[float] = []

    async def open_one_after_another() -> None:
        for case in waiting:
            since = perf_counter()
            await client.open(CaseIntake(case_id=case, account=entitlement, by="benchmark"))
            latencies.append((perf_counter() - since) * 1000)

    begin = perf_counter()
    await asyncio.gather(*(open_one_after_another() for _ in range(CASES_AT_ONCE)))
    seconds = perf_counter() - begin
    # That a case was opened is the answer; that it was granted, its record says.
    granted = await asyncio.to_thread(lambda: [run.store.cases.get(case).entitlement == entitlement for case in cases])
    answers = [
        Consumed(reference=case, outcome="granted" if is_granted else "overflow", unit="cases")
        for case, is_granted in zip(cases, granted, strict=True)
    ]
    result = await counted(run, entitlement, cases, answers)
    if len(latencies) != count:
        result.wrong.append(f"{len(latencies):,} of {count:,} openings are answered")
    return Measured(count, seconds, latencies, result)


# --- the table ---


async def measured(cases: int, *, durable: bool) -> dict[str, Measured]:
    """All of it, one after another, with a worker that has been at work before."""
    async with running(durable=durable) as run:
        warm = run.entitlement("warm")
        terms, gate = run.terms(warm), run.gate()
        await asyncio.gather(*(gate.consume(terms, consumption(f"{warm}-{number}")) for number in range(WARM_UP)))
        bursts = [await burst(run, f"burst-{number}") for number in range(BURSTS)]
        found = {
            "burst": _fastest([first for first, _ in bursts]),
            "the same again": _fastest([again for _, again in bursts]),
            "stream": await stream(run),
        }
        if cases:
            found["cases opened"] = await cases_opened(run, cases)
        return found


def _fastest(several: Sequence[Measured]) -> Measured:
    """The fastest of several, with what is wrong with any."""
    fastest = min(several, key=lambda one: one.seconds)
    fastest.counted.wrong = [line for one in several for line in one.counted.wrong]
    return fastest


def shortcomings(found: dict[str, Measured]) -> list[str]:
    """What is wrong with the count, and which goals are missed; a line each."""
    lines = [f"{name}: {line}" for name, one in found.items() for line in one.counted.wrong]
    burst, stream = found["burst"], found["stream"]
    if stream.counted.rolled_over == 0:
        lines.append("stream: its entitlement did not go on in a new run meanwhile, so that was not measured")
    if burst.per_second < GOAL_PER_SECOND:
        lines.append(f"burst: {burst.per_second:,.0f} consumptions a second; the goal is {GOAL_PER_SECOND:,}")
    if (p99 := stream.percentile(99)) > GOAL_P99_MILLISECONDS:
        lines.append(f"stream: 99% are answered within {p99:.0f} ms; the goal is {GOAL_P99_MILLISECONDS:.0f} ms")
    return lines


def _print(found: dict[str, Measured], load: float) -> None:
    table = Table(title="One entitlement that everybody wants")
    headings = (
        "",
        "count",
        "a second",
        "p50 ms",
        "p99 ms",
        "max ms",
        "updates",
        "events",
        "new runs",
        "stored after s",
    )
    for heading in headings:
        table.add_column(heading, justify="right" if heading else "left")
    for name, one in found.items():
        table.add_row(
            name,
            f"{one.count:,}",
            f"{one.per_second:,.0f}",
            *(f"{one.percentile(percent):,.0f}" for percent in (50, 99, 100)),
            f"{one.counted.updates:,}",
            f"{one.counted.events:,}",
            f"{one.counted.rolled_over}",
            f"{one.counted.recorded_seconds:.1f}",
        )
    console = Console(width=120)
    console.print(table)
    console.print(f"{os.cpu_count()} cores; load average when it began: {load:.1f}")


def main() -> int:
    """Measure, print, write down; 1 if the count is wrong or a goal is missed."""
    parser = argparse.ArgumentParser(description="How fast one entitlement counts when everybody wants it at once.")
    parser.add_argument("--cases", type=int, default=CASES, metavar="N", help="cases to open (%(default)s); 0: none")
    parser.add_argument("--durable", action="store_true", help="let the server's commits wait for the disk")
    asked = parser.parse_args()
    cases: int = asked.cases
    if cases < 0:
        parser.error(f"--cases {cases}: 0 or more")
    load = os.getloadavg()[0]
    try:
        found = asyncio.run(measured(cases, durable=asked.durable))
    except (MilepostError, NobodyCounts) as error:
        print(f"not everything was answered: {error}", file=sys.stderr)
        return 1
    _print(found, load)
    lines = shortcomings(found)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
    document = {name: one.document() for name, one in found.items()}
    written = ROOT / "benchmarks" / "results" / "entitlement.json"
    written.parent.mkdir(exist_ok=True)
    written.write_text(json.dumps({**document, **machine, "load_before": load, "missed": lines}, indent=2) + "\n")
    if not any(one.counted.wrong for one in found.values()):
        print("Nothing is lost, nothing is there twice.")
    for line in lines:
        print(line)
    print(f"Written to {written.relative_to(ROOT)}")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
