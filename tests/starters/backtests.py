"""Backtests of the incident sample that the tests of this folder share, each made once."""

from datetime import UTC
from functools import cache

from starters.backtest import Backtest, backtest, process_named, trial
from starters.backtest_compare import Comparison, compare
from starters.backtest_report import Report, report
from starters.grouping import grouping
from tests.starters.incidents import catalog, log, mapping

PRIORITIES = ["Critical", "High", "Moderate", "Low"]
PREMIUM = "Incident premium"


@cache
def run_of(process: str = "Incident", by: str | None = "priority") -> Backtest:
    """The sample under a process of its catalog."""
    tried = trial(catalog(), log().cases, process_named(catalog(), process), account=mapping().account)
    groups = grouping(by, catalog().fields, UTC, PRIORITIES) if by else None
    return backtest(log().cases, tried, by=groups, state="state")


@cache
def reported() -> Report:
    return report(run_of())


@cache
def compared() -> Comparison:
    return compare(run_of(), run_of(PREMIUM))
