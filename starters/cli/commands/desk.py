"""``list``: the open cases by what is due next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli import completion, zones
from starters.cli.options import option
from starters.cli.running import run, stored, until_stopped

if TYPE_CHECKING:
    from rich.console import RenderableType

    from starters.operations.desk import CaseOnDesk
    from store.cases.listing import CaseFilter

USUAL = 50
MOST = 1000
_EVERY = 2.0


class Sort(StrEnum):
    """What comes first."""

    DUE = "due"
    NEWEST = "newest"
    OLDEST = "oldest"


# Over fifty lines: each option stands here with its help.
def list_cases(
    account: Annotated[str | None, option("--account", "ID", "Only of this account.")] = None,
    owner: Annotated[
        str | None, option("--owner", "WHO", "Only cases of this owner, as the field that names the owner has it.")
    ] = None,
    milestone: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only those in which this milestone is open; it is the one shown.",
            autocompletion=completion.milestones,
            show_default=False,
        ),
    ] = None,
    due_within: Annotated[
        str | None,
        option("--due-within", "SPAN", "What is overdue, or due within this time by the wall clock: 4h."),
    ] = None,
    violated: Annotated[bool, typer.Option("--violated", help="Only those that missed a target.")] = False,
    paused: Annotated[
        bool, typer.Option("--paused", help="Only those that are stopped, or have a paused milestone.")
    ] = False,
    priority: Annotated[str | None, option("--priority", "VALUE", "Only with this priority.")] = None,
    sort: Annotated[Sort, typer.Option(help="What comes first.")] = Sort.DUE,
    limit: Annotated[int, typer.Option(min=1, max=MOST, metavar="N", help="At most so many.")] = USUAL,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Stay, and show the list again as it changes.")] = False,
) -> None:
    """List the open cases: of each what is due first, the time that is left for it, and when that is.

    Time left is open time: it stands still while the case is paused, and outside its business hours. Overdue cases come
    first, cases with nothing due come last. The list has each case as it was recorded last; show asks the case itself.

    Example: milepost list --owner ann --due-within 4h
    """
    from store.cases.listing import CaseFilter

    if watch and as_json:
        raise typer.BadParameter("--watch is for people and --json for programs; give one of them", param_hint="--json")
    span = None if due_within is None else _span(due_within)
    which = CaseFilter(
        state="open",
        account=account,
        owner=owner,
        milestone=milestone,
        violated=True if violated else None,
        paused=True if paused else None,
        priority=priority,
        order=sort.value,
    )
    if span is not None and sort is not Sort.DUE:
        raise typer.BadParameter("goes with --sort due", param_hint="--due-within")
    if milestone is not None and sort is not Sort.DUE:
        raise typer.BadParameter("goes with --sort due", param_hint="--milestone")
    if watch:
        run(_watch(which, span, limit, account))
        return
    found, in_all, now = _look(which, span, limit)
    if as_json:
        import json

        typer.echo(json.dumps([case.model_dump(mode="json") for case in found], indent=2, ensure_ascii=False))
    else:
        from starters.terminal.cases import console
        from starters.terminal.desk import desk_table

        console().print(desk_table(found, in_all, zones.shown(zones.of_account(account)), now))
    if in_all > len(found):
        typer.echo(f"milepost: there are more than these {limit}; narrow them down, or give --limit", err=True)


def _span(text: str) -> timedelta:
    from domain.open_time.spans import Offset

    try:
        return timedelta(seconds=Offset.parse(text).seconds)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--due-within") from None


def _look(which: CaseFilter, span: timedelta | None, limit: int) -> tuple[list[CaseOnDesk], int, datetime]:
    from starters.operations.desk import Desk

    with stored() as store:
        found = _looked(Desk(store).cases, which, span, limit)
        if not found[0]:
            store.names.check(account=which.account)
            store.names.check_values(owner=which.owner, priority=which.priority)
        return found


def _looked(
    ask: Callable[..., tuple[list[CaseOnDesk], int]], which: CaseFilter, span: timedelta | None, limit: int
) -> tuple[list[CaseOnDesk], int, datetime]:
    now = datetime.now(UTC)
    if span is not None:
        which = which.model_copy(update={"due_before": now + span})
    return *ask(which, now=now, limit=limit), now


async def _watch(which: CaseFilter, span: timedelta | None, limit: int, account: str | None) -> None:
    """Show the list again and again, until somebody stops it."""
    import asyncio
    import contextlib

    from rich.live import Live

    from starters.operations.desk import Desk
    from starters.terminal.cases import console
    from starters.terminal.desk import desk_table

    zone = await asyncio.to_thread(zones.shown, zones.of_account(account))
    with stored() as store:
        ask = Desk(store).cases

        def shown() -> RenderableType:
            found, in_all, now = _looked(ask, which, span, limit)
            return desk_table(found, in_all, zone, now)

        async with until_stopped() as stopped:
            with Live(await asyncio.to_thread(shown), console=console(), auto_refresh=False) as live:
                while not stopped.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stopped.wait(), _EVERY)
                    live.update(await asyncio.to_thread(shown), refresh=True)
