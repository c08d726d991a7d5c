"""A store on each database: SQLite always, PostgreSQL when its server is on this machine."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from store import Store
from tests.support import unique


def _program(name: str) -> str | None:
    """A program of PostgreSQL's server: on the PATH, or where Debian keeps each version's."""
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


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a private server on the loopback, without a database's name."""
    programs = {name: _program(name) for name in ("initdb", "pg_ctl", "createdb")}
    if missing := [name for name, path in programs.items() if path is None]:
        pytest.skip(f"no PostgreSQL server on this machine: {', '.join(missing)} not found")
    user = _somebody_else()
    if os.geteuid() == 0 and user is None:
        pytest.skip("PostgreSQL does not run as root, and there is nobody else to run it")
    folder = Path(tempfile.mkdtemp(prefix="milepost-postgresql-"))
    if user is not None:
        shutil.chown(folder, user)
    data, port = folder / "data", _free_port()

    def run(name: str, *arguments: str) -> None:
        command = [str(programs[name]), *arguments]
        subprocess.run(command, check=True, capture_output=True, user=user, cwd=folder, timeout=120)

    try:
        run("initdb", "-D", str(data), "-U", "milepost", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        run("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://milepost@127.0.0.1:{port}"
        finally:
            run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _create_database(server: str, template: str) -> str:
    """The address of a new database, a copy of another one."""
    name = unique("test").replace("-", "_")
    host, _, port = server.partition("@")[2].partition(":")
    createdb = str(_program("createdb"))
    subprocess.run([createdb, "-h", host, "-p", port, "-U", "milepost", "-T", template, name], check=True, timeout=60)
    return f"{server}/{name}"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file that is up to date, to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "milepost.db"
    Store.open(f"sqlite:///{file}").close()
    return file


@pytest.fixture(scope="session")
def migrated_database(postgresql_server: str) -> str:
    """The name of a database that is up to date, to be copied."""
    url = _create_database(postgresql_server, "template0")
    Store.open(url).close()
    return url.rpartition("/")[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """On which database the test runs."""
    return str(request.param)


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database without any table."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'milepost.db'}"
    return _create_database(request.getfixturevalue("postgresql_server"), "template0")


@pytest.fixture
def store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A new, empty store."""
    if kind == "sqlite":
        url = f"sqlite:///{shutil.copy(request.getfixturevalue('migrated_file'), tmp_path)}"
    else:
        server = request.getfixturevalue("postgresql_server")
        url = _create_database(server, request.getfixturevalue("migrated_database"))
    with Store.open(url) as opened:
        yield opened
