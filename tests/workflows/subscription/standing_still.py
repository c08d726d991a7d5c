"""A subscription with nothing to send: what it wants done is done by these, without a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from activities.heartbeat import heartbeating
from domain.subscriptions import requests
from domain.subscriptions.requests import (
    SUBSCRIPTION_WORKFLOW,
    BeginRequest,
    DeliveryRequest,
    KeepRequest,
    WaitRequest,
    workflow_id,
)
from domain.subscriptions.state import DeliveryReport, SubscriptionState, WaitReport
from tests.support import assert_eventually, unique
from worker.plugin import plugin
from worker.process import running


@activity.defn(name=requests.BEGIN_SUBSCRIPTION)
async def begin(_: BeginRequest) -> SubscriptionState:
    return SubscriptionState(cursor="begin")


@activity.defn(name=requests.DELIVER_EVENTS)
async def deliver(request: DeliveryRequest) -> DeliveryReport:
    return DeliveryReport(cursor=request.state.cursor)


@activity.defn(name=requests.AWAIT_EVENTS)
async def await_events(request: WaitRequest) -> WaitReport:
    async with heartbeating(1.0):
        await asyncio.sleep(600)
    return WaitReport(found=False, cursor=request.state.cursor)


@activity.defn(name=requests.KEEP_SUBSCRIPTION)
async def keep(_: KeepRequest) -> None:
    pass


@asynccontextmanager
async def standing_still(client: Client, task_queue: str) -> AsyncIterator[None]:
    """A worker for subscriptions that have nothing to do."""
    worker = Worker(client, task_queue=task_queue, plugins=[plugin()], activities=[begin, deliver, await_events, keep])
    async with running(worker):
        yield


async def start(client: Client, task_queue: str) -> WorkflowHandle[object, object]:
    """One of them, that waits for events."""
    name = unique("still")
    handle = await client.start_workflow(
        SUBSCRIPTION_WORKFLOW, {"subscription_id": name}, id=workflow_id(name), task_queue=task_queue
    )

    async def waits() -> None:
        assert (await handle.query(requests.STANDING))["doing"] == "waits for events"

    async def has_begun() -> None:
        try:
            await waits()
        except Exception as error:
            raise AssertionError(str(error)) from error

    await assert_eventually(has_begun)
    return handle
