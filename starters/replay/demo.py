"""The demo: real incidents walk their timelines on a real Temporal server, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from rich.console import Console, RenderableType
from rich.text import Text

from domain.reports.compliance import compliance_table
from domain.timeline.views import CaseView
from starters.files.catalogs import apply_files
from starters.local.dev import Running, everything
from starters.logs.events import read_log
from starters.logs.mapping import load_mapping
from starters.logs.oddities import counted, told
from starters.operations.zones import zone_of_plan
from starters.replay.comparison import Compared
from starters.replay.outcome import Outcome, progress_bar, replay_and_compare, verdict
from starters.replay.running import Replay, renamed
from starters.terminal.actions import case_actions
from starters.terminal.cases import case_timeline
from store import Store

TASK_QUEUE = "milepost-demo"
"""Of its own, so that no other worker takes part in it."""

SAVED_VIEWS = {
    "missed promises": 'MilepostStatus IN ("open violation", "closed violation")',
    "critical ones": 'MilepostPriority = "Critical"',
}
"""Queries for the Temporal UI."""

CATALOG = Path(str(files("catalogs").joinpath("incidents.yaml")))
MAPPING = Path(str(files("catalogs").joinpath("incidents.mapping.yaml")))
SAMPLE = Path(str(files("starters").joinpath("incident_sample", "incident_event_log.csv")))


@contextlib.asynccontextmanager
async def demo_running(console: Console) -> AsyncIterator[Running]:
    """What the demo runs on: a server with UI and virtual clock, a store of its own and a worker; nothing is kept."""
    async with everything(ephemeral=True, task_queue=TASK_QUEUE, virtual_clock=True, console=console) as running:
        yield running


async def run_demo(running: Running, *, limit: int, progress: Console) -> Outcome:
    """Apply the catalog of incidents, replay the sample and hold it against the pure run.

    Args:
        running: what it runs on.
        limit: at most so many incidents of the sample.
        progress: where the progress bar is drawn.

    Raises:
        MilepostError: it did not come to its end.
    """
    await asyncio.to_thread(apply_files, running.store, [CATALOG], by="milepost demo")
    catalog = await asyncio.to_thread(running.store.catalog.everything)
    read = read_log(SAMPLE, load_mapping(MAPPING))
    for line in told(SAMPLE.name, counted(read.oddities)):
        progress.print(line, soft_wrap=True, markup=False, highlight=False)
    cases = read.cases[:limit]
    if running.server.embedded is None:
        # On a server that goes on living the incidents of an earlier demo are there still.
        cases = tuple(renamed(case, f"demo-{uuid4().hex[:8]}-") for case in cases)
    with progress_bar(progress, cases=len(cases)) as tell:
        replay = Replay(running.client, task_queue=TASK_QUEUE, told=tell)
        return await replay_and_compare(replay, cases, running.store, catalog)


def report(outcome: Outcome, store: Store) -> Iterator[RenderableType]:
    """Compliance by priority, one case's timeline with its actions, and whether both runs are equal."""
    yield compliance_table(outcome.compliance(), by="priority")
    case = telling_case(outcome.compared)
    if case is not None:
        yield Text("\nOne of them\n", style="bold")
        zone = zone_of_plan(store.cases.get(case.case_id).carried.plan)
        yield case_timeline(case, zone=zone, actions=case_actions(store, case.case_id))
    yield Text()
    yield verdict(outcome)


def where_to_look(running: Running, outcome: Outcome) -> RenderableType:
    """How to see it all in the Temporal UI."""
    case = telling_case(outcome.compared)
    ui = running.whereabouts.ui
    text = Text("\nIn the Temporal UI", style="bold")
    workflows = f"{ui or '<your Temporal UI>'}/namespaces/{quote(running.whereabouts.namespace)}/workflows"
    links = {"all cases": workflows}
    for name, query in SAVED_VIEWS.items():
        links[name] = f"{workflows}?query={quote(query)}"
    if case is not None:
        links["the case above"] = f"{workflows}/{quote(f'case/{case.case_id}', safe='')}"
    for name, link in links.items():
        text.append(f"\n  {name:<16} ", style="not bold")
        text.append(link, style="not bold cyan")
    return text


def telling_case(compared: Iterable[Compared]) -> CaseView | None:
    """The case that shows most kinds of things in the fewest lines; of equal ones the first."""
    return max((one.durable for one in compared), key=_interest, default=None)


def _interest(view: CaseView) -> tuple[int, int]:
    milestones = view.milestones
    shows = {firing.trigger.partition("-")[0] for m in milestones for firing in m.fired}
    shows |= {"pause" for m in milestones if any(p.to_at for p in m.pauses)}
    shows |= {"violated" if m.violated else "met" for m in milestones if m.completed_at}
    shows |= {"late" for m in milestones for firing in m.fired if firing.due_at != firing.at}
    return len(shows), -sum(2 * len(m.pauses) + len(m.fired) for m in milestones)
