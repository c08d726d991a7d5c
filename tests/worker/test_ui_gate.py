"""What stands before the Temporal UI."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from ruamel.yaml import YAML

from worker.embedded import EmbeddedServer
from worker.embedded.configuration import LOOPBACK, free_ports, write_server_config
from worker.embedded.ui_gate import UiGate, refused

EVIL = "attacker.example"


async def ask(port: int, request: str) -> bytes:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(request.replace("\n", "\r\n").encode())
        return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest_asyncio.fixture(loop_scope="session")
async def gate() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A gate before a server that says what it was asked."""
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nUI")
        writer.close()

    ports = free_ports()
    behind = await asyncio.start_server(answer, LOOPBACK, ports.behind_ui)
    one = UiGate(ports.behind_ui)
    await one.start(ports.ui)
    yield ports.ui, seen
    one.stop()
    behind.close()


@pytest.mark.parametrize("host", ["localhost", "localhost:8233", "127.0.0.1:8233", "[::1]:8233", "LOCALHOST"])
async def test_who_asks_by_a_name_of_this_machine_gets_through(gate: tuple[int, list[bytes]], host: str) -> None:
    """A request a connection, so that each is looked at."""
    port, seen = gate
    answer = await ask(port, f"GET /x HTTP/1.1\nHost: {host}\nConnection: keep-alive\n\n")
    assert answer.endswith(b"UI")
    assert seen[-1].count(b"onnection:") == 1
    assert b"Connection: close\r\n" in seen[-1]


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (f"GET / HTTP/1.1\nHost: {EVIL}\n\n", "421"),
        (f"GET / HTTP/1.1\nHost: {EVIL}:8233\n\n", "421"),
        (f"GET / HTTP/1.1\nHost: localhost.{EVIL}\n\n", "421"),
        (f"GET / HTTP/1.1\nHost: localhost:8233@{EVIL}\n\n", "421"),
        (f"GET / HTTP/1.1\nHost: localhost\nHost: {EVIL}\n\n", "421"),
        ("GET / HTTP/1.1\n\n", "421"),
        ("GET / HTTP/1.1\nHost:\n\n", "421"),
        (f"GET http://{EVIL}/ HTTP/1.1\nHost: localhost\n\n", "400"),
        (f"GET / HTTP/1.1\nHost: localhost\n {EVIL}\n\n", "400"),
        (f"POST /api HTTP/1.1\nHost: localhost\nOrigin: http://{EVIL}\nContent-Length: 0\n\n", "403"),
        ("POST /api HTTP/1.1\nHost: localhost\nOrigin: null\nContent-Length: 0\n\n", "403"),
        ("GET / HTTP/1.1\nHost: localhost\nX: " + "x" * 70000 + "\n\n", "431"),
    ],
)
async def test_who_does_not_is_refused(gate: tuple[int, list[bytes]], request_head: str, status: str) -> None:
    """A name that was made to lead here is another's; so is a page from elsewhere that wants to change something."""
    port, seen = gate
    answer = await ask(port, request_head)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert not seen


def test_a_page_of_the_ui_may_change_something() -> None:
    """It is of the UI's own origin."""
    assert refused([b"POST /api HTTP/1.1", b"Host: 127.0.0.1:8233", b"Origin: http://127.0.0.1:8233"]) is None


async def test_the_real_ui_answers_to_this_machine_alone() -> None:
    """Pages and the API behind them."""
    async with EmbeddedServer(ui=True) as server:
        for path in ("/", "/api/v1/namespaces"):
            ours = await ask(server.ports.ui, f"GET {path} HTTP/1.1\nHost: localhost:{server.ports.ui}\n\n")
            assert ours.startswith(b"HTTP/1.1 200 ")
            theirs = await ask(server.ports.ui, f"GET {path} HTTP/1.1\nHost: {EVIL}\n\n")
            assert theirs.startswith(b"HTTP/1.1 421 ")


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the kernel's table of sockets is Linux's")
async def test_no_port_of_the_server_answers_http(tmp_path: Path) -> None:
    """One cross-origin POST without a token would end every case: there is no port for it, and none is configured."""
    config = YAML(typ="safe").load(write_server_config(tmp_path, free_ports(), durable=False))
    assert not [service for service, declared in config["services"].items() if "httpPort" in declared["rpc"]]
    async with EmbeddedServer() as server:
        for port in _listening(server.pids[0]):
            post = (
                "POST /api/v1/namespaces/default/batch-operations/x HTTP/1.1\nHost: localhost\nContent-Length: 2\n\n{}"
            )
            answer = b""
            with contextlib.suppress(TimeoutError, OSError):
                answer = await asyncio.wait_for(ask(port, post), 2)
            assert not answer.startswith(b"HTTP/1."), f"port {port} answers: {answer[:200]!r}"


def _listening(pid: int) -> list[int]:
    """The TCP ports that a process listens on."""
    sockets = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
            found.append(int(fields[1].partition(":")[2], 16))
    assert found
    return found
