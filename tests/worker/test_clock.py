from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from tests.support import unique
from tests.worker.waiting import WaitingWorkflow
from worker.clock import ClockStuck, VirtualClock, has_virtual_clock


@asynccontextmanager
async def waiting_worker(client: Client, task_queue: str) -> AsyncIterator[None]:
    async with Worker(client, task_queue=task_queue, workflows=[WaitingWorkflow]):
        yield


async def test_the_session_server_has_a_virtual_clock(client: Client) -> None:
    assert await has_virtual_clock(client)


async def test_goes_to_an_instant_exactly(clock: VirtualClock, task_queue: str) -> None:
    """Every timer before the instant has fired at its own time; the next one has not."""
    async with waiting_worker(clock.client, task_queue):
        case = await clock.client.start_workflow(
            WaitingWorkflow.run, args=[[1, 2, 5]], id=unique("waiting"), task_queue=task_queue
        )
        began = (await case.describe()).start_time
        target = began + timedelta(hours=2, seconds=1)
        assert await clock.go_to(case, target)
        woke = await case.query(WaitingWorkflow.awake)
        late = [at - (began + timedelta(hours=hour)) for at, hour in zip(woke, [1, 2], strict=True)]
        assert all(timedelta() <= by < timedelta(seconds=1) for by in late), late
        assert timedelta() <= await clock.now(case) - target < timedelta(minutes=1)


async def test_stands_where_it_is_when_sent_back(clock: VirtualClock, task_queue: str) -> None:
    async with waiting_worker(clock.client, task_queue):
        case = await clock.client.start_workflow(
            WaitingWorkflow.run, args=[[1, 5]], id=unique("waiting"), task_queue=task_queue
        )
        began = (await case.describe()).start_time
        assert await clock.go_to(case, began + timedelta(hours=2))
        assert await clock.go_to(case, began)
        assert await clock.now(case) >= began + timedelta(hours=2)


async def test_each_workflow_has_its_own(clock: VirtualClock, task_queue: str) -> None:
    async with waiting_worker(clock.client, task_queue):
        one, other = [
            await clock.client.start_workflow(
                WaitingWorkflow.run, args=[[3]], id=unique("waiting"), task_queue=task_queue
            )
            for _ in range(2)
        ]
        began = (await one.describe()).start_time
        assert await clock.go_to(one, began + timedelta(hours=2))
        assert await clock.now(other) < began + timedelta(hours=1)


async def test_follows_continue_as_new(clock: VirtualClock, task_queue: str) -> None:
    async with waiting_worker(clock.client, task_queue):
        case = await clock.client.start_workflow(
            WaitingWorkflow.run, args=[[1, 2, 3, 9], None, 1], id=unique("waiting"), task_queue=task_queue
        )
        began = (await case.describe()).start_time
        assert await clock.go_to(case, began + timedelta(hours=4))
        current = clock.client.get_workflow_handle(case.id)
        assert (await current.describe()).run_id != case.first_execution_run_id
        assert await clock.now(current) >= began + timedelta(hours=4)


async def test_says_when_the_workflow_is_closed_before(clock: VirtualClock, task_queue: str) -> None:
    async with waiting_worker(clock.client, task_queue):
        case = await clock.client.start_workflow(
            WaitingWorkflow.run, args=[[1]], id=unique("waiting"), task_queue=task_queue
        )
        began = (await case.describe()).start_time
        assert not await clock.go_to(case, began + timedelta(hours=2))
        assert not await clock.go_to(case, began + timedelta(hours=3))


async def test_says_what_holds_it_when_no_worker_runs(clock: VirtualClock, task_queue: str) -> None:
    case = await clock.client.start_workflow(
        WaitingWorkflow.run, args=[[1]], id=unique("waiting"), task_queue=task_queue
    )
    began = (await case.describe()).start_time
    with pytest.raises(ClockStuck, match="is a worker running"):
        await clock.go_to(case, began + timedelta(hours=2), patience=timedelta(seconds=0.3))
    await case.terminate()


async def test_goes_on_from_where_an_attempt_was_lost(clock: VirtualClock, task_queue: str) -> None:
    """A second fast-forward discards the first: going to an absolute instant makes up for it."""
    case = await clock.client.start_workflow(
        WaitingWorkflow.run, args=[[1, 9]], id=unique("waiting"), task_queue=task_queue
    )
    began = (await case.describe()).start_time
    with pytest.raises(ClockStuck):
        await clock.go_to(case, began + timedelta(hours=3), patience=timedelta(seconds=0.2))
    async with waiting_worker(clock.client, task_queue):
        assert await clock.go_to(case, began + timedelta(hours=3))
        assert len(await case.query(WaitingWorkflow.awake)) == 1
    await case.terminate()
