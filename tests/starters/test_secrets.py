"""A password that was planted is found nowhere, and nothing that is kept can be read by others."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from store import Store, StoreError
from store.addresses import shown_address
from store.database import insert
from store.tables import mails
from tests.postgresql import NoPostgreSQL, private_postgresql
from tests.starters.command_line import ROOT, program

PLANTED = "planted-password"


@pytest.fixture
def url() -> Iterator[str]:
    """A database that any password opens."""
    try:
        with private_postgresql() as server:
            yield make_url(server.new()).set(password=PLANTED).render_as_string(hide_password=False)
    except NoPostgreSQL as why:
        pytest.skip(str(why))


def test_dev_shows_and_keeps_no_password(url: str, tmp_path: Path) -> None:
    """Not in what it says, logs or keeps, but for the note by which commands find it, which is its owner's alone."""
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    environment = {"MILEPOST_DATA": str(data), "MILEPOST_DATABASE_URL": url}
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(
        "organisation: {process: P}\naccounts: [{id: acme}]\n"
        "processes: [{name: P, milestones: [{name: M, within: 4h}]}]\n"
    )
    log = tmp_path / "said.txt"
    with log.open("w") as said:
        dev = subprocess.Popen(
            [sys.executable, "-m", "starters", "dev"], env=_all(environment), cwd=ROOT, stdout=said, stderr=said
        )
    try:
        deadline = time.monotonic() + 60
        while "Next, in another terminal" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        found_without_an_address = {"MILEPOST_DATA": str(data)}
        commands: list[list[str | Path]] = [
            ["apply", catalog],
            ["open", "d1", "--account", "acme"],
            ["show", "d1"],
            ["show", "nothing"],
            ["audit"],
        ]
        outputs = [program(*command, env=found_without_an_address) for command in commands]
        assert [done.returncode for done in outputs] == [0, 0, 0, 2, 0], outputs
        assert PLANTED in (data / "running.json").read_text()
        kept = [path for path in data.rglob("*") if path.is_file()]
        shared = [path for path in (data, *data.rglob("*")) if stat.S_IMODE(path.stat().st_mode) & 0o077]
        assert shared == []
        holding = [path.name for path in kept if PLANTED.encode() in path.read_bytes()]
        assert holding == ["running.json"]
        dev.send_signal(signal.SIGINT)
        assert dev.wait(60) == 0
    finally:
        dev.kill()
        dev.wait()
    assert ":***@" in log.read_text()
    assert PLANTED not in log.read_text() + "".join(done.stdout + done.stderr for done in outputs)


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://milepost:{PLANTED}@127.0.0.1:1/x",
        f"postgresql://milepost@127.0.0.1:1/x?password={PLANTED}",
        f"postgresql://milepost:{PLANTED}@127.0.0.1:1/x?no_such_option=1",
        f"postgresql://milepost:{PLANTED}@127.0.0.1:port/x",
        f"postgresql//milepost:{PLANTED}@127.0.0.1/x",
        f"milepost:{PLANTED}@127.0.0.1",
        f"mysql://milepost:{PLANTED}@127.0.0.1/x",
        f"sqlite://milepost:{PLANTED}@/",
    ],
)
def test_no_error_quotes_a_password(address: str, tmp_path: Path) -> None:
    """Of an address that can't be, or where nobody answers."""
    assert PLANTED not in shown_address(address)
    with pytest.raises(StoreError) as caught:
        Store.open(address)
    assert PLANTED not in str(caught.value)
    done = program(
        "balance", "gold", env={"MILEPOST_DATABASE_URL": address, "MILEPOST_DATA": str(tmp_path), "MILEPOST_DEBUG": ""}
    )
    assert done.returncode != 0
    assert PLANTED not in done.stdout + done.stderr


def test_errors_of_the_database_quote_no_values(url: str) -> None:
    """Neither the parameters of a statement nor the row that PostgreSQL complains of."""
    with Store.open(url) as store:
        for _ in range(2):
            row = {
                "key": "k",
                "case_id": "c",
                "to": ["ann@example.com"],
                "subject": "private",
                "body": None,
                "at": None,
            }
            with pytest.raises(SQLAlchemyError) as caught, store._database.write() as connection:
                connection.execute(insert(connection, mails).values(row))
            said = str(caught.value) + str(caught.value.__cause__)
            assert "private" not in said
            assert "ann@example.com" not in said


def test_a_database_that_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    """With its journal, wherever it is."""
    tmp_path.chmod(0o755)
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        assert store.unsynchronised.entitlements() == []
        assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == dict.fromkeys(
            ("milepost.db", "milepost.db-wal", "milepost.db-shm"), 0o600
        )


def _all(environment: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "COLUMNS": "200", **environment}
