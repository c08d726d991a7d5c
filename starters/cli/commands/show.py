"""``show``: a case's timeline in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli.options import CaseArgument, option
from starters.cli.running import run, until_stopped

if TYPE_CHECKING:
    from datetime import tzinfo

    from clients.cases import MilepostClient
    from domain.timeline.views import CaseView
    from worker.settings import Settings


def show(
    case: CaseArgument,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Stay, and follow it live until it is closed.")] = False,
    time_zone: Annotated[
        str | None,
        option(
            "--time-zone",
            "ZONE",
            "In which instants are shown, by its IANA name; that of the case's first calendar, if left out.",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also the occurrences that the case keeps no more, from the store's records.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the case as JSON, with all occurrences of its milestones.")
    ] = False,
) -> None:
    """Show a case: its milestones with their targets and what is left, and what happened on its timeline.

    Of a milestone that recurs the newest ten occurrences are shown; --all shows every one.

    A closed case whose history Temporal no longer has is shown as the store recorded it last. Of one whose workflow was
    ended from outside (terminated, cancelled) it says so, and nothing is counted down any more.

    Example: milepost show 4711 --watch --time-zone America/New_York
    """
    if watch and as_json:
        raise typer.BadParameter("--watch is for people and --json for programs; give one of them", param_hint="--json")
    run(_show(case, watch, None if time_zone is None else _zone(time_zone), everything or as_json, as_json))


def _zone(name: str) -> tzinfo:
    from datetime import UTC
    from zoneinfo import ZoneInfo

    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise typer.BadParameter(
            f"unknown time zone {name!r}; expected an IANA name, such as America/New_York", param_hint="--time-zone"
        ) from None


async def _show(case: str, watch: bool, zone: tzinfo | None, everything: bool, as_json: bool) -> None:
    import asyncio
    import json

    from clients.cases import MilepostClient
    from starters.local.whereabouts import connect_to_temporal, effective_settings
    from starters.operations.ended import standing_still
    from starters.operations.older import with_older
    from starters.operations.recorded import recorded, zone_of_case
    from starters.terminal.actions import case_actions
    from starters.terminal.cases import case_timeline, console

    settings = effective_settings()
    client = MilepostClient(await connect_to_temporal(), task_queue=settings.task_queue)
    view, note = await _find(client, case, settings)
    ended = await _ended_from_outside(client, view, settings)
    if ended:
        view, note = standing_still(view), f"{ended}; nothing goes on with it by itself"
    if everything and view.more:
        stored = await recorded(settings.database, lambda store: store.cases.milestones(case)) or []
        view = with_older(view, stored)
    if zone is None:
        zone = await asyncio.to_thread(zone_of_case, settings.database, case)
    if as_json:
        shown = view.model_dump(mode="json") | ({"ended_from_outside": ended} if ended else {})
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    elif watch and note is None and view.closed_at is None:
        await _watch(client, view, zone)
    else:
        actions = await recorded(settings.database, lambda store: case_actions(store, case)) or []
        notes = await recorded(settings.database, lambda store: store.cases.notes(case)) or []
        console().print(case_timeline(view, zone=zone, note=note, actions=actions, notes=notes))


async def _find(client: MilepostClient, case: str, settings: Settings) -> tuple[CaseView, str | None]:
    """The case as it stands, and where this comes from if not from Temporal."""
    from domain.errors import NotFound
    from starters.operations.recorded import recorded

    try:
        return await client.view(case), None
    except NotFound:
        found = await recorded(settings.database, lambda store: store.cases.get(case))
        if found is None:
            raise
        whose = {"account": found.account, "entitlement": found.entitlement}
        return found.view.model_copy(
            update=whose
        ), "from the store's record: Temporal no longer has the history of this case"


async def _ended_from_outside(client: MilepostClient, view: CaseView, settings: Settings) -> str | None:
    """How and when the workflow of an open case was ended; None if it goes on, or the case is closed."""
    from starters.operations.ended import ended_now
    from starters.operations.recorded import recorded

    if view.closed_at is not None:
        return None
    if said := await ended_now(client, view.case_id):
        return said
    marks = await recorded(settings.database, lambda store: store.ended.rows(view.case_id)) or []
    return next((mark.text for mark in marks if mark.how == "unknown to Temporal"), None)


async def _watch(client: MilepostClient, view: CaseView, zone: tzinfo) -> None:
    """Show the case again every second, until it is closed or somebody stops it."""
    import asyncio
    import contextlib

    from rich.live import Live

    from domain.errors import MilepostError
    from domain.wording import instant
    from starters.terminal.cases import case_timeline, console

    note: str | None = None
    async with until_stopped() as stopped:
        with Live(case_timeline(view, zone=zone), console=console(), auto_refresh=False, screen=False) as live:
            while view.closed_at is None and not stopped.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stopped.wait(), 1)
                try:
                    view, note = await client.view(view.case_id), None
                except MilepostError as error:
                    note = f"as it stood at {instant(view.now, zone)}: {error}"
                live.update(case_timeline(view, zone=zone, note=note), refresh=True)
