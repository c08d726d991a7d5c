"""Backtests of the incident sample that the tests of this folder share, each made once."""

from datetime import UTC
from functools import cache

from domain.reports.grouping import grouping
from starters.backtest.comparing import Comparison, compare
from starters.backtest.report import Report, report
from starters.backtest.running import Backtest, backtest, process_named, trial
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
