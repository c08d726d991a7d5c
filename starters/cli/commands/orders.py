"""``order``: what a customer has ordered, as contract, line items and entitlements."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli.commands.catalog import say_what_counts_made_of_it
from starters.cli.options import By, argument
from starters.cli.running import run

if TYPE_CHECKING:
    from starters.operations.ordering import OrderPlaced


def order(
    file: Annotated[Path, argument("FILE", "YAML or JSON; one order.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check, and say what would change.")] = False,
    by: By = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what changes as JSON.")] = False,
) -> None:
    """Place an order: make the contract, the line items and the entitlements of each product's templates.

    The same order again changes nothing. A changed one under its id amends what it made: quantity, end, cancelled
    lines.

    Example: milepost order catalogs/tiers.order.yaml --dry-run
    """
    placed = run(_order(file, dry_run, by))
    typer.echo(placed.model_dump_json(indent=2) if as_json else str(placed))
    say_what_counts_made_of_it(placed.counts, as_json=as_json)


async def _order(file: Path, dry_run: bool, by: str | None) -> OrderPlaced:
    import asyncio
    from datetime import UTC, datetime

    from domain.orders.placing import OrderProblems
    from starters.cli.commands.case import login
    from starters.local.whereabouts import connect_to_temporal, effective_settings
    from starters.operations.ordering import place_order, read_order
    from store import Store
    from worker.private import private_folder

    ordered = read_order(file)
    settings = effective_settings()
    private_folder(settings.data)
    store = await asyncio.to_thread(Store.open, settings.database, "made")
    try:
        return await place_order(
            store,
            ordered.order,
            by=by or login() or "unknown",
            at=datetime.now(UTC),
            connect=connect_to_temporal,
            task_queue=settings.task_queue,
            dry_run=dry_run,
        )
    except OrderProblems as problems:
        raise ordered.located(problems) from None
    finally:
        store.close()
