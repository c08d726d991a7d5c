"""A mail server or an HTTP receiver as a program of its own: `python -m` this module, ``mail`` or ``web``, a file.

It says its port on stdout, and writes each thing that it gets into the file, a line of JSON for each.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.activities.delivery.mail_server import Behaviour, mail_server
from tests.activities.delivery.posted import assert_fits_its_schema
from tests.activities.delivery.receiver import Received, receiver, says

ROOT = Path(__file__).parents[3]


class Writing(Behaviour):
    """A mail server that writes down what it takes."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        body = mail.get_body(("plain",))
        assert body is not None
        _write(self._file, {"headers": dict(mail.items()), "to": envelope.rcpt_tos, "body": body.get_content()})
        return await super().handle_DATA(server, session, envelope)


def _write(file: Path, got: dict[str, Any]) -> None:
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(got) + "\n")


async def _serve(kind: str, file: Path) -> None:
    async def answer(got: Received, writer: asyncio.StreamWriter) -> None:
        _write(file, {"line": got.line, "headers": got.headers, "body": base64.b64encode(got.body).decode()})
        await says("204 No Content")(got, writer)

    if kind == "mail":
        async with mail_server(Writing(file)) as port:
            print(port, flush=True)  # noqa: T201  the program says it
            await asyncio.Event().wait()
    async with receiver(answer) as there:
        print(there.port, flush=True)  # noqa: T201  likewise
        await asyncio.Event().wait()


class There:
    """One of them, from outside.

    Attributes:
        port: where it listens.
    """

    def __init__(self, port: int, file: Path) -> None:
        self.port = port
        self._file = file

    def got(self) -> list[dict[str, Any]]:
        """What it has got so far, in order. Every web hook fits the schema of its type."""
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        found = [json.loads(line) for line in lines]
        for got in found:
            if "line" in got:
                assert_fits_its_schema(got["headers"], base64.b64decode(got["body"]))
        return found


@asynccontextmanager
async def outside(kind: str, folder: Path) -> AsyncIterator[There]:
    """Run one, ``mail`` or ``web``, for as long as a test needs it."""
    file = folder / f"{kind}.jsonl"
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, kind, str(file), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    try:
        assert program.stdout is not None
        yield There(int(await program.stdout.readline()), file)
    finally:
        program.kill()
        await program.wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], Path(sys.argv[2])))
