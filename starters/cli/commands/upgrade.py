"""``upgrade``: which build of the workers gets what is new."""

from __future__ import annotations

from typing import Annotated

import typer

from starters.cli.options import AsJson, argument
from starters.cli.running import run

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Say which build of the workers (MILEPOST_BUILD_ID) gets new cases, and see which still have old ones.\n\n"
    "Example: milepost upgrade current 2026-12-01",
)


@app.command("current")
def current(
    build: Annotated[str, argument("BUILD", "The build id of workers that run.")],
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Though it does not poll every task queue that the current build polls."),
    ] = False,
) -> None:
    """Make a build the current one: it gets new cases, and old ones as they go on in a new run.

    To go back to an older build, name that one; keep its workers running until then.

    Example: milepost upgrade current 2026-12-01
    """
    run(_current(build, anyway))


async def _current(build: str, anyway: bool) -> None:
    from clients.deployments import HAS_POLLED_WITHIN, make_current
    from starters.local.whereabouts import connect_to_temporal

    await make_current(await connect_to_temporal(), build, patience=HAS_POLLED_WITHIN, anyway=anyway)
    typer.echo(f"Build {build} is the current one: it gets what is new.")


@app.command("list")
def list_builds(as_json: AsJson = False) -> None:
    """List the builds of which workers have polled, those that came last first.

    A build is current, draining (it still has cases that stay with it), drained (its workers can be ended) or inactive
    (it never was current).

    Example: milepost upgrade list
    """
    run(_list(as_json))


async def _list(as_json: bool) -> None:
    import json

    from clients.deployments import builds
    from starters.local.whereabouts import connect_to_temporal

    known = await builds(await connect_to_temporal())
    if as_json:
        typer.echo(json.dumps([build.model_dump() for build in known], indent=2))
    elif not known:
        typer.echo("No worker has ever had a build id (MILEPOST_BUILD_ID); all of them get what is new.")
    else:
        width = max(len(build.build_id) for build in known)
        for build in known:
            typer.echo(f"{build.build_id:<{width}}  {build.status}")
