"""Workflows that run and yet do not get on: stuck in a step that is due, or failing at each of their tasks."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.messages.names import CASE_WORKFLOW
from domain.usage.requests import ENTITLEMENT_WORKFLOW

_RUNNING = f"ExecutionStatus = 'Running' AND WorkflowType IN ('{CASE_WORKFLOW}', '{ENTITLEMENT_WORKFLOW}')"
_WORDS = {
    "stuck": "stuck: what is due can't be done, and is tried again; `milepost show` says since when",
    "wedged": "wedged: its workflow fails at each of its tasks; the worker's log says why",
}


class HeldUp(BaseModel):
    """A workflow that does not get on.

    Attributes:
        workflow: its id, such as `case/4711`.
        why: `stuck`: a step of time fails, messages are taken. `wedged`: its tasks fail, nothing is taken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    workflow: str
    why: Literal["stuck", "wedged"]

    @property
    def text(self) -> str:
        """What that means, and where to look."""
        return _WORDS[self.why]


async def held_up(client: Client, task_queue: str) -> list[HeldUp]:
    """Those that Temporal lists: a few seconds late, and of wedged ones only where the server tells of them.

    Args:
        client: the connection to Temporal.
        task_queue: of the workers whose workflows they are.
    """
    ours = f"{_RUNNING} AND TaskQueue = '{task_queue}'"
    stuck = f"{ours} AND MilepostState = 'stuck'"
    wedged = f"{ours} AND TemporalReportedProblems IS NOT NULL"
    found = [HeldUp(workflow=one.id, why="stuck") async for one in client.list_workflows(stuck)]
    try:
        found += [HeldUp(workflow=one.id, why="wedged") async for one in client.list_workflows(wedged)]
    except RPCError as error:
        if error.status is not RPCStatusCode.INVALID_ARGUMENT:  # which is what a server without the attribute says
            raise
    return found
