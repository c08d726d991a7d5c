"""A clock of its own for each workflow, that can be moved ahead: for the replay of a log, simulations and tests.

The server's time skipping is experimental in this version of the SDK; nothing else of Milepost touches it. Each
workflow has its own clock, and activities see the wall clock: pass the instant as data, everywhere.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from temporalio.api.workflowservice.v1 import PollWorkflowExecutionTimeSkippingRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from domain.errors import MilepostError

_NOT_BY_ITSELF = TimeSkippingConfig(enabled=False, max_session_skip_count=1_000_000)
"""The clock moves only when told to, and as far as told. The server's default skips every timer at once, and stops
without a word after 200."""

_ATTEMPT = timedelta(seconds=10)
_PATIENCE = timedelta(seconds=60)


class ClockStuck(MilepostError):
    """A workflow's clock did not come to the instant it was sent to."""


class VirtualClock:
    """Moves the clocks of workflows that were started through its `client`."""

    def __init__(self, client: Client) -> None:
        self._skipper = TimeSkipper(client, config=_NOT_BY_ITSELF)
        self._client = client

    @property
    def client(self) -> Client:
        """The client to start workflows with: each gets a clock that stands still for nobody, but can be moved."""
        return self._skipper.client

    async def now(self, workflow: WorkflowHandle[Any, Any]) -> datetime:
        """The workflow's time: the wall clock's, plus all that was skipped."""
        return await self._skipper.get_current_time(self._current_run(workflow))

    async def go_to(
        self, workflow: WorkflowHandle[Any, Any], instant: datetime, *, patience: timedelta = _PATIENCE
    ) -> bool:
        """Move a workflow's clock to an instant; every timer that ends up to it has fired then.

        A timer begins when the server records it, some milliseconds after the workflow asked: one that was meant for
        T ends just after T. To see what happens at T, go a second beyond it.

        An instant that is not ahead moves nothing: clocks do not go back. Time passes only while the workflow is idle,
        so a worker must be running; an activity holds its workflow's clock. The clock follows continue-as-new. Only
        one caller may move a workflow's clock at a time: a second one overrides the first, which then tries again.

        Args:
            workflow: a handle of the workflow; whichever run is current is meant.
            instant: aware.
            patience: real time after which to give up.

        Returns:
            True at the instant; False if the workflow was closed, or closed before it.

        Raises:
            ClockStuck: it did not get there in time.
        """
        handle = self._current_run(workflow)
        try:
            async with asyncio.timeout(patience.total_seconds()):
                while True:
                    ahead = instant - await self.now(handle)
                    if ahead <= timedelta():
                        return True
                    try:
                        if not await asyncio.wait_for(
                            self._skipper.fast_forward(handle, ahead), _ATTEMPT.total_seconds()
                        ):
                            return False
                    except TimeoutError:
                        continue  # lost with a server or worker that went down: ask again for what is left
                    except RuntimeError:
                        continue  # overridden by another's: the same
                    except RPCError as error:
                        if await self._is_closed(handle):
                            return False
                        if error.status not in _PASSING:
                            raise
        except TimeoutError as error:
            raise ClockStuck(
                f"the clock of workflow {workflow.id} did not come to {instant.isoformat()} within "
                f"{patience.total_seconds():g} s: is a worker running, and is none of its activities waiting?"
            ) from error

    def _current_run(self, workflow: WorkflowHandle[Any, Any]) -> WorkflowHandle[Any, Any]:
        return self._client.get_workflow_handle(workflow.id)

    async def _is_closed(self, handle: WorkflowHandle[Any, Any]) -> bool:
        return (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING


_PASSING = frozenset({RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.ABORTED})


async def has_virtual_clock(client: Client) -> bool:
    """Whether the server behind a client can skip time: it is new enough, and it is switched on there."""
    request = PollWorkflowExecutionTimeSkippingRequest(namespace=client.namespace)
    request.workflow_execution.workflow_id = "milepost-asks-for-time-skipping"
    try:
        await client.workflow_service.poll_workflow_execution_time_skipping(request)
    except RPCError as error:
        if error.status is RPCStatusCode.UNIMPLEMENTED:
            return False
        if error.status in {RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.NOT_FOUND}:
            return True
        raise
    return True
