"""How the work of a backtest grows, counted in calls: no clock, so the same on every machine."""

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from starters.backtest.report import report
from starters.backtest.running import backtest, process_named, trial
from starters.logs.events import read_log
from tests.starters.incidents import SAMPLE, catalog, mapping

CASES = 12
MORE = 4

LINEAR = 1.1
"""How much more a case may cost in a log of `MORE` times as many."""


def copies(path: Path, times: int) -> Path:
    """The first cases of the sample, so many times over, each copy with ids of its own."""
    column = mapping().case_id
    with SAMPLE.open(newline="", encoding="utf-8") as source:
        rows = list(csv.DictReader(source))
    first = list(dict.fromkeys(row[column] for row in rows))[:CASES]
    wanted = [row for row in rows if row[column] in first]
    with path.open("w", newline="", encoding="utf-8") as target:
        writer = csv.DictWriter(target, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, column: f"{row[column]}-{copy}"} for copy in range(times) for row in wanted)
    return path


def run(path: Path) -> int:
    """Read a log, run it and report, as the command does; how many cases there were."""
    cases = read_log(path, mapping()).cases
    tried = trial(catalog(), cases, process_named(catalog(), "Incident"), account=mapping().account)
    return report(backtest(cases, tried, by=None, state="state")).cases


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, those of C among them."""
    counted = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


def test_a_longer_log_costs_no_more_for_each_case(tmp_path: Path) -> None:
    """Reading, running and reporting: four times the cases, four times the calls."""
    small, large = copies(tmp_path / "small.csv", 1), copies(tmp_path / "large.csv", MORE)
    assert run(small) == CASES  # what is made once is made now
    once, often = calls(lambda: run(small)), calls(lambda: run(large))
    assert often <= once * MORE * LINEAR
