"""Milestone instances that their cases keep no more: their rows, with why their targets were what they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from domain.explanation import InstanceExplained, explain_instance
from domain.timeline.state import Folded
from store import tables
from store.cases import statements
from store.listed import milestone_row
from store.reading import read_stored
from store.types import written

if TYPE_CHECKING:
    from domain.messages.steps import CaseRecord

Row = dict[str, Any]


def folded_rows(record: CaseRecord) -> list[Row]:
    """The rows of the instances that a record takes out of its case, each explained while its reasons are known."""
    if not record.folded:
        return []
    plan, state, now = record.carried.plan, record.carried.state, record.view.now
    instances = [each.instance for each in record.folded]
    followed = tuple(
        Folded(
            process=each.instance.process,
            milestone=each.instance.milestone,
            occurrences=1,
            last=each.follows.occurrence,
            ended=each.follows,
        )
        for each in record.folded
        if each.follows is not None
    )
    before = state.model_copy(update={"instances": [*instances, *state.instances], "folded": followed})
    return [
        {
            **milestone_row(state.case_id, each.view),
            "explained": written(explain_instance(plan, before, each.instance, now)),
        }
        for each in record.folded
    ]


def explained(connection: Connection, case_id: str, milestone: str, occurrence: int) -> list[InstanceExplained]:
    """Why the target of an occurrence was what it was, under each process that had one of that number."""
    table = tables.milestones
    same = (table.c.case_id == case_id, table.c.milestone == milestone, table.c.occurrence == occurrence)
    wanted = select(table.c.explained).where(*same, table.c.explained.is_not(None)).order_by(table.c.process)
    return [read_stored(InstanceExplained, found) for found in connection.execute(wanted).scalars()]


def put_folded(connection: Connection, rows: Sequence[Row]) -> None:
    """Write the rows of instances that were folded; once more changes nothing."""
    if rows:
        table = tables.milestones
        changed = [name for name in rows[0] if name not in table.primary_key.columns]
        connection.execute(statements.put(connection.dialect.name, table, *changed), list(rows))
