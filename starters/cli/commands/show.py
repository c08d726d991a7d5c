"""``show``: a case's timeline in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli import zones
from starters.cli.commands.case import case_desk
from starters.cli.options import CaseArgument, option
from starters.cli.running import run, until_stopped

if TYPE_CHECKING:
    from datetime import tzinfo

    from clients.cases import MilepostClient
    from domain.timeline.views import CaseView


def show(
    case: CaseArgument,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Stay, and follow it live until it is closed.")] = False,
    time_zone: Annotated[
        str | None,
        option(
            "--time-zone",
            "ZONE",
            "Show instants in this zone, an IANA name. Left out: yours (MILEPOST_TIME_ZONE), else the case's.",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also show the occurrences that only the store still has.")
    ] = False,
    notes: Annotated[
        bool, typer.Option("--notes", help="Everything that was noted of it: what, when, who and why.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the case as JSON, with all occurrences of its milestones.")
    ] = False,
) -> None:
    """Show a case: its milestones with their targets and what is left, and what happened on its timeline.

    Of a milestone that recurs the newest ten occurrences are shown; --all shows every one. --notes shows what the
    picture leaves out: refusals, corrections, completions that became known late, reasons.

    A closed case whose history Temporal no longer has is shown as the store recorded it last. Of one whose workflow was
    ended from outside (terminated, cancelled) it says so, and nothing is counted down any more; and of one that is
    stuck, since something that was due fails, when it is tried again.

    Example: milepost show 4711 --watch --time-zone America/New_York
    """
    if watch and as_json:
        raise typer.BadParameter("--watch is for people and --json for programs; give one of them", param_hint="--json")
    if watch and notes:
        raise typer.BadParameter("notes cannot be watched; leave --watch out", param_hint="--notes")
    zone = None if time_zone is None else _zone(time_zone)
    run(_notes(case, zone, as_json) if notes else _show(case, watch, zone, everything or as_json, as_json))


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

    from starters.local.whereabouts import effective_settings
    from starters.operations.older import with_older
    from starters.operations.recorded import recorded
    from starters.terminal.actions import case_actions
    from starters.terminal.cases import case_timeline, console

    desk = await case_desk()
    shown = await desk.show(case)
    view, note, database = shown.view, shown.note, effective_settings().database
    if everything and view.more:
        stored = await recorded(database, lambda store: store.cases.milestones(case)) or []
        view = with_older(view, stored)
    if as_json:
        told = view.model_dump(mode="json") | ({"ended_from_outside": shown.ended} if shown.ended else {})
        told |= {"stuck": shown.stuck} if shown.stuck else {}
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    if zone is None:
        zone = await asyncio.to_thread(zones.shown, zones.of_case(case))
    if watch and (note is None or shown.stuck) and view.closed_at is None:
        await _watch(desk.client, view, zone)
    else:
        found = await recorded(database, lambda store: (case_actions(store, case), store.cases.notes(case)))
        actions, notes = found or ([], [])
        console().print(case_timeline(view, zone=zone, note=note, actions=actions, notes=notes))


async def _notes(case: str, zone: tzinfo | None, as_json: bool) -> None:
    import asyncio
    import json

    from starters.local.whereabouts import effective_settings
    from starters.operations.recorded import recorded
    from starters.terminal.cases import console
    from starters.terminal.notes import notes_table

    database = effective_settings().database
    await (await case_desk()).show(case)  # says so itself if there is no such case
    found = await recorded(database, lambda store: store.cases.notes(case)) or []
    if as_json:
        typer.echo(json.dumps([note.model_dump(mode="json") for note in found], indent=2, ensure_ascii=False))
        return
    console().print(notes_table(found, zone or await asyncio.to_thread(zones.shown, zones.of_case(case))))


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
