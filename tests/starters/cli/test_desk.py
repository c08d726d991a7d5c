"""`list`: what comes first, what goes together, and how it stays until somebody ends it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from activities.planning import Planner
from domain.messages.cases import CaseIntake
from starters.files.catalogs import apply_files
from store import Store
from tests.recorded import RecordedCase
from tests.starters.command_line import ROOT, milepost

CATALOG = """
fields: {priority: string}
organisation: {process: Support}
processes:
  - name: Support
    milestones: [{name: Answer, within: [{when: case.priority == "High", span: 1h}, {span: 4h}]}]
accounts: [{id: acme}]
"""
CASES = {"eldest": (3, "Low"), "urgent": (2, "High"), "youngest": (1, "Low")}
"""Hours since each case was opened, and its priority: that in the middle is due first."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A store with these cases."""
    url = f"sqlite:///{tmp_path / 'milepost.db'}"
    (file := tmp_path / "catalog.yaml").write_text(CATALOG)
    now = datetime.now(UTC)
    with Store.open(url) as store:
        apply_files(store, [file], by="test")
        for name, (hours, priority) in CASES.items():
            at, fields = now - timedelta(hours=hours), {"priority": priority}
            intake = CaseIntake(case_id=name, account="acme", fields=fields)
            plan = Planner(store).plan(intake, at, entitlement=None, account="acme")
            RecordedCase(store, plan, name, fields, at, account="acme").advance(now)
    return {"MILEPOST_DATA": str(tmp_path), "MILEPOST_DATABASE_URL": url}


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ([], ["urgent", "eldest", "youngest"]),
        (["--sort", "due"], ["urgent", "eldest", "youngest"]),
        (["--sort", "newest"], ["youngest", "urgent", "eldest"]),
        (["--sort", "oldest"], ["eldest", "urgent", "youngest"]),
    ],
    ids=" ".join,
)
def test_a_list_begins_with_what_is_asked_for(environment: dict[str, str], sort: list[str], order: list[str]) -> None:
    """Without being asked, with what is due first."""
    listed = milepost("list", *sort, "--json", env=environment)
    assert [case["case_id"] for case in json.loads(listed.stdout)] == order


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--watch", "--json"], "for --json: --watch is for people and --json for programs; give one of them"),
        (["--due-within", "4h", "--sort", "newest"], "for --due-within: goes with --sort due"),
        (["--due-within", "4h", "--sort", "oldest"], "for --due-within: goes with --sort due"),
        (["--milestone", "Answer", "--sort", "newest"], "for --milestone: goes with --sort due"),
        (["--milestone", "Answer", "--sort", "oldest"], "for --milestone: goes with --sort due"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_what_does_not_go_together_is_refused(environment: dict[str, str], asked: list[str], said: str) -> None:
    done = milepost("list", *asked, env=environment)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.replace("│", " ").split())


def test_a_list_that_is_watched_stays_until_it_is_ended(environment: dict[str, str]) -> None:
    """It shows the cases on a terminal, and Ctrl-C is no failure."""
    ours, theirs = pty.openpty()
    watching = subprocess.Popen(
        [sys.executable, "-m", "starters", "list", "--watch"],
        env={**os.environ, **environment, "COLUMNS": "140", "LINES": "40", "TERM": "xterm"},
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        shown = _read_until(ours, "youngest")
        assert all(name in shown for name in CASES)
        assert watching.poll() is None
        watching.send_signal(signal.SIGINT)
        assert watching.wait(60) == 0
    finally:
        watching.kill()
        watching.wait()
        os.close(ours)


def _read_until(terminal: int, text: str) -> str:
    """What a terminal shows, up to where it has a text."""
    shown, deadline = b"", time.monotonic() + 60
    while text.encode() not in shown and time.monotonic() < deadline:
        shown += os.read(terminal, 4096)
    return shown.decode()
