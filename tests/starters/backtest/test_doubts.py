"""What a log does not say, and what is strange about it: refused or told beside the figures."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from starters.backtest.report import report
from starters.logs.events import LogError, LoggedCase
from tests.starters.backtest.test_backtest import case, own, tried_on
from tests.starters.command_line import milepost


def two(**changed: Any) -> list[LoggedCase]:
    """Two cases whose first row has what is only known in the end, or where `changed` says otherwise."""
    fields = {"state": "Solved", "priority": "High"}
    cases = [case("A", (60, {"state": "Solved"}), closed=90), case("B", (60, {"state": "Solved"}), closed=90)]
    return [
        replace(one, intake=one.intake.model_copy(update={"fields": fields | changed.get(one.case_id, {})}))
        for one in cases
    ]


SOLVED = [{"name": "M", "within": "4h", "complete_when": 'case.state == "Solved"'}]


def test_a_log_whose_opening_rows_decide_is_refused() -> None:
    """Everything would be met in no time: what completes the milestone stands in the first row of every case."""
    with pytest.raises(LogError, match="'M' is completed at the opening of all 2 cases that have it"):
        tried_on(two(), own(SOLVED))


def test_some_cases_decided_at_their_opening_are_told() -> None:
    """Of one case it may be true; how many there are is said beside the figures."""
    found = report(tried_on(two(B={"state": "New"}), own(SOLVED)))
    assert found.decided == {"M": 1}
    assert list(found.doubts) == ["in 1 case: 'M' is completed at the opening, by what the first row has already"]


def test_every_oddity_is_told_with_the_first_of_its_kind(tmp_path: Path) -> None:
    """A row before the opening, a skipped and a doubled local time, a second opening: counted, in both outputs."""
    mapping = tmp_path / "log.mapping.yaml"
    mapping.write_text(
        "{case_id: id, opened_at: opened, occurred_at: at, times: {time_zone: America/New_York},"
        " state: {column: state, opened: New, closed: [Closed]}}"
    )
    rows = [
        ("A/1", "2016-03-01 09:00", "2016-03-01 07:00", "Active"),
        ("A/1", "2016-03-01 09:01", "2016-03-13 02:30", "Active"),
        ("A/1", "2016-03-01 09:00", "2016-11-06 01:30", "Closed"),
    ]
    path = tmp_path / "log.csv"
    path.write_text("id,opened,at,state\n" + "".join(f"{','.join(row)}\n" for row in rows))
    catalog_file = tmp_path / "policy.yaml"
    catalog_file.write_text("{fields: {state: string}, processes: [{name: P, milestones: [{name: M, within: 4h}]}]}")
    asked: list[str | Path] = ["backtest", path, "--process", "P", "--catalog", catalog_file]
    done = milepost(*asked)
    assert done.exit_code == 0
    kinds = {"before opening": 2, "opened twice": 3, "skipped time": 3, "repeated time": 4}
    for kind, line in kinds.items():
        assert f"1 {kind}" in done.stdout
        assert f"log.csv:{line}: A/1: " in done.stdout
    found = json.loads(milepost(*asked, "--json", "--compare", "P").stdout)["oddities"]
    assert {one["kind"]: one["first"][0]["line"] for one in found} == kinds
    assert {shown["case_id"] for one in found for shown in one["first"]} == {"A/1"}
