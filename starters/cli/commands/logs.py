"""``logs``: what a file of past cases holds, and how a mapping reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from starters.cli.options import argument, option
from starters.cli.outputs import check_output

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Event logs: what a file holds, and the mapping by which backtest and replay read it.",
)


@app.callback()
def _logs() -> None:
    pass


@app.command()
def look(
    log: Annotated[Path, argument("FILE", "A CSV or XES file.")],
    out: Annotated[
        Path | None,
        option("--out", "FILE", "Write the mapping there, if nothing is there."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Propose a mapping for a file, with what is unsure about it; it was tried on the file and reads all of it.

    Ends with 2 if there is none, and says what the file lacks.

    Example:
    milepost logs look tickets.csv --out tickets.mapping.yaml
    """
    from starters.logs.look import look as propose
    from starters.logs.oddities import counted, told

    if out is not None and out.exists():
        raise typer.BadParameter(f"{out} is there already; name another file", param_hint="--out")
    if out is not None:
        check_output(out, "--out")
    found = propose(log)
    oddities = counted(found.read.oddities)
    if out is not None:
        out.write_text(found.text, encoding="utf-8")
    if as_json:
        import json

        shown = {
            "shape": found.mapping.shape,
            "cases": len(found.read.cases),
            "rows": found.read.rows,
            "events": sum(len(case.events) for case in found.read.cases),
            "unsure": list(found.unsure),
            "oddities": [one.model_dump(mode="json") for one in oddities],
            "mapping": found.text,
        }
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    if out is None:
        typer.echo(found.text, nl=False)
    else:
        typer.echo(f"Written: {out}")
    cases = len(found.read.cases)
    typer.echo(f"{log}: {found.read.rows:,} rows, {cases:,} cases; the mapping reads all of it", err=True)
    for line in told(str(log), oddities):
        typer.echo(line, err=True)
