"""``api``: the HTTP API, until somebody stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli.running import run, until_stopped

if TYPE_CHECKING:
    from starters.http.tokens import Issuer
    from worker.settings import Settings

API_PORT = 8234


def api(
    host: Annotated[str, typer.Option(help="The address to listen on; 127.0.0.1 is this machine alone.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Its port; 0: one that is free.")] = API_PORT,
) -> None:
    """Serve the HTTP API. Ctrl-C lets it finish what it is at. Any number may run over one store.

    It needs a Temporal server (TEMPORAL_ADDRESS), the database of the store (MILEPOST_DATABASE_URL) and, for most of
    what is asked, a worker. Every request shows a key: see milepost keys.

    Example: milepost api --port 8234
    """
    run(_api(host, port), logs=True)


async def _api(host: str, port: int) -> None:
    import asyncio

    from starters.http.app import create_app
    from starters.http.backend import Backend
    from starters.http.serving import serving
    from starters.intake.taking import taking_up
    from starters.local.whereabouts import connect_to_temporal, effective_settings
    from starters.terminal.cases import console
    from store import Store
    from worker.garbage import collect_garbage_seldom
    from worker.private import private_folder
    from worker.telemetry import tell_operators

    collect_garbage_seldom()
    out = console()
    settings = effective_settings()
    private_folder(settings.data)
    tell_operators(settings, metrics=False)
    client = await connect_to_temporal()
    store = await asyncio.to_thread(Store.open, settings.database, "there")
    try:
        backend = Backend(client, store, settings.task_queue)
        app = create_app(
            backend,
            requests_per_second=settings.api_rate,
            issuer=_issuer(settings),
            api_url=settings.api_url,
        )
        async with taking_up(backend.intake), serving(app, host=host, port=port) as url, until_stopped() as stopped:
            out.print(f"Serving the HTTP API at {url}. Ctrl-C stops it.", soft_wrap=True)
            await stopped.wait()
            out.print("Stopping.")
    finally:
        store.close()


def _issuer(settings: Settings) -> Issuer | None:
    """Whose tokens are taken, as the settings say."""
    from starters.http.tokens import Issuer

    if settings.oidc_issuer is None:
        return None
    return Issuer(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        jwks_url=settings.oidc_jwks_url,
        scope_claim=settings.oidc_scope_claim,
        accounts_claim=settings.oidc_accounts_claim,
    )
