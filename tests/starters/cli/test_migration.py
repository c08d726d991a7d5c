"""``plan`` and ``migrate``: what people see of a new version, against a real server, a real worker and a real store."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio
from temporalio.client import Client

from clients.cases import MilepostClient
from clients.migrations import MigrationClient
from domain.messages.cases import CaseIntake
from domain.messages.migrations import MigrationOrder, workflow_id
from domain.timeline.effects import NoteKind
from starters.files.catalogs import apply_files
from store import Store
from tests.starters.command_line import ROOT, beside_a_worker, milepost, program
from tests.support import PATIENT, assert_eventually, unique
from worker.connection import settle
from worker.embedded import EmbeddedServer

OLD = """
fields: {priority: string}
business_hours:
  - name: Desk
    time_zone: UTC
    week: {mon: &day ["00:00-24:00"], tue: *day, wed: *day, thu: *day, fri: *day, sat: *day, sun: *day}
processes:
  - name: Support
    business_hours: Desk
    milestones:
      - {name: First response, within: 4h}
      - {name: Resolution, within: 16h}
organisation: {process: Support}
accounts: [{id: acme}, {id: globex}]
"""
NEW = OLD.replace("within: 16h", "within: 2h")
LISTED = OLD.replace("priority: string", "priority: {type: string, values: [Low, High, Critical]}")
NIGHTS_OFF = OLD.replace("00:00-24:00", "06:00-18:00")


class Done(NamedTuple):
    """What came of a command."""

    exit_code: int
    stdout: str
    stderr: str


Command = Callable[..., Awaitable[Done]]


@pytest_asyncio.fixture(loop_scope="session")
async def environment(client: Client, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """A store of the test's own, and a worker."""
    for name, text in {"old": OLD, "new": NEW, "nights-off": NIGHTS_OFF, "listed": LISTED}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    async with beside_a_worker(client, tmp_path, tmp_path / "old.yaml") as environment:
        yield environment


@pytest.fixture
def command(environment: dict[str, str]) -> Command:
    """Runs a command beside the worker: in a thread, or as a program of its own if it listens for Ctrl-C."""

    async def run(*arguments: str) -> Done:
        if arguments[0] == "migrate":
            done = await asyncio.to_thread(program, *arguments, env=environment)
            return Done(done.returncode, done.stdout, done.stderr)
        result = await asyncio.to_thread(milepost, *arguments, env=environment)
        return Done(result.exit_code, result.stdout, result.stderr)

    return run


@pytest_asyncio.fixture(loop_scope="session")
async def cases(client: Client, environment: dict[str, str]) -> list[str]:
    """Three cases, opened three hours ago: two of acme, one of them with high priority, and one of globex."""
    milepost_client = MilepostClient(client, task_queue=environment["MILEPOST_TASK_QUEUE"], patience=PATIENT)
    ids = [f"{unique('c')}-{number}" for number in (1, 2, 3)]
    for case_id, account, priority in zip(sorted(ids), ("acme", "acme", "globex"), ("High", "Low", "Low"), strict=True):
        opened_at = datetime.now(UTC) - timedelta(hours=3)
        await milepost_client.open(
            CaseIntake(case_id=case_id, account=account, fields={"priority": priority}, opened_at=opened_at)
        )
    return sorted(ids)


async def test_plan_says_that_nothing_would_change(command: Command, cases: list[str]) -> None:
    """Exit code 0."""
    planned = await command("plan")
    assert planned.exit_code == 0, planned.stderr
    assert "Nothing would change" in planned.stdout


async def test_plan_looks_ahead_at_files_that_are_not_applied(
    command: Command, environment: dict[str, str], cases: list[str]
) -> None:
    """Exit code 3, the targets from when to when, and nothing is stored."""
    file = f"{environment['MILEPOST_DATA']}/new.yaml"
    planned = await command("plan", "--files", file)
    assert planned.exit_code == 3, planned.stderr
    text = " ".join(planned.stdout.split())
    assert "changed processes Support (version 2)" in text
    assert "Support 1 -> 2" in text
    assert "newly violated: 3" in text
    assert "targets that move: 3 (3 earlier, 0 later)" in text
    assert "earlier, newly violated (16h -> 2h)" in text
    assert (await command("plan")).exit_code == 0
    seen = json.loads((await command("plan", "--files", file, "--json", "--limit", "1")).stdout)
    assert seen["changes"] is True
    assert (seen["totals"]["cases"], seen["matching"], len(seen["cases"])) == (3, 3, 1)
    (change,) = seen["cases"][0]["milestones"]
    assert change["differences"] == ["moved", "violated"]
    moved = datetime.fromisoformat(change["before"]["target_at"]) - datetime.fromisoformat(change["after"]["target_at"])
    assert moved == timedelta(hours=14)


async def test_plan_of_a_calendar_edit(command: Command, environment: dict[str, str], cases: list[str]) -> None:
    planned = await command("plan", "--files", f"{environment['MILEPOST_DATA']}/nights-off.yaml", "--calendar", "Desk")
    assert planned.exit_code == 3, planned.stderr
    assert "Support 1, Desk edited" in planned.stdout


async def test_listing_is_narrowed_and_totals_are_not(
    command: Command, environment: dict[str, str], cases: list[str]
) -> None:
    apply_files_to(environment, "new")
    planned = await command("plan", "--only", "goes")
    assert cases[0] not in planned.stdout
    assert "3 cases would go over" in planned.stdout
    planned = await command("plan", "--limit", "1")
    assert "... and 2 more; --limit 3 lists them all" in planned.stdout
    assert "3 cases would go over" in planned.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--account", "globex"], [2]),
        (["--account", "globex", "--account", "acme"], [0, 1, 2]),
        (["--field", "priority=Low"], [1, 2]),
        (["--field", "priority=Low", "--account", "acme"], [1]),
        (["--process", "Support", "--version", "1"], []),
    ],
)
async def test_a_filter_narrows_the_cases_down(
    command: Command, environment: dict[str, str], cases: list[str], arguments: list[str], expected: list[int]
) -> None:
    apply_files_to(environment, "new")
    planned = json.loads((await command("plan", "--json", *arguments)).stdout)
    assert [case["case_id"] for case in planned["cases"]] == [cases[number] for number in expected]


async def test_migrate_does_what_plan_said_and_then_nothing_is_left(
    command: Command, environment: dict[str, str], cases: list[str]
) -> None:
    apply_files_to(environment, "new")
    assert (await command("migrate", "--dry-run")).exit_code == 3
    migrated = await command("migrate", "--id", (batch := unique("batch")), "--reason", "shorter")
    assert migrated.exit_code == 0, migrated.stderr
    assert f"Migration {batch} is done: 3 of 3 cases migrated" in migrated.stdout
    shown = json.loads((await command("show", cases[0], "--json")).stdout)
    assert shown["process_version"] == 2
    assert [m["span"] for m in shown["milestones"]] == ["4h", "2h"]

    async def nothing_is_left() -> None:
        assert (await command("plan")).exit_code == 0

    await assert_eventually(nothing_is_left)
    status = await command("migrate", "--status", batch, "--json")
    assert json.loads(status.stdout)["tally"]["migrated"] == 3
    again = await command("migrate")
    assert again.exit_code == 0
    assert "0 of 0 cases migrated" in again.stdout


async def test_migrate_of_one_case(command: Command, environment: dict[str, str], cases: list[str]) -> None:
    apply_files_to(environment, "new")
    migrated = await command("migrate", "--case", cases[1], "--json")
    assert json.loads(migrated.stdout)["tally"]["migrated"] == 1
    versions = [json.loads((await command("show", case, "--json")).stdout)["process_version"] for case in cases]
    assert versions == [1, 2, 1]


async def test_cases_take_what_was_declared_since_once_they_are_migrated(
    command: Command, environment: dict[str, str], cases: list[str]
) -> None:
    """A field that lists its values, where it is asked for: versions alone tell of none."""
    apply_files_to(environment, "listed")
    assert (await command("plan")).exit_code == 0
    planned = await command("plan", "--redeclared")
    assert planned.exit_code == 3, planned.stderr
    assert "3 cases would go over, 0 of them with a milestone that changes" in planned.stdout
    migrated = await command("migrate", "--redeclared", "--case", cases[1], "--json")
    assert json.loads(migrated.stdout)["tally"]["migrated"] == 1
    assert (await command("change", cases[0], "--field", "priority=Critcal")).exit_code == 0
    refused = await command("change", cases[1], "--field", "priority=Critcal")
    assert refused.exit_code != 0
    assert "did you mean 'Critical'?" in refused.stderr

    async def two_are_left() -> None:
        assert "2 cases would go over" in (await command("plan", "--redeclared")).stdout

    await assert_eventually(two_are_left)


async def test_a_detached_batch_is_followed_by_its_id(
    command: Command, environment: dict[str, str], cases: list[str]
) -> None:
    apply_files_to(environment, "new")
    batch = unique("batch")
    started = await command("migrate", "--id", batch, "--detach")
    assert started.exit_code == 0
    assert f"--status {batch}" in started.stderr
    followed = await command("migrate", "--resume", batch)
    assert "is done: 3 of 3 cases migrated" in followed.stdout


async def test_a_batch_of_which_nobody_knows_what_it_was_to_do_is_not_resumed(command: Command, client: Client) -> None:
    """Terminated before a worker ever saw it: the message names the task queue, and nothing is started."""
    batch = unique("batch")
    await MigrationClient(client, task_queue=unique("nobody")).start(MigrationOrder(migration_id=batch))
    await client.get_workflow_handle(workflow_id(batch)).terminate()
    resumed = await command("migrate", "--resume", batch)
    assert resumed.exit_code == 1
    assert "does a worker run on" in resumed.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan", "--process", "Suport"], "unknown process 'Suport'; did you mean 'Support'?"),
        (["plan", "--version", "2"], "name it with --process too"),
        (["plan", "--process", "Support", "--version", "7"], "has no version 7; it has 1 to 1"),
        (["plan", "--calendar", "Dsk"], "did you mean 'Desk'"),
        (["plan", "--account", "acm"], "did you mean 'acme'"),
        (["plan", "--case", "no-such-case"], "unknown case 'no-such-case'"),
        (["plan", "--field", "colour=red"], "unknown field 'colour'"),
        (["plan", "--field", "priority"], "is no name=value"),
        (["plan", "--files", "no-such.yaml"], "there is no such file"),
        (["plan", "--only", "nonsense"], "nonsense"),
        (["migrate", "--process", "Suport"], "unknown process 'Suport'; did you mean 'Support'?"),
        (["migrate", "--id", "a b"], "is no id; it has up to 80 letters"),
        (["migrate", "--resume", "no-such"], "no migration 'no-such' is known here"),
        (["migrate", "--status", "no-such"], "no migration 'no-such' is known here"),
        (["migrate", "--resume", "x", "--account", "acme"], "give its id alone"),
    ],
)
async def test_what_can_not_be_is_refused(command: Command, cases: list[str], arguments: list[str], said: str) -> None:
    """Exit code 2 and one message that says what would be right."""
    refused = await command(*arguments)
    assert refused.exit_code == 2
    assert said in " ".join(refused.stderr.replace("│", " ").split())
    assert refused.stdout == ""


async def test_a_batch_survives_the_death_of_worker_and_server(tmp_path: Path) -> None:
    """kill -9 of the worker, then of the server, in the middle: every case goes over exactly once, nothing by hand."""
    for name, text in {"old": OLD, "new": NEW}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    environment = {
        **os.environ,
        "MILEPOST_DATA": str(tmp_path),
        "MILEPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'milepost.db'}",
        "MILEPOST_TASK_QUEUE": "kills",
    }
    with Store.open(environment["MILEPOST_DATABASE_URL"]) as store:
        apply_files(store, [tmp_path / "old.yaml"], by="test")
    async with EmbeddedServer() as server:
        environment |= {"TEMPORAL_ADDRESS": server.address, "TEMPORAL_NAMESPACE": server.namespace}

        def worker() -> subprocess.Popen[bytes]:
            return subprocess.Popen([sys.executable, "-m", "starters", "worker", "--claim"], env=environment, cwd=ROOT)

        at_work = worker()
        try:
            client = await server.connect()
            cases = MilepostClient(client, task_queue="kills", patience=PATIENT)
            ids = [f"k-{number:02}" for number in range(52)]
            for case_id in ids:
                await cases.open(CaseIntake(case_id=case_id, account="acme"))
            apply_files_to(environment, "new")
            batches = MigrationClient(client, task_queue="kills", patience=5)
            await batches.start(MigrationOrder(migration_id="kills", at_once=1))

            async def it_reached(count: int) -> None:
                progress = (await batches.standing("kills")).progress
                assert progress is not None
                assert progress.tally.migrated >= count

            await assert_eventually(lambda: it_reached(10), within=60)
            at_work.send_signal(signal.SIGKILL)
            at_work.wait()
            at_work = worker()
            await assert_eventually(lambda: it_reached(25), within=120)
            server.kill()
            await server.start()
            progress = await asyncio.wait_for(batches.follow("kills", lambda _: None), 240)
            assert (progress.total, progress.tally.migrated) == (52, 52)
            versions = [(await cases.view(case_id)).process_version for case_id in ids]
            assert versions == [2] * 52
        finally:
            at_work.kill()
            at_work.wait()
    with Store.open(environment["MILEPOST_DATABASE_URL"]) as store:
        for case_id in ids:
            assert [note.kind for note in store.cases.notes(case_id)].count(NoteKind.MIGRATED) == 1
    await settle()


def apply_files_to(environment: dict[str, str], name: str) -> None:
    with Store.open(environment["MILEPOST_DATABASE_URL"]) as store:
        apply_files(store, [Path(environment["MILEPOST_DATA"]) / f"{name}.yaml"], by="test")
