"""``tasks``: what triggers gave people to do, and ticking it off."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store import Store
from tests.starters.command_line import milepost

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
LATE, AHEAD, DONE = "c-1/gold/answer/1/violation-0/1/task", "c-2/gold/answer/1/warning-75-percent/1/task", "c-3/x"


@pytest.fixture
def desk(tmp_path: Path) -> dict[str, str]:
    """Three tasks: one is overdue, one is nobody's, one is done."""
    database = f"sqlite:///{tmp_path / 'milepost.db'}"
    with Store.open(database) as store:
        hour = timedelta(hours=1)
        store.actions.record_task(LATE, "call Acme", "desk", "", NOW - 3 * hour, due_at=NOW - hour, account="acme")
        store.actions.record_task(AHEAD, "write", "", "", NOW - 2 * hour, due_at=NOW + hour, account="umbrella")
        store.actions.record_task(DONE, "ask", "desk", "", NOW - hour)
        store.tasks.tick(DONE, done=True, by="ana", at=NOW)
    return {"MILEPOST_DATA": str(tmp_path), "MILEPOST_DATABASE_URL": database}


def test_tasks_are_listed(desk: dict[str, str]) -> None:
    """Each with how it stands, whose it is, what it is about, and the key to tick it off by."""
    before, after = (f"{NOW + timedelta(hours=n):%a %Y-%m-%d %H:%M} UTC" for n in (-1, 1))
    assert milepost("tasks", env=desk).stdout.splitlines() == [
        f"OVERDUE, was due {before}  desk: call Acme (c-1 of acme)",
        f"    {LATE}",
        f"open, due {after}  nobody: write (c-2 of umbrella)",
        f"    {AHEAD}",
        f"done {NOW:%a %Y-%m-%d %H:%M} UTC by ana  desk: ask (c-3)",
        f"    {DONE}",
    ]


def test_the_first_tasks_of_many_say_that_there_are_more(desk: dict[str, str]) -> None:
    """As text and as JSON; all of them say nothing."""
    for options in ([], ["--json"]):
        run = milepost("tasks", "--limit", "2", *options, env=desk)
        assert [key in run.stdout for key in (LATE, AHEAD, DONE)] == [True, True, False]
        assert run.stderr == "milepost: there are more than these 2; narrow them down, or give --limit\n"
        assert milepost("tasks", "--limit", "3", *options, env=desk).stderr == ""


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (["--open"], [LATE, AHEAD]),
        (["--done"], [DONE]),
        (["--owner", "desk"], [LATE, DONE]),
        (["--owner", ""], [AHEAD]),
        (["--case", "c-2"], [AHEAD]),
        (["--account", "acme"], [LATE]),
        (["--due-before", NOW.isoformat()], [LATE]),
        (["--open", "--owner", "desk", "--case", "c-1"], [LATE]),
        (["--done", "--owner", ""], []),
    ],
)
def test_tasks_are_filtered(desk: dict[str, str], options: list[str], keys: list[str]) -> None:
    """By each option; as JSON they have all that is known of them."""
    found = json.loads(milepost("tasks", *options, "--json", env=desk).stdout)
    assert [task["key"] for task in found] == keys
    assert all(
        {"subject", "assign_to", "body", "due_at", "done_at", "done_by", "account"} <= set(task) for task in found
    )


def test_a_task_is_ticked_off_and_taken_back(desk: dict[str, str]) -> None:
    """By whoever says so; what is so already stays."""
    assert milepost("tasks", "done", LATE, "--by", "ben", env=desk).stdout == f"{LATE} is done\n"
    assert milepost("tasks", "done", LATE, "--by", "ana", env=desk).stdout.endswith("already; nothing changed\n")
    assert "by ben  desk: call Acme" in milepost("tasks", "--done", env=desk).stdout
    assert milepost("tasks", "undone", LATE, "--by", "ana", env=desk).stdout == f"{LATE} is open\n"
    with Store.open(desk["MILEPOST_DATABASE_URL"]) as store:
        assert [(tick.is_done, tick.by) for tick in store.tasks.ticks(LATE)] == [(True, "ben"), (False, "ana")]


def test_what_can_not_be_asked_of_tasks_says_so(desk: dict[str, str]) -> None:
    """Exit code 2, and what would be right."""
    unknown = milepost("tasks", "done", "c-9/x", "--by", "ana", env=desk)
    assert (unknown.exit_code, "milepost tasks lists them" in unknown.stderr) == (2, True)
    both = milepost("tasks", "--open", "--done", env=desk)
    assert (both.exit_code, "either open or done" in both.stderr) == (2, True)
    assert milepost("tasks", "--due-before", "soon", env=desk).exit_code == 2
    assert milepost("tasks", "--owner", "nobody", env=desk).stdout == "no task\n"
    nowhere = milepost("tasks", "--case", "c-9", env=desk)
    assert (nowhere.exit_code, "no case and no entitlement 'c-9'" in nowhere.stderr) == (2, True)
