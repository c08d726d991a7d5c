"""A PostgreSQL server of one's own on the loopback, where its programs are on this machine."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NEEDED = ("initdb", "pg_ctl", "createdb")


class NoPostgreSQL(Exception):
    """It can't be run here; the message says why."""


class PostgreSQL:
    """A running server."""

    def __init__(self, folder: Path, programs: dict[str, str], user: str | None, port: int) -> None:
        self._folder, self._programs, self._user, self._port = folder, programs, user, port
        self._made = 0

    def worked(self) -> float:
        """Seconds for which the processors have worked for it, in all its processes."""
        pid = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # ended meanwhile
                fields = stat.read_text().rpartition(")")[2].split()
                if int(stat.parent.name) == pid:
                    ticks += sum(map(int, fields[11:15]))  # those of its processes that have ended among them
                elif int(fields[1]) == pid:
                    ticks += sum(map(int, fields[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def new(self, template: str = "template0") -> str:
        """The address of a new database, a copy of another one."""
        self._made += 1
        name = f"milepost{self._made}"
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self._port), "-U", "milepost", "-T", template, name)
        return f"postgresql://milepost@127.0.0.1:{self._port}/{name}"

    def run(self, program: str, *arguments: str) -> None:
        """Run one of its programs, as who may."""
        command = [self._programs[program], *arguments]
        subprocess.run(command, check=True, capture_output=True, user=self._user, cwd=self._folder, timeout=120)


@contextmanager
def private_postgresql() -> Iterator[PostgreSQL]:
    """Run a server for as long as the context lasts; it leaves nothing behind.

    Raises:
        NoPostgreSQL: its programs are not on this machine, or nobody may run them.
    """
    found = {name: _program(name) for name in _NEEDED}
    programs = {name: path for name, path in found.items() if path is not None}
    if missing := [name for name in _NEEDED if name not in programs]:
        raise NoPostgreSQL(f"no PostgreSQL server on this machine: {', '.join(missing)} not found")
    user = _somebody_else()
    if os.geteuid() == 0 and user is None:
        raise NoPostgreSQL("PostgreSQL does not run as root, and there is nobody else to run it")
    folder = Path(tempfile.mkdtemp(prefix="milepost-postgresql-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        data, port = str(folder / "data"), _free_port()
        server = PostgreSQL(folder, programs, user, port)
        server.run("initdb", "-D", data, "-U", "milepost", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        server.run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield server
        finally:
            server.run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str | None:
    """A program of PostgreSQL's server: where Debian keeps each version's, or on the PATH."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return str(installed[0]) if installed else shutil.which(name)


def _somebody_else() -> str | None:
    """Who runs the server: it refuses to be run by root."""
    if os.geteuid() != 0:
        return None
    names = {user.pw_name for user in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
