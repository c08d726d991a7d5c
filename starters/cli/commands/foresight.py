"""What ``plan``, and ``migrate --dry-run``, show: what newer versions would do to running cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from starters.cli import zones
from starters.cli.running import run

if TYPE_CHECKING:
    from pathlib import Path

    from domain.messages.migrations import CaseSelection
    from starters.terminal.migrations import Foresight
    from store import Store
    from store.catalog.values import Diff

SOMETHING_WOULD_CHANGE = 3


def show_plan(files: list[Path], selection: CaseSelection, only: str | None, limit: int | None, as_json: bool) -> None:
    """Print what newer versions, or files, would do to the cases that are selected.

    Raises:
        Exit: with 3, if something would change.
    """
    from domain.timeline.preview import Difference
    from starters.terminal.cases import console
    from starters.terminal.migrations import SHOWN_CASES, Foresight, foresight

    seen = Foresight(
        only=Difference(only) if only else None, limit=limit if limit is not None or as_json else SHOWN_CASES
    )
    diff = run(_foresee(files, selection, seen))
    seen.dropped = diff.dropped if diff is not None else []
    if as_json:
        typer.echo(seen.as_json())
    else:
        out = console()
        if diff is not None:
            out.print(f"With these files applied:\n{diff}\n", soft_wrap=True)
        account = selection.accounts[0] if len(selection.accounts) == 1 else None
        for part in foresight(seen, zones.shown(zones.of_account(account))):
            out.print(part)
    if seen.totals.cases:
        raise typer.Exit(SOMETHING_WOULD_CHANGE)


async def _foresee(files: list[Path], selection: CaseSelection, seen: Foresight) -> Diff | None:
    import asyncio

    from starters.local.whereabouts import effective_settings
    from store import Store
    from worker.private import private_folder

    settings = effective_settings()
    private_folder(settings.data)

    def look() -> Diff | None:
        with Store.open(settings.database, "there") as store:
            if not files:
                _collect(store, selection, seen)
                return None
            prospect, diff = _prospect(store, files)
            _collect(prospect, selection, seen)
            return diff

    return await asyncio.to_thread(look)


def _prospect(store: Store, files: list[Path]) -> tuple[Store, Diff]:
    from starters.cli.commands.case import login
    from starters.files.catalogs import apply_files, read_catalog
    from store.prospect import Prospect

    by = login() or "unknown"
    diff = apply_files(store, files, by=by, dry_run=True)  # says of every problem in which file and line it is
    with store.catalog.known() as known:
        catalog = read_catalog(files, known)
    return Prospect.of(store, catalog, by=by), diff


def _collect(store: Store, selection: CaseSelection, seen: Foresight) -> None:
    from starters.operations.previewing import count, previews
    from starters.terminal.cases import console
    from starters.terminal.migrations import bar

    checked = store.running.checked(selection)
    with bar(console(stderr=True), "looking at cases") as progress:
        (task,) = progress.task_ids
        progress.update(task, total=count(store, checked))
        for case in previews(store, checked):
            seen.add(case)
            progress.advance(task)
