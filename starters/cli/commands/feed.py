"""``events``: the event feed, as JSON lines."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from starters.cli.options import case_option, entitlement_option, option
from starters.cli.running import stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from store import Store

LOOKS_EVERY = 0.5
"""Seconds after which a reader that follows the feed looks again."""


def events(
    after: Annotated[
        str | None,
        option("--after", "CURSOR", "Go on where an earlier reading ended."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more, until Ctrl-C.")] = False,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Of this type, such as case.milestone.violated, or case.action.*."),
    ] = None,
    account: Annotated[str | None, typer.Option(help="Of this account.", show_default=False)] = None,
    case: Annotated[str | None, case_option("Of this case.")] = None,
    entitlement: Annotated[str | None, entitlement_option("Of this entitlement.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.", show_default=False)] = None,
    schemas: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the JSON Schema of every type there instead.", show_default=False),
    ] = None,
) -> None:
    """Print the event feed, one JSON object a line; the last line, on stderr, is the cursor to go on from.

    Example: milepost events --type case.milestone.violated --follow
    """
    if schemas is not None:
        _write_reference(schemas)
        return
    from domain.feed.registry import chosen_types

    if case is not None and entitlement is not None:
        raise typer.BadParameter("give either a case or an entitlement", param_hint="--case")
    subject = f"case/{case}" if case else f"entitlement/{entitlement}" if entitlement else None
    which = {"types": chosen_types(types or []), "account": account, "subject": subject}
    with stored() as store:
        if (account or subject) and not follow:  # whoever waits may wait for what comes
            store.names.check(account=account, case=case, entitlement=entitlement)
        cursor = _print_events(store, after, which, limit=limit, stopped=_stopped() if follow else None)
    typer.echo(f"cursor: {cursor}", err=True)


def _print_events(
    store: Store, after: str | None, which: dict[str, Any], *, limit: int | None, stopped: Callable[[], bool] | None
) -> str:
    """Print events from a cursor on, until there is nothing more or, if one waits for more, until that is stopped.

    Args:
        store: where they are.
        after: the cursor.
        which: of them are asked for.
        limit: at most so many.
        stopped: whether nobody waits for more any longer; None: nobody does.

    Returns:
        The cursor of the end.
    """
    left = limit
    while True:
        found = store.feed.read(after, **which, limit=min(left or PAGE, PAGE))
        for event in found.events:
            typer.echo(event.model_dump_json())
        after = found.cursor
        if left is not None:
            left -= len(found.events)
        if left == 0 or (stopped() if stopped is not None else found.is_last):
            return after
        if found.is_last:
            time.sleep(LOOKS_EVERY)


PAGE = 500


def _write_reference(folder: Path) -> None:
    """Write a page of all types, and the schema of each, in a folder of their own."""
    from domain.feed.reference import page, schema_files

    (folder / "events").mkdir(parents=True, exist_ok=True)
    (folder / "events.md").write_text(page(), encoding="utf-8")
    for name, text in schema_files().items():
        (folder / "events" / name).write_text(text, encoding="utf-8")
    typer.echo(f"{folder / 'events.md'}, and the schema of each type in {folder / 'events'}")


def _stopped() -> Callable[[], bool]:
    """Whether Ctrl-C was pressed since: what is being printed is finished, so that the cursor is that of its end.

    A plain flag: a `threading.Event` is set under a lock, which the wait that Ctrl-C interrupts may hold.
    """
    import signal

    is_pressed = False

    def press(*_: object) -> None:
        nonlocal is_pressed
        is_pressed = True

    signal.signal(signal.SIGINT, press)
    return lambda: is_pressed
