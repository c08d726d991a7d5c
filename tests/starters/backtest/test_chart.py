"""The picture of a backtest: it is well-formed, and as long and high as what it shows."""

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from domain.reports.compliance import Outcome
from starters.backtest.chart import COLOURS, MOST_GROUPS, _ticks, drawn
from starters.backtest.comparing import Comparison
from starters.backtest.report import Report, report
from tests.starters.backtests import compared, reported, run_of
from tests.starters.command_line import milepost
from tests.starters.incidents import CATALOG, SAMPLE

SVG = "{http://www.w3.org/2000/svg}"


def picture(found: Report | Comparison, source: str = "log.csv") -> ET.Element:
    return ET.fromstring(drawn(found, source=source))  # noqa: S314 - written by the project itself


def rectangles(root: ET.Element) -> list[tuple[str, float, float, str]]:
    """Colour, width, height and title of each rectangle that has one."""
    found = []
    for rectangle in root.iter(f"{SVG}rect"):
        title = rectangle.find(f"{SVG}title")
        if title is not None and title.text:
            size = (float(rectangle.attrib["width"]), float(rectangle.attrib["height"]))
            found.append((rectangle.attrib["fill"], *size, title.text))
    return found


def test_shares_are_as_wide_as_they_say() -> None:
    """Every bar goes from 0% to 100%, whatever it stands for; colours are those of the outcomes."""
    shares = [r for r in rectangles(picture(reported())) if " of " in r[3]]
    for colour, width, _, title in shares:
        outcome, part, whole = re.fullmatch(r"(.+): (\d+) of (\d+)", title).groups()  # type: ignore[union-attr]
        assert colour == COLOURS[Outcome(outcome)]
        assert width == pytest.approx(300 * int(part) / int(whole), abs=0.01)
    assert sum(width for _, width, _, _ in shares) == pytest.approx(300 * 2 * 5, abs=0.2)


@pytest.mark.parametrize(("found", "instances"), [(reported, 300), (compared, 600)])
def test_columns_are_as_high_as_they_say_on_one_scale(found: Callable[[], Report | Comparison], instances: int) -> None:
    columns = [r for r in rectangles(picture(found())) if " of " not in r[3]]
    heights = {height / int(title.rsplit(" ", 1)[1]) for _, _, height, title in columns}
    assert max(heights) == pytest.approx(min(heights), abs=0.01)
    assert sum(int(title.rsplit(" ", 1)[1]) for *_, title in columns) == instances


def test_nothing_lies_outside_the_picture() -> None:
    """However long the names are; text is about 0.6 of its size wide for each character."""
    long = reported().model_copy(update={"name": "A very long name " * 20})
    for found in (reported(), compared(), report(run_of(by="assigned_to")), long):
        root = picture(found)
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        for element in root.iter():
            x, y = float(element.attrib.get("x", 0)), float(element.attrib.get("y", 0))
            assert 0 <= x + float(element.attrib.get("width", 0)) <= width
            assert 0 <= y <= height
            if element.attrib.get("text-anchor") == "start":
                assert x + 0.58 * float(element.attrib["font-size"]) * len(element.text or "") <= width


def test_names_from_outside_stay_text() -> None:
    """A log or a group may be called anything."""
    evil = reported().model_copy(update={"name": '</text><script>alert("&")</script>'})
    root = picture(evil, source="<b>&.csv")
    assert [e for e in root.iter() if e.tag == f"{SVG}script"] == []
    assert root.findtext(f"{SVG}title") == f"Backtest of <b>&.csv: {evil.name}"


def test_it_is_described_for_who_cannot_see_it() -> None:
    said = picture(reported()).findtext(f"{SVG}desc")
    assert (
        said
        == "First response under Incident v1: 89 met, 61 met late. Resolution under Incident v1: 96 met, 54 met late."
    )


def test_what_is_left_out_is_said() -> None:
    found = report(run_of(by="assigned_to"))
    groups = len(found.of("Resolution")) - 1
    text = drawn(found, source="log.csv")
    assert f"up to {groups - MOST_GROUPS} more are in the output for programs" in text
    assert "more are in the output" not in drawn(reported(), source="log.csv")


@pytest.mark.parametrize("most", [1, 2, 3, 7, 10, 11, 99, 100, 101, 150, 890, 7123, 1_000_000])
def test_axes_begin_at_zero_and_hold_everything(most: int) -> None:
    ticks = list(_ticks(most))
    assert ticks[0] == 0
    assert ticks[-1] >= most
    assert ticks[-2] < most
    assert 2 <= len(ticks) <= 5


def test_the_command_writes_it(tmp_path: Path) -> None:
    chart = tmp_path / "chart.svg"
    done = milepost("backtest", SAMPLE, "--process", "Incident", "--catalog", CATALOG, "--chart", chart)
    assert done.exit_code == 0
    assert f"Drawn: {chart}" in done.stdout
    assert chart.read_text(encoding="utf-8") == drawn(reported(), source=SAMPLE.name)
