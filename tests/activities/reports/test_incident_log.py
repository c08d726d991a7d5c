"""Reports over the real incident log say what the backtest says, and what the slow model of the log says.

The sample is replayed into a store; with MILEPOST_FULL_LOG all 890 incidents are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from activities.reports.making import ReportWish, make_report
from domain.reports.grouping import grouping
from domain.reports.result import Report, ReportKind
from starters.backtest.report import Report as Backtested
from starters.backtest.report import report as backtested
from starters.backtest.running import backtest, trial
from store import Store
from tests.models import log_reports
from tests.recorded import RecordedCase
from tests.starters.incidents import CATALOG, ENTITLEMENT, FULL_LOG, SAMPLE, catalog, log, mapping, plan

LOG = Path(FULL_LOG) if FULL_LOG else SAMPLE
MILESTONES = ("First response", "Resolution")
PRIORITIES = ("Critical", "High", "Moderate", "Low")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Every incident, as its workflow records it."""
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('log') / 'milepost.db'}") as store:
        store.catalog.apply(catalog(), by="test")
        for case in log(LOG).cases:
            whose = {"account": "workplace-it", "entitlement": ENTITLEMENT}
            recorded = RecordedCase(store, plan(LOG), case.case_id, case.intake.fields, case.opened_at, **whose)
            for event in case.events:
                recorded.apply(event)
            recorded.advance(case.ended_at)
        yield store


@pytest.fixture(scope="module")
def slow() -> log_reports.Log:
    """The same by the slow model."""
    return log_reports.run(LOG, CATALOG)


def test_it_counts_what_the_backtest_counts(store: Store) -> None:
    """Compliance, response, margin and overrun of each milestone and priority, number by number."""
    found = _backtest()
    compliance, response = (_rows(store, kind) for kind in (ReportKind.COMPLIANCE, ReportKind.RESPONSE))
    margin, overrun = (_rows(store, kind) for kind in (ReportKind.MARGIN, ReportKind.OVERRUN))
    groups = [(name, priority) for name in MILESTONES for priority in PRIORITIES]
    assert set(compliance) == set(groups)
    for name, priority in groups:
        figures = found.find(name, priority)
        assert figures is not None
        row = compliance[name, priority]
        for key in ("instances", "met", "met_late", "violated", "open", "removed", "met_percent"):
            assert row[key] == getattr(figures, key), (name, priority, key)
        _assert_spread(response.get((name, priority)), "response", figures.response_seconds)
        _assert_spread(margin.get((name, priority)), "margin", figures.margin_seconds)
        _assert_spread(overrun.get((name, priority)), "overrun", figures.overrun_seconds)
        met = margin.get((name, priority), {"two_hours_ahead": 0, "last_fifth": 0, "last_hour": 0})
        assert met["two_hours_ahead"] == figures.met_well_ahead
        assert met["last_fifth"] == figures.met_in_last_part
        assert met["last_hour"] == figures.met_in_last_hour
        assert overrun.get((name, priority), {"missed": 0})["missed"] == figures.missed


def test_it_pauses_and_acts_as_the_backtest_does(store: Store) -> None:
    """Paused open time by cause, and how many actions of each trigger."""
    found = _backtest()
    paused: dict[tuple[str, str], int] = {}
    for row in found.pauses:
        key = (row.milestone, row.cause)
        paused[key] = paused.get(key, 0) + row.open_seconds
    rows = _rows(store, ReportKind.PAUSES, "milestone", "cause")
    assert {key: row["open_seconds"] for key, row in rows.items()} == paused
    by_action = _rows(store, ReportKind.ACTIONS, "action")
    assert {key[0]: row["actions"] for key, row in by_action.items()} == found.actions


def test_its_compliance_is_that_of_the_slow_model(store: Store, slow: log_reports.Log) -> None:
    """By priority, by group, and by the month of the target."""
    for by, group in (
        (("milestone", "priority"), log_reports.by_milestone_and("priority")),
        (("milestone", "assignment_group"), log_reports.by_milestone_and("assignment_group")),
        (("month",), log_reports.by_month),
    ):
        rows = _rows(store, ReportKind.COMPLIANCE, *by)
        names = ("instances", "met", "met_late", "violated", "open", "removed", "met_percent")
        said = {key: [row[name] for name in names] for key, row in rows.items()}
        expected = log_reports.compliance(slow.results, group)
        assert said == {
            key: [row[name.replace("met_late", "met late")] for name in names] for key, row in expected.items()
        }


def test_its_times_are_those_of_the_slow_model(store: Store, slow: log_reports.Log) -> None:
    """Response, margin and overrun of each milestone and priority."""
    group = log_reports.by_milestone_and("priority")
    response = _rows(store, ReportKind.RESPONSE)
    assert {k: (r["completed"], _spread(r, "response", "p90")) for k, r in response.items()} == {
        key: (many, _of(spread, "p90")) for key, (many, spread) in log_reports.responses(slow.results, group).items()
    }
    overrun = _rows(store, ReportKind.OVERRUN)
    assert {k: (r["missed"], _spread(r, "overrun", "p90")) for k, r in overrun.items()} == {
        key: (many, _of(spread, "p90")) for key, (many, spread) in log_reports.overruns(slow.results, group).items()
    }
    margin = _rows(store, ReportKind.MARGIN)
    counted = ("met", "two_hours_ahead", "last_fifth", "last_hour")
    assert {k: (*(r[c] for c in counted), _spread(r, "margin", "p10", "p90")) for k, r in margin.items()} == {
        key: (*(row[c] for c in counted), _of(row["spread"], "p10", "p90"))
        for key, row in log_reports.margins(slow.results, group).items()
    }


@pytest.mark.parametrize("holder", ["assignment_group", "assigned_to", "state"])
def test_its_breakdown_is_that_of_the_slow_model(store: Store, slow: log_reports.Log, holder: str) -> None:
    """Open time for which each value held each milestone; those that held for none are left out of this."""
    rows = _rows(store, ReportKind.BREAKDOWN, "milestone", holder)
    held = {key: row["open_seconds"] for key, row in rows.items() if row["open_seconds"]}
    assert held == log_reports.breakdown(slow.results, holder)


def test_its_pauses_are_those_of_the_slow_model(store: Store, slow: log_reports.Log) -> None:
    """By person, with those that began just before their target or after it."""
    rows = _rows(store, ReportKind.PAUSES, "milestone", "person")
    said = {key: (row["pauses"], row["open_seconds"], row["close"], row["after"]) for key, row in rows.items()}
    assert said == {key: tuple(row.values()) for key, row in log_reports.pauses(slow.pauses, 15).items()}


def test_its_actions_are_those_of_the_slow_model(store: Store, slow: log_reports.Log) -> None:
    """By milestone and by what they do."""
    rows = _rows(store, ReportKind.ACTIONS, "milestone", "action")
    assert {key: row["actions"] for key, row in rows.items()} == slow.fired


def _backtest() -> Backtested:
    read, declared = log(LOG), catalog()
    process = next(one for one in declared.processes if one.name == "Incident")
    tried = trial(declared, read.cases, process, account=mapping().account)
    return backtested(
        backtest(read.cases, tried, by=grouping("priority", declared.fields, ZoneInfo("UTC")), state="state")
    )


def _rows(store: Store, kind: ReportKind, *by: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows of a report by their groups."""
    made: Report = make_report(store, ReportWish(kind, by=by or ("milestone", "priority")))
    many = len(made.groups)
    names = [column.name for column in made.columns[many:]]
    return {row[:many]: dict(zip(names, row[many:], strict=True)) for row in made.rows}


def _assert_spread(row: dict[str, Any] | None, what: str, spread: Any) -> None:
    if row is None:
        assert spread is None
        return
    names = [name for name in ("mean", "median", "p10", "p90") if f"{what}_{name}_seconds" in row]
    assert [row[f"{what}_{name}_seconds"] for name in names] == [getattr(spread, name) for name in names]


def _spread(row: dict[str, Any], what: str, *also: str) -> list[Any]:
    return [row[f"{what}_{name}_seconds"] for name in ("mean", "median", *also)]


def _of(spread: dict[str, float], *also: str) -> list[Any]:
    return [spread[name] for name in ("mean", "median", *also)]
