"""The command line: ``milepost``.

Exit codes: 0 done; 1 it went wrong while running (nothing answers, a result differs), and the same command may work
later; 2 what was asked for can't be, and the message says what would be right; 3 the answer is no (nothing covers the
customer, nothing was taken, something would change).
"""

from __future__ import annotations

import gc
import io
import os
import sys
from importlib import import_module
from inspect import cleandoc
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from starters.cli.listed import PANELS, TAKES_NEGATIVE, Listed

DEBUG = "MILEPOST_DEBUG"
"""Set to anything, this environment variable lets an unexpected error show where it came from."""

_OBJECTS_BETWEEN_COLLECTIONS = 200_000


class Commands(TyperGroup):
    """The commands, each loaded when it is asked for; an error of any of them becomes one message and an exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the program's own options, which stand before the command."""
        if args and args[0] in self.commands:
            self.params, self.add_help_option = [], False  # none is given; to read them takes all of pydantic
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that is asked for, loaded, and what it is given."""
        name, command, given = super().resolve_command(ctx, args)
        return name, command if command is None else loaded(_LISTED[str(command.name)]), given

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # whoever read the output has seen enough: Typer ends without a word
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


def loaded(listed: Listed) -> Any:
    """A command, or group of commands, with its own options and help."""
    module, _, name = listed.where.partition(":")
    found = getattr(import_module(f"starters.cli.commands.{module}"), name)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False)
        settings = TAKES_NEGATIVE if listed.takes_negative else None
        alone.command(listed.name, context_settings=settings)(found)
        return _flowing(get_command(alone))
    group: Any = _flowing(get_command(found))
    group.name = listed.name
    for command in group.commands.values():
        _flowing(command)
    return group


def _flowing(command: Any) -> Any:
    """The command with the paragraphs of its help in a line each: as broken in its docstring they fit one width."""
    paragraphs = cleandoc(command.help or "").split("\n\n")
    command.help = "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)
    return command


def _not_loaded() -> None:
    """What stands for a command in the list of them all."""


_LISTED: dict[str, Listed] = {}
for _panel, _commands in PANELS.items():
    for _command in _commands:
        _LISTED[_command.name] = _command
        app.command(_command.name, help=_command.says, rich_help_panel=_panel)(_not_loaded)


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

    from clients.sending import NoAnswer
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
        case NoAnswer(event_id=str(event_id)):
            said = f"{error}. It may be taken all the same; sent again with --event-id {event_id} it counts once"
            code = 1
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


def _let_streams_take_all() -> None:
    """Write what a stream has no letter for as an escape, and what goes to a closed one nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  until the program ends
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    """The program.

    What a command loads stays until it ends: the collector looks through it seldom, and at the end not at all.
    """
    _let_streams_take_all()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        app()
    finally:
        gc.freeze()
