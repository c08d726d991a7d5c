"""Builds of Milepost's workers: which of them gets what is new, and why nobody answers although a worker polls.

A worker that has a build id (`MILEPOST_BUILD_ID`) gets new cases, and the steps of those that are to move, only if its
build is the *current* one of the deployment. Temporal makes none current by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from temporalio.api.enums.v1 import (
    TaskQueueType,
    VersioningBehavior,
    WorkerDeploymentVersionStatus,
    WorkerVersioningMode,
)
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import NotFound, Refused
from domain.model import Value

DEPLOYMENT = "milepost"
"""The name of the worker deployment whose versions the build ids are."""

HAS_POLLED_WITHIN = 10.0
"""Seconds within which Temporal knows a build once a worker of it has begun to poll."""

_AGAIN_AFTER = 0.2
_NOT_YET = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION})

Status = Literal["current", "ramping", "draining", "drained", "inactive"]
_STATUSES: dict[int, Status] = {
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT: "current",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING: "ramping",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING: "draining",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED: "drained",
}


class Build(Value):
    """A build of which a worker has polled.

    Attributes:
        status: `current` gets everything new; `draining` still has cases that stay with it; `drained` has none, and its
            workers can be ended; `inactive` was never current.
    """

    build_id: str
    status: Status


async def builds(client: Client) -> list[Build]:
    """The builds that Temporal knows, those that came last first; none if no worker ever had a build id."""
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=DEPLOYMENT)
    try:
        response = await client.workflow_service.describe_worker_deployment(request, retry=True)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return []
        raise
    found = response.worker_deployment_info.version_summaries
    known = sorted(found, key=lambda each: each.create_time.ToNanoseconds(), reverse=True)
    return [
        Build(build_id=each.deployment_version.build_id, status=_STATUSES.get(each.status, "inactive"))
        for each in known
    ]


async def current_build(client: Client) -> str | None:
    """The build that gets what is new; None: there is none, so that only workers without a build id get it."""
    return next((build.build_id for build in await builds(client) if build.status == "current"), None)


async def make_current(client: Client, build_id: str, *, patience: float = 0, anyway: bool = False) -> None:
    """Let a build get everything that is new from now on.

    Args:
        client: the connection to Temporal.
        build_id: the build.
        patience: seconds to wait for a worker of it to poll.
        anyway: although it does not poll every task queue that the current build polls; what waits in those waits then
            for workers without a build id.

    Raises:
        NotFound: no worker of that build has polled.
        Refused: Temporal refuses it, and says why.
    """
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace,
        deployment_name=DEPLOYMENT,
        build_id=build_id,
        identity=client.identity,
        ignore_missing_task_queues=anyway,
    )
    clock = asyncio.get_running_loop().time
    deadline = clock() + patience
    while True:
        try:
            await client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError as error:
            if error.status in _NOT_YET and clock() < deadline:
                await asyncio.sleep(_AGAIN_AFTER)
                continue
            known = [build.build_id for build in await builds(client)]
            if build_id not in known:
                listed = f"known are {', '.join(known)}" if known else "none is known"
                raise NotFound(f"no worker of build {build_id!r} has polled; {listed}") from error
            raise Refused("not_current", f"build {build_id!r} can't be made current: {error.message}") from error
        return


async def why_nobody_answers(client: Client, task_queue: str) -> str | None:
    """Why a request finds nobody although workers poll; None: it is not that, or Temporal does not say."""
    try:
        known = await builds(client)
        if not known:
            return None
        polling = await _polling(client, task_queue)
    except RPCError:
        return None
    current = next((build.build_id for build in known if build.status == "current"), None)
    if not polling or current in polling:
        return None
    if polling == {None}:
        return f"a worker without a build id polls, but build {current!r} is the current one" if current else None
    polled = ", ".join(sorted(repr(build) for build in polling if build is not None))
    newest = next((build.build_id for build in known if build.build_id in polling), None)
    which = f"the current one is {current!r}" if current else "none is current"
    heals = f": milepost upgrade current {newest}" if newest else ""
    return f"a worker of build {polled} polls, but it is not the current build ({which}){heals}"


def build_awaited(known: WorkflowExecutionDescription) -> str | None:
    """The build with which a workflow stays until its next run: nobody else answers for it. None: it stays with none.

    Whether a worker of it runs Temporal does not know: it names one that has ended for minutes.
    """
    versioning = known.raw_description.workflow_execution_info.versioning_info
    if versioning.behavior != VersioningBehavior.VERSIONING_BEHAVIOR_PINNED:
        return None
    return versioning.deployment_version.build_id or None


async def last_polled_at(client: Client, task_queue: str) -> datetime | None:
    """When a worker last asked for a workflow's task; None: none has in the last minutes."""
    return max((each.last_access_time.ToDatetime(UTC) for each in await _pollers(client, task_queue)), default=None)


async def _polling(client: Client, task_queue: str) -> set[str | None]:
    """The builds of the workers that polled in the last minutes; None of one that has no build id."""
    versioned = WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED
    return {
        poller.deployment_options.build_id if poller.deployment_options.worker_versioning_mode == versioned else None
        for poller in await _pollers(client, task_queue)
    }


async def _pollers(client: Client, task_queue: str) -> Sequence[PollerInfo]:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    return (await client.workflow_service.describe_task_queue(request, retry=True)).pollers
