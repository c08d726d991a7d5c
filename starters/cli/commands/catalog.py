"""``apply``: what an organisation declares, from its files into the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli.running import run

if TYPE_CHECKING:
    from store import Diff
    from worker.relay import Told


def apply(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES...", help="YAML files; together they make one catalog.", show_default=False),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check, and say what would change.")] = False,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who is recorded; you, if left out.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what changes as JSON.")] = False,
) -> None:
    """Apply a catalog: check it whole, then store all of it, or nothing.

    New cases take what is applied. Cases that are open keep the process and the hours that they were opened with. What
    changes of an entitlement that is counted already is told to its count.

    Example: milepost apply catalogs/incidents.yaml --dry-run
    """
    diff, counts = run(_apply(files, dry_run, by))
    typer.echo(diff.model_dump_json(indent=2) if as_json else str(diff))
    say_what_counts_made_of_it(counts, as_json=as_json)


def say_what_counts_made_of_it(counts: Told, *, as_json: bool) -> None:
    """Tell the user what became of running counts; 1 is the exit code if one of them refuses.

    Raises:
        Exit: a count goes on otherwise than it is declared.
    """
    for line in counts.done:
        typer.echo(line, err=as_json)
    for line in counts.refused:
        typer.echo(f"milepost: stored, but the count goes on as it was; {line}", err=True)
    if counts.later:
        typer.echo(f"milepost: stored; a worker will tell the counts that are changed by it ({counts.later})", err=True)
    if counts.refused:
        raise typer.Exit(1)


async def _apply(files: list[Path], dry_run: bool, by: str | None) -> tuple[Diff, Told]:
    import asyncio

    from starters.cli.commands.case import login
    from starters.files.catalogs import apply_files
    from starters.local.whereabouts import connect_to_temporal, effective_settings
    from store import Store
    from worker.private import private_folder
    from worker.relay import Told, tell_counts

    settings = effective_settings()
    private_folder(settings.data)
    store = await asyncio.to_thread(Store.open, settings.database)
    try:
        who = by or login() or "unknown"
        diff = await asyncio.to_thread(apply_files, store, files, by=who, dry_run=dry_run)
        if dry_run:
            return diff, Told(done=[], refused=[])
        return diff, await tell_counts(store, connect_to_temporal, settings.task_queue)
    finally:
        store.close()
