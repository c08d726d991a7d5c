"""A mail server in a process of its own that fails in the way that it is told: `python -m` this module, a file.

It says its port on stdout, and writes a line into the file for each mail that it has taken.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.activities.delivery.mail_server import Behaviour, mail_server

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Failing:
    """How it fails.

    Attributes:
        recipient, data, drops: as of `Behaviour`.
        sender: what it answers to who sends.
        silent: it takes connections and says nothing.
        delays: seconds before it answers the message itself, which it has taken.
        stays: it has no answer to a goodbye.
        offers: which encryption: none, STARTTLS, or TLS from the first byte on.
        needs_login: it takes nothing from strangers.
    """

    recipient: str = "250 OK"
    data: str = "250 taken as 4711"
    drops: str = ""
    sender: str = ""
    silent: bool = False
    delays: float = 0
    stays: bool = False
    offers: str = "none"
    needs_login: bool = False


class Server(Behaviour):
    """The handler of the process."""

    def __init__(self, failing: Failing, file: Path) -> None:
        super().__init__(failing.recipient, failing.data, failing.drops)
        self._failing = failing
        self._file = file

    async def handle_MAIL(  # noqa: N802  aiosmtpd's name and order
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self._failing.sender:
            envelope.mail_from = address
        return self._failing.sender or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's
        said = await super().handle_DATA(server, session, envelope)
        if self.taken:
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write(f"{self.taken.pop()['Message-ID']}\n")
        await asyncio.sleep(self._failing.delays)
        return said

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's
        if self._failing.stays:
            await asyncio.Event().wait()
        return "221 Bye"


async def _serve(failing: Failing, file: Path) -> None:
    if failing.silent:

        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(hold, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201  the program says it
        await asyncio.Event().wait()
    context = None
    if failing.offers != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file.with_suffix(".pem"), file.with_suffix(".key"))
    how: dict[str, Any] = {"tls_context": context} if failing.offers == "starttls" else {}
    how |= {"auth_required": True, "auth_require_tls": False} if failing.needs_login else {}
    over = context if failing.offers == "tls" else None
    async with mail_server(Server(failing, file), over=over, **how) as port:
        print(port, flush=True)  # noqa: T201  likewise
        await asyncio.Event().wait()


class There:
    """One of them, from outside."""

    def __init__(self, port: int, file: Path, program: asyncio.subprocess.Process) -> None:
        self.port = port
        self._file = file
        self._program = program

    @property
    def taken(self) -> list[str]:
        """The ids of the mails that it has taken."""
        return self._file.read_text(encoding="utf-8").split() if self._file.exists() else []

    async def end(self) -> None:
        """Let nobody listen there any more."""
        if self._program.returncode is None:
            self._program.kill()
        await self._program.wait()


@asynccontextmanager
async def failing_mail_server(failing: Failing, file: Path) -> AsyncIterator[There]:
    """Run one for as long as a test needs it.

    Args:
        failing: how it fails.
        file: for what it takes; its certificate and key lie beside it.
    """
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, json.dumps(asdict(failing)), str(file)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert program.stdout is not None
    there = There(int(await program.stdout.readline()), file, program)
    try:
        yield there
    finally:
        await there.end()


if __name__ == "__main__":
    asyncio.run(_serve(Failing(**json.loads(sys.argv[1])), Path(sys.argv[2])))
