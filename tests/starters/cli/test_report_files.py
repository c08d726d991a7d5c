"""``milepost report``: pictures go to files, pages have them, and ``--due`` says what is sent next."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store import Store
from tests.starters.command_line import milepost
from tests.starters.stored_case import store_a_case
from tests.store.reports.test_reporting import _override

CATALOG = """
organisation: {process: Support, time_zone: Europe/Berlin}
fields: {priority: string}
processes: [{name: Support, milestones: [{name: First response, within: 4h}]}]
accounts: [{id: acme, time_zone: America/New_York, manager_mail: m@example.com}]
reports:
  - {id: weekly, kind: compliance, when: {every: week, on: mon}, to: [boss@example.com]}
  - {id: acme, kind: usage, account: acme, when: {every: day, at: "07:30"}, to: [account_manager]}
  - {id: old, kind: cases, when: {every: day}, to: [boss@example.com], retired: true}
"""


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with one case whose target has passed, found by the environment."""
    store_a_case(tmp_path, monkeypatch, CATALOG, hours_ago=6)


def test_a_picture_goes_to_a_file_of_its_kind(tmp_path: Path) -> None:
    """And a page has it within."""
    done = milepost("report", "compliance", "--by", "account", "--output", tmp_path / "x.png", "--dark")
    assert done.exit_code == 0, done.output
    assert "0% in time (0 of 1)" in done.stdout
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert milepost("report", "compliance", "--output", tmp_path / "x.html").exit_code == 0
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert page.count('src="data:image/svg+xml;base64,') == 1
    assert 'media="(prefers-color-scheme: dark)"' in page
    assert 'alt="0% in time (0 of 1). First response: 0% of 1"' in page


def test_open_cases_are_a_report() -> None:
    done = milepost("report", "cases", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["finding"] == "1 open case, 1 late"
    [row] = told["rows"]
    assert (row["case"], row["milestone"], row["state"]) == ("INC1", "First response", "late")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compliance", "--output", "x.pdf"], "does not say in which form"),
        (["compliance", "--form", "svg"], "a picture goes to a file"),
        (["compliance", "--output", "/no/such/folder/x.svg"], "there is no folder /no/such/folder"),
        ([], "say which report: compliance,"),
        (["compliance", "--due"], "leave the report out"),
        (["compliance", "--at", "2026-11-27 12:00"], "goes with --due"),
        (["--due", "--account", "acme"], "only --at and --json go with it"),
        (["compliance", "--form", "csv", "--json"], "--json is another form than csv"),
        (["compliance", "--dark"], "is how a picture is drawn"),
        (["compliance", "--minutes", "5"], "is how close to a target a pause begins"),
        (["--due", "--minutes", "0"], "only --at and --json go with it"),
    ],
)
def test_what_can_not_be_is_refused(arguments: list[str], said: str) -> None:
    done = milepost("report", *arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.output.replace("│", " ").split())


def test_what_is_sent_next_is_told() -> None:
    """When on the wall clock of its zone, which, and to whom; the next one first, retired ones not at all."""
    done = milepost("report", "--due")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert sum("acme: usage of acme, every day at 07:30, to account_manager" in line for line in lines) == 1
    assert sum("weekly: compliance, every week on mon at 08:00, to boss@example.com" in line for line in lines) == 1
    assert "old" not in done.stdout
    told = json.loads(milepost("report", "--due", "--json").stdout)
    assert [one["due_at"] for one in told] == sorted(one["due_at"] for one in told)
    assert {one["report"]: one["time_zone"] for one in told} == {"acme": "America/New_York", "weekly": "Europe/Berlin"}
    assert all(datetime.fromisoformat(one["due_at"]) > datetime.now(UTC) for one in told)
    assert {one["last_due_at"] for one in told} == {None}


def test_what_is_sent_next_after_another_time_is_told() -> None:
    """The first instant after it: not one that is that very instant."""
    told = json.loads(milepost("report", "--due", "--at", "2026-11-30T07:00:00Z", "--json").stdout)
    assert [one["due_at"] for one in told] == ["2026-11-30T12:30:00+00:00", "2026-12-07T07:00:00+00:00"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compliance", "--account", "acm"], "unknown account 'acm'; did you mean 'acme'?"),
        (["overrides", "--export", "--account", "acm"], "unknown account 'acm'; did you mean 'acme'?"),
        (["usage", "--entitlement", "gold"], "unknown entitlement 'gold'"),
        (["compliance", "--process", "nope"], "unknown process 'nope'; there are Support"),
        (["compliance", "--milestone", "First respons"], "did you mean 'First response'?"),
        (["overrides", "--exported", "99"], "there is no export 99; nothing was exported yet"),
    ],
)
def test_a_name_that_there_is_not_is_told(arguments: list[str], said: str) -> None:
    """A slip of the pen would look as if nothing had happened."""
    done = milepost("report", *arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.output.replace("│", " ").split())


def test_a_milestone_is_named_in_any_case() -> None:
    """As by every other command; what is on record alone counts too, be it gone from the catalog."""
    done = milepost("report", "compliance", "--milestone", "first response")
    assert (done.exit_code, "0% in time (0 of 1)" in done.stdout) == (0, True), done.output


@pytest.mark.parametrize("name", ["nosuch/june.csv", "folder.csv"])
def test_nothing_is_exported_for_a_file_that_can_not_be_written(tmp_path: Path, name: str) -> None:
    """What is exported is exported once: the next one would have nothing of it."""
    (tmp_path / "folder.csv").mkdir()
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        _override(store, 1, 60, "85.00 EUR")
    refused = milepost("report", "overrides", "--export", "--output", tmp_path / name)
    assert refused.exit_code == 2, refused.output
    done = milepost("report", "overrides", "--export", "--output", tmp_path / "june.csv")
    assert done.exit_code == 0, done.output
    assert "85.00" in (tmp_path / "june.csv").read_text(encoding="utf-8")
