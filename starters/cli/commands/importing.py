"""``import``: cases and time entries from CSV files."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli.commands.case import case_desk, login
from starters.cli.options import AsJson, By, argument, option
from starters.cli.running import run, stored

if TYPE_CHECKING:
    from starters.imports.rows import Rows
    from starters.imports.sending import Outcome, Verdict

_SAYS_EVERY = 1.0


def import_rows(
    file: Annotated[Path, argument("FILE", "A CSV file.")],
    mapping: Annotated[Path, option("--mapping", "FILE", "Which column is what: a YAML file.")],
    after: Annotated[int, typer.Option(metavar="ROW", min=0, help="Go on after this row.")] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read everything, hold it against the store, and send nothing.")
    ] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Open a case for each row of a file, or log a time entry; one line of verdict for each.

    Requests get their ids from the name of the file and the contents of the row. So the same import can be run again,
    also after Ctrl-C, and repeats nothing. With --json each verdict is an object on a line of its own.

    --dry-run says of each row what the catalog has against it. What is left of an entitlement, and how a case stands,
    is only known when it is sent.

    Exit code 0: all of it was taken; 1: nobody answered; 2: some rows could not be taken.

    Example: milepost import cases.csv --mapping catalogs/cases.mapping.yaml
    """
    from starters.imports.mapping import CaseColumns, load_import
    from starters.imports.rows import Rows

    columns = load_import(mapping)
    with stored() as store:
        declared = store.catalog.fields()
    if isinstance(columns, CaseColumns):
        columns.check(mapping, declared)
    rows = Rows(file, columns, declared, by=by or login())
    telling = _Telling(sum(1 for _ in Rows(file, columns, declared)), after, as_json)
    try:
        run(_try(rows, telling) if dry_run else _send(rows, telling))
    except KeyboardInterrupt:
        telling.close()
        typer.echo(f"milepost: stopped; go on with --after {telling.last}, or run it again", err=True)
        raise typer.Exit(1) from None
    telling.close()
    raise typer.Exit(telling.exit_code)


async def _try(rows: Rows, telling: _Telling) -> None:
    from starters.imports.trying import Trying

    with stored() as store:
        trying = Trying(store)
        for row in rows:
            if row.number > telling.after:
                telling.tell(await trying.verdict(row))


async def _send(rows: Rows, telling: _Telling) -> None:
    from starters.imports.sending import send_rows

    async for verdict in send_rows(await case_desk(), (row for row in rows if row.number > telling.after)):
        telling.tell(verdict)


class _Telling:
    """Prints verdicts, and on a terminal how far it has come.

    Attributes:
        after: the row after which it begins.
        last: the last row on which there is a verdict, and on all before it.
    """

    def __init__(self, rows: int, after: int, as_json: bool) -> None:
        self.after = self.last = after
        self._rows, self._as_json = rows, as_json
        self._found: Counter[Outcome] = Counter()
        self._began = self._said_at = time.monotonic()
        self._is_seen = sys.stderr.isatty() and not sys.stdout.isatty()

    def tell(self, verdict: Verdict) -> None:
        """Print a verdict."""
        self._found[verdict.outcome] += 1
        if not self._found["unanswered"]:
            self.last = verdict.row
        if self._as_json:
            typer.echo(verdict.model_dump_json())
        else:
            typer.echo(f"row {verdict.row}  {verdict.case}  {verdict.outcome}: {verdict.text}")
        now = time.monotonic()
        if self._is_seen and now - self._said_at > _SAYS_EVERY:
            self._said_at = now
            rate = self._found.total() / (now - self._began)
            typer.echo(f"\rrow {verdict.row:,} of {self._rows:,}, {rate:.0f}/s ", nl=False, err=True)

    def close(self) -> None:
        """Print how many came to what."""
        from starters.imports.sending import summary

        if self._is_seen:
            typer.echo("\r", nl=False, err=True)
        typer.echo(f"milepost: {summary(self._found)}", err=True)
        if self._found["unanswered"]:
            typer.echo(f"milepost: nobody answers; later go on with --after {self.last}, or run it again", err=True)

    @property
    def exit_code(self) -> int:
        """0: all of it was taken; 1: nobody answered; 2: something could not be."""
        if self._found["unanswered"]:
            return 1
        return 2 if self._found["refused"] or self._found["unreadable"] else 0
