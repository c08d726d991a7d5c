"""The commands that speak to cases, against a real server and a real worker."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowFailureError
from typer.testing import Result

from clients.cases import MilepostClient
from clients.sending import NoAnswer
from domain.errors import Refused
from domain.messages.steps import CaseRecord
from store import Store
from tests.starters.command_line import beside_a_worker, milepost, program
from tests.support import assert_eventually, unique
from worker.process import working

CATALOG = """
fields: {priority: string, tickets: integer, kind: {type: string, values: [Fault, Question]}}
processes:
  - name: Support
    milestones:
      - name: First response
        within: 4h
      - name: Resolution
        within: [{when: case.priority == "High", span: 8h}, {span: 16h}]
        triggers:
          - {kind: success, actions: [{do: email, to: desk@example.com, subject: "{{ case.id }} is done"}]}
organisation: {process: Support}
accounts: [{id: acme}, {id: full}]
entitlements: [{id: SPENT, account: full, allowance: {unit: cases, cap: 0, overflow: block}}]
"""

SPENT = unique("spent")
"""A server has one count of that name."""

Command = Callable[..., Awaitable[Result]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def environment(client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, str]]:
    """What the commands need to know of a worker that is at work."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "catalog.yaml").write_text(CATALOG.replace("SPENT", SPENT))
    async with beside_a_worker(client, folder, folder / "catalog.yaml") as environment:
        yield environment


@pytest.fixture
def command(environment: dict[str, str]) -> Command:
    """Runs a command in a thread, beside the worker."""

    async def run(*arguments: str, **options: str) -> Result:
        return await asyncio.to_thread(milepost, *arguments, env=environment, **options)

    return run


@pytest_asyncio.fixture(loop_scope="session")
async def case(command: Command) -> str:
    """An open case."""
    case_id = unique("c")
    opened = await command("open", case_id, "--account", "acme", "--field", "priority=High")
    assert opened.exit_code == 0, opened.stderr
    return case_id


async def test_open_shows_targets_and_again_changes_nothing(command: Command, case: str) -> None:
    again = await command("open", case, "--account", "nope", "--json")
    answer = json.loads(again.stdout)
    assert (again.exit_code, answer["outcome"]) == (0, "already")
    assert again.stderr == f"milepost: case {case} was open already; what was given now is not looked at\n"
    assert [m["span"] for m in answer["case"]["milestones"]] == ["4h", "8h"]
    assert answer["case"]["fields"] == {"priority": "High"}


async def test_open_of_a_new_case_says_nothing_of_an_old_one(command: Command) -> None:
    opened = await command("open", unique("c"), "--account", "acme", "--json")
    assert (opened.exit_code, opened.stderr) == (0, "")
    assert json.loads(opened.stdout)["outcome"] == "taken"


@pytest.mark.parametrize(
    ("account", "why"),
    [("nope", "unknown account 'nope'"), ("full", f"entitlement '{SPENT}' takes no more cases")],
    ids=["unknown", "blocked"],
)
async def test_a_case_that_was_refused_says_so(command: Command, account: str, why: str) -> None:
    """Whatever is asked of it: it is neither closed nor without an answer. It may be opened again."""
    case = unique("c")
    refused = await command("open", case, "--account", account)
    assert (refused.exit_code, refused.stdout) == (2, "")
    reason = refused.stderr.removeprefix("milepost: ").strip()
    assert why in reason
    for arguments in (
        ["show", case],
        ["show", case, "--json"],
        ["explain", case],
        ["stop", case],
        ["close", case],
        ["decide", case, "yes"],
        ["log-time", case, "T-1", "30"],
        ["reopen", case],
    ):
        asked = await command(*arguments)
        assert (asked.exit_code, asked.stdout) == (2, ""), arguments
        assert asked.stderr == f"milepost: case {case} was refused when it was opened: {reason}\n", arguments
    opened = await command("open", case, "--account", "acme", "--json")
    assert (opened.exit_code, opened.stderr, json.loads(opened.stdout)["outcome"]) == (0, "", "taken")
    assert (await command("stop", case)).exit_code == 0


async def test_a_case_that_is_refused_again_says_the_new_reason(command: Command) -> None:
    case = unique("c")
    for account in ("nope", "full"):
        await command("open", case, "--account", account)
    assert f"entitlement '{SPENT}' takes no more cases" in (await command("show", case)).stderr


async def test_a_closed_case_whose_reopening_was_refused_stays_closed(command: Command, case: str) -> None:
    """It was opened; that it can't be reopened so is another matter."""
    await command("close", case)
    assert (await command("reopen", case, "--at", "2001-01-01T00:00Z")).exit_code == 2
    assert json.loads((await command("show", case, "--json")).stdout)["closed_at"] is not None
    stopped = await command("stop", case)
    assert stopped.exit_code == 2
    assert stopped.stderr.startswith(f"milepost: case {case} is closed, and reopening it was refused: ")
    assert (await command("reopen", case)).exit_code == 0


async def test_an_intake_that_does_not_fit_says_so(client: Client, environment: dict[str, str]) -> None:
    """One that another client has sent; also when no worker runs any more, and in one line."""
    case, queue = unique("c"), unique("queue")
    with Store.open(environment["MILEPOST_DATABASE_URL"]) as store:
        async with working(client, store, task_queue=queue):
            intake = {"case_id": case, "colour": "red"}
            started = await client.start_workflow("CaseWorkflow", intake, id=f"case/{case}", task_queue=queue)
            with pytest.raises(WorkflowFailureError):
                await started.result()
    cases = MilepostClient(client, task_queue=queue, patience=0.5)
    for asked in (cases.view(case), cases.explanation(case), cases.request(case, "close")):
        with pytest.raises(Refused, match=rf"^case {case} was refused when it was opened: .*colour.*$") as refused:
            await asked
        assert refused.value.code == "not_opened"


async def test_a_request_without_an_answer_has_its_event_id(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be taken all the same, and sent again it counts once."""

    async def nobody() -> None:
        raise NoAnswer("case c does not answer", "e-1")

    monkeypatch.setattr("starters.cli.commands.case.case_desk", nobody)
    asked = await asyncio.to_thread(milepost, "stop", "c", env=environment)
    said = "case c does not answer. It may be taken all the same; sent again with --event-id e-1 it counts once"
    assert (asked.exit_code, asked.stderr) == (1, f"milepost: {said}\n")


async def test_a_case_that_nobody_knows_is_unknown(command: Command) -> None:
    for arguments in (["show", "nobody"], ["stop", "nobody"], ["reopen", "nobody"], ["explain", "nobody"]):
        asked = await command(*arguments)
        assert (asked.exit_code, asked.stderr) == (2, "milepost: no case 'nobody' is known here\n"), arguments


async def test_open_from_a_json_file(command: Command, tmp_path: Path) -> None:
    """Options win over the file; what the file says else is taken."""
    case_id = unique("c")
    intake = json.dumps({"account": "acme", "fields": {"priority": "Low", "tickets": 3}})
    opened = await command("open", case_id, "--json-file", "-", "--field", "priority=High", "--json", stdin=intake)
    assert json.loads(opened.stdout)["case"]["fields"] == {"priority": "High", "tickets": 3}


async def test_open_of_an_unknown_field_is_refused(command: Command) -> None:
    refused = await command("open", unique("c"), "--account", "acme", "--field", "priorty=High")
    assert refused.exit_code == 2
    assert "unknown field 'priorty' of case: did you mean 'priority'?" in refused.stderr


async def test_a_case_from_open_to_close(command: Command, case: str) -> None:
    """Each request answers with what followed from it; show has it all. (A pause within one second is none.)"""
    assert "in time" in (await command("complete", case, "First response", "--by", "ann")).stdout
    assert "16h" in (await command("change", case, "--field", "priority=Low", "--field", "tickets=2")).stdout
    assert "clock stopped" in (await command("stop", case, "--reason", "parts")).stdout
    assert "already" in (await command("stop", case)).stdout
    soon, later = ((datetime.now(UTC) + timedelta(seconds=seconds)).isoformat() for seconds in (2, 3))
    assert "Resolution" in (await command("resume", case, "--at", soon)).stdout
    assert "stopped" in (await command("stop", case, "Resolution")).stdout
    assert (await command("resume", case, "Resolution")).exit_code == 0
    assert "completed" in (await command("complete", case, "Resolution", "--at", later)).stdout

    async def told() -> None:
        shown = await command("show", case)
        assert f"email to desk@example.com: {case} is done (done)" in shown.stdout
        assert "completed by ann, in time" in shown.stdout
        assert "paused: case stopped" in shown.stdout
        assert "priority=Low" in shown.stdout

    await assert_eventually(told)
    assert "closed" in (await command("close", case)).stdout
    shown = json.loads((await command("show", case, "--json")).stdout)
    assert shown["closed_at"] is not None
    assert [m["state"] for m in shown["milestones"]] == ["completed", "completed"]


async def test_same_event_id_is_taken_once(command: Command, case: str) -> None:
    await command("complete", case, "First response", "--event-id", "e1")
    again = await command("complete", case, "First response", "--event-id", "e1")
    assert again.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["complete", "CASE", "Frist response"], "unknown milestone 'Frist response'; process 'Support' has: First"),
        (["complete", "CASE", "First response", "--at", "2099-01-01T00:00Z"], "is in the future"),
        (["complete", "CASE", "First response", "--at", "2001-01-01T00:00Z"], "before the case was opened"),
        (["complete", "CASE", "First response", "--at", "noon"], "'noon' is no time; write one like 14:05"),
        (["complete", "no-such-case", "First response"], "no case 'no-such-case' is known here"),
        (["change", "CASE", "--field", "priority=3"], "priority is declared as string: 3 is no text"),
        (["change", "CASE", "--field", "colour=red"], "unknown field 'colour'"),
        (["change", "CASE"], "Missing option"),
        (["stop", "CASE", "Frist response"], "unknown milestone"),
        (["show", "no-such-case"], "no case 'no-such-case' is known here"),
        (["show", "CASE", "--time-zone", "Mars/Base"], "unknown time zone 'Mars/Base'"),
        (["show", "CASE", "--json", "--watch"], "give one of them"),
    ],
)
async def test_what_can_not_be_is_refused_and_changes_nothing(
    command: Command, case: str, arguments: list[str], said: str
) -> None:
    """Exit code 2, one message that says what would be right, and the case stays as it was."""
    before = _facts(await command("show", case, "--json"))
    refused = await command(*(case if argument == "CASE" else argument for argument in arguments))
    assert refused.exit_code == 2
    assert said in " ".join(refused.stderr.replace("│", " ").split())
    assert refused.stdout == ""
    assert _facts(await command("show", case, "--json")) == before


async def test_completing_twice_is_refused(command: Command, case: str) -> None:
    await command("complete", case, "First response")
    twice = await command("complete", case, "First response")
    assert twice.exit_code == 2
    assert "First response is already completed, since " in twice.stderr


async def test_closed_case_takes_nothing(command: Command, case: str) -> None:
    await command("close", case)
    for arguments in (["complete", case, "Resolution"], ["open", case, "--account", "acme"]):
        refused = await command(*arguments)
        assert refused.exit_code == 2
        assert f"case {case}" in refused.stderr
        assert "closed" in refused.stderr


async def test_show_falls_back_to_the_record(environment: dict[str, str], command: Command, case: str) -> None:
    """A case whose history Temporal does not have is shown as the store has it."""
    await command("close", case)
    forgotten = unique("c")
    with Store.open(environment["MILEPOST_DATABASE_URL"]) as store:

        async def recorded() -> None:
            assert store.cases.get(case).view.closed_at is not None

        await assert_eventually(recorded)
        known = store.cases.get(case)
        assert known.carried is not None
        view = known.view.model_copy(update={"case_id": forgotten})
        store.cases.record(
            CaseRecord(
                history=1,
                number=1,
                notes_from=1,
                run_id="x",
                account="acme",
                entitlement=None,
                view=view,
                carried=known.carried,
            )
        )
    shown = await command("show", forgotten)
    assert "from the store's record" in shown.stdout
    assert "open at exit" in shown.stdout


async def test_database_without_a_folder_says_where_it_comes_from(environment: dict[str, str], tmp_path: Path) -> None:
    """Also if no variable names the database itself."""
    env = {**environment, "MILEPOST_DATABASE_URL": "", "MILEPOST_DATA": str(tmp_path / "none")}
    nowhere = await asyncio.to_thread(milepost, "balance", "acme-gold", env=env)
    assert nowhere.exit_code == 2
    assert f"there is no folder {tmp_path}/none for the database" in nowhere.stderr
    assert "(in the data folder, from MILEPOST_DATA; MILEPOST_DATABASE_URL names another)" in nowhere.stderr


async def test_program_shows_instants_in_a_zone(environment: dict[str, str], case: str) -> None:
    """The program itself, as people run it."""
    done = await asyncio.to_thread(program, "show", case, "--time-zone", "Europe/Berlin", env=environment)
    assert done.returncode == 0
    assert "Europe/Berlin" in done.stdout


def _facts(shown: Result) -> object:
    view = json.loads(shown.stdout)
    kept = ("state", "target_at", "completed_at", "pauses", "fired")
    return view["fields"], view["stopped"], [{name: m[name] for name in kept} for m in view["milestones"]]


async def test_a_case_is_named_by_the_id_of_another_system(command: Command) -> None:
    """Which is kept, shown wherever the case is, and found by; also once it was closed and taken up again."""
    foreign = f"INC/{unique('c')}"
    ours = foreign.replace("/", "~2F")
    opened = await command("open", foreign, "--account", "acme")
    assert (opened.exit_code, f"case {ours} ({foreign}): compliant" in opened.stdout) == (0, True), opened.stderr
    listed = json.loads((await command("list", "--json")).stdout)
    assert [case["external_id"] for case in listed if case["case_id"] == ours] == [foreign]
    assert foreign in (await command("list")).stdout
    for named in (foreign, ours):
        shown = await command("show", named)
        assert shown.stdout.startswith(f"Case {ours} ({foreign})"), shown.stderr
    done = await command("complete", foreign, "Resolution")
    assert done.exit_code == 0, done.stderr
    told = [json.loads(line) for line in (await command("events", "--case", foreign)).stdout.splitlines()]
    assert {event["data"]["external_id"] for event in told} == {foreign}
    for asked in (["close", foreign], ["reopen", foreign]):
        answer = json.loads((await command(*asked, "--json")).stdout)
        assert (answer["case"]["case_id"], answer["case"]["external_id"]) == (ours, foreign)


async def test_a_value_that_a_field_does_not_list_is_refused_with_the_nearest(command: Command) -> None:
    """When the case is opened, and when it is changed; nothing of it is changed."""
    case = unique("c")
    refused = await command("open", case, "--account", "acme", "--field", "kind=fault")
    assert (refused.exit_code, refused.stderr) == (
        2,
        "milepost: case.kind: 'fault' is none of its values; did you mean 'Fault'?\n",
    )
    assert (await command("open", case, "--account", "acme", "--field", "kind=Fault")).exit_code == 0
    changed = await command("change", case, "--field", "kind=Qestion", "--field", "tickets=3")
    assert (changed.exit_code, "did you mean 'Question'?" in changed.stderr) == (2, True)
    assert json.loads((await command("show", case, "--json")).stdout)["fields"] == {"kind": "Fault"}
