"""A store on each database: SQLite always, PostgreSQL when its server is on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from store import Store
from tests.postgresql import NoPostgreSQL, PostgreSQL, private_postgresql


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """A private server on the loopback."""
    try:
        with private_postgresql() as server:
            yield server
    except NoPostgreSQL as why:
        pytest.skip(str(why))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file that is up to date, to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "milepost.db"
    Store.open(f"sqlite:///{file}").close()
    return file


@pytest.fixture(scope="session")
def migrated_database(postgresql_server: PostgreSQL) -> str:
    """The name of a database that is up to date, to be copied."""
    url = postgresql_server.new()
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
    server: PostgreSQL = request.getfixturevalue("postgresql_server")
    return server.new()


@pytest.fixture
def store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A new, empty store."""
    if kind == "sqlite":
        url = f"sqlite:///{shutil.copy(request.getfixturevalue('migrated_file'), tmp_path)}"
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql_server")
        url = server.new(request.getfixturevalue("migrated_database"))
    with Store.open(url) as opened:
        yield opened
