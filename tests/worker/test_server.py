import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.worker import Worker

from tests.support import assert_eventually, unique
from tests.worker.waiting import WaitingWorkflow
from worker.clock import VirtualClock
from worker.embedded import EmbeddedServer, running_server
from worker.embedded.configuration import LOOPBACK, is_free
from worker.errors import ServerUnavailable

OTHER_PROCESS = """
import asyncio, json
from worker.embedded import EmbeddedServer

async def main():
    async with EmbeddedServer(ui=True) as server:
        found = {"pids": server.pids, "ports": server.ports.all(), "directory": str(server.directory)}
        print(json.dumps(found), flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text() if Path("/proc/self").exists() else True


async def test_leaves_nothing_behind() -> None:
    """No process, no port, no file, also when what it was started for fails."""
    with contextlib.suppress(LookupError):
        async with EmbeddedServer(ui=True) as server:
            pids, ports, directory = server.pids, server.ports.all(), server.directory
            assert all(runs(pid) for pid in pids)
            assert not is_free(server.ports.frontend)
            raise LookupError
    assert not any(runs(pid) for pid in pids)
    assert all(is_free(port) for port in ports)
    assert not directory.exists()


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the kernel's table of sockets is Linux's")
async def test_listens_on_the_loopback_alone() -> None:
    async with EmbeddedServer(ui=True) as server:
        ports = set(server.ports.all())
        listening = set()
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            for line in Path(table).read_text().splitlines()[1:]:
                address, _, port = line.split()[1].partition(":")
                if line.split()[3] == "0A" and int(port, 16) in ports:
                    listening.add((address, int(port, 16)))
        assert server.ports.frontend in {port for _, port in listening}
        assert {address for address, _ in listening} == {"0100007F"}  # 127.0.0.1, in the kernel's byte order


async def test_the_ui_answers() -> None:
    async with EmbeddedServer(ui=True) as server:
        reader, writer = await asyncio.open_connection(LOOPBACK, server.ports.ui)
        writer.write(b"GET /api/v1/namespaces HTTP/1.0\r\nHost: localhost\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert b" 200 " in answer.splitlines()[0]
        assert b'"default"' in answer


async def test_state_survives_a_restart(tmp_path: Path) -> None:
    """Also the ports, so that a link to a case stays right."""
    async with EmbeddedServer(tmp_path) as server:
        first = server.address
        case = await (await server.connect()).start_workflow(
            WaitingWorkflow.run, args=[[1]], id=unique("waiting"), task_queue="nobody"
        )
    async with EmbeddedServer(tmp_path) as server:
        assert server.address == first
        kept = (await server.connect()).get_workflow_handle(case.id)
        assert (await kept.describe()).run_id == case.first_execution_run_id


async def test_goes_on_after_kill_9(task_queue: str) -> None:
    """Killed while a workflow waits and a worker and a clock are at work, and started on the same ports: all go on."""
    async with EmbeddedServer() as server:
        clock = VirtualClock(await server.connect())
        async with Worker(clock.client, task_queue=task_queue, workflows=[WaitingWorkflow]):
            case = await clock.client.start_workflow(
                WaitingWorkflow.run, args=[[1, 3]], id=unique("waiting"), task_queue=task_queue
            )
            began = (await case.describe()).start_time
            assert await clock.go_to(case, began + timedelta(hours=2))
            address, pid = server.address, server.pids[0]
            os.kill(pid, signal.SIGKILL)
            await server.start()
            assert server.address == address
            assert server.pids != [pid]
            assert not await clock.go_to(case, began + timedelta(hours=4))
            assert len(await case.result()) == 2


async def test_one_folder_one_server(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path):
        with pytest.raises(ServerUnavailable, match="another Milepost is using the server"):
            await EmbeddedServer(tmp_path).start()


async def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ServerUnavailable, match=f"port {port} for the server is taken"):
            await EmbeddedServer(port=port).start()


async def test_the_server_that_the_environment_names_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with EmbeddedServer() as named:
        monkeypatch.setenv("TEMPORAL_ADDRESS", named.address)
        async with running_server() as running:
            assert running.embedded is None
            assert running.address == named.address


@contextlib.asynccontextmanager
async def server_in_another_process() -> AsyncIterator[tuple[asyncio.subprocess.Process, list[int], list[int], Path]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OTHER_PROCESS, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        started = json.loads(await process.stdout.readline())
        yield process, started["pids"], started["ports"], Path(started["directory"])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
async def test_dies_with_its_parent(end: signal.Signals) -> None:
    """Whatever ends the process that started it."""
    async with server_in_another_process() as (process, pids, ports, directory):
        assert all(runs(pid) for pid in pids)
        process.send_signal(end)
        await process.wait()

        async def gone() -> None:
            assert not any(runs(pid) for pid in pids)
            assert all(is_free(port) for port in ports)
            assert not directory.exists()

        await assert_eventually(gone)
