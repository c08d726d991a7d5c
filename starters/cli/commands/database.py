"""``db``: the schema of the database."""

from __future__ import annotations

import typer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Make the tables of Milepost's database, or bring them up to date.\n\nExample: milepost db upgrade",
)


@app.callback()
def db() -> None:
    """Keep `upgrade` a command of its own, though it is the only one."""


@app.command("upgrade")
def upgrade() -> None:
    """Make the tables in MILEPOST_DATABASE_URL, or bring those of an older Milepost up to date.

    Workers and `milepost dev` do so when they start. Every other command says what is missing, and changes nothing.

    Example: milepost db upgrade
    """
    from starters.local.whereabouts import effective_settings
    from store import Store
    from store.addresses import shown_address
    from worker.private import private_folder

    settings = effective_settings()
    private_folder(settings.data)
    Store.open(settings.database).close()
    typer.echo(f"The database {shown_address(settings.database)} is up to date.")
