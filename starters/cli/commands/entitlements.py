"""``entitlements``: which go on, and what ends them first."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from starters.cli import zones
from starters.cli.options import option
from starters.cli.running import stored

USUAL = 50
MOST = 1000


class Sort(StrEnum):
    """What comes first."""

    END = "end"
    LEFT = "left"


def list_entitlements(
    account: Annotated[str | None, option("--account", "ID", "Only of this account.")] = None,
    sort: Annotated[
        Sort, typer.Option(help="What comes first: the soonest to end, or with the least of its cap left.")
    ] = Sort.END,
    limit: Annotated[int, typer.Option(min=1, max=MOST, metavar="N", help="At most so many.")] = USUAL,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the entitlements that have not ended: whose they are, when they end, and what is left of each.

    What is left is what the ledger in the store says; balance asks the entitlement itself.

    Example: milepost entitlements --sort left
    """
    from starters.operations.running_out import RunningOut

    now = datetime.now(UTC)
    with stored() as store:
        found, more = RunningOut(store).soonest(now=now, account=account, by=sort.value, limit=limit)
        if account and not found:
            store.names.check(account=account)
    if as_json:
        import json

        typer.echo(json.dumps([one.model_dump(mode="json") for one in found], indent=2, ensure_ascii=False))
    else:
        from starters.terminal.cases import console
        from starters.terminal.entitlements import entitlement_table

        zone = zones.shown(zones.of_account(account))
        console().print(entitlement_table(found, now.astimezone(zone).date()))
    if more:
        typer.echo(f"milepost: there are more than these {limit}; give --account, or --limit", err=True)
