"""``explain``: why every target of a case is what it is."""

from __future__ import annotations

from typing import Annotated

import typer

from starters.cli.commands.case import case_desk
from starters.cli.options import CaseArgument, argument
from starters.cli.running import run

NARROWEST, WIDEST = 60, 120


def explain(
    case: CaseArgument,
    milestone: Annotated[
        str | None,
        argument("[MILESTONE]", "Of this milestone only, by its name."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the explanation as JSON.")] = False,
) -> None:
    """Explain a case's targets: calendar, start, span, each pause and holiday, until the target comes out.

    A closed case whose history Temporal no longer has is explained from the store's record.

    Example: milepost explain 4711 "First response"
    """
    run(_explain(case, milestone, as_json))


async def _explain(case: str, milestone: str | None, as_json: bool) -> None:
    from domain.explanation.text import explanation_text
    from starters.terminal.cases import console

    explanation, note = await (await case_desk()).explain(case)
    explanation = explanation.of(milestone)
    if as_json:
        typer.echo(explanation.model_dump_json(indent=2))
        return
    terminal = console()
    if note:
        terminal.print(note, style="yellow", markup=False)
    for line in explanation_text(explanation, max(NARROWEST, min(terminal.width, WIDEST))).splitlines():
        is_heading = bool(line) and not line.startswith(" ")
        terminal.print(line, style="bold" if is_heading else None, markup=False, soft_wrap=True)
