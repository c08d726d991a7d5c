"""What is shown of a case that does not get on: its workflow was ended from outside, or is stuck."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from temporalio.client import WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from domain.wording import instant
from worker.supervision import HOW_ENDED

if TYPE_CHECKING:
    from clients.cases import MilepostClient
    from domain.messages.case_state import Stuck
    from domain.timeline.views import CaseView


_STATE = SearchAttributeKey.for_keyword("MilepostState")


class AtWork(NamedTuple):
    """How the workflow of a case gets on, by what Temporal says now.

    Attributes:
        ended: how and when it was ended; None: it runs, or is not known there.
        is_stuck: something that was due fails.
    """

    ended: str | None = None
    is_stuck: bool = False


async def at_work(client: MilepostClient, case_id: str) -> AtWork:
    """How the workflow of a case gets on."""
    try:
        found = await client.handle(case_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return AtWork()
    if found.status in {None, WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW}:
        return AtWork(is_stuck=found.typed_search_attributes.get(_STATE) == "stuck")
    how = HOW_ENDED.get(found.status) if found.status else None
    when = f" at {instant(found.close_time)}" if found.close_time else ""
    return AtWork(ended=f"ended from outside ({how}){when}" if how else None)


def stuck_text(known: Stuck | None) -> str:
    """What it means that a case is stuck; since when, as far as that is on record."""
    if known is None:
        return "stuck: what is due can't be done, and is tried again; the worker's log says why"
    tries = "once" if known.tries == 1 else f"{known.tries} times"
    return (
        f"stuck since {instant(known.since)}: what is due can't be done. It was tried {tries}, and is again at "
        f"{instant(known.again_at)}; the worker's log says why"
    )


def standing_still(view: CaseView) -> CaseView:
    """A case that nothing goes on with: what is left of its milestones is no longer counted down."""
    milestones = [milestone.model_copy(update={"remaining_seconds": None}) for milestone in view.milestones]
    return view.model_copy(update={"milestones": milestones, "next_due": None, "next_summary": ""})
