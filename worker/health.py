"""``python -m worker.health``: whether the worker of this host is at work, for a container's health check."""

import asyncio
import socket
import sys
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from domain.errors import MilepostError
from worker.connection import connect, settle
from worker.settings import get_settings

_SEEN_WITHIN = timedelta(minutes=2)
"""A poll lasts a minute at most; a worker that has not asked for two is gone."""


async def is_at_work(client: Client, task_queue: str, *, host: str) -> bool:
    """Whether a worker of the host asks Temporal for work on the task queue.

    A worker is known by the SDK's default identity, ``{process id}@{host}``.
    """
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    described = await client.workflow_service.describe_task_queue(request, retry=True)
    since = datetime.now(UTC) - _SEEN_WITHIN
    return any(
        poller.identity.endswith(f"@{host}") and poller.last_access_time.ToDatetime(UTC) >= since
        for poller in described.pollers
    )


async def _main() -> int:
    try:
        task_queue, host = get_settings().task_queue, socket.gethostname()
        healthy = await is_at_work(await connect(), task_queue, host=host)
    except MilepostError as error:
        print(error, file=sys.stderr)  # noqa: T201  what `docker inspect` shows
        return 1
    if not healthy:
        print(f"no worker of {host} polls task queue {task_queue}", file=sys.stderr)  # noqa: T201  the same
    await settle()
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
