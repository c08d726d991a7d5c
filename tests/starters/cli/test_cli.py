"""The command line without a server: help, business time, and what it says of bad input."""

import itertools
import json
from pathlib import Path

import pytest

from starters.cli.app import app
from starters.cli.commands import hours as hours_command
from store import Store
from tests.starters.command_line import milepost, program
from tests.starters.incidents import CATALOG, MAPPING, SAMPLE

COMMANDS = [str(command.name) for command in app.registered_commands]

CALENDARS = """
business_hours:
  - name: B
    time_zone: America/New_York
    week: {mon: ["09:00-17:00"], tue: ["09:00-17:00"], wed: ["09:00-17:00"], thu: ["09:00-17:00"], fri: ["09:00-17:00"]}
  - name: A
    time_zone: America/New_York
    week: {mon: ["08:00-17:00"], tue: ["08:00-17:00"], wed: ["08:00-17:00"], thu: ["08:00-17:00"], fri: ["08:00-17:00"]}
  - name: Once
    time_zone: UTC
    week: {mon: ["09:00-10:00"]}
    holidays: {add: [1900-01-01..2025-06-01, 2025-06-10..8999-12-31]}
"""


@pytest.fixture
def calendars(tmp_path: Path) -> Path:
    """A catalog with the calendars of the worked examples."""
    path = tmp_path / "hours.yaml"
    path.write_text(CALENDARS)
    return path


# --- help -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [*([name] for name in COMMANDS), ["hours"], ["hours", "add"], ["hours", "elapsed"]])
def test_every_command_explains_itself(command: list[str]) -> None:
    result = milepost(*command, "--help")
    assert result.exit_code == 0
    assert "Usage: " in result.stdout
    assert len(result.stdout.splitlines()) > 5


def test_help_lists_every_command() -> None:
    result = milepost("--help")
    assert result.exit_code == 0
    assert all(f" {name} " in result.stdout for name in [*COMMANDS, "hours"])


def test_no_command_shows_help() -> None:
    assert "Usage: " in milepost().output


def test_version() -> None:
    assert milepost("--version").stdout.startswith("milepost ")


@pytest.mark.parametrize("command", [["dev"], ["import"], ["links", "create"], ["migrate"]], ids=" ".join)
def test_the_paragraphs_of_a_help_fill_the_width_that_there_is(command: list[str]) -> None:
    """However wide their docstrings are."""
    shown = milepost(*command, "--help", env={"COLUMNS": "70", "TERMINAL_WIDTH": "70"}).stdout
    told = [line.strip() for line in shown.split("╭")[0].splitlines()]
    for line, following in itertools.pairwise(told):
        if line and following:
            assert len(f" {line} {following.split()[0]}") >= 70, line


# --- hours ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calendar", "start", "span", "expected"),
    [
        ("A", "2025-06-13T16:45-04:00", "60m", "2025-06-16T12:45:00Z"),  # E4
        ("24x7", "2025-06-13T16:45-04:00", "60m", "2025-06-13T21:45:00Z"),  # E4
        ("B", "2025-06-11T15:00-04:00", "16h", "2025-06-13T19:00:00Z"),  # E2
        ("B", "2025-06-09T18:00-04:00", "0m", "2025-06-10T13:00:00Z"),  # E22: add(t, 0) is the next opening
        ("B", "2025-06-09T18:00-04:00", "0", "2025-06-10T13:00:00Z"),
        ("B", "2025-06-12T11:00-04:00", "-60m", "2025-06-12T14:00:00Z"),  # E10
        ("B", "2025-06-12T11:00-04:00", "-180m", "2025-06-11T20:00:00Z"),  # E10
        ("B", "2025-06-14T12:00-04:00", "1bd", "2025-06-17T13:00:00Z"),
        ("B", "2025-06-09T14:00-04:00", "eod", "2025-06-09T21:00:00Z"),
        ("B", "2025-06-09T18:00-04:00", "eod", "2025-06-10T21:00:00Z"),
        ("B", "2025-06-09T14:00-04:00", "2bd eod", "2025-06-11T21:00:00Z"),
        ("B", "2025-06-09T14:00:00.25-04:00", "1h", "2025-06-09T19:00:00.250000Z"),
        ("B", "2025-06-09T14:00-04:00", "-1h", "2025-06-09T17:00:00Z"),  # asks for no help
        ("B", "2025-06-09T14:00-04:00", "-1h30m", "2025-06-09T16:30:00Z"),
    ],
)
def test_hours_add(calendars: Path, calendar: str, start: str, span: str, expected: str) -> None:
    """One ISO instant in UTC, and nothing else."""
    result = milepost("hours", "--catalog", calendars, "--calendar", calendar, "add", start, span)
    assert result.stdout == f"{expected}\n"
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("calendar", "a", "b", "seconds"),
    [
        ("B", "2025-06-09T09:00-04:00", "2025-06-10T10:00-04:00", 540 * 60),  # E20
        ("B", "2025-06-10T10:00-04:00", "2025-06-09T09:00-04:00", -540 * 60),
        ("24x7", "2025-06-09T10:00Z", "2025-06-09T13:00Z", 180 * 60),  # E1
        ("24x7", "1950-01-01T00:00Z", "2050-01-01T00:00Z", 3_155_760_000),
        ("24x7", "1900-01-01T00:00Z", "1900-01-02T00:00Z", 86_400),
    ],
)
def test_hours_elapsed(calendars: Path, calendar: str, a: str, b: str, seconds: int) -> None:
    result = milepost("hours", "--catalog", calendars, "--calendar", calendar, "elapsed", a, b)
    assert result.stdout == f"{seconds}\n"


def test_hours_of_times_that_are_past_reckon_from_now() -> None:
    """A time may begin with a minus, as for every other command."""
    assert milepost("hours", "elapsed", "-2h", "-1h").stdout == "3600\n"
    assert milepost("hours", "elapsed", "-10m", "now").stdout in {"600\n", "599\n", "601\n"}


def test_hours_as_json(calendars: Path) -> None:
    add = milepost("hours", "--catalog", calendars, "--calendar", "B", "add", "2025-06-09T14:00-04:00", "1h", "--json")
    assert json.loads(add.stdout) == {"instant": "2025-06-09T19:00:00Z"}
    elapsed = milepost("hours", "elapsed", "2025-06-09T14:00Z", "2025-06-09T14:01Z", "--json")
    assert json.loads(elapsed.stdout) == {"seconds": 60}


def test_hours_of_a_calendar_of_the_store(calendars: Path, tmp_path: Path) -> None:
    """Where no file is named; one that is retired is none of its calendars any more."""
    env = {"MILEPOST_DATA": str(tmp_path / "data")}
    asked = ("hours", "--calendar", "B", "add", "2025-06-09T14:00-04:00", "1h")
    assert "no calendar 'B'; there are: 24x7" in " ".join(milepost(*asked, env=env).stderr.split())
    assert milepost("apply", calendars, env=env).exit_code == 0
    assert milepost(*asked, env=env).stdout == "2025-06-09T19:00:00Z\n"
    calendars.write_text(CALENDARS.replace("- name: B", "- name: B\n    retired: true"))
    assert milepost("apply", calendars, env=env).exit_code == 0
    assert "there are: 24x7, A, Once" in " ".join(milepost(*asked, env=env).stderr.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--calendar", "C", "add", "2025-06-09T14:00Z", "1h"], "no calendar 'C'; there are: 24x7"),
        (["add", "25:00", "1h"], "is no time of day; it goes from 00:00 to 23:59"),
        (["add", "tomorrow", "1h"], "is no time; write one like"),
        (["add", "2025-06-09T14:00Z", "2d"], "a bare 'd' is refused"),
        (["add", "2025-06-09T14:00Z", "60"], "it has no unit"),
        (["add", "2025-06-09T14:00Z", "-2bd"], "go forward only"),
        (["add", "0001-01-01T00:00Z", "1h"], "outside the years"),
        (["add", "0001-01-01T00:00+14:00", "1h"], "outside the years"),
        (["--catalog", "nowhere.yaml", "add", "2025-06-09T14:00Z", "1h"], "nowhere.yaml: there is no such file"),
        (["add", "2025-06-09T14:00Z"], "Missing argument"),
    ],
)
def test_hours_refuses_bad_input(arguments: list[str], said: str) -> None:
    result = milepost("hours", *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_hours_of_a_calendar_that_never_opens_again_ends(calendars: Path) -> None:
    """It says so, and does not search for ever."""
    result = milepost("hours", "--catalog", calendars, "--calendar", "Once", "add", "2025-06-11T00:00Z", "1h")
    assert result.exit_code == 2
    assert "'Once'" in result.stderr


# --- exit codes -----------------------------------------------------------------------------------------------------


def test_nothing_answers_is_a_failure_at_run_time(tmp_path: Path) -> None:
    """Exit code 1, one line that says what would help, nothing on stdout."""
    done = program("show", "4711", env={"TEMPORAL_ADDRESS": "127.0.0.1:1", "MILEPOST_DATA": str(tmp_path)})
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("milepost: no Temporal server answers at 127.0.0.1:1")
    assert "milepost dev" in done.stderr
    assert "Traceback" not in done.stderr


def test_unexpected_error_is_one_line(calendars: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback reaches a user who did not ask for it."""

    def broken(_: object) -> object:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(hours_command, "_hours", broken)
    result = milepost("hours", "elapsed", "2025-06-09T14:00Z", "2025-06-09T14:01Z")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "milepost: unexpected error: ZeroDivisionError: by zero (MILEPOST_DEBUG=1 shows where)"
    ]
    asked = milepost("hours", "elapsed", "2025-06-09T14:00Z", "2025-06-09T14:01Z", env={"MILEPOST_DEBUG": "1"})
    assert isinstance(asked.exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("nonsense", 2, "'nonsense' is no address of a database; expected sqlite:///path/to/milepost.db or"),
        ("sqlite:///{tmp}/m.db?mode=ro", 2, "has options (mode), and a SQLite database takes none"),
        ("sqlite:///{tmp}", 2, "names a folder; expected a file in it, such as sqlite:///{tmp}/milepost.db"),
        ("sqlite:///{tmp}/note/x.db", 2, "{tmp}/note is a file, so the database"),
        ("sqlite:///{tmp}/none/x.db", 2, "there is no folder {tmp}/none for the database"),
        ("sqlite:////proc/x.db", 1, "cannot open the database sqlite:////proc/x.db: unable to open"),
        ("postgresql://x:secret@127.0.0.1:1/x", 1, "cannot open the database postgresql://x:***@127.0.0.1:1"),
    ],
)
def test_bad_database_is_named(tmp_path: Path, url: str, code: int, said: str) -> None:
    """What it is, what would be right, and where it comes from."""
    (tmp_path / "note").touch()
    env = {"MILEPOST_DATABASE_URL": url.format(tmp=tmp_path), "MILEPOST_DATA": str(tmp_path)}
    result = milepost("apply", CATALOG, env=env)
    assert result.exit_code == code
    assert said.format(tmp=tmp_path) in result.stderr
    assert result.stderr.endswith("(from MILEPOST_DATABASE_URL)\n")
    assert "secret" not in result.stderr


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("/proc/x", "the data folder /proc/x, from MILEPOST_DATA: it can't be used: No such file or directory"),
        (
            "/proc/x/y",
            "the data folder /proc/x/y, from MILEPOST_DATA: /proc/x can't be used: No such file or directory",
        ),
        ("{tmp}/note", "the data folder {tmp}/note, from MILEPOST_DATA: it is a file"),
    ],
)
def test_bad_data_folder_is_named(tmp_path: Path, data: str, said: str) -> None:
    """What it is, where it comes from, and what would be right; one message, and exit code 2."""
    (tmp_path / "note").touch()
    result = milepost("apply", CATALOG, env={"MILEPOST_DATA": data.format(tmp=tmp_path)})
    assert result.exit_code == 2
    expected = "expected a folder that can be written to, or made"
    assert result.stderr == f"milepost: {said.format(tmp=tmp_path)}; {expected}\n"


def test_missing_file_in_the_data_folder_is_no_fault_of_the_folder(tmp_path: Path) -> None:
    env = {"TEMPORAL_ADDRESS": "127.0.0.1:1", "MILEPOST_DATA": str(tmp_path)}
    result = milepost("open", "4711", "--json-file", tmp_path / "no.json", env=env)
    assert result.exit_code == 1
    assert result.stderr == f"milepost: {tmp_path / 'no.json'}: No such file or directory\n"


# --- apply ----------------------------------------------------------------------------------------------------------

GOOD = """
fields: {priority: string}
business_hours:
  - {name: Office, time_zone: Europe/Berlin, week: {mon: ["09:00-17:00"]}}
processes:
  - name: Support
    business_hours: Office
    milestones:
      - name: First response
        when: case.priority == "High"
        within: 4h
        triggers: [{kind: violation}]
"""

BESIDE = """
processes: [{name: Support, milestones: [{name: First response, within: 4h}]}]
accounts: [{id: acme}]
assets: [{id: press, account: acme}]
entitlements:
  - {id: gold, account: acme, asset: press, process: Support, starts_on: 2026-01-01, ends_on: 2035-12-31}
  - {id: bank, account: acme, allowance: {unit: hours, cap: 10}, starts_on: 2026-01-01, ends_on: 2035-12-31}
"""

ELEVEN = "[" + ", ".join(f"{{kind: violation, at: {n}m}}" for n in range(11)) + "]"


@pytest.fixture
def data(tmp_path: Path) -> dict[str, str]:
    """The environment of a data folder of the test's own."""
    return {"MILEPOST_DATA": str(tmp_path / "data")}


def _stored(data: dict[str, str]) -> str:
    with Store.open(f"sqlite:///{data['MILEPOST_DATA']}/milepost.db") as store:
        return store.catalog.everything().model_dump_json()


def test_apply_stores_a_catalog(tmp_path: Path, data: dict[str, str]) -> None:
    """A dry run stores nothing; the same catalog again changes nothing."""
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    dry = milepost("apply", path, "--dry-run", env=data)
    assert dry.exit_code == 0
    assert "dry run: nothing was stored" in dry.stdout
    first = milepost("apply", path, "--json", env=data)
    created = {change["name"] for change in json.loads(first.stdout)["changes"]}
    assert created >= {"Support", "Office", "priority"}
    assert "nothing to change" in milepost("apply", path, env=data).stdout


def test_apply_warns_of_what_promises_nothing_beside_what_does(tmp_path: Path, data: dict[str, str]) -> None:
    """Once it is stored, on stderr; not while it is tried, and not again where nothing changes."""
    path = tmp_path / "beside.yaml"
    path.write_text(BESIDE)
    said = (
        "milepost: a case that is covered by bank, which has no process, is promised nothing where none of "
        "gold (Support) of account 'acme' covers it too\n"
    )
    runs = [milepost("apply", path, *dry, env=data) for dry in (["--dry-run"], [], [])]
    assert [(run.exit_code, run.stderr.count(said)) for run in runs] == [(0, 0), (0, 1), (0, 0)]
    assert said not in runs[1].stdout


@pytest.mark.parametrize(
    ("good", "bad", "line", "said"),
    [
        ("case.priority ==", "case.priorty ==", 10, "priorty"),
        ("Europe/Berlin", "Europe/Berln", 4, "unknown time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?"),
        ("09:00-17:00", "09:00-25:00", 4, "09:00-25:00"),
        ("[{kind: violation}]", ELEVEN, 9, "has 11 triggers; at most 10 are allowed"),
        ("business_hours: Office", "business_hours: Ofice", 7, "Ofice"),
        ("within: 4h", "within: 4d", 11, "a bare 'd' is refused"),
        ("within: 4h", "within: [", 13, "this is no YAML"),
        ("    milestones", "    colour: red\n    milestones", 8, "colour"),
    ],
)
def test_bad_catalog_is_refused_whole(
    tmp_path: Path, data: dict[str, str], *, good: str, bad: str, line: int, said: str
) -> None:
    """File and line, what is wrong; what was there stays."""
    before = tmp_path / "before.yaml"
    before.write_text(GOOD)
    assert milepost("apply", before, env=data).exit_code == 0
    stored = _stored(data)
    path = tmp_path / "bad.yaml"
    path.write_text(GOOD.replace("name: Support", "name: Other").replace(good, bad))
    result = milepost("apply", path, env=data)
    assert result.exit_code == 2
    assert f"bad.yaml:{line}:" in result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert _stored(data) == stored


# --- logs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("Active", "Activ", "log.csv:2: column 'incident_state': unknown state 'Activ'; did you mean 'Active'?"),
        ("INC0000047,", "", "log.csv:2: the row has"),
        ("29-02-2016 04:40", "2016-02-29 04:40", "is no time of the form %d-%m-%Y %H:%M"),
        ("number,", "nummer,", "log.csv:1: no column 'number'; did you mean 'nummer'?"),
    ],
)
def test_bad_log_is_refused_before_anything_runs(tmp_path: Path, good: str, bad: str, said: str) -> None:
    """One message with the line; no server is started, nothing is stored."""
    rows = SAMPLE.read_text().splitlines()
    header, first = rows[0], next(row for row in rows if row.startswith("INC0000047,") and ",Active," in f"{row},")
    text = f"{header}\n{first}\n"
    assert good in text, text
    log = tmp_path / "log.csv"
    log.write_text(text.replace(good, bad, 1))
    data = {"MILEPOST_DATA": str(tmp_path / "data")}
    result = milepost("replay", log, "--mapping", MAPPING, "--catalog", CATALOG, env=data)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "data").exists()


def test_row_before_its_case_counts_at_the_opening_and_is_told(tmp_path: Path) -> None:
    """The five incidents of the sample with such rows are read; who asks sees which."""
    env = {"MILEPOST_DATA": str(tmp_path / "data")}
    result = milepost("replay", SAMPLE, "--mapping", MAPPING, "--oddities", "--case", "INC9", env=env)
    assert result.exit_code == 2
    assert "INC0000130" in result.stderr
    assert "is before the case was opened" in result.stderr
    assert "the log has no case 'INC9'" in result.stderr


@pytest.mark.parametrize("prefix", ["run 2 ", "again/", "x" * 95])
def test_a_prefix_that_makes_no_ids_is_refused(tmp_path: Path, prefix: str) -> None:
    """Before anything is started: no workflow gets an id that no case can have."""
    data = {"MILEPOST_DATA": str(tmp_path / "data")}
    result = milepost("replay", SAMPLE, "--mapping", MAPPING, "--prefix", prefix, "--limit", "1", env=data)
    assert result.exit_code == 2
    assert "--prefix" in result.stderr
    assert "is no id of a case" in result.stderr
    assert not (tmp_path / "data").exists()


def test_missing_log_is_named(tmp_path: Path) -> None:
    result = milepost("replay", tmp_path / "no.csv", "--mapping", MAPPING)
    assert result.exit_code == 2
    assert "no.csv: No such file or directory" in result.stderr


# --- intake ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (["4711", "--field", "priority"], None, "is no name=value, such as priority=High"),
        (["4711", "--field", "p=1", "--field", "p=2"], None, "'p' is given twice"),
        (["4711", "--opened-at", "soon"], None, "is no time; write one like"),
        (["4711", "--json-file", "-"], "{", "is no JSON"),
        (["4711", "--json-file", "-"], "[]", "is no JSON object"),
        (["4711", "--json-file", "-"], '{"case_id": "4712"}', "is the intake of case '4712', not of '4711'"),
        (["4711", "--json-file", "-"], '{"acount": "acme"}', "acount: is unknown here"),
        (["4711", "--json-file", "-"], '{"clock": "2025-06-09T14:00"}', "has no offset from UTC"),
    ],
)
def test_bad_intake_is_refused_before_anything_is_sent(arguments: list[str], stdin: str | None, said: str) -> None:
    result = milepost("open", *arguments, env={"TEMPORAL_ADDRESS": "127.0.0.1:1"}, stdin=stdin)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())
