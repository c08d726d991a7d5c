"""The picture of a backtest: its bars are as long as what they stand for, and it says what it leaves out."""

from collections.abc import Callable

import pytest

from domain.reports.compliance import Outcome
from domain.reports.picture import Picture
from starters.backtest.comparing import Comparison
from starters.backtest.picture import MOST_GROUPS, pictured
from starters.backtest.report import Report, report
from tests.starters.backtests import compared, reported, run_of


def picture(found: Report | Comparison) -> Picture:
    return pictured(found, source="log.csv")


def test_shares_of_a_bar_are_all_of_it() -> None:
    """Every bar goes from 0% to 100%, and each part is that of its outcome."""
    shares = [panel for panel in picture(reported()).panels if panel.is_share]
    assert [len(panel.bars) for panel in shares] == [5, 5]
    for panel in shares:
        for bar in panel.bars:
            assert sum(part.value for part in bar.parts) == pytest.approx(100)
            assert {part.name for part in bar.parts} <= {one.value for one in Outcome}
    everything = shares[0].bars[-1]
    assert (everything.label, everything.is_all, everything.figure, everything.of) == ("all", True, "59%", "of 150")


@pytest.mark.parametrize(("found", "instances"), [(reported, 300), (compared, 600)])
def test_columns_stand_for_every_target_on_one_scale(found: Callable[[], Report | Comparison], instances: int) -> None:
    trends = [panel for panel in picture(found()).panels if panel.is_trend]
    assert sum(part.value for panel in trends for bar in panel.bars for part in bar.parts) == instances
    assert len({panel.most for panel in trends}) == 1
    highest = max(sum(part.value for part in bar.parts) for panel in trends for bar in panel.bars)
    assert trends[0].most == highest


def test_the_finding_is_its_title() -> None:
    assert picture(reported()).title == "62% in time (185 of 300), worst: First response 59%"
    assert picture(compared()).title.startswith("A: 62% in time (185 of 300); B: ")


def test_it_is_described_for_who_cannot_see_it() -> None:
    said = "First response under Incident v1: 89 met, 61 met late. Resolution under Incident v1: 96 met, 54 met late."
    assert picture(reported()).description == said


def test_what_is_left_out_is_said() -> None:
    found = report(run_of(by="assigned_to"))
    groups = len(found.of("Resolution")) - 1
    said = " ".join(picture(found).notes)
    assert f"up to {groups - MOST_GROUPS} more are in the output for programs" in said
    assert "more are in the output" not in " ".join(picture(reported()).notes)


def test_nothing_in_a_log_is_nothing_to_draw() -> None:
    nothing = reported().model_copy(update={"rows": [], "trend": []})
    assert picture(nothing).is_empty
    assert picture(nothing).title == "Nothing is decided"
