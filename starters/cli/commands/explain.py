"""``explain``: why every target of a case is what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli.options import CaseArgument, argument
from starters.cli.running import run

if TYPE_CHECKING:
    from clients.cases import MilepostClient
    from domain.explanation import Explanation
    from domain.messages.case_state import CaseState
    from worker.settings import Settings

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

    Of a milestone that recurs the newest ten occurrences are explained; --occurrence explains any. A closed case whose
    history Temporal no longer has is explained from the store's record.

    Example: milepost explain 4711 "First response"
    """
    run(_explain(case, milestone, occurrence, as_json))


async def _explain(case: str, milestone: str | None, occurrence: int | None, as_json: bool) -> None:
    import asyncio

    from clients.cases import MilepostClient
    from domain.explanation.text import explanation_text
    from starters.local.whereabouts import connect_to_temporal, effective_settings
    from starters.terminal.cases import console

    settings = effective_settings()
    client = MilepostClient(await connect_to_temporal(), task_queue=settings.task_queue)
    explanation, note = await _find(client, case, settings)
    explanation = explanation.of(milestone)
    if occurrence is not None:
        explanation = await asyncio.to_thread(_of_occurrence, explanation, occurrence, settings)
    if as_json:
        typer.echo(explanation.model_dump_json(indent=2))
        return
    terminal = console()
    if note:
        terminal.print(note, style="yellow", markup=False)
    for line in explanation_text(explanation, max(NARROWEST, min(terminal.width, WIDEST))).splitlines():
        is_heading = bool(line) and not line.startswith(" ")
        terminal.print(line, style="bold" if is_heading else None, markup=False, soft_wrap=True)


def _of_occurrence(explanation: Explanation, occurrence: int, settings: Settings) -> Explanation:
    from starters.operations.older import of_occurrence
    from store import Store

    with Store.open(settings.database) as store:
        return of_occurrence(explanation, occurrence, store)


async def _find(client: MilepostClient, case: str, settings: Settings) -> tuple[Explanation, str | None]:
    """The explanation by the case itself, else by what the store recorded of it, and a word on that."""
    from clients.sending import NoAnswer
    from domain.errors import NotFound
    from domain.explanation import explain as explain_by
    from domain.timeline.folding import NEWEST

    try:
        return await client.explanation(case), None
    except (NotFound, NoAnswer) as nobody:
        recorded = await _recorded(settings, case)
        if recorded is None:
            raise
        state = recorded.state
        known = (
            "Temporal no longer has the history of this case" if isinstance(nobody, NotFound) else "no worker answers"
        )
        explanation = explain_by(
            recorded.plan, state, max(state.last_at, state.closed_at or state.last_at), newest=NEWEST
        )
        return explanation, f"from the store's record: {known}"


async def _recorded(settings: Settings, case: str) -> CaseState | None:
    """Plan and state of the case as the store has them, if it is at hand and has them."""
    import asyncio

    from sqlalchemy.exc import SQLAlchemyError

    from domain.errors import NotFound
    from store import Store, StoreError

    def ask() -> CaseState | None:
        with Store.open(settings.database) as store:
            return store.cases.get(case).carried

    try:
        return await asyncio.to_thread(ask)
    except (NotFound, StoreError, SQLAlchemyError):
        return None
