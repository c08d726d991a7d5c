"""Where output goes: to whatever it is, what the program says can be written."""

import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.planning import Planner
from domain.messages.cases import CaseIntake
from starters.files.catalogs import apply_files
from store import Store
from tests.recorded import RecordedCase
from tests.starters.command_line import ROOT

CATALOG = """
organisation: {process: Support}
fields: {owner: string}
processes: [{name: Support, milestones: [{name: First response, within: 4h}]}]
accounts: [{id: acme}]
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A store with one case, whose owner has letters that not every stream knows."""
    url = f"sqlite:///{tmp_path / 'milepost.db'}"
    (file := tmp_path / "catalog.yaml").write_text(CATALOG)
    with Store.open(url) as store:
        apply_files(store, [file], by="test")
        at, fields = datetime.now(UTC), {"owner": "Jürgen …"}
        intake = CaseIntake(case_id="INC1", account="acme", fields=fields)
        plan = Planner(store).plan(intake, at, entitlement=None, account="acme")
        RecordedCase(store, plan, "INC1", fields, at, account="acme").advance(at)
    return {**os.environ, "MILEPOST_DATA": str(tmp_path), "MILEPOST_DATABASE_URL": url}


def listing(environment: dict[str, str], redirection: str = "") -> subprocess.CompletedProcess[bytes]:
    command = f"{shlex.quote(sys.executable)} -m starters list --json {redirection}"
    return subprocess.run(["sh", "-c", command], env=environment, cwd=ROOT, capture_output=True, check=False)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_letters_that_a_stream_does_not_know_are_written_as_escapes(environment: dict[str, str], encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "starters", "list", "--account", "acme"],
        env=environment | {"PYTHONIOENCODING": encoding, "COLUMNS": "200"},
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"INC1" in done.stdout
    assert ("J\\xfcrgen" if encoding == "ascii" else "Jürgen").encode(encoding) in done.stdout
    assert b"\\u2026" in done.stdout


def test_a_stream_that_is_closed_takes_all(environment: dict[str, str]) -> None:
    """As in a job whose output nobody wants."""
    for redirection in (">&-", "2>&-", ">&- 2>&-"):
        assert listing(environment, redirection).returncode == 0, redirection
    assert b"INC1" in listing(environment).stdout


@pytest.mark.parametrize(
    "asked", [["list", "--json"], ["list"], ["backtest", "--help"], ["nosuch", "--help"], ["--help"]]
)
def test_a_reader_that_has_seen_enough_ends_it_without_a_word(environment: dict[str, str], asked: list[str]) -> None:
    """As `head` does."""
    reads, writes = os.pipe()
    os.close(reads)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "starters", *asked],
            env=environment,
            cwd=ROOT,
            stdout=writes,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writes)
    assert done.returncode == (2 if "nosuch" in asked else 1)
    assert b"ipe" not in done.stderr
