"""``keys``: who may use the HTTP API."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.scopes import MEANINGS, Scope
from starters.cli import arguments, zones
from starters.cli.commands.case import login
from starters.cli.options import AsJson, By, argument, option
from starters.cli.running import stored

if TYPE_CHECKING:
    from datetime import tzinfo

    from domain.access import ApiKey, NewKey

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Make keys of the HTTP API, list them, revoke them.\n\nExample: milepost keys create desk --scope agent",
)

_SCOPES = "; ".join(f"{scope}: {meaning}" for scope, meaning in MEANINGS.items())


@app.command()
def create(
    name: Annotated[str, argument("NAME", "Who uses it; goes on record for what is done with it.")],
    scopes: Annotated[
        list[Scope],
        typer.Option("--scope", help=f"What it may do; may be repeated, none contains another. {_SCOPES}."),
    ],
    accounts: Annotated[
        list[str] | None,
        typer.Option("--account", metavar="ID", help="Of this account only; may be repeated.", show_default=False),
    ] = None,
    expires: Annotated[
        str | None, option("--expires", "TIME", "Until when it counts; until it is revoked, if left out.")
    ] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Make a key, and print it. It is shown once, and kept nowhere.

    Example: milepost keys create desk --scope intake --scope agent --account acme --expires 2027-01-01T00:00Z
    """
    from starters.operations.keys import make_key

    asked = _checked(
        name=name,
        scopes=scopes,
        accounts=accounts or None,
        expires_at=arguments.instant(expires, "--expires") if expires else None,
    )
    with stored() as store:
        made = make_key(store, asked, by=by or login() or "unknown", at=datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps({"key": made.text, **made.key.model_dump(mode="json")}, indent=2))
        return
    typer.echo(made.text)
    typer.echo(f"milepost: key {made.key.id} is made; its secret is on standard output, this once", err=True)


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List all keys with what each may do, and when it was last used.

    Example: milepost keys list
    """
    with stored() as store:
        found = store.keys.all()
    if as_json:
        typer.echo(json.dumps([key.model_dump(mode="json") for key in found], indent=2))
        return
    zone = zones.shown(zones.of_account())
    for key in found:
        typer.echo(_line(key, datetime.now(UTC), zone))
    if not found:
        typer.echo("no key was made")


@app.command()
def revoke(
    known_as: Annotated[str, argument("ID", "Of the key; list has them.")],
    by: By = None,
) -> None:
    """Revoke a key: from now on it counts for nothing.

    Example: milepost keys revoke 5f0c2a9be7
    """
    with stored() as store:
        changed = store.keys.revoke(known_as, by=by or login() or "unknown", at=datetime.now(UTC))
    typer.echo(f"key {known_as} is revoked" if changed else f"key {known_as} was revoked before; nothing changed")


def _checked(**asked: Any) -> NewKey:
    from pydantic import ValidationError

    from domain.access import NewKey
    from domain.messages.inbox import problems

    try:
        return NewKey.model_validate(asked)
    except ValidationError as error:
        raise typer.BadParameter("; ".join(problems(error)), param_hint="the key") from None


def _line(key: ApiKey, now: datetime, zone: tzinfo) -> str:
    from domain.wording import instant

    why_not = key.why_not(now)
    until = f", until {instant(key.expires_at, zone)}" if key.expires_at and not why_not else ""
    stands = why_not.upper() if why_not else f"in force{until}"
    of = "all accounts" if key.accounts is None else ", ".join(key.accounts)
    used = f"last used {instant(key.last_used_at, zone)}" if key.last_used_at else "never used"
    return f"{key.id}  {key.name}: {', '.join(key.scopes)}; of {of}; {stands}; {used}"
