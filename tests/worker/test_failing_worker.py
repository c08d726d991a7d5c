"""A worker that fails for good: whoever runs it learns why."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.bridge.proto.activity_task import Cancel
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker._activity import _ActivityWorker

from worker.plugin import plugin
from worker.process import running


async def test_a_worker_that_fails_says_why(client: Client, task_queue: str) -> None:
    """What it failed of reaches whoever waits beside it, not a bare cancellation."""
    elsewhere = Client(client.service_client, namespace="no-such-namespace", data_converter=client.data_converter)
    with pytest.raises(RuntimeError, match="no-such-namespace"):
        async with running(Worker(elsewhere, task_queue=task_queue, plugins=[plugin()])):
            await asyncio.Event().wait()


def test_a_cancellation_that_comes_late_fails_no_worker() -> None:
    """The SDK warns of an activity that has ended by then; a worker in these tests goes on as it does anywhere."""
    worker = object.__new__(_ActivityWorker)
    worker._running_activities = {}
    worker._handle_cancel_activity_task(b"of one that has ended", Cancel())
