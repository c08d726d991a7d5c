"""What the client of Milepost sends."""

import json
from datetime import datetime
from typing import Any

from temporalio.client import WorkflowHistory

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
