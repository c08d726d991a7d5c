"""``replay`` and ``demo``: an event log walks through real workflows in virtual time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli.options import argument, option
from starters.cli.running import run, until_stopped

if TYPE_CHECKING:
    from rich.console import Console

    from starters.logs.events import EventLog, LoggedCase
    from starters.replay.outcome import Outcome

CaseOption = Annotated[
    list[str],
    option("--case", "ID", "Only this case, by its id here or in the log; may be repeated."),
]


def replay(
    log: Annotated[Path, argument("LOG", "The event log, a CSV or XES file.")],
    mapping: Annotated[Path, option("--mapping", "FILE", "Which of its columns is what.")],
    catalog: Annotated[
        list[Path] | None,
        option("--catalog", "FILE", "Applied first; may be repeated. Left out: as it is applied."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many cases.", show_default=False)] = None,
    at_once: Annotated[int, typer.Option("--at-once", min=1, max=100, help="Cases that walk at one time.")] = 12,
    case: CaseOption = [],  # noqa: B006  Typer reads it, nobody changes it
    prefix: Annotated[
        str,
        option("--prefix", "TEXT", "Put before each case's id, to replay a log a second time."),
    ] = "",
    oddities: Annotated[
        bool, typer.Option("--oddities", help="List all rows that are strange, not the first of each kind.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Walk the cases of an event log through real workflows, on the log's own dates, in virtual time.

    It runs on the server that TEMPORAL_ADDRESS names or that milepost dev runs, with their workers; where there is none
    it starts its own and keeps its state. Stopped in the middle, the same command goes on from there and repeats no
    event.

    No other cases may have these ids: take a new store (MILEPOST_DATA), or --prefix.

    Ends with 1 if a case did not end as the pure timeline says.

    Example:
    milepost replay log.csv --mapping catalogs/incidents.mapping.yaml --catalog catalogs/incidents.yaml --limit 20
    """
    run(
        _replay(
            log,
            mapping,
            catalog or [],
            case,
            limit=limit,
            at_once=at_once,
            prefix=prefix,
            oddities=oddities,
            as_json=as_json,
        )
    )


def demo(
    limit: Annotated[int, typer.Option(min=1, max=150, help="How many of the sample's 150 incidents.")] = 120,
    keep: Annotated[
        bool | None,
        typer.Option(
            "--keep/--no-keep",
            help="Keep server and UI running until Ctrl-C, to look at it all; by default on a terminal only.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Replay real incidents on a real Temporal server, and see which promises were kept.

    Incidents of a ServiceNow log walk through an ITSM policy, in virtual time. Nothing is kept.

    Ends with 1 if a case did not end as the pure timeline says.
    """
    run(_demo(limit, sys.stdout.isatty() if keep is None else keep))


async def _demo(limit: int, keep: bool) -> None:
    from starters.replay.demo import demo_running, report, run_demo, where_to_look
    from starters.terminal.cases import console

    out, progress = console(), console(stderr=True)
    async with demo_running(progress) as running:
        outcome = await run_demo(running, limit=limit, progress=progress)
        for part in report(outcome, running.store):
            out.print(part)
        if keep:
            out.print(where_to_look(running, outcome), soft_wrap=True)
            out.print("\nServer and UI run until Ctrl-C; in another terminal try: milepost show CASE", soft_wrap=True)
            async with until_stopped() as stopped:
                await stopped.wait()
        else:
            out.print("To look at it all in the Temporal UI: milepost demo --keep")
    _fail_if_different(outcome)


async def _replay(
    log: Path,
    mapping: Path,
    files: list[Path],
    only: list[str],
    *,
    limit: int | None,
    at_once: int,
    prefix: str,
    oddities: bool,
    as_json: bool,
) -> None:
    import asyncio

    from domain.reports.compliance import compliance_table
    from starters.cli.commands.case import login
    from starters.files.catalogs import apply_files
    from starters.local.dev import at_hand
    from starters.logs.events import read_log
    from starters.logs.mapping import load_mapping
    from starters.logs.oddities import counted
    from starters.replay.outcome import outcome_json, progress_bar, replay_and_compare, verdict
    from starters.replay.running import Replay
    from starters.terminal.cases import console

    progress = console(stderr=True)
    read = read_log(log, load_mapping(mapping))
    _tell_oddities(log, read, oddities, progress)
    cases = _under(prefix, _chosen(read, only, limit))
    async with at_hand(virtual_clock=True, console=progress) as running:
        if files:
            await asyncio.to_thread(apply_files, running.store, files, by=login() or "unknown")
        known = await asyncio.to_thread(running.store.catalog.everything)
        with progress_bar(progress, cases=len(cases)) as tell:
            walk = Replay(
                running.client,
                task_queue=running.whereabouts.task_queue,
                at_once=at_once,
                told=tell,
                stored=lambda case_id: running.store.cases.get(case_id).carried,
            )
            outcome = await replay_and_compare(walk, cases, running.store, known)
    if as_json:
        typer.echo(outcome_json(outcome, counted(read.oddities)))
    else:
        out = console()
        out.print(compliance_table(outcome.compliance(), by="priority"))
        out.print(verdict(outcome))
    _fail_if_different(outcome)


def _chosen(read: EventLog, only: list[str], limit: int | None) -> list[LoggedCase]:
    """The cases of the log that are asked for, in its order."""
    known = {known_as for case in read.cases for known_as in (case.case_id, case.shown_id)}
    if unknown := [case_id for case_id in only if case_id not in known]:
        from domain.criteria.fields import nearest

        raise typer.BadParameter(
            f"the log has no case {unknown[0]!r}; {nearest(unknown[0], known)}", param_hint="--case"
        )
    return [case for case in read.cases if not only or case.case_id in only or case.shown_id in only][:limit]


def _under(prefix: str, cases: list[LoggedCase]) -> list[LoggedCase]:
    """The cases with ids that begin with a prefix, if they can."""
    import re

    from domain.bounds import quoted
    from domain.ids import CASE_ID, ID_IN_WORDS
    from starters.replay.running import renamed

    if not prefix:
        return cases
    found = [renamed(one, prefix) for one in cases]
    if wrong := next((one.case_id for one in found if not re.fullmatch(CASE_ID, one.case_id)), None):
        raise typer.BadParameter(f"with it {quoted(wrong)} is no id of a case: {ID_IN_WORDS}", param_hint="--prefix")
    return found


def _tell_oddities(log: Path, read: EventLog, listed: bool, console: Console) -> None:
    from starters.logs.oddities import SHOWN, counted, told

    for line in told(str(log), counted(read.oddities, most=None if listed else SHOWN)):
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _fail_if_different(outcome: Outcome) -> None:
    if outcome.differences:
        raise typer.Exit(1)
