import socket
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from tests.starters.http.between import relay_to
from tests.support import assert_eventually
from tests.worker.waiting import WaitingWorkflow
from worker.health import is_at_work


async def test_a_worker_that_polls_is_at_work(client: Client, task_queue: str) -> None:
    host = socket.gethostname()
    assert not await is_at_work(client, task_queue, host=host)
    async with Worker(client, task_queue=task_queue, workflows=[WaitingWorkflow]):

        async def at_work() -> None:
            assert await is_at_work(client, task_queue, host=host)

        await assert_eventually(at_work)
        assert not await is_at_work(client, task_queue, host=f"other-{host}")


async def test_a_connection_that_was_ended_is_no_failure_of_the_check(client: Client, task_queue: str) -> None:
    """A server ends each after some minutes. Whoever asks just then hears of workers, not of that."""
    async with relay_to(client.service_client.config.target_host) as relay:
        through = await Client.connect(relay.address)
        for _ in range(20):
            relay.cut()
            relay.mend()
            assert not await is_at_work(through, task_queue, host=socket.gethostname())


async def test_the_check_of_a_host_without_a_worker_fails_and_says_so(
    client: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", client.service_client.config.target_host)
    monkeypatch.setenv("MILEPOST_TASK_QUEUE", task_queue)
    check = await create_subprocess_exec(sys.executable, "-m", "worker.health", stderr=PIPE)
    _, said = await check.communicate()
    assert check.returncode == 1
    assert said.decode().strip() == f"no worker of {socket.gethostname()} polls task queue {task_queue}"
