"""What the client of Milepost sends."""

import json
from datetime import datetime
from typing import Any

from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowUpdateInput,
    WorkflowHistory,
    WorkflowUpdateHandle,
)
from temporalio.service import RPCError, RPCStatusCode

from clients.cases import MilepostClient
from tests.workflows.world import World


def sent(history: WorkflowHistory) -> list[dict[str, Any]]:
    """The arguments of the updates that a case accepted."""
    accepted = (e.workflow_execution_update_accepted_event_attributes for e in history.events)
    return [json.loads(payload.data) for a in accepted for payload in a.accepted_request.input.args.payloads]


async def test_a_request_always_says_when(world: World) -> None:
    """And under which id, though its sender gave neither: on its way it keeps the time at which it was made."""
    case = await world.open(clock=None)
    await world.milepost.request(case, "stop_clock")
    *_, request = sent(await world.history(case))
    assert request["event_id"]
    assert datetime.fromisoformat(request["occurred_at"]).tzinfo is not None
    await world.milepost.request(case, "close")


async def test_a_request_that_meets_a_case_going_on_in_its_next_run_is_sent_again(world: World) -> None:
    """The server knows no run that takes it for a moment; the case is not closed."""

    class Meets(Interceptor):
        def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  the SDK's own name
            return MeetsTheEndOfARun(next)

    class MeetsTheEndOfARun(OutboundInterceptor):
        met = False

        async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:  # noqa: A002  likewise
            if not self.met:
                self.met = True
                raise RPCError("workflow execution already completed", RPCStatusCode.NOT_FOUND, b"")
            return await super().start_workflow_update(input)

    config = world.milepost.temporal.config()
    config["interceptors"] = [Meets()]
    case = await world.open(clock=None)
    client = MilepostClient(Client(**config), task_queue=world.task_queue)
    assert (await client.request(case, "stop_clock")).outcome == "taken"
