"""``dev`` and ``worker``: what goes on running until somebody stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli.commands.api import API_PORT
from starters.cli.running import run, until_stopped

if TYPE_CHECKING:
    from rich.console import Console
    from temporalio.client import Client


def dev(
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Keep nothing: all is gone when it ends.")] = False,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Of Temporal; 7233 if it is free, else another.", show_default=False),
    ] = None,
    ui_port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Of the Temporal UI; 8233 if it is free, else another.", show_default=False
        ),
    ] = None,
    api_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Of the HTTP API; 8234 if it is free, else another.", show_default=False),
    ] = None,
) -> None:
    """Run everything on this machine: a Temporal server with its UI, the store, a worker, the HTTP API.

    Ctrl-C, or SIGTERM, stops it all.

    What happens is kept between runs, in the data folder (MILEPOST_DATA); what fell due meanwhile fires at the next
    start. The other commands find what runs here by themselves. With TEMPORAL_ADDRESS set only the worker, the store
    and the HTTP API are run.
    """
    run(_dev(ephemeral, port, ui_port, api_port), logs=True)


async def _dev(ephemeral: bool, port: int | None, ui_port: int | None, api_port: int | None) -> None:
    from starters.local.api import api_of
    from starters.local.dev import everything
    from starters.terminal.cases import console
    from store.addresses import shown_address
    from worker.besides import besides
    from worker.garbage import collect_garbage_seldom
    from worker.means import mail_in_words, means_of
    from worker.settings import get_settings
    from worker.telemetry import tell_operators

    collect_garbage_seldom()
    tell_operators(get_settings())
    out = console()
    async with (
        everything(ephemeral=ephemeral, port=port, ui_port=ui_port, means=means_of(get_settings())) as running,
        besides(running.client, running.store, get_settings(), task_queue=running.whereabouts.task_queue),
        api_of(running, port=api_port, usual=API_PORT) as api,
        until_stopped() as stopped,
    ):
        where = running.whereabouts
        out.print("[bold]Milepost runs.[/bold] Ctrl-C stops it.")
        lines = {
            "Temporal": f"{where.address}, namespace {where.namespace}",
            "Temporal UI": where.ui or "as the server at TEMPORAL_ADDRESS has it",
            "HTTP API": f"{api.url}, for whoever has a key: milepost keys create",
            "API page": f"{api.link} (good once)",
            "store": shown_address(where.database),
            "task queue": where.task_queue,
            "mail": mail_in_words(get_settings()),
            "state": f"kept in {running.kept_in}" if running.kept_in else "not kept (--ephemeral)",
        }
        for name, said in lines.items():
            out.print(f"  {name:<12} {said}", soft_wrap=True)
        out.print("Next, in another terminal: milepost apply FILE..., then milepost open CASE_ID --account ...")
        await stopped.wait()
        out.print("Stopping.")


def worker(
    current: Annotated[
        bool,
        typer.Option("--make-current", help="Let this build (MILEPOST_BUILD_ID) get everything new once it polls."),
    ] = False,
    claim: Annotated[
        bool,
        typer.Option("--claim", help="Give the Temporal namespace to this store, though another one had it."),
    ] = False,
) -> None:
    """Run a worker: it walks the cases of its task queue (MILEPOST_TASK_QUEUE). Ctrl-C lets it finish what it is at.

    It needs a Temporal server (TEMPORAL_ADDRESS) and the database of the store (MILEPOST_DATABASE_URL). Any number may
    run. One with a build id (MILEPOST_BUILD_ID) gets new cases only when its build is made the current one.
    """
    run(_worker(current, claims=claim), logs=True)


async def _worker(makes_current: bool, *, claims: bool) -> None:
    import asyncio

    from starters.local.whereabouts import connect_to_temporal, effective_settings
    from starters.terminal.cases import console
    from store import Store
    from worker.besides import besides
    from worker.claim import claim_namespace
    from worker.garbage import collect_garbage_seldom
    from worker.means import mail_in_words, means_of
    from worker.namespace import ensure_namespace_and_search_attributes
    from worker.private import private_folder
    from worker.process import working
    from worker.telemetry import tell_operators

    collect_garbage_seldom()
    out = console()
    settings = effective_settings()
    if makes_current and settings.build_id is None:
        raise typer.BadParameter("this worker has no build id; set MILEPOST_BUILD_ID", param_hint="--make-current")
    private_folder(settings.data)
    tell_operators(settings)
    client = await connect_to_temporal(makes_namespace=True)
    await ensure_namespace_and_search_attributes(client)
    store = await asyncio.to_thread(Store.open, settings.database)
    try:
        await claim_namespace(client, await asyncio.to_thread(store.feed.source), anyway=claims)
        worker = working(
            client,
            store,
            task_queue=settings.task_queue,
            build_id=settings.build_id,
            cached_workflows=settings.cached_workflows,
            means=means_of(settings),
        )
        async with (
            worker,
            besides(client, store, settings, task_queue=settings.task_queue),
            until_stopped() as stopped,
        ):
            address = client.service_client.config.target_host
            out.print(f"Working on task queue {settings.task_queue} of {address}. Ctrl-C stops it.", soft_wrap=True)
            out.print(f"Mail goes {mail_in_words(settings)}.", soft_wrap=True)
            if settings.build_id is not None:
                await _tell_of_build(out, client, settings.build_id, makes_current)
            await stopped.wait()
            out.print("Stopping.")
    finally:
        store.close()


async def _tell_of_build(out: Console, client: Client, build_id: str, makes_current: bool) -> None:
    """Say whether a worker's build gets what is new, and make it do so if that is wanted."""
    from clients.deployments import HAS_POLLED_WITHIN, current_build, make_current

    if makes_current:
        await make_current(client, build_id, patience=HAS_POLLED_WITHIN)
    current = await current_build(client)
    if current == build_id:
        out.print(f"Build {build_id} is the current one: it gets what is new.", soft_wrap=True)
        return
    other = f"that is {current}" if current else "none is"
    said = f"Build {build_id} is not the current one ({other}): it gets no new cases until you say"
    out.print(f"{said}: milepost upgrade current {build_id}", style="bold yellow", soft_wrap=True)
