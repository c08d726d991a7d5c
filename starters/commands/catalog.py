"""``apply``: what an organisation declares, from its files into the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starters.commands.running import run

if TYPE_CHECKING:
    from store import Diff


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

    New cases take what is applied. Cases that are open keep the process and the hours that they were opened with.

    Example: milepost apply catalogs/incidents.yaml --dry-run
    """
    diff = run(_apply(files, dry_run, by))
    typer.echo(diff.model_dump_json(indent=2) if as_json else str(diff))


async def _apply(files: list[Path], dry_run: bool, by: str | None) -> Diff:
    import asyncio

    from starters.catalog_files import apply_files
    from starters.commands.case import login
    from starters.whereabouts import effective_settings
    from store import Store

    settings = effective_settings()
    settings.data.mkdir(parents=True, exist_ok=True)

    def applied() -> Diff:
        store = Store.open(settings.database)
        try:
            return apply_files(store, files, by=by or login() or "unknown", dry_run=dry_run)
        finally:
            store.close()

    return await asyncio.to_thread(applied)
