"""``tasks``: what triggers gave people to do, and ticking it off."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from starters.cli import arguments, zones
from starters.cli.commands.case import login
from starters.cli.options import By, argument, case_option, option
from starters.cli.running import stored

app = typer.Typer(
    add_completion=False,
    invoke_without_command=True,
    help="List the tasks that triggers made, in the order in which they were made; or tick one off.\n\n"
    "Example: milepost tasks --open --owner desk --due-before 2026-12-01T18:00Z",
)
Key = Annotated[str, argument("KEY", "Of the task; tasks lists it.")]
USUAL = 50
MOST = 1000


@app.callback()
def _list(
    context: typer.Context,
    is_open: Annotated[bool, typer.Option("--open", help="Only those that are not done.")] = False,
    is_done: Annotated[bool, typer.Option("--done", help="Only those that are done.")] = False,
    owner: Annotated[
        str | None,
        option("--owner", "WHO", "Only theirs; '' for those that are nobody's."),
    ] = None,
    case: Annotated[
        str | None,
        case_option("Only of this case, or of this entitlement."),
    ] = None,
    account: Annotated[str | None, option("--account", "ID", "Only of this account.")] = None,
    due_before: Annotated[
        str | None,
        option("--due-before", "TIME", "Only those to be done before then."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, metavar="N", help="At most so many.")] = USUAL,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    if context.invoked_subcommand is not None:
        return
    from starters.terminal.tasks import task_lines

    if is_open and is_done:
        raise typer.BadParameter("a task is either open or done; give one of both, or none", param_hint="--open")
    with stored() as store:
        found = store.tasks.find(
            case,
            done=True if is_done else False if is_open else None,
            owner=owner,
            account=account,
            due_before=arguments.instant(due_before, "--due-before", zones.of_account(account)) if due_before else None,
            limit=limit + 1,
        )
        if (account or case) and not found:
            store.names.check(account=account, subject=case)
    found, more = found[:limit], len(found) > limit
    if as_json:
        typer.echo(json.dumps([task.model_dump(mode="json") for task in found], indent=2))
    else:
        zone = zones.shown(zones.of_account(account))
        for line in task_lines(found, now=datetime.now(UTC), zone=zone) or ["no task"]:
            typer.echo(line)
    if more:
        typer.echo(f"milepost: there are more than these {limit}; narrow them down, or give --limit", err=True)


@app.command()
def done(key: Key, by: By = None) -> None:
    """Tick a task off.

    Example: milepost tasks done 4711/gold/first-response/1/violation-0/1/task --by ana
    """
    _tick(key, by or login() or "", is_done=True)


@app.command()
def undone(key: Key, by: By = None) -> None:
    """Take it back that a task is done.

    Example: milepost tasks undone 4711/gold/first-response/1/violation-0/1/task --by ana
    """
    _tick(key, by or login() or "", is_done=False)


def _tick(key: str, by: str, *, is_done: bool) -> None:
    if not by.strip():
        raise typer.BadParameter("say who; nobody is logged in here", param_hint="--by")
    said = "done" if is_done else "open"
    with stored() as store:
        changed = store.tasks.tick(key, done=is_done, by=by, at=datetime.now(UTC))
    typer.echo(f"{key} is {said}" if changed else f"{key} was {said} already; nothing changed")
