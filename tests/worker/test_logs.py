"""The log of what goes on running: its levels, its two forms, and an outage in a line."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy.exc import OperationalError
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from clients.cases import MilepostClient
from domain.errors import MilepostError
from domain.messages.cases import CaseIntake
from store import Store
from store.errors import NothingThere
from tests.postgresql import NoPostgreSQL, private_postgresql
from tests.starters.command_line import environment_of
from tests.starters.http.between import relay_to
from tests.support import assert_eventually, unique
from tests.worker.test_supervision import CATALOG
from worker.logs import OF_OUTAGE_EVERY, Outages, write_logs
from worker.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("activities", "clients", "domain", "starters", "store", "worker", "workflows", "temporalio"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def _tell(error: Exception, message: str = "cases could not be looked after") -> None:
    try:
        raise error
    except Exception:
        logging.getLogger("worker.supervision").exception(message)


def _away() -> OperationalError:
    why = Exception("connection to server failed: Connection refused\n\tIs the server running?")
    return OperationalError("SELECT 1", {}, why)


@pytest.mark.parametrize(
    ("level", "told"),
    [("info", ["is told", "is odd", "is bad"]), ("warning", ["is odd", "is bad"]), ("error", ["is bad"])],
)
def test_the_log_begins_with_the_level_that_is_set(
    capsys: pytest.CaptureFixture[str], level: str, told: list[str]
) -> None:
    """For Milepost and the SDK; of other libraries there are never lines about each statement."""
    write_logs(Settings.model_validate({"log_level": level}))
    for name in ("worker.relay", "sqlalchemy.engine"):
        logging.getLogger(name).info("is told")
    logging.getLogger("worker.relay").warning("is odd")
    logging.getLogger("temporalio.activity").error("is bad")
    assert [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()] == told


def test_a_line_says_when_and_how_grave(capsys: pytest.CaptureFixture[str]) -> None:
    """In UTC."""
    write_logs(Settings())
    logging.getLogger("worker.relay").warning("the catalog says otherwise, but %s", "ACME-1 is used up")
    [line] = capsys.readouterr().err.splitlines()
    when, said = line.split(" ", 1)
    assert said == "WARNING worker.relay: the catalog says otherwise, but ACME-1 is used up"
    assert datetime.fromisoformat(when).tzinfo is UTC
    assert len(when) == len("2026-11-02T09:00:00.000Z")


def test_as_json_each_entry_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback is a part of its entry, so that an entry is a line."""
    write_logs(Settings(log_format="json"))
    logging.getLogger("worker.relay").warning("Grüße, %s", "ACME")
    _tell(ValueError("a fault"))
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["level"], first["logger"], first["message"]) == ("warning", "worker.relay", "Grüße, ACME")
    assert set(first) == {"time", "level", "logger", "message"}
    assert second["traceback"].endswith("ValueError: a fault")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (_away(), "the database is away: connection to server failed: Connection refused; cases could"),
        (NothingThere("nothing is there yet"), "the database is away: nothing is there yet; cases could"),
        (RPCError("tcp connect error", RPCStatusCode.UNAVAILABLE, b""), "Temporal is away: tcp connect error; cases"),
    ],
)
def test_who_is_away_is_said_in_a_line(capsys: pytest.CaptureFixture[str], error: Exception, line: str) -> None:
    """Also where another error has come of it."""
    write_logs(Settings())
    wrapped = MilepostError("a record was not written")
    wrapped.__cause__ = error
    _tell(wrapped)
    [written] = capsys.readouterr().err.splitlines()
    assert line in written


def test_a_fault_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """Each time that it happens; so does what Temporal answers when it is there."""
    write_logs(Settings())
    for error in (
        ValueError("a fault"),
        ValueError("a fault"),
        RPCError("no such thing", RPCStatusCode.NOT_FOUND, b""),
    ):
        _tell(error)
    assert capsys.readouterr().err.count("Traceback") == 3


def test_an_outage_is_told_once_a_minute() -> None:
    """The next line says how many were left out; the other party has lines of its own."""
    seconds = [0.0]
    outages = Outages(lambda: seconds[0])

    def told(error: Exception) -> str | None:
        record = logging.LogRecord("worker", logging.ERROR, "", 0, "again in %d s", (9,), (type(error), error, None))
        return record.getMessage() if outages.filter(record) else None

    temporal = RPCError("no answer", RPCStatusCode.UNAVAILABLE, b"")
    assert told(_away()) == "the database is away: connection to server failed: Connection refused; again in 9 s"
    assert told(temporal) == "Temporal is away: no answer; again in 9 s"
    seconds[0] = OF_OUTAGE_EVERY - 1
    assert (told(_away()), told(_away()), told(temporal)) == (None, None, None)
    seconds[0] = OF_OUTAGE_EVERY
    said = "the database is away: connection to server failed: Connection refused; again in 9 s"
    assert told(_away()) == f"{said} (2 lines like it were left out)"
    seconds[0] = 2 * OF_OUTAGE_EVERY
    assert told(_away()) == said


async def test_a_worker_whose_database_is_away_says_so_once(client: Client, task_queue: str, tmp_path: Path) -> None:
    """As a program with a case that has something to record meanwhile: one line, no traceback; then it is recorded."""
    try:
        with private_postgresql() as postgresql:
            await _worker_without_database(client, task_queue, tmp_path, postgresql.new())
    except NoPostgreSQL as why:  # its programs are not on this machine
        pytest.skip(str(why))


async def _worker_without_database(client: Client, task_queue: str, folder: Path, database: str) -> None:
    milepost, case = MilepostClient(client, task_queue=task_queue), unique("case")
    with Store.open(database) as store:
        store.catalog.apply(CATALOG, by="test")
        async with relay_to(database) as relay:
            reached = database.replace(urlsplit(database).netloc.split("@")[1], relay.address)
            environment = {**os.environ, **environment_of(client, folder, reached, task_queue)}
            program = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "starters", "worker", "--claim"),
                env=environment,
                cwd=ROOT,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                await milepost.open(CaseIntake(case_id=case, account="acme"))
                relay.cut()
                await milepost.request(case, "complete_milestone", milestone="Answer")
                await asyncio.sleep(12)  # its record is tried more than once
                relay.mend()

                async def recorded() -> None:
                    assert store.cases.get(case).view.milestones[0].completed_at is not None

                await assert_eventually(recorded)
            finally:
                program.send_signal(signal.SIGTERM)
                _, written = await program.communicate()
    lines = written.decode().splitlines()
    assert len([line for line in lines if "the database is away" in line]) == 1, lines
    assert "Traceback" not in written.decode(), written.decode()
