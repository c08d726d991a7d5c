"""A receiver of events as a program of its own: ``python -m`` this module, a port, a folder.

It says its port on stdout, writes each request into a file of the folder, and answers as another file there says.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
GOT, MOOD = "got.jsonl", "mood.json"
NEVER = 0
"""The status of an answer that does not come."""


async def _answer(folder: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    subject = json.loads(body)["subject"]
    mood: dict[str, int] = json.loads((folder / MOOD).read_text(encoding="utf-8"))
    status = mood.get(subject, mood.get("*", 204))
    got = {"status": status, "headers": headers, "body": base64.b64encode(body).decode()}
    with (folder / GOT).open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(got) + "\n")
    if status == NEVER:
        await asyncio.sleep(3600)
    writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()


async def _serve(port: int, folder: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await _answer(folder, reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201  the program says it
    await asyncio.Event().wait()


class Receiver:
    """The receiver, from outside.

    Attributes:
        port: where it listens, also after it was away.
    """

    def __init__(self, folder: Path) -> None:
        self.port = 0
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self.answers({})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events"

    async def start(self) -> None:
        """Come back, at the port that it had."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            __name__,
            str(self.port),
            str(self._folder),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        self.port = int(await self._process.stdout.readline())

    async def stop(self) -> None:
        """Go away without a word."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    def answers(self, mood: dict[str, int]) -> None:
        """Answer from now on with these statuses, by subject; ``*`` is any other, and 204 what is not said."""
        (self._folder / f"{MOOD}.new").write_text(json.dumps(mood), encoding="utf-8")
        (self._folder / f"{MOOD}.new").rename(self._folder / MOOD)

    def requests(self) -> list[dict[str, Any]]:
        """Every request so far, in order, with what was answered."""
        file = self._folder / GOT
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [json.loads(line) for line in lines]

    def taken(self) -> list[dict[str, Any]]:
        """The events that it took, in order, with those that came twice."""
        return [event_of(one) for one in self.requests() if 200 <= one["status"] < 300]


def body_of(request: dict[str, Any]) -> bytes:
    """The body of a request, to the byte."""
    return base64.b64decode(request["body"])


def event_of(request: dict[str, Any]) -> dict[str, Any]:
    """The event of a request."""
    event: dict[str, Any] = json.loads(body_of(request))
    return event


@asynccontextmanager
async def receiver(folder: Path) -> AsyncIterator[Receiver]:
    """Run one for as long as a test needs it."""
    folder.mkdir(exist_ok=True)
    there = Receiver(folder)
    await there.start()
    try:
        yield there
    finally:
        await there.stop()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2])))
