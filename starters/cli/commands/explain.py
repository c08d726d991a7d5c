"""``explain``: why every target of a case is what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli.commands.case import case_desk
from starters.cli.options import CaseArgument, argument
from starters.cli.running import run

if TYPE_CHECKING:
    from domain.explanation import Explanation

NARROWEST, WIDEST = 60, 120


def explain(
    case: CaseArgument,
    milestone: Annotated[
        str | None,
        argument("[MILESTONE]", "Of this milestone only, by its name."),
    ] = None,
    occurrence: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Of this occurrence only, of a milestone that recurs.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the explanation as JSON.")] = False,
) -> None:
    """Explain a case's targets: calendar, start, span, each pause and holiday, until the target comes out.

    First what covers the case: the entitlement that was chosen, why, and why no other was.

    Of a milestone that recurs the newest ten occurrences are explained; --occurrence explains any. A closed case whose
    history Temporal no longer has is explained from the store's record.

    Example: milepost explain 4711 "First response"
    """
    run(_explain(case, milestone, occurrence, as_json))


async def _explain(case: str, milestone: str | None, occurrence: int | None, as_json: bool) -> None:
    import asyncio
    import json

    from domain.explanation.text import explanation_text
    from starters.local.whereabouts import effective_settings
    from starters.terminal.cases import console

    desk = await case_desk()
    explanation, note = await desk.explain(case)
    explanation, coverage = explanation.of(milestone), await desk.coverage(case)
    if occurrence is not None:
        explanation = await asyncio.to_thread(_of_occurrence, explanation, occurrence, effective_settings().database)
    if as_json:
        told = explanation.model_dump(mode="json")
        told |= {"coverage": coverage.model_dump(mode="json")} if coverage else {}
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    terminal = console()
    if note:
        terminal.print(note, style="yellow", markup=False)
    width = max(NARROWEST, min(terminal.width, WIDEST))
    for line in explanation_text(explanation, width, coverage).splitlines():
        is_heading = bool(line) and not line.startswith(" ")
        terminal.print(line, style="bold" if is_heading else None, markup=False, soft_wrap=True)


def _of_occurrence(explanation: Explanation, occurrence: int, database: str) -> Explanation:
    from starters.operations.older import of_occurrence
    from store import Store

    with Store.open(database, "there") as store:
        return of_occurrence(explanation, occurrence, store)
