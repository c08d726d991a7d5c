"""``verify``: is this customer entitled, and to what?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli import zones
from starters.cli.arguments import AN_INSTANT, instant
from starters.cli.options import AsJson, entitlement_option, option
from starters.cli.running import run

if TYPE_CHECKING:
    from clients.entitlements import Entitlements
    from domain.coverage.matching import CoverageQuestion
    from starters.operations.verifying import Verified
    from worker.settings import Settings

NOT_COVERED = 3
"""The exit code of a customer whom nothing covers: neither 1 (it went wrong) nor 2 (it can't be asked like that)."""

_PATIENCE = 5.0


def verify(
    account: Annotated[str | None, typer.Option("--account", metavar="ID", show_default=False)] = None,
    contact: Annotated[str | None, option("--contact", "ID", "Who asks.")] = None,
    asset: Annotated[str | None, option("--asset", "ID", "What it is about.")] = None,
    contract: Annotated[str | None, option("--contract", "ID", "A service contract.")] = None,
    line_item: Annotated[str | None, option("--line-item", "ID", "A contract line item.")] = None,
    product: Annotated[str | None, option("--product", "ID", "That of the asset, if left out.")] = None,
    channel: Annotated[str | None, option("--channel", "NAME", "Such as phone.")] = None,
    entitlement: Annotated[str | None, entitlement_option("This one is asked for.")] = None,
    at: Annotated[str | None, option("--at", "INSTANT", f"Like {AN_INSTANT}; now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say which entitlement covers a customer and what is left of it, and why each of the others does not.

    Nothing is taken. Exit code 0: a case opened now would be covered; 3: it would not.

    Example: milepost verify --account acme --asset acme-router-1 --channel phone
    """
    from domain.coverage.matching import CoverageQuestion

    if not (account or contact or asset or contract or line_item or entitlement):
        raise typer.BadParameter(
            "say who it is: --account, or --contact, --asset, --contract, --line-item, --entitlement"
        )
    question = CoverageQuestion(
        account=account,
        contact=contact,
        asset=asset,
        service_contract=contract,
        contract_line_item=line_item,
        product=product,
        channel=channel,
        entitlement=entitlement,
        at=_at(at, account),
    )
    verified = run(_verify(question))
    if as_json:
        typer.echo(verified.model_dump_json(indent=2))
    else:
        from starters.terminal.coverage import coverage_text

        typer.echo(coverage_text(verified))
    if not verified.is_covered:
        raise typer.Exit(NOT_COVERED)


def _at(text: str | None, account: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    return instant(text, "--at", zones.of_account(account))


async def _verify(question: CoverageQuestion) -> Verified:
    import asyncio

    from starters.local.whereabouts import effective_settings
    from starters.operations.verifying import Verifying
    from store import Store
    from worker.private import private_folder

    settings = effective_settings()
    private_folder(settings.data)
    store = await asyncio.to_thread(Store.open, settings.database, "there")
    try:
        return await Verifying(store, await _entitlements(settings)).verify(question)
    finally:
        store.close()


async def _entitlements(settings: Settings) -> Entitlements | None:
    """The counts, if Temporal answers."""
    from clients.entitlements import Entitlements
    from starters.local.whereabouts import anything_runs, connect_to_temporal
    from worker.errors import TemporalUnreachable

    if not anything_runs():
        return None
    try:
        client = await connect_to_temporal()
    except TemporalUnreachable:
        return None
    return Entitlements(client, settings.task_queue, patience=_PATIENCE)
