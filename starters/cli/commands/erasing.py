"""``erase``: takes one person out of the texts that are kept for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli import zones
from starters.cli.commands.case import login
from starters.cli.options import AsJson, By, argument
from starters.cli.running import stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.erasing import NamedText


def erase(
    who: Annotated[str, argument("WHO", "An address, or the id of a person or a contact of the catalog.")],
    also: Annotated[
        list[str] | None,
        typer.Option(
            "--also",
            metavar="TEXT",
            help="Also texts that hold this, such as a name or a telephone number; may be repeated.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Erase the texts that name one person: mails, messages and answers, deliveries of other systems.

    What would be erased is shown first; --json shows it alone, unless --yes is given. That something was sent, when,
    and what became of it stays on record, and so do cases and the event feed. While something that names them waits to
    be sent, nothing is erased.

    Example: milepost erase ann@example.org --also "Ann Miller"
    """
    import json
    from datetime import UTC, datetime

    from starters.operations.erasing import NOT_ERASED, Erasing
    from starters.terminal.erasing import left_lines, named_lines

    now = datetime.now(UTC)
    with stored() as store:
        one = Erasing(store, who, also or ())
        found = one.naming(now)
        if not as_json:
            typer.echo("\n".join(named_lines(who, found, zones.shown(zones.of_account()))))
        is_erased = bool(found) and (yes or (not as_json and _wanted(found)))
        if is_erased:
            found = one.erase(by or login() or "somebody", now)
    if as_json:
        told = [text._asdict() | {"at": text.at.isoformat()} for text in found]
        answer = {"texts": told, "erased": is_erased, "not_reached": NOT_ERASED}
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    typer.echo("\n".join(["erased", *left_lines()] if is_erased else left_lines()))


def _wanted(found: Sequence[NamedText]) -> bool:
    """Whether to erase; asked of whoever is there. Of what waits nobody is asked: it is refused.

    Raises:
        Exit: nobody is there to be asked.
    """
    import sys

    if any(text.waits for text in found):
        return True
    if not sys.stdin.isatty():
        typer.echo("milepost: nothing was erased; --yes erases", err=True)
        raise typer.Exit(2)
    return typer.confirm("Erase them?", abort=True, err=True)
