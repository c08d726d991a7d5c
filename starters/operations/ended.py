"""What is shown of a case whose workflow was ended from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.wording import instant
from worker.supervision import HOW_ENDED

if TYPE_CHECKING:
    from clients.cases import MilepostClient
    from domain.timeline.views import CaseView


async def ended_now(client: MilepostClient, case_id: str) -> str | None:
    """How and when the workflow of a case ended, by what Temporal says now; None if it runs, or is not known there."""
    try:
        found = await client.handle(case_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None
    if found.status in {None, WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW}:
        return None
    how = HOW_ENDED.get(found.status) if found.status else None
    when = f" at {instant(found.close_time)}" if found.close_time else ""
    return f"ended from outside ({how}){when}" if how else None


def standing_still(view: CaseView) -> CaseView:
    """A case that nothing goes on with: what is left of its milestones is no longer counted down."""
    milestones = [milestone.model_copy(update={"remaining_seconds": None}) for milestone in view.milestones]
    return view.model_copy(update={"milestones": milestones, "next_due": None, "next_summary": ""})
