"""The command line: ``milepost``.

Exit codes: 0 done; 1 it went wrong while running (nothing answers, a result differs), and the same command may work
later; 2 what was asked for can't be, and the message says what would be right.
"""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from starters.cli.commands import (
    actions,
    afterwards,
    api,
    audit,
    backtest,
    case,
    catalog,
    coverage,
    explain,
    feed,
    hours,
    importing,
    keys,
    logs,
    migration,
    orders,
    replay,
    schema,
    serving,
    show,
    subscriptions,
    tasks,
    upgrade,
    usage,
)

DEBUG = "MILEPOST_DEBUG"
"""Set to anything, this environment variable lets an unexpected error show where it came from."""


class Commands(TyperGroup):
    """The commands; an error of any of them becomes one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if os.environ.get(DEBUG) or type(error).__module__.startswith("typer."):
                raise
            raise typer.Exit(_report(error)) from None


app = typer.Typer(
    name="milepost",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A durable SLA engine on Temporal: entitlements, milestones and business hours.\n\n"
    "Begin with [bold]milepost demo[/bold], or with [bold]milepost dev[/bold] in one terminal and the other commands "
    "in a second one.",
    rich_markup_mode="rich",
    epilog="Where Temporal is: TEMPORAL_ADDRESS (and the like), else the milepost dev that runs on this machine, else "
    "localhost:7233. Milepost's own settings begin with MILEPOST_.",
)

_START, _CASES, _USAGE, _RULES = "Start", "Cases", "Entitlements in use", "Rules and logs"

app.command("demo", rich_help_panel=_START)(replay.demo)
app.command("dev", rich_help_panel=_START)(serving.dev)
app.command("worker", rich_help_panel=_START)(serving.worker)
app.add_typer(upgrade.app, name="upgrade", rich_help_panel=_START)
app.command("api", rich_help_panel=_START)(api.api)
app.add_typer(keys.app, name="keys", rich_help_panel=_START)
app.command("open", rich_help_panel=_CASES)(case.open_case)
app.command("import", rich_help_panel=_CASES)(importing.import_rows)
app.command("show", rich_help_panel=_CASES)(show.show)
app.command("explain", rich_help_panel=_CASES)(explain.explain)
app.command("complete", rich_help_panel=_CASES)(case.complete)
app.command("change", rich_help_panel=_CASES)(case.change)
app.command("stop", rich_help_panel=_CASES)(case.stop)
app.command("resume", rich_help_panel=_CASES)(case.resume)
app.command("close", rich_help_panel=_CASES)(case.close)
app.command("reopen", rich_help_panel=_CASES)(afterwards.reopen)
app.command("clear", rich_help_panel=_CASES)(afterwards.clear)
app.command("extend", rich_help_panel=_CASES)(afterwards.extend)
app.command("entitle", rich_help_panel=_CASES)(afterwards.entitle)
app.command("decide", rich_help_panel=_CASES)(afterwards.decide)
app.command("log-time", rich_help_panel=_CASES)(afterwards.log_time)
app.command("actions", rich_help_panel=_CASES)(actions.actions)
app.command("retry", rich_help_panel=_CASES)(actions.retry)
app.command("redeliver", rich_help_panel=_CASES)(actions.redeliver)
app.command("endpoints", rich_help_panel=_CASES)(actions.endpoints)
app.add_typer(tasks.app, name="tasks", rich_help_panel=_CASES)
app.command("events", rich_help_panel=_CASES)(feed.events)
app.add_typer(subscriptions.app, name="subscriptions", rich_help_panel=_CASES)
app.command("verify", rich_help_panel=_CASES)(coverage.verify)
app.command("balance", rich_help_panel=_USAGE)(audit.balance)
app.command("audit", rich_help_panel=_USAGE)(audit.audit)
app.command("take", rich_help_panel=_USAGE)(usage.take)
app.command("adjust", rich_help_panel=_USAGE, context_settings=usage.TAKES_NEGATIVE)(usage.adjust)
app.command("reverse", rich_help_panel=_USAGE)(usage.reverse)
app.command("amend", rich_help_panel=_USAGE)(usage.amend)
app.command("cancel", rich_help_panel=_USAGE)(usage.cancel)
app.command("renew", rich_help_panel=_USAGE)(usage.renew)
app.command("cover", rich_help_panel=_USAGE)(usage.cover)
app.command("grant", rich_help_panel=_USAGE, context_settings=usage.TAKES_NEGATIVE)(usage.grant)
app.command("void", rich_help_panel=_USAGE)(usage.void)
app.command("apply", rich_help_panel=_RULES)(catalog.apply)
app.command("order", rich_help_panel=_RULES)(orders.order)
app.command("plan", rich_help_panel=_RULES)(migration.plan)
app.command("migrate", rich_help_panel=_RULES)(migration.migrate)
app.command("replay", rich_help_panel=_RULES)(replay.replay)
app.command("backtest", rich_help_panel=_RULES)(backtest.backtest)
app.command("schema", rich_help_panel=_RULES)(schema.schema)
app.add_typer(logs.app, name="logs", rich_help_panel=_RULES)
app.add_typer(hours.app, name="hours", rich_help_panel=_RULES)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"milepost {version('milepost')}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def _report(error: Exception) -> int:
    """Say on stderr what went wrong, in one message, and return the exit code that it means."""
    from sqlalchemy.exc import SQLAlchemyError
    from temporalio.service import RPCError

    from domain.errors import CatalogError, MilepostError, NotFound, Refused
    from starters.local.whereabouts import database_comes_from, trouble_with_data_folder
    from starters.logs.mapping import LogError
    from store.errors import BadAddress, StoreError
    from worker.settings import SettingsError

    match error:
        case Refused() | NotFound() | CatalogError() | LogError() | SettingsError():
            said, code = str(error), 2
        case StoreError():
            said, code = f"{error} ({database_comes_from()})", 2 if isinstance(error, BadAddress) else 1
        case MilepostError():
            said, code = str(error), 1
        case RPCError():
            said, code = f"Temporal answers: {error.message}", 1
        case SQLAlchemyError():
            said, code = f"the database says: {getattr(error, 'orig', None) or error}", 1
        case OSError() if trouble := trouble_with_data_folder(error):
            said, code = trouble, 2
        case OSError():
            said, code = f"{f'{error.filename}: ' if error.filename else ''}{error.strerror or error}", 1
        case _:
            said = f"unexpected error: {type(error).__name__}: {error} ({DEBUG}=1 shows where)"
            code = 1
    typer.echo(f"milepost: {said}", err=True)
    return code


def main() -> None:
    """The program."""
    app()
