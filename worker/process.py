"""The worker: runs workflows and activities for everything on a task queue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import PollerBehaviorSimpleMaximum, Worker, WorkerDeploymentConfig

from activities.actions.cases import CaseActions
from activities.actions.dispatch import Dispatcher
from activities.actions.outside import Outside
from activities.actions.redelivering import Redelivering
from activities.actions.surroundings import Links
from activities.counts import UsageActivities
from activities.covering import Covering
from activities.delivery.means import Means
from activities.heartbeat import EVERY
from activities.migrating import Migrating
from activities.opening import Opening
from activities.planning import Planner, Planning
from activities.recording import Recording
from activities.records import Records
from activities.rendering.renderer import Renderer
from activities.reports.sending import ReportSending
from activities.subscriptions.work import SubscriptionWork
from clients.deployments import DEPLOYMENT
from clients.gate import UsageGate
from store.store import Store
from worker.memory import cached_workflows_for, memory_of_this_process
from worker.plugin import plugin

_LOG = logging.getLogger(__name__)

ENDS_WITHIN = 10.0
"""Seconds."""

FINISHES_WITHIN = timedelta(seconds=5)
"""What activities that are under way have to finish when a worker ends. Without it the SDK cancels one that came with
the shutdown before it is begun, and sometimes waits for it for ever."""

CACHED_WORKFLOWS = cached_workflows_for(memory_of_this_process())
"""How many a worker keeps in memory unless it is told: by the memory of its machine or container."""

TASKS_AT_ONCE = 20
"""Workflow tasks that a worker has begun. All share one processor with each other and with the records that they hold
open for, and each has ten seconds: with more of them begun none ends earlier, and on a busy machine some end too late.
"""

STEPS_AT_ONCE = 4
"""Steps of workflows that are worked on at the same instant. They share one processor, and each has two seconds of the
clock before it is taken for one that never ends: of twenty at once on a busy machine none ends in time, of four all do.
"""

POLLS = 10
"""For workflow tasks: half of them for those of cases that it has in memory, half for those that any worker takes. Of a
rush most wait for ten seconds in the first queue and go over to the second, where one poll at a time lets them through
slowly. A longer wait there makes a rush no faster, and holds up what waits for a worker that was killed."""


@asynccontextmanager
async def working(
    client: Client,
    store: Store,
    *,
    task_queue: str = "milepost",
    build_id: str | None = None,
    cached_workflows: int | None = None,
    means: Means | None = None,
) -> AsyncIterator[Worker]:
    """Run a worker while the context lasts.

    Args:
        client: the connection to Temporal.
        store: where the catalog is, and where records go.
        task_queue: what it polls.
        build_id: in production, the version of this deployment: a case then stays on the version that opened it until
            its workflow starts a new run.
        cached_workflows: how many it keeps in memory; any other is replayed from its history when something happens to
            it. 0: every one, every time. None: as many as a quarter of the memory holds.
        means: what actions are sent with; None: nothing leaves the store.
    """
    kept = CACHED_WORKFLOWS if cached_workflows is None else cached_workflows
    renderer = Renderer()
    steps = ThreadPoolExecutor(STEPS_AT_ONCE, thread_name_prefix="workflow")
    outside = None if means is None else Outside(store, means)
    dispatcher = Dispatcher(store.actions, store.catalog, renderer, outside, _links(client, means))
    worker = Worker(
        client,
        task_queue=task_queue,
        plugins=[plugin()],
        activities=_activities(client, store, task_queue, dispatcher, outside),
        deployment_config=_deployment(build_id),
        max_cached_workflows=kept,
        max_concurrent_workflow_tasks=tasks_at_once(kept),
        workflow_task_executor=steps,
        workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(POLLS),
        nonsticky_to_sticky_poll_ratio=0.5,
        graceful_shutdown_timeout=FINISHES_WITHIN,
        # The SDK would hold back a sign of life until two seconds before the server takes the worker for dead.
        max_heartbeat_throttle_interval=timedelta(seconds=EVERY),
    )
    try:
        async with renderer, running(worker):
            yield worker
    finally:
        steps.shutdown(wait=False)


def tasks_at_once(kept: int) -> int:
    """Workflow tasks that a worker begins at once, by how many workflows it keeps.

    One that comes when all room is taken throws another workflow out, though that one's record may be on its way to the
    store: the SDK then lets its task time out. So never more than there is room for; of what is not kept one is in
    memory.
    """
    return max(2, min(kept, TASKS_AT_ONCE)) if kept else 1  # with a cache the SDK wants two


def _links(client: Client, means: Means | None) -> Links:
    if means is None:
        return Links()
    return Links(console=means.console, temporal_ui=means.temporal_ui, namespace=client.namespace)


def _activities(
    client: Client, store: Store, task_queue: str, dispatcher: Dispatcher, outside: Outside | None
) -> list[Callable[..., Any]]:
    """What a worker does for workflows, put together in this one place."""
    planner, together = Planner(store), Recording(store)
    gate = UsageGate(client, task_queue, kept=store.references.has_taken)
    opening = Opening(store, planner, Covering(store, gate), together)
    planning = Planning(planner)
    return [
        opening.open_case,
        opening.plan_entitlement_change,
        opening.decide_overage,
        opening.log_time,
        opening.reverse_time,
        planning.freeze_calendars,
        planning.plan_migration,
        Records(store, together).record_case,
        *CaseActions(dispatcher).all,
        *UsageActivities(store, dispatcher).all,
        *Redelivering(store, outside, dispatcher).all,
        *Migrating(client, store).all,
        *SubscriptionWork(store, outside).all,
        *ReportSending(store, outside).all,
    ]


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    """Run a worker while the context lasts, and end it within bounds.

    The SDK waits for every activity that the server has handed out, however long it takes. The server gives it to
    another worker when its time is up.
    """
    await worker.__aenter__()
    ended_by: type[BaseException] | None = None
    try:
        yield
    except BaseException as error:
        ended_by = type(error)  # a worker that fails cancels whoever runs it, and says why only if it is told so
        raise
    finally:
        try:
            async with asyncio.timeout(ENDS_WITHIN):
                await worker.__aexit__(ended_by, None, None)
        except TimeoutError:
            _LOG.warning("the worker did not end within %g s; what it had begun is begun again elsewhere", ENDS_WITHIN)


def _deployment(build_id: str | None) -> WorkerDeploymentConfig | None:
    if build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment_name=DEPLOYMENT, build_id=build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )
