"""A Temporal server of our own: started, waited for, made ready for cases, and stopped without a trace."""

import asyncio
import contextlib
import json
import shutil
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout
from pydantic import ValidationError
from rich.console import Console
from temporalio.client import Client

from worker.connection import connect
from worker.embedded.configuration import (
    DYNAMIC_CONFIG,
    LOOPBACK,
    Ports,
    free_ports,
    is_free,
    write_server_config,
    write_ui_config,
)
from worker.embedded.find import Cli, Found, GoServer, find_server
from worker.embedded.program import Program, tail
from worker.embedded.ui_gate import UiGate
from worker.errors import ServerUnavailable, TemporalUnreachable
from worker.namespace import ensure_namespace_and_search_attributes, register_namespace
from worker.private import make_private, private_folder, write_private
from worker.settings import Settings, get_settings

_READY_WITHIN = 60.0
_POLL_EVERY = 0.03
_GRACE = 5.0
"""Seconds a server that keeps its state gets to end by itself. One that does not is killed at once."""
_ATTEMPTS = 3


class EmbeddedServer:
    """A Temporal server, as an async context manager; `start` again after `kill` or `stop` goes on where it was.

    With a directory its state, its ports and its log are kept there between runs; without, everything is in a temporary
    folder that goes with it. It dies with the process that started it, however that ends.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        namespace: str = "default",
        port: int | None = None,
        ui: bool = False,
        ui_port: int | None = None,
        virtual_clock: bool = True,
        settings: Settings | None = None,
        console: Console | None = None,
    ) -> None:
        """Nothing is started yet.

        Args:
            directory: where its state is kept; None keeps nothing.
            namespace: made if it does not exist, with Milepost's search attributes.
            port: for clients; None takes a free one.
            ui: whether the Temporal UI is started too.
            ui_port: for the UI; None takes a free one.
            virtual_clock: whether the server must be able to skip time.
            settings: where the cache is, and which CLI to use; the environment's by default.
            console: where progress is told; stderr by default.
        """
        self.namespace = namespace
        self._kept = directory
        self._port, self._ui_port, self._wants_ui = port, ui_port, ui
        self._virtual_clock = virtual_clock
        self._settings = settings or get_settings()
        self._console = console or Console(stderr=True)
        self._directory: Path | None = None
        self._ports: Ports | None = None
        self._lock: FileLock | None = None
        self._server: Program | None = None
        self._ui: Program | None = None
        self._gate: UiGate | None = None

    @property
    def address(self) -> str:
        """Host and port for clients."""
        return f"{LOOPBACK}:{self._started().frontend}"

    @property
    def ui_url(self) -> str | None:
        """The address of the Temporal UI, if it was asked for."""
        return f"http://{LOOPBACK}:{self._started().ui}" if self._wants_ui else None

    @property
    def ports(self) -> Ports:
        """Every port it listens on."""
        return self._started()

    @property
    def directory(self) -> Path:
        """Where its files are."""
        self._started()
        assert self._directory is not None  # noqa: S101  set before the ports
        return self._directory

    @property
    def log(self) -> Path:
        """Its log."""
        return self.directory / "server.log"

    @property
    def pids(self) -> list[int]:
        """The process ids of what runs now: the server's, then the UI's."""
        return [program.pid for program in (self._server, self._ui) if program and program.running]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    async def connect(self) -> Client:
        """A client of the server's namespace."""
        return await connect(address=self.address, namespace=self.namespace)

    async def start(self) -> None:
        """Start it and wait until cases can run on it; finds or builds the program first, where there is none.

        Raises:
            ServerUnavailable: no program, no port, or it did not come up; the message has its last words.
        """
        self.kill()  # what is left of one that died
        found = await find_server(self._settings, self._console, virtual_clock=self._virtual_clock, ui=self._wants_ui)
        try:
            self._open_directory()
            for attempt in range(1, _ATTEMPTS + 1):
                self._ports = self._choose_ports()
                try:
                    await self._run(found)
                    break
                except _PortTaken:
                    if attempt == _ATTEMPTS or self._port:
                        raise
                    self._forget_ports()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything that was started and remove what is not kept. Done twice, it is done once."""
        grace = _GRACE if self._kept else 0.0
        if self._gate:
            self._gate.stop()
        if self._ui:
            self._ui.stop(grace=0)
        if self._server:
            self._server.stop(grace=grace)
        self._gate = self._ui = self._server = None
        if self._directory and not self._kept:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = self._ports = None
        if self._lock:
            self._lock.release()
            self._lock = None

    def kill(self) -> None:
        """End the server as a crash would (kill -9); its files stay, and `start` starts it again on the same ports."""
        if self._server:
            self._server.stop(grace=0)
            self._server = None

    async def _run(self, found: Found) -> None:
        ports, directory = self._started(), self.directory
        temporary = None if self._kept else directory
        self._server = Program(self._command(found), log=self.log, temporary=temporary)
        await self._until_ready(self._server)
        if self._wants_ui and isinstance(found, GoServer) and found.ui and not self._ui:
            config = write_ui_config(directory, ports, self.namespace)
            command: list[str | Path] = [
                found.ui,
                "--root",
                config.parent,
                "--config",
                config.name,
                "--env",
                "ui",
                "start",
            ]
            self._ui = Program(command, log=directory / "ui.log")
        if self._wants_ui:
            await self._until_ui_answers(self._ui or self._server, ports.behind_ui)
            await self._open_gate(ports)

    async def _open_gate(self, ports: Ports) -> None:
        if self._gate:
            return
        gate = UiGate(ports.behind_ui)
        try:
            await gate.start(ports.ui)
        except OSError as error:
            raise _PortTaken(f"the Temporal UI can't listen on port {ports.ui}: {error.strerror}") from error
        self._gate = gate

    def _command(self, found: Found) -> list[str | Path]:
        ports, directory = self._started(), self.directory
        match found:
            case GoServer(path=path):
                config = write_server_config(directory, ports, durable=self._kept is not None)
                return [path, "--config-file", config, "--allow-no-auth", "start"]
            case Cli(path=path):
                # The CLI chooses the ports between its services by itself.
                command: list[str | Path] = [path, "server", "start-dev", "--ip", LOOPBACK, "--log-level", "warn"]
                command += ["--port", str(ports.frontend)]
                command += ["--ui-port", str(ports.behind_ui)] if self._wants_ui else ["--headless"]
                command += ["--db-filename", directory / "temporal.db"]
                for name, value in DYNAMIC_CONFIG.items():
                    command += ["--dynamic-config-value", f"{name}={json.dumps(value)}"]
                return command

    async def _until_ready(self, server: Program) -> None:
        """Wait for the server, then for its namespace."""
        deadline = time.monotonic() + _READY_WITHIN
        while True:
            self._must_run(server, self.log)
            try:
                client = await connect(address=self.address, namespace=self.namespace, patience=5)
                break
            except TemporalUnreachable:
                if time.monotonic() > deadline:
                    raise ServerUnavailable(_last_words("the Temporal server did not come up", self.log)) from None
                await asyncio.sleep(_POLL_EVERY)
        await register_namespace(client)
        await ensure_namespace_and_search_attributes(client)

    async def _until_ui_answers(self, program: Program, port: int) -> None:
        """Wait until the UI has found the server: until then its pages would show an error."""
        deadline = time.monotonic() + _READY_WITHIN
        log = self.directory / "ui.log" if program is self._ui else self.log
        while True:
            self._must_run(program, log)
            if await _answers(port, "/api/v1/system-info"):
                return
            if time.monotonic() > deadline:
                raise ServerUnavailable(_last_words("the Temporal UI did not come up", log))
            await asyncio.sleep(_POLL_EVERY)

    def _must_run(self, program: Program, log: Path) -> None:
        if program.running:
            return
        words = _last_words("the Temporal server or its UI ended while it was starting", log)
        program.stop(grace=0)
        raise (_PortTaken if "address already in use" in words else ServerUnavailable)(words)

    def _open_directory(self) -> None:
        if self._directory:  # started again
            return
        if self._kept is None:
            self._directory = Path(tempfile.mkdtemp(prefix="milepost-server-"))
            return
        private_folder(self._kept)
        lock = FileLock(self._kept / "server.lock", mode=0o600, blocking=False)
        try:
            lock.acquire()
        except Timeout:
            raise ServerUnavailable(
                f"another Milepost is using the server in {self._kept}; end it, or name another folder"
            ) from None
        self._lock = lock
        self._directory = self._kept
        for log in (self._kept / "server.log", self._kept / "ui.log"):  # one run's is kept beside the new one
            if log.exists():
                log.replace(log.with_suffix(".previous.log"))
        for file in self._kept.iterdir():  # of a Milepost before this one
            make_private(file)

    def _choose_ports(self) -> Ports:
        """The ports of the last run where they are free still: a restarted server then finds itself. Else new ones."""
        for name, port in (("server", self._port), ("UI", self._ui_port)):
            if port and not is_free(port):
                raise ServerUnavailable(f"port {port} for the {name} is taken; choose another")
        ports = self._ports or self._remembered_ports()
        if ports is None or not self._fits(ports):
            ports = free_ports(frontend=self._port, ui=self._ui_port)
        if self._kept:
            write_private(self._ports_file(), ports.model_dump_json())
        return ports

    def _fits(self, ports: Ports) -> bool:
        wanted = (self._port in {None, ports.frontend}) and (self._ui_port in {None, ports.ui})
        listening = ({ports.ui} if self._gate else set()) | ({ports.behind_ui} if self._ui else set())
        return wanted and all(is_free(port) for port in ports.all() if port not in listening)

    def _remembered_ports(self) -> Ports | None:
        if not self._kept or not self._ports_file().exists():
            return None
        try:
            return Ports.model_validate_json(self._ports_file().read_text())
        except ValidationError:
            return None

    def _forget_ports(self) -> None:
        self._ports = None
        if self._kept:
            self._ports_file().unlink(missing_ok=True)

    def _ports_file(self) -> Path:
        assert self._kept is not None  # noqa: S101  asked for kept servers only
        return self._kept / "ports.json"

    def _started(self) -> Ports:
        if self._ports is None:
            raise ServerUnavailable("the server is not started")
        return self._ports


class _PortTaken(ServerUnavailable):
    """Somebody took a port between its choice and the server's start."""


async def _answers(port: int, path: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {LOOPBACK}:{port}\r\n\r\n".encode())
        status = await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return b" 200 " in status


def _last_words(what: str, log: Path) -> str:
    return f"{what}; its log ({log}) ends with:\n{tail(log)}"
