"""``apply``: what an organisation declares, from its files into the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli.options import By, argument
from starters.cli.running import run

if TYPE_CHECKING:
    from store.catalog.values import Diff
    from worker.relay import Told
    from worker.subscribing import Followed


def apply(
    files: Annotated[
        list[Path],
        argument("FILES...", "YAML files; together they make one catalog."),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check, and say what would change.")] = False,
    by: By = None,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            help="Take what the files say where it was amended by hand since, and of what they leave out the default.",
        ),
    ] = False,
    show_amended: Annotated[
        bool,
        typer.Option(
            "--show-amended",
            help="Only print the lines that would bring the files up to date with what was amended by hand.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what changes as JSON.")] = False,
) -> None:
    """Apply a catalog: check it whole, then store all of it, or nothing.

    New cases take what is applied. Cases that are open keep the process and the hours that they were opened with.
    Entitlements in use are told what changes for them. What was amended by hand stays, unless the files change it too:
    then you are asked, and also where the files leave out something that they said before.

    Exit code 0: stored; 1: stored, but an entitlement in use goes on by its old terms; 2: nothing was stored.

    Example: milepost apply catalogs/incidents.yaml --dry-run
    """
    if show_amended:
        diff, _, _ = run(_apply(files, by, dry_run=True, consent=True))
        typer.echo(_lines_to_add(diff))
        return
    diff, counts, followed = run(_apply(files, by, dry_run=dry_run, consent=yes))
    if diff.asks:
        _ask(diff)
        diff, counts, followed = run(_apply(files, by, dry_run=False, consent=True))
    typer.echo(diff.model_dump_json(indent=2) if as_json else str(diff))
    for doubt in diff.doubts:
        typer.echo(f"milepost: probably a mistake: {doubt}", err=True)
    _say_what_is_not_promised(diff)
    _say_what_follows_it(followed, as_json=as_json)
    say_what_counts_made_of_it(counts, as_json=as_json)


def _say_what_is_not_promised(diff: Diff) -> None:
    """Warn of entitlements that came or changed and have no process, beside others of their account that have one."""
    from domain.coverage.promising import unpromising
    from starters.cli.running import stored

    names = [*diff.of("entitlements", "created"), *diff.of("entitlements", "changed")]
    if diff.dry_run or not names:
        return
    with stored() as store:
        accounts = sorted({store.catalog.entitlement(name).account for name in names})
        for account in accounts:
            for line in unpromising(store.catalog.entitlements_of(account)):
                typer.echo(f"milepost: {line}", err=True)


def _ask(diff: Diff) -> None:
    """Ask whether what the files say is to be taken.

    Raises:
        Exit: no, or nobody is there to be asked.
    """
    import sys

    for line in diff.to_be_asked:
        typer.echo(str(line), err=True)
    if not sys.stdin.isatty():
        typer.echo("milepost: nothing was stored; --yes takes what the files say", err=True)
        raise typer.Exit(2)
    typer.confirm("Take what the files say?", abort=True, err=True)


def _lines_to_add(diff: Diff) -> str:
    from domain.catalog.three_way import lines_to_add
    from starters.files.yaml import as_yaml

    lines = lines_to_add(diff.against)
    if not lines:
        return "nothing was amended by hand that the files do not say"
    return as_yaml(lines)


def say_what_counts_made_of_it(counts: Told, *, as_json: bool) -> None:
    """Tell the user what became of running counts; 1 is the exit code if one of them refuses.

    Raises:
        Exit: a count goes on otherwise than it is declared.
    """
    for line in counts.done:
        typer.echo(line, err=as_json)
    for line in counts.refused:
        typer.echo(f"milepost: stored, but the entitlement goes on by its old terms: {line}", err=True)
    if counts.later:
        typer.echo(f"milepost: stored; a worker will tell the entitlements that it changes ({counts.later})", err=True)
    if counts.refused:
        raise typer.Exit(1)


def _say_what_follows_it(followed: Followed, *, as_json: bool) -> None:
    for line in followed.done:
        typer.echo(line, err=as_json)
    if followed.later:
        said = "a worker will begin or end the subscriptions and reports that are changed by it"
        typer.echo(f"milepost: stored; {said} ({followed.later})", err=True)


async def _apply(files: list[Path], by: str | None, *, dry_run: bool, consent: bool) -> tuple[Diff, Told, Followed]:
    import asyncio

    from starters.cli.commands.case import login
    from starters.files.catalogs import apply_files
    from starters.local.whereabouts import connect_to_temporal, effective_settings
    from store import Store
    from worker.private import private_folder
    from worker.relay import Told, tell_counts
    from worker.scheduling import follow_reports
    from worker.subscribing import Followed, follow_subscriptions

    settings = effective_settings()
    private_folder(settings.data)
    store = await asyncio.to_thread(Store.open, settings.database, "made")
    try:
        who = by or login() or "unknown"
        diff = await asyncio.to_thread(apply_files, store, files, by=who, dry_run=dry_run, consent=consent)
        if dry_run or diff.asks:
            return diff, Told(done=[], refused=[]), Followed(done=[])
        told = await tell_counts(store, connect_to_temporal, settings.task_queue)
        followed = await follow_subscriptions(store, connect_to_temporal, settings.task_queue)
        reports = await follow_reports(store, connect_to_temporal, settings.task_queue)
        return diff, told, Followed(done=followed.done + reports.done, later=followed.later or reports.later)
    finally:
        store.close()
