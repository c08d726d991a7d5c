"""The command that runs a log under a process: what it prints, and what it refuses."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from starters.backtest.report import Report, report
from store import Store
from tests.starters.backtests import PREMIUM, compared, reported, run_of
from tests.starters.command_line import milepost
from tests.starters.incidents import CATALOG, MAPPING, SAMPLE, log

ASKED: list[str | Path] = ["backtest", SAMPLE, "--process", "Incident", "--catalog", CATALOG]


def test_the_command_prints_figures_bars_pauses_and_trend() -> None:
    """The mapping lies beside the catalog, under its name."""
    done = milepost(*ASKED)
    assert (done.exit_code, done.stderr) == (0, "")
    for heading in (
        "Compliance by priority",
        "Response and overrun",
        "Margins of those met",
        "Pauses",
        "Trend by week",
        "Triggers",
    ):
        assert heading in done.stdout
    line = next(line for line in done.stdout.splitlines() if " Critical " in line)
    assert line.split() == ["First", "response", "Critical", "█" * 12 + "▓" * 4, "8", "6", "2", "0", "0", "0", "75%"]


def test_the_command_prints_json_that_says_as_much() -> None:
    done = milepost(*ASKED, "--json", "--cases")
    found = json.loads(done.stdout)
    listed = found.pop("listed")
    assert {one["kind"]: one["count"] for one in found.pop("oddities")} == dict(
        Counter(oddity.kind.value for oddity in log().oddities)
    )
    assert Report.model_validate(_without_computed(found)) == reported()
    assert listed[0]["overrun_seconds"] == max(row["overrun_seconds"] or 0 for row in listed)


def _without_computed(value: Any) -> Any:
    """The document without the values that are reckoned from others."""
    match value:
        case dict():
            return {k: _without_computed(v) for k, v in value.items() if k not in ("missed", "met_percent")}
        case list():
            return [_without_computed(item) for item in value]
        case _:
            return value


def of_a_log(folder: Path, catalog: str, mapping: str, log: str, *, by: str) -> Any:
    """What is told of a log whose cases are to be done within an hour; catalog and mapping say what else they have."""
    process = "{name: P, milestones: [{name: M, within: 1h, complete_when: case.status == 'done'}]}"
    state = "state: {column: status, field: status, opened: new, closed: [done], values: [new, done]}"
    (desk := folder / "desk.yaml").write_text(f"{catalog}processes: [{process}]\n")
    (mapped := folder / "log.mapping.yaml").write_text(f"{{case_id: id, occurred_at: at, {state}, {mapping}}}")
    (told := folder / "log.csv").write_text(log)
    asked = ("backtest", told, "--process", "P", "--catalog", desk, "--mapping", mapped)
    done = milepost(*asked, "--by", by, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_a_target_lies_in_the_day_of_the_account_of_the_log(tmp_path: Path) -> None:
    """As in reports: half past six in New York is the next day, week and quarter of an organisation in Berlin."""
    found = of_a_log(
        tmp_path,
        "organisation: {time_zone: Europe/Berlin}\nfields: {status: string}\n"
        "accounts: [{id: acme, time_zone: America/New_York}]\n",
        "account: acme, times: {time_zone: America/New_York}",
        "id,at,status\n1,2017-12-31 17:30,new\n1,2017-12-31 18:00,done\n",
        by="quarter",
    )
    assert {row["group"] for row in found["rows"] if row["group"]} == {"2017-Q4"}
    assert [row["period"] for row in found["trend"]] == ["2017-W52"]


def test_owner_is_the_field_that_has_the_role(tmp_path: Path) -> None:
    """As in reports."""
    found = of_a_log(
        tmp_path,
        "organisation: {roles: {owner: assigned_to}}\nfields: {status: string, assigned_to: string}\n",
        "times: {time_zone: UTC}, fields: {assigned_to: {column: who}}",
        "id,at,status,who\n1,2017-12-01 10:00,new,ann\n1,2017-12-01 10:30,done,ann\n",
        by="owner",
    )
    assert {row["group"] for row in found["rows"] if row["group"]} == {"ann"}


def test_two_processes_side_by_side() -> None:
    done = milepost(*ASKED, "--compare", PREMIUM, "--cases")
    assert done.exit_code == 0
    assert "A: Incident v1   B: Incident premium v1" in done.stdout
    for flip in compared().flipped:
        assert flip.case_id in done.stdout
    found = json.loads(milepost(*ASKED, "--compare", PREMIUM, "--json").stdout)
    assert "flipped" not in found
    assert {flip["cases"] for flip in found["flips"]} == {flip.cases for flip in compared().flips}


def test_a_process_of_another_catalog(tmp_path: Path) -> None:
    """The same name in a changed file: told apart by the file."""
    changed = tmp_path / "stricter.yaml"
    changed.write_text(CATALOG.read_text().replace("{span: 40h}", "{span: 1h}", 1))
    done = milepost(*ASKED, "--compare-catalog", changed)
    assert done.exit_code == 0
    assert "A: Incident v1 of incidents.yaml   B: Incident v1 of stricter.yaml" in done.stdout
    low = next(line for line in done.stdout.split("Resolution", 1)[1].splitlines() if " Low " in line)
    assert "+" in low


def test_versions_that_were_applied(tmp_path: Path) -> None:
    """Without files, what is in the store; the version before beside the latest."""
    env = {"MILEPOST_DATA": str(tmp_path / "data")}
    changed = tmp_path / "incidents.yaml"
    for text in (CATALOG.read_text(), CATALOG.read_text().replace("{span: 40h}", "{span: 1h}", 1)):
        changed.write_text(text)
        assert milepost("apply", changed, env=env).exit_code == 0
    with Store.open(f"sqlite:///{tmp_path}/data/milepost.db") as store:
        assert store.catalog.process("Incident").version == 2
    stored: list[str | Path] = ["backtest", SAMPLE, "--mapping", MAPPING]
    done = milepost(*stored, "--process", "Incident@1", "--compare", "Incident", "--json", env=env)
    found = json.loads(done.stdout)
    assert (found["first"]["version"], found["second"]["version"]) == (1, 2)
    assert found["flips"]
    unknown = milepost(*stored, "--process", "Incident@3", env=env)
    assert unknown.exit_code == 2
    assert "has no version 3; it has 1 to 2" in _words(unknown.stderr)


def test_nothing_applied_yet_says_what_to_give(tmp_path: Path) -> None:
    done = milepost(
        "backtest", SAMPLE, "--mapping", MAPPING, "--process", "Incident", env={"MILEPOST_DATA": str(tmp_path)}
    )
    assert done.exit_code == 2
    assert "no process was applied yet; name the file that declares it: --catalog FILE" in _words(done.stderr)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--process", "Incidnt"], "Invalid value for --process: no process 'Incidnt'; did you mean 'Incident'?"),
        (["--compare", "Premium"], "Invalid value for --compare: no process 'Premium'; did you mean"),
        (["--by", "priorty"], "Invalid value for --by: no field 'priorty' to group by; did you mean 'priority'?"),
        (["--by", "priority", "--by", "month"], "Invalid value for --by: a backtest is grouped by one thing"),
        (["--chart", "nowhere/chart.svg"], "Invalid value for --chart: there is no folder nowhere"),
        (["--chart", "chart.pdf"], "chart.pdf is no picture; name a file that ends with .svg or .png"),
        (["--catalog", "nowhere.yaml"], "nowhere.yaml: there is no such file"),
        (["--mapping", "nowhere.yaml"], "nowhere.yaml: No such file or directory"),
        (["--mapping", CATALOG], "unknown key 'processes'"),
    ],
)
def test_bad_input_is_one_message(arguments: list[str | Path], said: str) -> None:
    done = milepost(*ASKED, *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in _words(done.stderr)
    assert "Traceback" not in done.stderr


def test_a_folder_is_no_log() -> None:
    """Not even one without a name, for which there is no mapping beside it."""
    done = milepost("backtest", ".", "--process", "Incident", "--catalog", CATALOG)
    assert done.exit_code == 2
    assert _words(done.stderr) == "milepost: .: Is a directory"


def test_a_log_without_a_mapping_beside_it_asks_for_one(tmp_path: Path) -> None:
    bare = tmp_path / "policy.yaml"
    bare.write_text(CATALOG.read_text())
    done = milepost("backtest", SAMPLE, "--process", "Incident", "--catalog", bare)
    assert done.exit_code == 2
    assert "say which column of the log is what" in _words(done.stderr)
    (tmp_path / "log.csv").write_text(SAMPLE.read_text())
    (tmp_path / "log.mapping.yaml").write_text(MAPPING.read_text())
    assert milepost("backtest", tmp_path / "log.csv", "--process", "Incident", "--catalog", bare).exit_code == 0


def test_a_mapping_that_fits_no_catalog_is_refused_with_each_field(tmp_path: Path) -> None:
    misfit = tmp_path / "policy.yaml"
    misfit.write_text(
        CATALOG.read_text().replace("  urgency: string\n", "").replace("category: string", "category: integer")
    )
    done = milepost("backtest", SAMPLE, "--process", "Incident", "--catalog", misfit, "--mapping", MAPPING)
    assert done.exit_code == 2
    assert "the mapping fills the field 'urgency'; the catalog has none" in done.stderr
    assert "the field 'category' is string in the mapping and integer in the catalog" in done.stderr


def test_a_broken_log_is_refused_with_its_lines(tmp_path: Path) -> None:
    broken = tmp_path / "log.csv"
    broken.write_text(SAMPLE.read_text().replace(",Resolved,", ",Resolvd,", 1))
    done = milepost("backtest", broken, "--process", "Incident", "--catalog", CATALOG)
    assert done.exit_code == 2
    assert "log.csv:3: column 'incident_state': unknown state 'Resolvd'; did you mean 'Resolved'?" in done.stderr


def test_a_log_beyond_the_years_of_calendars_is_refused(tmp_path: Path) -> None:
    far = tmp_path / "log.csv"
    header, first = SAMPLE.read_text().splitlines()[:2]
    far.write_text(f"{header}\n{first}\n{first}\n".replace("29-02-2016", "28-02-8998"))
    done = milepost("backtest", far, "--process", "Incident", "--catalog", CATALOG)
    assert done.exit_code == 2
    assert "'28-02-8998 01:16' is in no year that calendars know (1900 to 2999)" in done.stderr


def test_many_groups_are_counted_where_they_are_not_shown() -> None:
    done = milepost(*ASKED, "--by", "assigned_to")
    groups = len(report(run_of(by="assigned_to")).of("Resolution")) - 1
    assert f"{groups - 12} more groups in 'all' and in the output of --json" in done.stdout


def _words(text: str) -> str:
    """A message without its frame and line breaks."""
    return " ".join(text.replace("│", " ").split())
