"""What stands before the Temporal UI: only who asks for this machine by its own name gets through.

The UI answers to any ``Host``. A page from anywhere whose name is made to lead to 127.0.0.1 (DNS rebinding) would be of
the UI's own origin for the browser, and could read and end every workflow. The UI has no setting against it.
"""

import asyncio
import contextlib
import re
from typing import NamedTuple

from worker.embedded.configuration import LOOPBACK

OUR_NAMES = frozenset({"localhost", LOOPBACK, "[::1]"})

_HEAD_WITHIN = 30.0
_LONGEST_HEAD = 64 * 1024
_AT_ONCE = 64 * 1024
_HOST = re.compile(rb"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::\d+)?")
_READS = frozenset({b"GET", b"HEAD", b"OPTIONS"})


class Refusal(NamedTuple):
    """Why a request does not get through."""

    status: str
    reason: str


class UiGate:
    """Listens where the UI is to be found, and hands what is for it to the UI, a request a connection."""

    def __init__(self, behind: int) -> None:
        """Nothing listens yet.

        Args:
            behind: the port on which the UI itself listens.
        """
        self._behind = behind
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self, port: int) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        self._server = await asyncio.start_server(self._serve, LOOPBACK, port, limit=_LONGEST_HEAD)

    def stop(self) -> None:
        """Listen no more, and drop what is open. Done twice, it is done once."""
        if self._server:
            self._server.close()
            self._server = None
        for one in self._open:
            one.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  asyncio runs this as a task
        self._open.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                await self._pass(reader, writer)
        except asyncio.CancelledError:
            pass  # the gate is closed
        finally:
            self._open.discard(task)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_WITHIN):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            await _refuse(writer, Refusal("431 Request Header Fields Too Large", "the head of the request is too long"))
            return
        lines = head[:-4].split(b"\r\n")
        if refusal := refused(lines):
            await _refuse(writer, refusal)
            return
        upstream, onwards = await asyncio.open_connection(LOOPBACK, self._behind)
        try:
            # One request a connection, so that each is looked at.
            kept = [
                line for line in lines if not line.lower().startswith((b"connection:", b"keep-alive:", b"upgrade:"))
            ]
            onwards.write(b"\r\n".join([*kept, b"Connection: close"]) + b"\r\n\r\n")
            sending = asyncio.create_task(_pump(reader, onwards))
            try:
                await _pump(upstream, writer)
            finally:
                sending.cancel()
        finally:
            onwards.close()


def refused(head: list[bytes]) -> Refusal | None:
    """Why a request is not for this machine's UI; None if it is.

    Args:
        head: its lines, the request line first.
    """
    request, *headers = head
    method, _, rest = request.partition(b" ")
    if any(b"\n" in line or b"\r" in line or line[:1] in {b" ", b"\t", b""} for line in head) or rest[:1] != b"/":
        return Refusal("400 Bad Request", "the head of the request is not understood")
    named = [line.partition(b":")[2].strip() for line in headers if line.lower().startswith(b"host:")]
    if len(named) != 1 or not _is_ours(named[0]):
        return Refusal("421 Misdirected Request", f"ask for the Temporal UI by one of {', '.join(sorted(OUR_NAMES))}")
    origins = [line.partition(b":")[2].strip() for line in headers if line.lower().startswith(b"origin:")]
    if method not in _READS and not all(_is_ours(origin.partition(b"://")[2]) for origin in origins):
        return Refusal("403 Forbidden", "a page from elsewhere changes nothing here")
    return None


def _is_ours(host: bytes) -> bool:
    found = _HOST.fullmatch(host)
    return found is not None and found[1].decode().lower() in OUR_NAMES


async def _refuse(writer: asyncio.StreamWriter, refusal: Refusal) -> None:
    body = f"{refusal.reason}\n".encode()
    head = f"HTTP/1.1 {refusal.status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
    writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
    await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(_AT_ONCE):
            writer.write(piece)
            await writer.drain()
