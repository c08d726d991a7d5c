"""What came of a replay: each case beside its pure run, and what both say of the promises."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from domain.catalog.declarations import Catalog
from domain.reports.compliance import ComplianceRow, compliance
from starters.backtest.pure_run import plan_for
from starters.logs.events import LoggedCase
from starters.logs.oddities import OddityCount
from starters.replay.comparison import Compared, compare
from starters.replay.running import Replay, Replayed, Tally
from store import Store

SHOWN_DIFFERENCES = 20
PRIORITIES = ("Critical", "High", "Moderate", "Low")


@dataclass(frozen=True)
class Outcome:
    """What came of a replay.

    Attributes:
        compared: each case of it, with its pure run beside it.
        seconds: how long the durable run took; `pure_seconds` the pure one.
        events: how many there were.
        actions: how many were carried out.
    """

    compared: list[Compared]
    seconds: float
    pure_seconds: float
    events: int
    actions: int

    @property
    def differences(self) -> list[str]:
        """What differs between the durable and the pure run, one line each."""
        return [line for one in self.compared for line in one.differences]

    @property
    def milestones(self) -> int:
        """How many milestone instances there were."""
        return sum(len(one.durable.milestones) for one in self.compared)

    @property
    def fired(self) -> int:
        """How many triggers fired."""
        return sum(len(m.fired) for one in self.compared for m in one.durable.milestones)

    def compliance(self) -> list[ComplianceRow]:
        """Of each milestone, by priority."""
        results = ((one.durable, one.pure.kept) for one in self.compared)
        return compliance(results, by="priority", groups=PRIORITIES)


async def replay_and_compare(replay: Replay, cases: Sequence[LoggedCase], store: Store, catalog: Catalog) -> Outcome:
    """Walk cases through their workflows and hold each against its pure run.

    Raises:
        Refused: a case or an event is not taken.
        ReplayFailed: nothing answered for too long.
        NotFound: the catalog lacks what the pure run needs.
    """
    began = time.monotonic()
    replayed = await replay.run(cases)
    seconds = time.monotonic() - began
    return await asyncio.to_thread(_held_against, replayed, store, catalog, seconds)


def _held_against(replayed: list[Replayed], store: Store, catalog: Catalog, seconds: float) -> Outcome:
    case_ids = [one.case.case_id for one in replayed]
    done = {
        case_id: {a.key for a in store.actions.of_case(case_id) if a.status in {"done", "dropped"}}
        for case_id in case_ids
    }
    began = time.monotonic()
    compared: dict[str, Compared] = {}
    by_entitlement: dict[str | None, list[Replayed]] = {}
    for one in replayed:
        by_entitlement.setdefault(store.cases.get(one.case.case_id).entitlement, []).append(one)
    for entitlement, group in by_entitlement.items():
        plan = plan_for(catalog, [one.case for one in group], entitlement=entitlement)
        compared |= {c.durable.case_id: c for c in compare(group, plan, done)}
    return Outcome(
        compared=[compared[one.case.case_id] for one in replayed],
        seconds=seconds,
        pure_seconds=time.monotonic() - began,
        events=sum(len(one.case.events) for one in replayed),
        actions=sum(map(len, done.values())),
    )


def verdict(outcome: Outcome) -> RenderableType:
    """Whether the durable and the pure run are equal, and how long each took."""
    cases = len(outcome.compared)
    text = Text()
    text.append(
        f"{cases} cases, {outcome.events} events, {outcome.milestones} milestones, {outcome.fired} triggers fired, "
        f"{outcome.actions} actions carried out, in {outcome.seconds:.1f} s "
        f"(the pure timeline alone: {outcome.pure_seconds:.1f} s).\n"
    )
    differing = sum(bool(one.differences) for one in outcome.compared)
    if not differing:
        text.append("Durable and pure results are equal", style="bold green")
        text.append(f", instance by instance: {cases} of {cases} cases.")
        return text
    text.append("Durable and pure results DIFFER", style="bold red")
    text.append(f" in {differing} of {cases} cases:")
    shown = outcome.differences[:SHOWN_DIFFERENCES]
    more = len(outcome.differences) - len(shown)
    lines = [f"  {line}" for line in shown] + ([f"  and {more} more"] if more else [])
    return Group(text, *map(Text, lines))


def outcome_json(outcome: Outcome, oddities: Sequence[OddityCount]) -> str:
    """The outcome for programs, with what was strange about the log."""
    shown = {
        "cases": len(outcome.compared),
        "events": outcome.events,
        "milestones": outcome.milestones,
        "triggers_fired": outcome.fired,
        "seconds": round(outcome.seconds, 3),
        "equal": not outcome.differences,
        "differences": outcome.differences,
        "oddities": [one.model_dump(mode="json") for one in oddities],
        "compliance": [row.model_dump(mode="json") for row in outcome.compliance()],
    }
    return json.dumps(shown, indent=2)


@contextmanager
def progress_bar(console: Console, *, cases: int) -> Iterator[Callable[[Tally], None]]:
    """A progress bar over the cases of a replay; call what it gives with each `Tally`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("cases, {task.fields[events]} events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Replaying", total=cases, events=0)

        def tell(tally: Tally) -> None:
            waiting = f"[yellow]Waiting: {tally.waiting_for}[/yellow]" if tally.waiting_for else "Replaying"
            progress.update(task, completed=tally.cases_done, events=tally.events_sent, description=waiting)

        yield tell
