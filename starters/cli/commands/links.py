"""``links``: what customers see of themselves, by links that end and can be revoked, or as a file."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from domain.customer_links import LONGEST_DAYS, USUAL_DAYS
from starters.cli import arguments, zones
from starters.cli.commands.case import login
from starters.cli.options import AsJson, By, argument, option
from starters.cli.outputs import check_output
from starters.cli.running import stored

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Make links to customers' pages, list them, revoke them; or write a page to a file.\n\n"
    "Example: milepost links create acme --days 30",
)


@app.command()
def create(
    account: Annotated[str, argument("ACCOUNT", "Whose page it opens; nothing of any other is on it.")],
    days: Annotated[
        int | None,
        typer.Option(
            "--days",
            min=1,
            max=LONGEST_DAYS,
            show_default=False,
            help=f"For how long it opens it; {USUAL_DAYS}, if left out.",
        ),
    ] = None,
    until: Annotated[str | None, option("--until", "ISO", "Until which instant, in place of days.")] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Make a link to the page of an account, and print it. It is shown once.

    Whoever has it sees the page, so send it as you would a password. The API serves the page (milepost api); links
    begin with MILEPOST_API_URL.

    Example: milepost links create acme --until 2027-01-01T00:00Z
    """
    from activities.reports.opening import PAGES, make_link
    from starters.cli.commands.api import API_PORT
    from starters.local.whereabouts import effective_settings

    if days is not None and until is not None:
        raise typer.BadParameter("give the days, or the instant, not both", param_hint="--until")
    now = datetime.now(UTC)
    ends = arguments.instant(until, "--until") if until else now + timedelta(days=days or USUAL_DAYS)
    with stored() as store:
        link, text = make_link(store, account, until=ends, by=by or login() or "unknown", now=now)
    root = (effective_settings().api_url or f"http://127.0.0.1:{API_PORT}").rstrip("/")
    url = f"{root}{PAGES}/{text}"
    if as_json:
        typer.echo(json.dumps({"url": url, **link.model_dump(mode="json")}, indent=2))
        return
    typer.echo(url)
    typer.echo(f"milepost: link {link.id}; milepost links revoke {link.id} takes it back", err=True)


@app.command("list")
def list_links(
    account: Annotated[str | None, option("--account", "ID", "Only of this account.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the links that were made: for whom, by whom, until when.

    Example: milepost links list --account acme
    """
    from domain.wording import instant

    now = datetime.now(UTC)
    with stored() as store:
        found = store.customer_links.all(account)
        if account and not found:
            store.names.check(account=account)
    if as_json:
        typer.echo(json.dumps([link.model_dump(mode="json") for link in found], indent=2))
        return
    zone = zones.shown(zones.of_account(account))
    for link in found:
        why_not = link.why_not(now)
        revoked = f" by {link.revoked_by}" if link.revoked_by else ""
        stands = f"{why_not.upper()}{revoked}" if why_not else f"opens its page until {instant(link.expires_at, zone)}"
        typer.echo(f"{link.id}  {link.account}: {stands}; made {instant(link.created_at, zone)} by {link.created_by}")
    if not found:
        typer.echo("no link was made")


@app.command()
def revoke(
    known_as: Annotated[str, argument("ID", "Of the link; list has them.")],
    by: By = None,
) -> None:
    """Revoke a link: from now on it opens nothing.

    Example: milepost links revoke 5f0c2a9be7d1c3a4
    """
    with stored() as store:
        changed = store.customer_links.revoke(known_as, by=by or login() or "unknown", at=datetime.now(UTC))
    typer.echo(f"link {known_as} is revoked" if changed else f"link {known_as} was revoked before; nothing changed")


@app.command()
def page(
    account: Annotated[str, argument("ACCOUNT", "Whose page; nothing of any other is on it.")],
    output: Annotated[Path, option("--output", "FILE", "The HTML file that is written.")],
) -> None:
    """Write the page of an account to a file that loads nothing, to be sent as it is.

    Example: milepost links page acme --output acme.html
    """
    from activities.reports.customer_page import customer_page

    check_output(output, "--output")
    with stored() as store:
        text = customer_page(store, account, datetime.now(UTC))
    output.write_text(text, encoding="utf-8")
    typer.echo(f"the page of {account} is in {output}")
