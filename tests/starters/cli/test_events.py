"""``milepost events``: the feed as JSON lines, from a cursor, and for whoever follows it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.feed.reference import schema_files
from store import Store
from tests.feeds import Recorded
from tests.starters.command_line import ROOT, milepost

OPENED = "milepost.case.opened.v1"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"MILEPOST_DATA": str(tmp_path), "MILEPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'milepost.db'}"}


@pytest.fixture
def store(environment: dict[str, str]) -> Iterator[Store]:
    with Store.open(environment["MILEPOST_DATABASE_URL"]) as opened:
        yield opened


def read(environment: dict[str, str], *options: str) -> tuple[list[dict[str, Any]], str]:
    """The events that the command prints, and the cursor."""
    result = milepost("events", *options, env=environment)
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("cursor: ")
    return [json.loads(line) for line in result.stdout.splitlines()], result.stderr.removeprefix("cursor: ").strip()


def test_events_are_printed_from_a_cursor_on(store: Store, environment: dict[str, str]) -> None:
    """One JSON object a line; the cursor on stderr leads on from there."""
    store.cases.record(Recorded("c-1").remarks("one"))
    first, cursor = read(environment)
    assert [one["type"] for one in first] == [OPENED, "milepost.case.news_refused.v1"]
    assert list(first[0])[:4] == ["specversion", "id", "source", "type"]
    assert read(environment, "--after", cursor) == ([], cursor)
    store.cases.record(Recorded("c-2", account="other").remarks("one"))
    assert [one["subject"] for one in read(environment, "--after", cursor)[0]] == ["case/c-2"] * 2


def test_events_are_chosen_by_what_they_are_about(store: Store, environment: dict[str, str]) -> None:
    """By type, account and case; so many at most, and the cursor leads to the rest."""
    for case_id, account in (("c-1", "acme"), ("c-2", "other"), ("c-3", "other")):
        store.cases.record(Recorded(case_id, account=account).remarks("one"))
    opened, _ = read(environment, "--type", "case.opened")
    assert [one["subject"] for one in opened] == ["case/c-1", "case/c-2", "case/c-3"]
    assert {one["subject"] for one in read(environment, "--account", "other")[0]} == {"case/c-2", "case/c-3"}
    assert [one["sequence"] for one in read(environment, "--case", "c-2")[0]] == [1, 2]
    some, cursor = read(environment, "--type", "case.opened", "--limit", "2")
    rest, _ = read(environment, "--type", "case.opened", "--after", cursor)
    assert some + rest == opened


def test_what_cannot_be_read_is_told(store: Store, environment: dict[str, str]) -> None:
    """A bad cursor, an unknown type, a case and an entitlement at once: exit code 2, and what would be right."""
    for options, says in (
        (["--after", "nonsense"], "this is no cursor of an event feed"),
        (["--type", "case.milestone.violatd"], "did you mean 'case.milestone.violated'?"),
        (["--case", "c-1", "--entitlement", "gold"], "give either a case or an entitlement"),
    ):
        result = milepost("events", *options, env=environment)
        assert result.exit_code == 2
        assert says in result.stderr


def test_who_follows_gets_what_comes(store: Store, environment: dict[str, str]) -> None:
    """What is there at once, what is written later when it comes; Ctrl-C ends it with the cursor."""
    store.cases.record(Recorded("c-1").remarks("one"))
    command = [sys.executable, "-m", "starters", "events", "--follow", "--type", "case.opened"]
    with subprocess.Popen(
        command, env={**os.environ, **environment}, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout is not None
        assert json.loads(following.stdout.readline())["subject"] == "case/c-1"
        store.cases.record(Recorded("c-2").remarks("one"))
        assert json.loads(following.stdout.readline())["subject"] == "case/c-2"
        following.send_signal(signal.SIGINT)
        _, said = following.communicate(timeout=60)
    assert following.returncode == 0, said
    cursor = said.removeprefix("cursor: ").strip()
    assert store.feed.read(cursor).events == []


AT_ANY_LINE = """
import signal, sys, threading
from starters.cli.commands import feed
from starters.cli.running import stored

feed.LOOKS_EVERY = 0.001
CODE = {feed.__file__, threading.__file__}

def presses_at(line):
    left = line
    def traced(frame, event, argument):
        nonlocal left
        if frame.f_code.co_filename not in CODE:
            return None
        left -= event == "line"
        if left == 0:
            signal.raise_signal(signal.SIGINT)
        return traced
    return traced

with stored() as store:
    for line in range(1, 80):
        stopped = feed._stopped()
        sys.settrace(presses_at(line))
        feed._print_events(store, None, {}, limit=None, stopped=stopped)
        sys.settrace(None)
"""
"""Follows the feed again and again; each time Ctrl-C comes a line later, there or in what there is to wait by."""


def test_ctrl_c_ends_it_wherever_it_comes(store: Store, environment: dict[str, str]) -> None:
    """What it interrupts may hold a lock that must not be asked for then."""
    store.cases.record(Recorded("c-1").remarks("one"))
    ends = [sys.executable, "-c", AT_ANY_LINE]
    told = {**os.environ, **environment}
    done = subprocess.run(ends, check=False, env=told, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("case/c-1") >= 79


def test_the_schemas_are_written_where_they_are_wanted(tmp_path: Path, environment: dict[str, str]) -> None:
    """One file a type, and a page that lists them."""
    assert milepost("events", "--schemas", tmp_path / "reference", env=environment).exit_code == 0
    assert {file.name for file in (tmp_path / "reference" / "events").iterdir()} == set(schema_files())
    assert (tmp_path / "reference" / "events.md").read_text(encoding="utf-8").startswith("# Types of events")
