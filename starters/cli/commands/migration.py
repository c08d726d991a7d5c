"""``plan`` and ``migrate``: what a new version would do to running cases, and doing it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from starters.cli import arguments, completion
from starters.cli.commands.foresight import show_plan
from starters.cli.options import By, case_ids, option
from starters.cli.running import run, until_stopped

if TYPE_CHECKING:
    from clients.migrations import MigrationClient
    from domain.messages.migrations import CaseSelection, MigrationOrder, MigrationProgress

INTERRUPTED = 130
"""What a program ends with after Ctrl-C."""

_WHICH = "Which cases"

Process = Annotated[
    str | None,
    typer.Option("--process", metavar="NAME", help="In this process.", show_default=False, rich_help_panel=_WHICH),
]
Version = Annotated[
    int | None,
    typer.Option(
        "--version",
        metavar="N",
        min=1,
        help="To this version of that process, instead of the latest; also an older one.",
        show_default=False,
        rich_help_panel=_WHICH,
    ),
]
Calendar = Annotated[
    str | None,
    typer.Option(
        "--calendar",
        metavar="NAME",
        help="That hold an older version of these business hours.",
        show_default=False,
        rich_help_panel=_WHICH,
    ),
]
Accounts = Annotated[
    list[str],
    typer.Option("--account", help="Of this account; may be repeated.", show_default=False, rich_help_panel=_WHICH),
]
Entitlements = Annotated[
    list[str],
    typer.Option(
        "--entitlement",
        help="Under this entitlement; may be repeated.",
        show_default=False,
        rich_help_panel=_WHICH,
        autocompletion=completion.entitlements,
    ),
]
Cases = Annotated[
    list[str],
    typer.Option(
        "--case",
        metavar="ID",
        help="This case; may be repeated.",
        show_default=False,
        rich_help_panel=_WHICH,
        callback=case_ids,
        autocompletion=completion.cases,
    ),
]
FieldOptions = Annotated[
    list[str],
    typer.Option(
        "--field",
        "-f",
        metavar="NAME=VALUE",
        help="With this value of a field, such as priority=High; may be repeated, and then all have to hold.",
        show_default=False,
        rich_help_panel=_WHICH,
    ),
]
Redeclared = Annotated[
    bool,
    typer.Option(
        "--redeclared",
        help="Also those that go by other fields, or other listed values, than are declared now; looks into each case.",
        rich_help_panel=_WHICH,
    ),
]
Only = Annotated[
    Literal["moved", "violated", "no-longer-violated", "appears", "goes"] | None,
    typer.Option("--only", help="List only cases with a milestone that differs so.", show_default=False),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        min=0,
        help="List at most so many cases; 20, and with --json all, if left out. The totals are always over all.",
        show_default=False,
    ),
]


def plan(
    files: Annotated[
        list[Path],
        option("--files", "FILE", "A catalog that is not applied yet, file or folder; may be repeated."),
    ] = [],  # noqa: B006  Typer reads it, nobody changes it
    process: Process = None,
    version: Version = None,
    calendar: Calendar = None,
    account: Accounts = [],  # noqa: B006
    entitlement: Entitlements = [],  # noqa: B006
    case: Cases = [],  # noqa: B006
    field: FieldOptions = [],  # noqa: B006
    redeclared: Redeclared = False,
    only: Only = None,
    limit: Limit = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show what newer versions would do to running cases: which targets move, and which would be violated.

    Nothing is changed. Without --files: what milepost migrate would do now. With --files: what applying these files and
    then migrating would do. Only the store is needed, no server.

    A case moves as a whole, to the latest version of its process and of all its business hours.

    Exit code 0: nothing would change; 3: something would; 2: the input is wrong.

    Example: milepost plan --files catalogs/support.yaml --account acme
    """
    selection = _selection(process, version, calendar, account, entitlement, case, field, redeclared)
    show_plan(files, selection, only, limit, as_json)


def migrate(
    process: Process = None,
    version: Version = None,
    calendar: Calendar = None,
    account: Accounts = [],  # noqa: B006
    entitlement: Entitlements = [],  # noqa: B006
    case: Cases = [],  # noqa: B006
    field: FieldOptions = [],  # noqa: B006
    redeclared: Redeclared = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change, as plan does.")] = False,
    migration_id: Annotated[
        str | None,
        option("--id", "ID", "What the batch is called; made up, if left out."),
    ] = None,
    at_once: Annotated[int, typer.Option(min=1, max=50, help="Cases that go over at the same time.")] = 10,
    by: By = None,
    reason: Annotated[str | None, option("--reason", "TEXT", "Goes on every case's record.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and do not wait.")] = False,
    resume: Annotated[
        str | None,
        option("--resume", "ID", "Follow a batch that runs; start one again that was terminated, where it was."),
    ] = None,
    status: Annotated[str | None, option("--status", "ID", "Say how far a batch is, and end.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
) -> None:
    """Move running cases to the latest version of their process and business hours.

    Milestones that are completed or violated stay so. One durable workflow does the work: it goes on after Ctrl-C, and
    when the server or the worker is away for a while. A case that refuses stays as it was and holds up no other.

    Exit code 0: all cases moved; 1: some stayed behind; 2: the input is wrong; 130: Ctrl-C.

    Example: milepost migrate --process Support --field priority=High
    """
    selection = _selection(process, version, calendar, account, entitlement, case, field, redeclared)
    if dry_run:
        show_plan([], selection, None, None, as_json)
        return
    known = resume or status
    if known is not None:
        _only_that("--resume" if resume else "--status", selection, migration_id)
        progress = run(_known(known, follow=resume is not None and not detach, as_json=as_json))
    else:
        order = _order(migration_id or _new_id(), selection, at_once, by, reason)
        progress = run(_start(order, detach=detach, as_json=as_json))
    if progress is not None and progress.tally.failed:
        raise typer.Exit(1)


# --- the migration ---


async def _start(order: MigrationOrder, *, detach: bool, as_json: bool) -> MigrationProgress | None:
    client = await _client()
    await client.start(order)
    if detach:
        ask = f"milepost migrate --status {order.migration_id}"
        _tell(f"Migration {order.migration_id} is started; {ask} says how far it is")
        return None
    return await _follow(client, order.migration_id, as_json)


async def _known(migration_id: str, *, follow: bool, as_json: bool) -> MigrationProgress | None:
    client = await _client()
    if follow:
        if await client.resume(migration_id):
            _tell(f"Migration {migration_id} had ended before it was done; it goes on where it was")
        return await _follow(client, migration_id, as_json)
    standing = await client.standing(migration_id)
    if standing.progress is None:
        from clients.sending import NoAnswer

        raise NoAnswer(f"migration {migration_id} is {standing.ended or 'there'}, but no worker says how far it is")
    _print(standing.progress, as_json, ended=standing.ended)
    return None


async def _follow(client: MigrationClient, migration_id: str, as_json: bool) -> MigrationProgress:
    """Show how far it is until it is done. Ctrl-C leaves it to itself."""
    import asyncio

    from clients.migrations import Standing
    from starters.terminal.cases import console
    from starters.terminal.migrations import bar

    with bar(console(stderr=True), f"migration {migration_id}") as shown:
        (task,) = shown.task_ids

        def told(standing: Standing) -> None:
            if standing.progress is None:
                shown.update(task, description=f"migration {migration_id}: waiting for a worker")
            else:
                known = standing.progress
                shown.update(
                    task, description=f"migration {migration_id}", completed=known.tally.done, total=known.total
                )

        async with until_stopped() as stopped:
            following = asyncio.create_task(client.follow(migration_id, told))
            stopping = asyncio.create_task(stopped.wait())
            await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not following.done():
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
                _tell(f"The migration goes on by itself; milepost migrate --resume {migration_id} follows it again")
                raise typer.Exit(INTERRUPTED)
    progress = await following
    _print(progress, as_json)
    return progress


async def _client() -> MigrationClient:
    from clients.migrations import MigrationClient
    from starters.local.whereabouts import connect_to_temporal, effective_settings

    return MigrationClient(await connect_to_temporal(), task_queue=effective_settings().task_queue)


def _print(progress: MigrationProgress, as_json: bool, *, ended: str | None = None) -> None:
    from starters.terminal.cases import console
    from starters.terminal.migrations import progress_lines

    if as_json:
        typer.echo(progress.model_dump_json(indent=2))
    else:
        console().print(progress_lines(progress, ended=ended), soft_wrap=True)


def _tell(text: str) -> None:
    typer.echo(text, err=True)


# --- what was asked for ---


def _selection(
    process: str | None,
    version: int | None,
    calendar: str | None,
    accounts: list[str],
    entitlements: list[str],
    cases: list[str],
    fields: list[str],
    redeclared: bool,
) -> CaseSelection:
    from domain.messages.migrations import CaseSelection

    if version is not None and process is None:
        raise typer.BadParameter("a version is one of a process; name it with --process too", param_hint="--version")
    return CaseSelection(
        process=process,
        process_version=version,
        calendar=calendar,
        accounts=accounts,
        entitlements=entitlements,
        cases=cases,
        fields=arguments.fields(fields),
        redeclared=redeclared,
    )


def _order(
    migration_id: str, selection: CaseSelection, at_once: int, by: str | None, reason: str | None
) -> MigrationOrder:
    from pydantic import ValidationError

    from domain.messages.migrations import MigrationOrder
    from starters.cli.commands.case import login

    try:
        return MigrationOrder(
            migration_id=migration_id, selection=selection, at_once=at_once, by=by or login(), reason=reason
        )
    except ValidationError:
        raise typer.BadParameter(
            f"{migration_id!r} is no id; it has up to 80 letters, digits and . _ ~ -, such as summer-2025",
            param_hint="--id",
        ) from None


def _only_that(option: str, selection: CaseSelection, migration_id: str | None) -> None:
    from domain.messages.migrations import CaseSelection

    if selection != CaseSelection() or migration_id is not None:
        raise typer.BadParameter(
            "a batch keeps the cases that it was started for; give its id alone", param_hint=option
        )


def _new_id() -> str:
    from datetime import UTC, datetime
    from uuid import uuid4

    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid4().hex[:4]}"
